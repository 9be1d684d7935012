//! Rows KPIs are computed from. All of them are read in one snapshot of the database, and streamed row by row into the caller's hands, so
//! that a million rows are never held twice.

use chrono::{DateTime, NaiveDate, Utc};
use futures::TryStreamExt;
use ovia_domain::OrgId;
use sqlx::{FromRow, Postgres, Transaction};
use uuid::Uuid;

use crate::{Store, StoreError};

type Time = DateTime<Utc>;

/// A project: what it is called, and which of its branches counts.
#[derive(Debug, FromRow)]
pub struct ProjectRow {
    pub connection_id: Uuid,
    pub external_id: String,
    pub full_path: String,
}

/// A merge request, as metrics need it.
#[derive(Debug, FromRow)]
pub struct MergeRequestFactRow {
    pub id: i64,
    pub connection_id: Uuid,
    pub project_external_id: String,
    pub author_external_id: Option<String>,
    pub author_is_bot: bool,
    pub state: String,
    pub draft: bool,
    pub is_fork: bool,
    /// Only where it may be a hotfix's: see [`KpiReader::merge_requests`].
    pub source_branch: Option<String>,
    pub labels: Vec<String>,
    pub created_at: Time,
    pub updated_at: Option<Time>,
    pub merged_at: Option<Time>,
    pub closed_at: Option<Time>,
    pub first_commit_at: Option<Time>,
    pub head_sha: Option<String>,
    pub merge_commit_sha: Option<String>,
    pub squash_commit_sha: Option<String>,
    pub additions: Option<i64>,
    pub deletions: Option<i64>,
}

/// A note, approval or commit of a merge request.
#[derive(Debug, FromRow)]
pub struct ReviewEventRow {
    pub merge_request_id: i64,
    pub connection_id: Uuid,
    /// `note`, `approval`, `commit`.
    pub kind: String,
    pub system: bool,
    pub event: Option<String>,
    pub by_external_id: Option<String>,
    pub by_is_bot: bool,
    pub at: Time,
}

/// A merge request that takes another back, or that may have been taken back.
#[derive(Debug, FromRow)]
pub struct RevertCandidateRow {
    pub id: i64,
    pub connection_id: Uuid,
    pub project_external_id: String,
    pub title: String,
    pub source_branch: Option<String>,
    pub merge_commit_sha: Option<String>,
    pub squash_commit_sha: Option<String>,
    pub created_at: Time,
    pub merged_at: Option<Time>,
}

#[derive(Debug, FromRow)]
pub struct PipelineFactRow {
    pub id: i64,
    pub connection_id: Uuid,
    pub project_external_id: String,
    pub started_by: Option<String>,
    pub status: String,
    pub on_default_branch: bool,
    pub created_at: Option<Time>,
    pub updated_at: Option<Time>,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    pub duration_seconds: Option<f64>,
}

#[derive(Debug, FromRow)]
pub struct DeploymentFactRow {
    pub id: i64,
    pub connection_id: Uuid,
    pub project_external_id: String,
    pub deployed_by: Option<String>,
    pub deployed_by_bot: bool,
    pub status: String,
    pub tier_of_environment: Option<String>,
    pub tier_of_deployment: Option<String>,
    pub sha: Option<String>,
    pub created_at: Time,
    pub updated_at: Option<Time>,
    pub finished_at: Option<Time>,
}

/// A work item, or an issue of a code host that may be an incident.
#[derive(Debug, FromRow)]
pub struct WorkItemFactRow {
    pub id: i64,
    pub connection_id: Uuid,
    pub project_external_id: String,
    pub kind: String,
    pub type_name: String,
    pub status_category: Option<String>,
    pub assignee_external_id: Option<String>,
    pub assignee_is_bot: bool,
    pub labels: Vec<String>,
    pub components: Vec<String>,
    pub created_at: Time,
    pub resolved_at: Option<Time>,
    pub story_points: Option<f64>,
}

/// A change of an item's status; categories of what the source's statuses mean.
#[derive(Debug, FromRow)]
pub struct TransitionRow {
    pub work_item_id: i64,
    pub at: Time,
    pub from_category: Option<String>,
    pub to_category: Option<String>,
}

#[derive(Debug, FromRow)]
pub struct VersionFactRow {
    pub id: i64,
    pub connection_id: Uuid,
    pub project_external_id: String,
    pub released: bool,
    pub start_on: Option<NaiveDate>,
    pub release_on: Option<NaiveDate>,
}

/// An item came into a version or left it, or is in it now (`at` is `None` then).
#[derive(Debug, FromRow)]
pub struct VersionItemRow {
    pub version_id: i64,
    pub work_item_id: i64,
    pub at: Option<Time>,
    /// Whether it came.
    pub added: bool,
}

/// Whose account it is.
#[derive(Debug, FromRow)]
pub struct PersonLinkRow {
    pub connection_id: Uuid,
    pub external_id: String,
    pub person_id: Uuid,
    pub person_is_bot: bool,
}

