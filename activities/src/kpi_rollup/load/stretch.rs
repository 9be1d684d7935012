//! The facts of a stretch of time: the base, and the rows that figures of windows within it need.

use std::collections::HashSet;

use chrono::{DateTime, Days, TimeDelta, Utc};
use ovia_domain::{MetricKey, WorkItemKind};
use ovia_kpi::{
    Calendar, DATED, EarlierMerge, Facts, ItemMergeRequest, ItemRef, ItemTable, KnownRows, KpiSettings, MergeRequestFact,
    MergeRequestState, PipelineFact, PipelineStatus, ReleaseFact, ReviewEventFact, ReviewEventKind, Sha, Window, WorkItemFact,
    WorkItemTransition,
};
use ovia_store::{
    StoreError,
    kpi::{
        facts::KpiReader,
        stretch::{MergeRequestFactRow, ReviewEventOf, ReviewEventRow, Stretch, WorkItemFactRow},
    },
};

use super::{
    super::day_rows::{self, KnownAsked, RowsByMetric},
    Base, category,
    keys::Shared,
    stays::Stays,
};

/// Pipelines of the 30 days before a moment belong to the risk of a release.
const RISK_DAYS: i64 = 30;

impl Base {
    /// What figures of `windows` need.
    pub fn stretch_of(&self, windows: &[Window], settings: &KpiSettings, as_of: DateTime<Utc>) -> Stretch {
        let calendar = Calendar::new(settings.tz());
        let from = windows.iter().map(|window| window.start).min();
        Stretch {
            from,
            releases_from: from,
            until: windows.iter().map(|window| window.end).max(),
            // a trend is told from the window before
            merged_from: windows.iter().map(|window| calendar.previous(window, as_of).start).min(),
            pipelines_from: from,
            quiet: settings.stale_after(),
        }
    }

    /// Reads the facts of a stretch, over two connections where there is a second one. Everything with the default stretch.
    pub async fn facts(&self, reader: &mut KpiReader, beside: Option<&mut KpiReader>, stretch: Stretch) -> Result<Facts, StoreError> {
        self.facts_and_known(reader, beside, stretch, None).await
    }

    /// As [`Self::facts`], with what is kept of days before the stretch; [`Facts::known`] is `None` where that cannot be read.
    pub(in super::super) async fn facts_and_known(
        &self,
        reader: &mut KpiReader,
        beside: Option<&mut KpiReader>,
        mut stretch: Stretch,
        kept: Option<KnownAsked>,
    ) -> Result<Facts, StoreError> {
        let shared = Shared::new(&self.keys, self.facts.clone());
        let planned = releases(reader, &shared, &stretch).await?;
        // what is to go out with the releases
        let links = if planned.is_empty() { Vec::new() } else { reader.item_merge_requests(&planned).await? };
        let mut linked: Vec<i64> = links.iter().map(|(_, merge_request_id)| *merge_request_id).collect();
        linked.sort_unstable();
        linked.dedup();
        let known: HashSet<(ItemRef, i64)> = self.facts.item_merge_requests.iter().map(|row| (row.item, row.merge_request_id)).collect();
        let of = |(id, merge_request_id)| ItemMergeRequest { item: ItemRef { table: ItemTable::WorkItems, id }, merge_request_id };
        let unknown = links.into_iter().map(of).filter(|row| !known.contains(&(row.item, row.merge_request_id)));
        shared.facts().item_merge_requests.extend(unknown);
        if !linked.is_empty() {
            stretch.pipelines_from = stretch.from.map(|from| from - TimeDelta::days(RISK_DAYS));
        }
        let (code_kept, work_kept) = match beside {
            Some(beside) => {
                let code = self.code(reader, &shared, &stretch, &linked, kept);
                tokio::try_join!(code, self.work(beside, &shared, &stretch, &planned, kept))?
            }
            None => {
                let code = self.code(reader, &shared, &stretch, &linked, kept).await?;
                (code, self.work(reader, &shared, &stretch, &planned, kept).await?)
            }
        };
        let mut facts = shared.into_facts();
        if let (Some(asked), Some(code), Some(work)) = (kept, code_kept, work_kept) {
            facts.known = Some(KnownRows { until: asked.until, rows: code.into_iter().chain(work).collect() });
        }
        Ok(facts)
    }

