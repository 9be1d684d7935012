//! Reading KPI snapshots: the newest value of each metric, a metric over time, and what needs attention.

use chrono::{DateTime, Utc};
use ovia_domain::{MetricKey, OrgId};
use serde_json::Value;
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError, page::CursorTime};

const LATEST_LIST: &str = "kpi";
const HISTORY_LIST: &str = "kpi_history";
const RISKS_LIST: &str = "kpi_risks";

/// One number, with what produced it. Columns are documented in the migration.
#[derive(Clone, Debug)]
pub struct KpiRow {
    pub id: i64,
    pub metric: String,
    pub definition_version: i32,
    pub scope_kind: String,
    /// `''` for the organisation, else `{connection_id}:{project external id}`.
    pub scope_id: String,
    /// The project's full path, for project scopes.
    pub project: Option<String>,
    pub window_kind: String,
    pub window_start: DateTime<Utc>,
    pub window_end: DateTime<Utc>,
    /// `None` means no data.
    pub value: Option<f64>,
    pub unit: String,
    pub stats: Value,
    pub coverage: Value,
    pub row_table: String,
    pub row_count: i32,
    pub identity_epoch: i64,
    pub computed_at: DateTime<Utc>,
    pub run_id: Uuid,
}

/// Which snapshots to read.
#[derive(Clone, Debug, Default)]
pub struct KpiFilter {
    /// A project's full path, external id or scope id; `None` means the organisation unless `every_project` is set.
    pub project: Option<String>,
    /// All project scopes instead of the organisation's.
    pub every_project: bool,
    /// `trailing_30_days`, `week`, `month`.
    pub window_kind: String,
    pub metric: Option<MetricKey>,
    /// Window start, `[since, until)`; history only.
    pub since: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
}

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
    /// The newest snapshot of each metric and scope, by scope and metric.
    pub async fn kpi_latest(&self, org_id: OrgId, filter: &KpiFilter, page: &PageToken) -> Result<PageOf<KpiRow>, StoreError> {
        let key: Option<(String, String)> = page.key(LATEST_LIST)?;
        let (scope_id, metric) = key.unzip();
        let rows = sqlx::query_file_as!(
            KpiRow,
            "src/kpi_latest.sql",
            org_id.0,
            filter.project,
            filter.every_project,
            filter.window_kind,
            filter.metric.map(MetricKey::as_str),
            scope_id,
            metric,
            page.fetch()
        );
        page.page(LATEST_LIST, rows.fetch_all(&self.pool).await?, |row| (row.scope_id.clone(), row.metric.clone()))
    }

    /// Snapshots of one metric (or all) over time, newest window first; of each window the newest definition.
    pub async fn kpi_history(&self, org_id: OrgId, filter: &KpiFilter, page: &PageToken) -> Result<PageOf<KpiRow>, StoreError> {
        let key: Option<(CursorTime, String, String)> = page.key(HISTORY_LIST)?;
        let (start, scope_id, metric) = key.map_or((None, None, None), |key| (Some(key.0.0), Some(key.1), Some(key.2)));
        let rows = sqlx::query_file_as!(
            KpiRow,
            "src/kpi_history.sql",
            org_id.0,
            filter.project,
            filter.every_project,
            filter.window_kind,
            filter.metric.map(MetricKey::as_str),
            filter.since,
            filter.until,
            start,
            scope_id,
            metric,
            page.fetch()
        );
        page.page(HISTORY_LIST, rows.fetch_all(&self.pool).await?, |row| {
            (CursorTime(row.window_start), row.scope_id.clone(), row.metric.clone())
        })
    }

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
