//! Rows that figures of a stretch of time need: every query is bounded by the stretch, and streamed row by row.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{
    copy_out::{Statement, copy_out},
    facts::KpiReader,
};
use crate::StoreError;

type Time = DateTime<Utc>;

/// Rows that count at `from` or later, in windows that end at `until` or earlier. `None`: without an end.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    pub from: Option<Time>,
    /// Releases that were not over by then count.
    pub releases_from: Option<Time>,
    pub until: Option<Time>,
    /// Merges from then on are counted too: windows are compared with those before them.
    pub merged_from: Option<Time>,
    /// Pipelines that finished from then on are counted too.
    pub pipelines_from: Option<Time>,
    /// An open merge request without activity for as long is stale.
    pub quiet: TimeDelta,
}

impl Stretch {
    /// Without the rows that count before `from`; `merges_known`: without those that trends alone need, too.
    pub fn narrowed(self, from: Time, merges_known: bool) -> Self {
        let merged_from = if merges_known { Some(from) } else { self.merged_from };
        Self { from: Some(from), pipelines_from: Some(from), merged_from, ..self }
    }
}

/// A merge request, as metrics need it. Commits are cut to 16 digits.
#[derive(Debug)]
pub struct MergeRequestFactRow<'a> {
    pub id: i64,
    pub connection_id: Uuid,
    pub project_external_id: &'a str,
    pub author_external_id: Option<&'a str>,
    pub state: &'a str,
    pub draft: bool,
    pub is_fork: bool,
    pub created_at: Time,
    pub updated_at: Option<Time>,
    pub merged_at: Option<Time>,
    pub closed_at: Option<Time>,
    pub first_commit_at: Option<Time>,
    pub head_sha: Option<&'a str>,
    pub merge_commit_sha: Option<&'a str>,
    pub squash_commit_sha: Option<&'a str>,
    pub additions: Option<i64>,
    pub deletions: Option<i64>,
}

/// A merge request that was merged before the stretch.
#[derive(Debug)]
pub struct EarlierMergeRow<'a> {
    pub id: i64,
    pub connection_id: Uuid,
    pub project_external_id: &'a str,
    pub author_external_id: Option<&'a str>,
    pub merged_at: Time,
}

/// What a row of [`ReviewEventRow`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewEventOf {
    Note,
    Approval,
    Commit,
}

/// A note, approval or commit of a merge request.
#[derive(Debug)]
pub struct ReviewEventRow<'a> {
    pub merge_request_id: i64,
    pub connection_id: Uuid,
    pub of: ReviewEventOf,
    pub system: bool,
    pub event: Option<&'a str>,
    pub by_external_id: Option<&'a str>,
    pub at: Time,
}

#[derive(Debug)]
pub struct PipelineFactRow<'a> {
    pub id: i64,
    pub connection_id: Uuid,
    pub project_external_id: &'a str,
    pub started_by: Option<&'a str>,
    pub status: &'a str,
    pub updated_at: Option<Time>,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    pub duration_seconds: Option<f64>,
}

/// A work item that is no epic.
#[derive(Debug)]
pub struct WorkItemFactRow<'a> {
    pub id: i64,
    pub connection_id: Uuid,
    pub project_external_id: &'a str,
    pub kind: &'a str,
    pub status_category: Option<&'a str>,
    pub assignee_external_id: Option<&'a str>,
    pub created_at: Time,
    pub resolved_at: Option<Time>,
    pub story_points: Option<f64>,
}

/// A change of an item's status, with the source's ids of the two.
#[derive(Debug)]
pub struct TransitionRow<'a> {
    pub work_item_id: i64,
    pub connection_id: Uuid,
    pub at: Time,
    pub from_status: Option<&'a str>,
    pub to_status: Option<&'a str>,
}