    /// Merge requests and what happened to them. Answers what is kept of them of the days that are asked for.
    async fn code(
        &self,
        reader: &mut KpiReader,
        shared: &Shared<'_>,
        stretch: &Stretch,
        linked: &[i64],
        kept: Option<KnownAsked>,
    ) -> Result<Option<RowsByMetric>, StoreError> {
        let mut named = reader.reviewed(stretch).await?;
        named.extend(linked);
        let mut ids = named.clone();
        ids.extend(self.went_out(stretch));
        let mut rows = Vec::new();
        reader.merge_requests(stretch, &ids, |row| rows.push(self.merge_request(shared, &row))).await?;
        rows.shrink_to_fit();
        shared.facts().merge_requests = rows;
        let mut rows = Vec::new();
        reader
            .earlier_merges(stretch, &ids, |row| {
                let (author, author_is_bot) = shared.account(row.connection_id, row.author_external_id);
                let project = shared.project(row.connection_id, row.project_external_id);
                rows.push(EarlierMerge { id: row.id, project, author, author_is_bot, merged_at: row.merged_at });
            })
            .await?;
        rows.shrink_to_fit();
        shared.facts().earlier_merges = rows;
        let mut events = Vec::new();
        reader.review_events(stretch, &named, |row| events.push(review_event(shared, &row))).await?;
        events.shrink_to_fit();
        shared.facts().review_events = events;
        known_days(reader, shared, kept, day_rows::of_code).await
    }

    /// Pipelines and work items. Answers what is kept of them of the days that are asked for.
    async fn work(
        &self,
        reader: &mut KpiReader,
        shared: &Shared<'_>,
        stretch: &Stretch,
        planned: &[i64],
        kept: Option<KnownAsked>,
    ) -> Result<Option<RowsByMetric>, StoreError> {
        let mut rows = Vec::new();
        reader
            .pipelines(stretch, |row| {
                rows.push(PipelineFact {
                    id: row.id,
                    project: shared.project(row.connection_id, row.project_external_id),
                    started_by: shared.account(row.connection_id, row.started_by).0,
                    status: PipelineStatus::parse(row.status),
                    updated_at: row.updated_at,
                    started_at: row.started_at,
                    finished_at: row.finished_at,
                    duration_seconds: row.duration_seconds.map(|seconds| seconds as f32),
                });
            })
            .await?;
        rows.shrink_to_fit();
        shared.facts().pipelines = rows;
        let incidents: HashSet<i64> =
            self.facts.work_items.iter().filter(|row| row.item.table == ItemTable::WorkItems).map(|row| row.item.id).collect();
        let (mut rows, mut items) = (Vec::new(), Vec::new());
        reader
            .work_items(stretch, planned, |row| {
                items.push(row.id);
                // the base has them already
                if !incidents.contains(&row.id) {
                    rows.push(work_item(shared, &row));
                }
            })
            .await?;
        shared.facts().work_items.extend(rows);
        let mut rows = Vec::new();
        reader
            .transitions(&items, |row| {
                let category = |status| shared.status(row.connection_id, status);
                rows.push(WorkItemTransition {
                    work_item_id: row.work_item_id,
                    at: row.at,
                    from: category(row.from_status),
                    to: category(row.to_status),
                });
            })
            .await?;
        rows.shrink_to_fit();
        shared.facts().work_item_transitions = rows;
        known_days(reader, shared, kept, |metric| !day_rows::of_code(metric)).await
    }

    /// Merge requests that were merged before or after the stretch and went out within it.
    fn went_out(&self, stretch: &Stretch) -> impl Iterator<Item = i64> {
        let (from, until) = (stretch.from.unwrap_or(DateTime::<Utc>::MIN_UTC), stretch.until.unwrap_or(DateTime::<Utc>::MAX_UTC));
        let rows =
            self.went_out.iter().filter(move |row| from <= row.at && row.at < until && !(from <= row.merged_at && row.merged_at < until));
        rows.map(|row| row.merge_request_id)
    }

