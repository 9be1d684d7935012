//! KPIs on the wire.

use ovia_store::kpi_read::KpiRow;
use poem_openapi::{Enum, Object};
use serde_json::Value;
use uuid::Uuid;

use crate::time::Time;

#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "snake_case")]
pub(crate) enum Scope {
    Organisation,
    Project,
}

#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename = "WindowKind")]
pub(crate) enum Window {
    #[oai(rename = "trailing_30_days")]
    Trailing30Days,
    #[oai(rename = "week")]
    Week,
    #[oai(rename = "month")]
    Month,
}

impl Window {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trailing30Days => "trailing_30_days",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// One number, with what produced it.
#[derive(Object)]
#[oai(rename = "Kpi")]
pub(crate) struct KpiOut {
    /// The snapshot, as `kpi_snapshot_id` of the lists.
    id: i64,
    metric: String,
    /// Null: no data. Never 0 for that.
    value: Option<f64>,
    /// `count`, `hours`, `ratio`, `per day`.
    unit: String,
    /// Further figures, as `p75`, `p90`, `numerator`, `denominator`.
    stats: Value,
    /// What was counted and what was left out.
    coverage: Value,
    /// `organisation` or `project`.
    scope: String,
    /// The project's full path, for project scopes.
    project: Option<String>,
    /// `{connection id}:{project's external id}`, for project scopes.
    scope_id: Option<String>,
    window: WindowOut,
    /// Version of the metric's definition.
    definition_version: i32,
    /// Rises whenever it changed who is who.
    identity_epoch: i64,
    computed_at: Time,
    /// The rollup that computed it.
    run_id: Uuid,
    /// How many rows were counted.
    row_count: i32,
    /// Where those rows are listed, on this API.
    rows_path: String,
}

/// Half-open, UTC.
#[derive(Object)]
#[oai(rename = "Window")]
struct WindowOut {
    /// `trailing_30_days`, `week`, `month`.
    kind: String,
    start: Time,
    end: Time,
}

impl From<KpiRow> for KpiOut {
    fn from(row: KpiRow) -> Self {
        let table = row.row_table.replace('_', "-");
        Self {
            rows_path: format!("/{table}?kpi_snapshot_id={}", row.id),
            id: row.id,
            metric: row.metric,
            value: row.value,
            unit: row.unit,
            stats: row.stats,
            coverage: row.coverage,
            scope: row.scope_kind,
            project: row.project,
            scope_id: Some(row.scope_id).filter(|id| !id.is_empty()),
            window: WindowOut { kind: row.window_kind, start: row.window_start.into(), end: row.window_end.into() },
            definition_version: row.definition_version,
            identity_epoch: row.identity_epoch,
            computed_at: row.computed_at.into(),
            run_id: row.run_id,
            row_count: row.row_count,
        }
    }
}
