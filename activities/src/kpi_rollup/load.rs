//! From rows to facts.

use std::collections::HashMap;

use chrono::{DateTime, LocalResult, NaiveDate, NaiveTime, TimeZone, Utc};
use ovia_domain::{ConnectionId, StatusCategory, WorkItemKind};
use ovia_kpi::{
    AttributionOverride, DeploymentFact, DeploymentStatus, EnvironmentTier, Facts, IncidentProject, ItemMergeRequest, ItemRef, ItemTable,
    KpiSettings, MergeRequestFact, MergeRequestState, PipelineFact, PipelineStatus, ProjectKey, ReleaseFact, ReleaseItemFact,
    RevertCandidate, ReviewEventFact, ReviewEventKind, Sha, TeamMembership, WorkItemFact, WorkItemTransition, find_reverts,
};
use ovia_store::{
    StoreError,
    kpi::facts::{KpiReader, MergeRequestFactRow, RevertCandidateRow, ReviewEventRow, VersionItemRow, WorkItemFactRow},
};

/// Reads everything that figures from `since` on may need; all there is without `since`.
pub(super) async fn facts_load(reader: &mut KpiReader, settings: &KpiSettings, since: Option<DateTime<Utc>>) -> Result<Facts, StoreError> {
    let mut facts = Facts::default();
    let mut paths: HashMap<String, Vec<ProjectKey>> = HashMap::new();
    for row in reader.projects().await? {
        let key = facts.project(ConnectionId(row.connection_id), &row.external_id);
        paths.entry(row.full_path).or_default().push(key);
    }
    people_load(reader, settings, &mut facts).await?;
    merge_requests_load(reader, settings, since, &mut facts).await?;
    reader
        .pipelines(since, |row| {
            let connection = ConnectionId(row.connection_id);
            let project = facts.project(connection, &row.project_external_id);
            let started_by = row.started_by.as_deref().map(|id| facts.identity(connection, id));
            facts.pipelines.push(PipelineFact {
                id: row.id,
                project,
                started_by,
                status: PipelineStatus::parse(&row.status),
                on_default_branch: row.on_default_branch,
                created_at: row.created_at,
                updated_at: row.updated_at,
                started_at: row.started_at,
                finished_at: row.finished_at,
                duration_seconds: row.duration_seconds.map(|seconds| seconds as f32),
            });
        })
        .await?;
    reader
        .deployments(|row| {
            let connection = ConnectionId(row.connection_id);
            let project = facts.project(connection, &row.project_external_id);
            let deployed_by = row.deployed_by.as_deref().map(|id| facts.identity(connection, id));
            facts.deployments.push(DeploymentFact {
                id: row.id,
                project,
                deployed_by,
                deployed_by_bot: row.deployed_by_bot,
                status: DeploymentStatus::parse(&row.status),
                environment_tier: row.tier_of_environment.as_deref().map(EnvironmentTier::parse),
                deployment_tier: row.tier_of_deployment.as_deref().map(EnvironmentTier::parse),
                sha: row.sha.as_deref().and_then(Sha::parse),
                created_at: row.created_at,
                updated_at: row.updated_at,
                finished_at: row.finished_at,
            });
        })
        .await?;
    work_load(reader, settings, since, &paths, &mut facts).await?;
    Ok(facts)
}

async fn people_load(reader: &mut KpiReader, settings: &KpiSettings, facts: &mut Facts) -> Result<(), StoreError> {
    reader
        .person_links(|row| {
            let identity = facts.identity(ConnectionId(row.connection_id), &row.external_id);
            let person = facts.person(&row.person_id.to_string());
            facts.person_of(identity, person, row.person_is_bot);
        })
        .await?;
    for row in reader.team_memberships().await? {
        let (team, person) = (facts.team(&row.team_id.to_string()), facts.person(&row.person_id.to_string()));
        let from = Some(midnight(settings, row.from_date));
        let to = row.until_date.map(|day| midnight(settings, day));
        facts.team_memberships.push(TeamMembership { team, person, from, to });
    }
    Ok(())
}

/// The first instant of a day in the organisation's time zone. Where clocks are put forward at midnight, the day begins with the first
/// hour there is.
fn midnight(settings: &KpiSettings, day: NaiveDate) -> DateTime<Utc> {
    let tz = settings.tz();
    let mut local = day.and_time(NaiveTime::MIN);
    loop {
        match tz.from_local_datetime(&local) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => return at.with_timezone(&Utc),
            LocalResult::None => local += chrono::TimeDelta::minutes(15),
        }
    }
}

async fn merge_requests_load(
    reader: &mut KpiReader,
    settings: &KpiSettings,
    since: Option<DateTime<Utc>>,
    facts: &mut Facts,
) -> Result<(), StoreError> {
    let (labels, branches) = (lower(&settings.hotfix_labels), lower(&settings.hotfix_branches));
    reader.merge_requests(since, &labels, &branches, |row| merge_request_add(facts, settings, row)).await?;
    reader.review_events(since, |row| review_event_add(facts, row)).await?;
    let candidates = reader.revert_candidates().await?;
    facts.reverts = reverts(facts, &candidates);
    Ok(())
}