    fn merge_request(&self, shared: &Shared<'_>, row: &MergeRequestFactRow<'_>) -> MergeRequestFact {
        let (author, author_is_bot) = shared.account(row.connection_id, row.author_external_id);
        let lines = |count: Option<i64>| count.map(|count| u32::try_from(count.max(0)).unwrap_or(u32::MAX));
        MergeRequestFact {
            id: row.id,
            project: shared.project(row.connection_id, row.project_external_id),
            author,
            author_is_bot,
            state: MergeRequestState::parse(row.state),
            draft: row.draft,
            is_fork: row.is_fork,
            is_hotfix: self.hotfixes.contains(&row.id),
            created_at: row.created_at,
            updated_at: row.updated_at,
            merged_at: row.merged_at,
            closed_at: row.closed_at,
            first_commit_at: row.first_commit_at,
            head_sha: row.head_sha.and_then(Sha::parse),
            merge_sha: row.merge_commit_sha.and_then(Sha::parse),
            squash_sha: row.squash_commit_sha.and_then(Sha::parse),
            additions: lines(row.additions),
            deletions: lines(row.deletions),
        }
    }
}

/// What is kept of the metrics that are wanted; `None` where nothing is asked for, or it cannot be read.
async fn known_days(
    reader: &mut KpiReader,
    shared: &Shared<'_>,
    asked: Option<KnownAsked>,
    is_wanted: impl Fn(MetricKey) -> bool,
) -> Result<Option<RowsByMetric>, StoreError> {
    let Some(asked) = asked else { return Ok(None) };
    let metrics = DATED.into_iter().filter(|metric| is_wanted(*metric));
    day_rows::known(reader, asked, metrics, |bytes, day, rows| day_rows::read(bytes, day, &mut shared.facts(), rows)).await
}

/// Adds the releases that were not over when the stretch began, with what was in them; answers these items.
async fn releases(reader: &mut KpiReader, shared: &Shared<'_>, stretch: &Stretch) -> Result<Vec<i64>, StoreError> {
    // days of whatever time zone
    let from = stretch.releases_from.and_then(|from| from.date_naive().checked_sub_days(Days::new(3)));
    let versions = reader.versions(from).await?;
    if versions.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = versions.iter().map(|row| row.id).collect();
    for row in versions {
        let project = shared.project(row.connection_id, &row.project_external_id);
        let (released, start_on, release_on) = (row.released, row.start_on, row.release_on);
        shared.facts().releases.push(ReleaseFact { id: row.id, project, released, start_on, release_on });
    }
    let mut stays = Stays::default();
    reader.version_items(&ids, |row| stays.add(&row)).await?;
    let items = stays.finish();
    let mut planned: Vec<i64> = items.iter().map(|row| row.work_item_id).collect();
    planned.sort_unstable();
    planned.dedup();
    shared.facts().release_items = items;
    Ok(planned)
}

fn review_event(shared: &Shared<'_>, row: &ReviewEventRow<'_>) -> ReviewEventFact {
    let (by, by_is_bot) = shared.account(row.connection_id, row.by_external_id);
    let kind = match row.of {
        ReviewEventOf::Approval => ReviewEventKind::Approval,
        ReviewEventOf::Commit => ReviewEventKind::Commit,
        ReviewEventOf::Note => ReviewEventKind::of_note(row.system, row.event),
    };
    ReviewEventFact { merge_request_id: row.merge_request_id, kind, by, by_is_bot, at: row.at }
}

fn work_item(shared: &Shared<'_>, row: &WorkItemFactRow<'_>) -> WorkItemFact {
    let (assignee, assignee_is_bot) = shared.account(row.connection_id, row.assignee_external_id);
    WorkItemFact {
        item: ItemRef { table: ItemTable::WorkItems, id: row.id },
        project: shared.project(row.connection_id, row.project_external_id),
        kind: WorkItemKind::ALL.into_iter().find(|kind| kind.as_str() == row.kind).unwrap_or(WorkItemKind::Task),
        category: row.status_category.and_then(category),
        assignee,
        assignee_is_bot,
        created_at: row.created_at,
        resolved_at: row.resolved_at,
        story_points: row.story_points.map(|points| points as f32),
        is_incident: false,
    }
}
