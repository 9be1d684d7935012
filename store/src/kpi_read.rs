//! Reading KPI snapshots: the newest value of each metric, and a metric over time.

use chrono::{DateTime, Utc};
use ovia_domain::{MetricKey, OrgId};
use serde_json::Value;
use uuid::Uuid;

use crate::{PageOf, PageToken, Store, StoreError, page::CursorTime};

const LATEST_LIST: &str = "kpi";
const HISTORY_LIST: &str = "kpi_history";

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
}
