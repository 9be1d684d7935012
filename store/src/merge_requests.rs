//! Reading merge requests.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, IdentityId, OrgId, PersonId};
use uuid::Uuid;

use crate::{
    PageOf, PageToken, Store, StoreError,
    page::{CursorTime, contains_pattern},
};

const LIST: &str = "merge_requests";

/// One merge request with its project and author. Columns are documented on `ovia_domain::MergeRequest`.
#[derive(Clone, Debug)]
pub struct MergeRequestRow {
    pub id: i64,
    pub connection_id: ConnectionId,
    pub source: String,
    pub external_id: String,
    pub url: Option<String>,
    pub project_external_id: String,
    /// The project's full path.
    pub project: Option<String>,
    pub number: i64,
    pub title: String,
    pub state: String,
    pub draft: bool,
    pub labels: Vec<String>,
    pub milestone: Option<String>,
    pub source_branch: Option<String>,
    pub target_branch: Option<String>,
    pub is_fork: bool,
    pub reviewer_external_ids: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: Option<DateTime<Utc>>,
    pub merged_at: Option<DateTime<Utc>>,
    pub closed_at: Option<DateTime<Utc>>,
    /// Lines.
    pub additions: Option<i64>,
    /// Lines.
    pub deletions: Option<i64>,
    pub changed_files: Option<i64>,
    pub size_is_partial: Option<bool>,
    pub author_external_id: Option<String>,
    pub author_identity_id: Option<Uuid>,
    pub author_username: Option<String>,
    pub author_name: Option<String>,
    pub author_is_bot: Option<bool>,
    pub author_person_id: Option<Uuid>,
    pub author_person_name: Option<String>,
}

/// Which merge requests to list. Time ranges are half-open, `[since, until)`.
#[derive(Clone, Debug, Default)]
pub struct MergeRequestFilter {
    /// Found in the title.
    pub q: Option<String>,
    pub state: Option<String>,
    /// Full path or external id.
    pub project: Option<String>,
    pub connection_id: Option<ConnectionId>,
    pub author_identity_id: Option<IdentityId>,
    pub author_person_id: Option<PersonId>,
    /// Whether the author is a bot.
    pub bot: Option<bool>,
    pub draft: Option<bool>,
    /// Created.
    pub since: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    pub merged_since: Option<DateTime<Utc>>,
    pub merged_until: Option<DateTime<Utc>>,
    /// Only the rows a KPI snapshot counted.
    pub kpi_snapshot_id: Option<i64>,
}

impl Store {
    /// Merge requests, newest first.
    pub async fn merge_requests_list(
        &self,
        org_id: OrgId,
        filter: &MergeRequestFilter,
        page: &PageToken,
    ) -> Result<PageOf<MergeRequestRow>, StoreError> {
        let key: Option<(CursorTime, i64)> = page.key(LIST)?;
        let rows = sqlx::query_file_as!(
            MergeRequestRow,
            "src/merge_requests_list.sql",
            org_id.0,
            filter.q.as_deref().map(contains_pattern),
            filter.state,
            filter.project,
            filter.connection_id.map(|id| id.0),
            filter.author_identity_id.map(|id| id.0),
            filter.author_person_id.map(|id| id.0),
            filter.bot,
            filter.draft,
            filter.since,
            filter.until,
            filter.merged_since,
            filter.merged_until,
            filter.kpi_snapshot_id,
            key.map(|key| key.0.0),
            key.map(|key| key.1),
            page.fetch()
        );
        page.page(LIST, rows.fetch_all(&self.pool).await?, |row| (CursorTime(row.created_at), row.id))
    }
}
