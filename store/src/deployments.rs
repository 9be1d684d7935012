//! Reading deployments.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId, PersonId};
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError, page::CursorTime};

const LIST: &str = "deployments";

/// One deployment with its project, environment and who made it. Columns are documented on `ovia_domain::Deployment`.
#[derive(Clone, Debug)]
pub struct DeploymentRow {
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
    pub environment: Option<String>,
    /// The environment's own tier where it has one, else the deployment's.
    pub tier: Option<String>,
    pub git_ref: Option<String>,
    pub sha: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
    pub identity_external_id: Option<String>,
    pub identity_id: Option<Uuid>,
    pub identity_username: Option<String>,
    pub identity_name: Option<String>,
    pub identity_is_bot: Option<bool>,
    pub person_id: Option<Uuid>,
    pub person_name: Option<String>,
}

/// Which deployments to list. Time ranges are half-open, `[since, until)`.
#[derive(Clone, Debug, Default)]
pub struct DeploymentFilter {
    pub status: Option<String>,
    /// Full path or external id.
    pub project: Option<String>,
    /// The environment's name.
    pub environment: Option<String>,
    /// `production`, `staging`, `testing`, `development`, `other`.
    pub tier: Option<String>,
    pub connection_id: Option<ConnectionId>,
    /// Who made it.
    pub person_id: Option<PersonId>,
    /// Created.
    pub since: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    /// Only the rows a KPI snapshot counted.
    pub kpi_snapshot_id: Option<i64>,
}

impl Store {
    /// Deployments, newest first.
    pub async fn deployments_list(
        &self,
        org_id: OrgId,
        filter: &DeploymentFilter,
        page: &PageToken,
    ) -> Result<PageOf<DeploymentRow>, StoreError> {
        let key: Option<(CursorTime, i64)> = page.key(LIST)?;
        let rows = sqlx::query_file_as!(
            DeploymentRow,
            "src/deployments_list.sql",
            org_id.0,
            filter.status,
            filter.project,
            filter.environment,
            filter.tier,
            filter.connection_id.map(|id| id.0),
            filter.person_id.map(|id| id.0),
            filter.since,
            filter.until,
            filter.kpi_snapshot_id,
            key.map(|key| key.0.0),
            key.map(|key| key.1),
            page.fetch()
        );
        page.page(LIST, rows.fetch_all(&self.pool).await?, |row| (CursorTime(row.created_at), row.id))
    }
}