impl KpiReader {
    /// Merge requests that had not ended when the stretch began, and those of `ids`.
    pub async fn merge_requests(
        &mut self,
        stretch: &Stretch,
        ids: &[i64],
        mut each: impl FnMut(MergeRequestFactRow<'_>),
    ) -> Result<(), StoreError> {
        let statement = self.bounded(include_str!("stretch/merge_requests.sql"), stretch).ids("ids", ids);
        copy_out(self.connection(), statement, |row| {
            each(MergeRequestFactRow {
                id: row.i64()?,
                connection_id: row.uuid()?,
                project_external_id: row.text()?,
                author_external_id: row.maybe_text()?,
                state: row.text()?,
                draft: row.bool()?,
                is_fork: row.bool()?,
                created_at: row.time()?,
                updated_at: row.maybe_time()?,
                merged_at: row.maybe_time()?,
                closed_at: row.maybe_time()?,
                first_commit_at: row.maybe_time()?,
                head_sha: row.maybe_text()?,
                merge_commit_sha: row.maybe_text()?,
                squash_commit_sha: row.maybe_text()?,
                additions: row.maybe_i64()?,
                deletions: row.maybe_i64()?,
            });
            Ok(())
        })
        .await
    }

    /// Merge requests that ended in the windows before the stretch; without those of `ids`.
    pub async fn earlier_merges(
        &mut self,
        stretch: &Stretch,
        ids: &[i64],
        mut each: impl FnMut(EarlierMergeRow<'_>),
    ) -> Result<(), StoreError> {
        let statement = self.bounded(include_str!("stretch/earlier_merges.sql"), stretch).ids("ids", ids);
        copy_out(self.connection(), statement, |row| {
            each(EarlierMergeRow {
                id: row.i64()?,
                connection_id: row.uuid()?,
                project_external_id: row.text()?,
                author_external_id: row.maybe_text()?,
                merged_at: row.time()?,
            });
            Ok(())
        })
        .await
    }

    /// Merge requests that ended before the stretch and were noted or approved within it.
    pub async fn reviewed(&mut self, stretch: &Stretch) -> Result<Vec<i64>, StoreError> {
        let statement = self.bounded(include_str!("stretch/reviewed.sql"), stretch);
        let mut ids = Vec::new();
        copy_out(self.connection(), statement, |row| {
            ids.push(row.i64()?);
            Ok(())
        })
        .await?;
        Ok(ids)
    }

    /// Notes, approvals with a time, and commits with a time, of the merge requests that had not ended when the stretch began, and of
    /// those of `ids`. Commits only of those that were open for as long as what is stale.
    pub async fn review_events(
        &mut self,
        stretch: &Stretch,
        ids: &[i64],
        mut each: impl FnMut(ReviewEventRow<'_>),
    ) -> Result<(), StoreError> {
        let statement = self.bounded(include_str!("stretch/review_events.sql"), stretch).ids("ids", ids);
        copy_out(self.connection(), statement.seconds("quiet", stretch.quiet.num_seconds()), |row| {
            each(ReviewEventRow {
                merge_request_id: row.i64()?,
                connection_id: row.uuid()?,
                of: match row.i64()? {
                    0 => ReviewEventOf::Note,
                    1 => ReviewEventOf::Approval,
                    _ => ReviewEventOf::Commit,
                },
                system: row.bool()?,
                event: row.maybe_text()?,
                by_external_id: row.maybe_text()?,
                at: row.time()?,
            });
            Ok(())
        })
        .await
    }

    /// Pipelines that finished in the stretch, or as long before it as is asked for.
    pub async fn pipelines(&mut self, stretch: &Stretch, mut each: impl FnMut(PipelineFactRow<'_>)) -> Result<(), StoreError> {
        let statement = self.bounded(include_str!("stretch/pipelines.sql"), stretch);
        copy_out(self.connection(), statement, |row| {
            each(PipelineFactRow {
                id: row.i64()?,
                connection_id: row.uuid()?,
                project_external_id: row.text()?,
                started_by: row.maybe_text()?,
                status: row.text()?,
                updated_at: row.maybe_time()?,
                started_at: row.maybe_time()?,
                finished_at: row.maybe_time()?,
                duration_seconds: row.maybe_f64()?,
            });
            Ok(())
        })
        .await
    }

    /// Work items that were not done when the stretch began, or came or were resolved since; and those of `ids`. No epics.
    pub async fn work_items(
        &mut self,
        stretch: &Stretch,
        ids: &[i64],
        mut each: impl FnMut(WorkItemFactRow<'_>),
    ) -> Result<(), StoreError> {
        let statement = self.bounded(include_str!("stretch/work_items.sql"), stretch).ids("ids", ids);
        copy_out(self.connection(), statement, |row| {
            each(WorkItemFactRow {
                id: row.i64()?,
                connection_id: row.uuid()?,
                project_external_id: row.text()?,
                kind: row.text()?,
                status_category: row.maybe_text()?,
                assignee_external_id: row.maybe_text()?,
                created_at: row.time()?,
                resolved_at: row.maybe_time()?,
                story_points: row.maybe_f64()?,
            });
            Ok(())
        })
        .await
    }

    /// All changes of status of these items.
    pub async fn transitions(&mut self, items: &[i64], mut each: impl FnMut(TransitionRow<'_>)) -> Result<(), StoreError> {
        let statement = self.scoped(include_str!("stretch/transitions.sql")).ids("ids", items);
        copy_out(self.connection(), statement, |row| {
            each(TransitionRow {
                work_item_id: row.i64()?,
                connection_id: row.uuid()?,
                at: row.time()?,
                from_status: row.maybe_text()?,
                to_status: row.maybe_text()?,
            });
            Ok(())
        })
        .await
    }

    fn bounded(&self, sql: &str, stretch: &Stretch) -> Statement {
        self.scoped(sql)
            .time("from", stretch.from, "-infinity")
            .time("until", stretch.until, "infinity")
            .time("merged_from", stretch.merged_from, "-infinity")
            .time("pipelines_from", stretch.pipelines_from, "-infinity")
    }
}
