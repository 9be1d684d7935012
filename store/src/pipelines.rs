//! Reading pipelines.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId, PersonId};
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError, page::CursorTime};

const LIST: &str = "pipelines";

/// One pipeline with its project and who started it. Columns are documented on `ovia_domain::Pipeline` and `PipelineTimes`.
#[derive(Clone, Debug)]
pub struct PipelineRow {
    pub id: i64,
    pub connection_id: ConnectionId,
    pub source: String,
    pub external_id: String,
    pub url: Option<String>,
    pub project_external_id: String,
    /// The project's full path.
    pub project: Option<String>,
    pub number: Option<i64>,
    pub status: String,
    pub trigger: Option<String>,
    pub git_ref: Option<String>,
    pub sha: Option<String>,
    pub created_at: Option<DateTime<Utc>>,
    pub updated_at: Option<DateTime<Utc>>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub duration_seconds: Option<f64>,
    pub queued_seconds: Option<f64>,
    /// Percent.
    pub coverage: Option<f64>,
    pub identity_external_id: Option<String>,
    pub identity_id: Option<Uuid>,
    pub identity_username: Option<String>,
    pub identity_name: Option<String>,
    pub identity_is_bot: Option<bool>,
    pub person_id: Option<Uuid>,
    pub person_name: Option<String>,
}

/// Which pipelines to list. Time ranges are half-open, `[since, until)`.
#[derive(Clone, Debug, Default)]
pub struct PipelineFilter {
    pub status: Option<String>,
    /// Full path or external id.
    pub project: Option<String>,
    pub git_ref: Option<String>,
    pub connection_id: Option<ConnectionId>,
    /// Who started it.
    pub person_id: Option<PersonId>,
    /// Created.
    pub since: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    /// Only the rows a KPI snapshot counted.
    pub kpi_snapshot_id: Option<i64>,
}

impl Store {
    /// Pipelines, newest first; those whose creation time the source did not say come before all others.
    pub async fn pipelines_list(
        &self,
        org_id: OrgId,
        filter: &PipelineFilter,
        page: &PageToken,
    ) -> Result<PageOf<PipelineRow>, StoreError> {
        let key: Option<(Option<CursorTime>, i64)> = page.key(LIST)?;
        let rows = sqlx::query_file_as!(
            PipelineRow,
            "src/pipelines_list.sql",
            org_id.0,
            filter.status,
            filter.project,
            filter.git_ref,
            filter.connection_id.map(|id| id.0),
            filter.person_id.map(|id| id.0),
            filter.since,
            filter.until,
            filter.kpi_snapshot_id,
            key.and_then(|key| key.0).map(|time| time.0),
            key.map(|key| key.1),
            page.fetch()
        );
        page.page(LIST, rows.fetch_all(&self.pool).await?, |row| (row.created_at.map(CursorTime), row.id))
    }
}