#[derive(Debug, FromRow)]
pub struct TeamMembershipRow {
    pub team_id: Uuid,
    pub person_id: Uuid,
    pub from_date: NaiveDate,
    pub until_date: Option<NaiveDate>,
}

/// A person's word on an incident.
#[derive(Debug, FromRow)]
pub struct OverrideRow {
    /// `work_items` or `issues`.
    pub incident_table: String,
    pub incident_id: i64,
    pub deployment_id: Option<i64>,
}

/// One state of the database, for as long as it is read.
pub struct KpiReader {
    tx: Transaction<'static, Postgres>,
    org: OrgId,
}

impl Store {
    /// What every read through it sees is one moment.
    pub async fn kpi_reader(&self, org: OrgId) -> Result<KpiReader, StoreError> {
        let mut tx = self.pool.begin_with("begin isolation level repeatable read read only").await?;
        // sorting and hashing a million rows on disk would take longer than reading them
        sqlx::query("set local work_mem = '64MB'").execute(&mut *tx).await?;
        Ok(KpiReader { tx, org })
    }
}

/// Streams `$sql`, with the organisation as `$1` and the other arguments after it, into `$each`.
macro_rules! stream {
    ($self:ident, $row:ty, $sql:expr, [$($arg:expr),*], $each:ident) => {{
        let mut rows = sqlx::query_as::<_, $row>($sql).bind($self.org.0)$(.bind($arg))*.fetch(&mut *$self.tx);
        while let Some(row) = rows.try_next().await? {
            $each(row);
        }
        Ok(())
    }};
}

impl KpiReader {
    pub(super) fn org(&self) -> OrgId {
        self.org
    }

    pub(super) fn connection(&mut self) -> &mut sqlx::PgConnection {
        &mut self.tx
    }

    /// Every live project of a live connection, oldest first.
    pub async fn projects(&mut self) -> Result<Vec<ProjectRow>, StoreError> {
        let sql = "select p.connection_id, p.external_id, p.full_path
            from projects p join connections c on c.id = p.connection_id and c.deleted_at is null
            where p.org_id = $1 and p.deleted_at is null order by p.id";
        Ok(sqlx::query_as(sql).bind(self.org.0).fetch_all(&mut *self.tx).await?)
    }

    /// Merge requests; all of them, or those that figures from `since` on may need. `hotfix_labels` are in lower case: of other labels
    /// and of branches only what could tell a hotfix is read.
    pub async fn merge_requests(
        &mut self,
        since: Option<Time>,
        hotfix_labels: &[String],
        hotfix_branches: &[String],
        mut each: impl FnMut(MergeRequestFactRow),
    ) -> Result<(), StoreError> {
        stream!(self, MergeRequestFactRow, include_str!("facts_merge_requests.sql"), [since, hotfix_labels, hotfix_branches], each)
    }

    /// Notes, approvals with a time, and commits with a time, of the merge requests that [`Self::merge_requests`] reads.
    pub async fn review_events(&mut self, since: Option<Time>, mut each: impl FnMut(ReviewEventRow)) -> Result<(), StoreError> {
        stream!(self, ReviewEventRow, include_str!("facts_review_events.sql"), [since], each)
    }

    /// Merge requests that take others back, and those they may mean.
    pub async fn revert_candidates(&mut self) -> Result<Vec<RevertCandidateRow>, StoreError> {
        Ok(sqlx::query_as(include_str!("facts_reverts.sql")).bind(self.org.0).fetch_all(&mut *self.tx).await?)
    }

    pub async fn pipelines(&mut self, since: Option<Time>, mut each: impl FnMut(PipelineFactRow)) -> Result<(), StoreError> {
        stream!(self, PipelineFactRow, include_str!("facts_pipelines.sql"), [since], each)
    }

    /// All of them, whatever their age: what a deployment contains depends on those before it.
    pub async fn deployments(&mut self, mut each: impl FnMut(DeploymentFactRow)) -> Result<(), StoreError> {
        stream!(
            self,
            DeploymentFactRow,
            "select d.id, d.connection_id, d.project_external_id, d.identity_external_id as deployed_by, coalesce(i.is_bot, false) as \
            deployed_by_bot,
                    d.status, e.tier as tier_of_environment, d.environment_tier as tier_of_deployment, d.sha, d.created_at, d.updated_at, d.finished_at
             from deployments d
             join connections c on c.id = d.connection_id and c.deleted_at is null
             left join environments e on e.connection_id = d.connection_id and e.external_id = d.environment_external_id
             left join identities i on i.connection_id = d.connection_id and i.external_id = d.identity_external_id
             where d.org_id = $1 and d.deleted_at is null",
            [],
            each
        )
    }

    /// Work items; all of them, or those that figures from `since` on may need.
    pub async fn work_items(&mut self, since: Option<Time>, mut each: impl FnMut(WorkItemFactRow)) -> Result<(), StoreError> {
        stream!(self, WorkItemFactRow, include_str!("facts_work_items.sql"), [since], each)
    }