fn reverts(facts: &mut Facts, rows: &[RevertCandidateRow]) -> Vec<ovia_kpi::RevertFact> {
    let candidates: Vec<RevertCandidate<'_>> = rows
        .iter()
        .map(|row| RevertCandidate {
            id: row.id,
            project: facts.project(ConnectionId(row.connection_id), &row.project_external_id),
            title: &row.title,
            source_branch: row.source_branch.as_deref(),
            merge_sha: row.merge_commit_sha.as_deref().and_then(Sha::parse),
            squash_sha: row.squash_commit_sha.as_deref().and_then(Sha::parse),
            created_at: row.created_at,
            merged_at: row.merged_at,
        })
        .collect();
    find_reverts(&candidates)
}

fn merge_request_add(facts: &mut Facts, settings: &KpiSettings, row: MergeRequestFactRow) {
    let connection = ConnectionId(row.connection_id);
    let project = facts.project(connection, &row.project_external_id);
    let author = row.author_external_id.as_deref().map(|id| facts.identity(connection, id));
    let lines = |count: Option<i64>| count.map(|count| u32::try_from(count.max(0)).unwrap_or(u32::MAX));
    let sha = |sha: &Option<String>| sha.as_deref().and_then(Sha::parse);
    facts.merge_requests.push(MergeRequestFact {
        id: row.id,
        project,
        author,
        author_is_bot: row.author_is_bot,
        state: MergeRequestState::parse(&row.state),
        draft: row.draft,
        is_fork: row.is_fork,
        is_hotfix: settings.is_hotfix(row.source_branch.as_deref(), row.labels.iter().map(String::as_str)),
        created_at: row.created_at,
        updated_at: row.updated_at,
        merged_at: row.merged_at,
        closed_at: row.closed_at,
        first_commit_at: row.first_commit_at,
        head_sha: sha(&row.head_sha),
        merge_sha: sha(&row.merge_commit_sha),
        squash_sha: sha(&row.squash_commit_sha),
        additions: lines(row.additions),
        deletions: lines(row.deletions),
    });
}

fn review_event_add(facts: &mut Facts, row: ReviewEventRow) {
    let by = row.by_external_id.as_deref().map(|id| facts.identity(ConnectionId(row.connection_id), id));
    let kind = match row.kind.as_str() {
        "approval" => ReviewEventKind::Approval,
        "commit" => ReviewEventKind::Commit,
        _ => ReviewEventKind::of_note(row.system, row.event.as_deref()),
    };
    facts.review_events.push(ReviewEventFact { merge_request_id: row.merge_request_id, kind, by, by_is_bot: row.by_is_bot, at: row.at });
}

async fn work_load(
    reader: &mut KpiReader,
    settings: &KpiSettings,
    since: Option<DateTime<Utc>>,
    paths: &HashMap<String, Vec<ProjectKey>>,
    facts: &mut Facts,
) -> Result<(), StoreError> {
    reader.work_items(since, |row| work_item_add(facts, settings, paths, ItemTable::WorkItems, &row)).await?;
    let (types, labels) = (lower(&settings.incident_types), lower(&settings.incident_labels));
    reader.incident_issues(&types, &labels, |row| work_item_add(facts, settings, paths, ItemTable::Issues, &row)).await?;
    reader
        .transitions(since, |row| {
            let (from, to) = (category(row.from_category.as_deref()), category(row.to_category.as_deref()));
            facts.work_item_transitions.push(WorkItemTransition { work_item_id: row.work_item_id, at: row.at, from, to });
        })
        .await?;
    for row in reader.versions().await? {
        let project = facts.project(ConnectionId(row.connection_id), &row.project_external_id);
        facts.releases.push(ReleaseFact {
            id: row.id,
            project,
            released: row.released,
            start_on: row.start_on,
            release_on: row.release_on,
        });
    }
    let mut stays = Stays::default();
    reader.version_items(|row| stays.add(&row)).await?;
    facts.release_items = stays.finish();
    // incidents, and what is in releases
    let incidents =
        |table| facts.work_items.iter().filter(move |item| item.is_incident && item.item.table == table).map(|item| item.item.id);
    let mut items: Vec<i64> = incidents(ItemTable::WorkItems).chain(facts.release_items.iter().map(|row| row.work_item_id)).collect();
    items.sort_unstable();
    items.dedup();
    let issues: Vec<i64> = incidents(ItemTable::Issues).collect();
    let mut link = |table, named: Vec<(i64, i64)>| {
        let of = |(id, merge_request_id)| ItemMergeRequest { item: ItemRef { table, id }, merge_request_id };
        facts.item_merge_requests.extend(named.into_iter().map(of));
    };
    if !items.is_empty() {
        link(ItemTable::WorkItems, reader.item_merge_requests(&items).await?);
    }
    if !issues.is_empty() {
        link(ItemTable::Issues, reader.issue_merge_requests(&issues).await?);
    }
    for row in reader.overrides().await? {
        let table = if row.incident_table == "issues" { ItemTable::Issues } else { ItemTable::WorkItems };
        let item = ItemRef { table, id: row.incident_id };
        facts.attribution_overrides.push(AttributionOverride { item, deployment_id: row.deployment_id });
    }
    Ok(())
}

