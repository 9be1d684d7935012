//! What the newest KPI snapshots show to need attention.

use chrono::{DateTime, Utc};
use ovia_domain::OrgId;
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError};

const RISKS_LIST: &str = "kpi_risks";

/// One thing that needs attention.
#[derive(Clone, Debug)]
pub struct RiskRow {
    /// `stale_merge_request`, `low_pipeline_success_rate`, `no_production_deployment`.
    pub kind: String,
    /// The snapshot it was found in.
    pub snapshot_id: i64,
    pub window_start: DateTime<Utc>,
    pub window_end: DateTime<Utc>,
    pub connection_id: Option<Uuid>,
    pub source: Option<String>,
    /// The merge request's, or the project's.
    pub external_id: Option<String>,
    pub url: Option<String>,
    pub project: Option<String>,
    /// Of a merge request.
    pub title: Option<String>,
    pub number: Option<i64>,
    pub created_at: Option<DateTime<Utc>>,
    pub author_external_id: Option<String>,
    pub author_identity_id: Option<Uuid>,
    pub author_username: Option<String>,
    pub author_name: Option<String>,
    pub author_is_bot: Option<bool>,
    pub author_person_id: Option<Uuid>,
    pub author_person_name: Option<String>,
    /// Of a project: the metric's value.
    pub value: Option<f64>,
    pub rank: i32,
    pub sort: f64,
    pub key: String,
}

impl Store {
    /// What the newest trailing-30-days snapshots show to need attention: stale merge requests, oldest first; then projects whose
    /// pipelines succeed less often than `min_pipeline_success` (0 to 1); then projects that deploy and did not in the window.
    pub async fn kpi_risks(
        &self,
        org_id: OrgId,
        project: Option<&str>,
        min_pipeline_success: f64,
        page: &PageToken,
    ) -> Result<PageOf<RiskRow>, StoreError> {
        let key: Option<(i32, f64, String)> = page.key(RISKS_LIST)?;
        let (rank, sort, id) = key.map_or((None, None, None), |key| (Some(key.0), Some(key.1), Some(key.2)));
        let rows =
            sqlx::query_file_as!(RiskRow, "src/kpi_risks.sql", org_id.0, project, min_pipeline_success, rank, sort, id, page.fetch());
        page.page(RISKS_LIST, rows.fetch_all(&self.pool).await?, |row| (row.rank, row.sort, row.key.clone()))
    }
}