    /// Issues of code hosts whose type or a label is one of these, in lower case.
    pub async fn incident_issues(
        &mut self,
        types: &[String],
        labels: &[String],
        mut each: impl FnMut(WorkItemFactRow),
    ) -> Result<(), StoreError> {
        stream!(self, WorkItemFactRow, include_str!("facts_incident_issues.sql"), [types, labels], each)
    }

    /// Changes of status of the items that [`Self::work_items`] reads.
    pub async fn transitions(&mut self, since: Option<Time>, mut each: impl FnMut(TransitionRow)) -> Result<(), StoreError> {
        stream!(self, TransitionRow, include_str!("facts_transitions.sql"), [since], each)
    }

    /// Versions in use, of projects in use.
    pub async fn versions(&mut self) -> Result<Vec<VersionFactRow>, StoreError> {
        let sql = "select v.id, v.connection_id, v.project_external_id, v.released, v.start_on, v.release_on
            from versions v join connections c on c.id = v.connection_id and c.deleted_at is null
            left join projects p on p.connection_id = v.connection_id and p.external_id = v.project_external_id
            where v.org_id = $1 and v.deleted_at is null and not v.archived and p.archived is not true and p.deleted_at is null
            order by v.id";
        Ok(sqlx::query_as(sql).bind(self.org.0).fetch_all(&mut *self.tx).await?)
    }

    /// By version and item, in the order of time, what is so now last.
    pub async fn version_items(&mut self, mut each: impl FnMut(VersionItemRow)) -> Result<(), StoreError> {
        stream!(self, VersionItemRow, include_str!("facts_version_items.sql"), [], each)
    }

    /// Merge requests that name these items (`work_items.id`), or are named by them, as (item, merge request).
    pub async fn item_merge_requests(&mut self, items: &[i64]) -> Result<Vec<(i64, i64)>, StoreError> {
        let sql = "select distinct w.id, m.id
            from work_items w
            join references_found r on r.org_id = $1 and r.from_table = 'merge_requests' and r.keys @> array[w.key] and r.deleted_at is null
            join merge_requests m on m.connection_id = r.connection_id and m.external_id = r.from_external_id and m.deleted_at is null
            where w.org_id = $1 and w.id = any($2) order by 1, 2";
        Ok(sqlx::query_as(sql).bind(self.org.0).bind(items).fetch_all(&mut *self.tx).await?)
    }

    /// Merge requests of the same project that name these issues (`issues.id`), as (issue, merge request): by `#12` in the title, or by a
    /// branch that begins with `12-`, as the code host calls the branch it makes for an issue.
    pub async fn issue_merge_requests(&mut self, issues: &[i64]) -> Result<Vec<(i64, i64)>, StoreError> {
        let sql = "select distinct s.id, m.id
            from issues s
            join merge_requests m on m.connection_id = s.connection_id and m.project_external_id = s.project_external_id
            cross join lateral (
                select substring(m.source_branch from '^([0-9]{1,9})-') as number
                union all
                select n[1] from regexp_matches(m.title, '(?:^|[^[:alnum:]/])#([0-9]{1,9})(?![0-9])', 'g') n
            ) n
            where s.org_id = $1 and s.id = any($2) and m.deleted_at is null and (m.title like '%#%' or m.source_branch ~ '^[0-9]+-')
                and n.number::bigint = s.number
            order by 1, 2";
        Ok(sqlx::query_as(sql).bind(self.org.0).bind(issues).fetch_all(&mut *self.tx).await?)
    }

    /// Accounts that are certainly somebody's.
    pub async fn person_links(&mut self, mut each: impl FnMut(PersonLinkRow)) -> Result<(), StoreError> {
        stream!(
            self,
            PersonLinkRow,
            "select i.connection_id, i.external_id, p.id as person_id, p.is_bot as person_is_bot
             from person_identity_links l
             join identities i on i.id = l.identity_id
             join people p on p.id = l.person_id
             where l.org_id = $1 and l.status in ('auto', 'confirmed')
             order by p.id, i.id",
            [],
            each
        )
    }

    /// Who was in which team when, of teams that are in use.
    pub async fn team_memberships(&mut self) -> Result<Vec<TeamMembershipRow>, StoreError> {
        let sql = "select m.team_id, m.person_id, m.from_date, m.until_date
            from team_memberships m join teams t on t.id = m.team_id and t.archived_at is null
            where m.org_id = $1 order by m.team_id, m.person_id, m.from_date";
        Ok(sqlx::query_as(sql).bind(self.org.0).fetch_all(&mut *self.tx).await?)
    }

    pub async fn overrides(&mut self) -> Result<Vec<OverrideRow>, StoreError> {
        let sql = "select incident_table, incident_id, deployment_id from kpi_incident_overrides
            where org_id = $1 and ended_at is null order by id";
        Ok(sqlx::query_as(sql).bind(self.org.0).fetch_all(&mut *self.tx).await?)
    }
}