fn work_item_add(
    facts: &mut Facts,
    settings: &KpiSettings,
    paths: &HashMap<String, Vec<ProjectKey>>,
    table: ItemTable,
    row: &WorkItemFactRow,
) {
    let connection = ConnectionId(row.connection_id);
    let item = ItemRef { table, id: row.id };
    let project = facts.project(connection, &row.project_external_id);
    let assignee = row.assignee_external_id.as_deref().map(|id| facts.identity(connection, id));
    let is_incident = settings.is_incident(&row.type_name, row.labels.iter().map(String::as_str));
    if is_incident {
        let names = row.components.iter().chain(&row.labels).map(String::as_str);
        let concerned = settings.concerns(names).filter_map(|path| paths.get(path)).flatten();
        facts.incident_projects.extend(concerned.map(|project| IncidentProject { item, project: *project }));
    }
    facts.work_items.push(WorkItemFact {
        item,
        project,
        kind: WorkItemKind::ALL.into_iter().find(|kind| kind.as_str() == row.kind).unwrap_or(WorkItemKind::Task),
        category: category(row.status_category.as_deref()),
        assignee,
        assignee_is_bot: row.assignee_is_bot,
        created_at: row.created_at,
        resolved_at: row.resolved_at,
        story_points: row.story_points.map(|points| points as f32),
        is_incident,
    });
}

fn category(text: Option<&str>) -> Option<StatusCategory> {
    let text = text?;
    StatusCategory::ALL.into_iter().find(|category| category.as_str() == text)
}

fn lower(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.to_lowercase()).collect()
}

/// The stays of items in versions, from coming and going in the order of time and what is so now.
#[derive(Default)]
struct Stays {
    done: Vec<ReleaseItemFact>,
    /// The pair whose rows are being read.
    pair: Option<(i64, i64)>,
    /// Since when it is in, as far as is known; `Some(None)`: since it was created.
    open: Option<Option<DateTime<Utc>>>,
    seen: bool,
}

impl Stays {
    fn add(&mut self, row: &VersionItemRow) {
        let pair = (row.version_id, row.work_item_id);
        if self.pair != Some(pair) {
            // one that came, did not go and is not in it now: when it went is not known, so that it never was
            (self.pair, self.open, self.seen) = (Some(pair), None, false);
        }
        let fact = |added_at, removed_at| ReleaseItemFact { release_id: pair.0, work_item_id: pair.1, added_at, removed_at };
        match (row.at, row.added) {
            (None, _) => {
                let since = self.open.take().unwrap_or(None);
                self.done.push(fact(since, None));
            }
            (Some(at), true) => {
                self.open.get_or_insert(Some(at));
            }
            (Some(at), false) => {
                let since = match self.open.take() {
                    Some(since) => since,
                    None if !self.seen => None,
                    None => return,
                };
                self.done.push(fact(since, Some(at)));
            }
        }
        self.seen = true;
    }

    fn finish(self) -> Vec<ReleaseItemFact> {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u32) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 3, day, 9, 0, 0).single().unwrap_or_default()
    }

    /// When it was added, and when removed.
    type Stay = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

    fn stays(rows: &[(Option<u32>, bool)]) -> Vec<Stay> {
        let mut stays = Stays::default();
        for (day, added) in rows {
            stays.add(&VersionItemRow { version_id: 1, work_item_id: 2, at: day.map(at), added: *added });
        }
        stays.finish().into_iter().map(|fact| (fact.added_at, fact.removed_at)).collect()
    }

    #[test]
    fn an_item_that_left_and_came_back_has_two_stays() {
        assert_eq!(stays(&[(None, true)]), [(None, None)]);
        assert_eq!(stays(&[(Some(2), true), (None, true)]), [(Some(at(2)), None)]);
        assert_eq!(
            stays(&[(Some(2), false), (Some(4), true), (None, true)]),
            [(None, Some(at(2))), (Some(at(4)), None)],
            "it was in from its creation"
        );
        assert_eq!(stays(&[(Some(2), true), (Some(4), false)]), [(Some(at(2)), Some(at(4)))]);
    }

    #[test]
    fn a_day_begins_where_clocks_are_put_forward_at_midnight() {
        let settings = KpiSettings { time_zone: "Africa/Cairo".into(), ..KpiSettings::default() };
        let day = NaiveDate::from_ymd_opt(2024, 4, 26).unwrap_or_default();
        assert_eq!(midnight(&settings, day), Utc.with_ymd_and_hms(2024, 4, 25, 22, 0, 0).single().unwrap_or_default());
    }
}
