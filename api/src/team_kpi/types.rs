//! KPIs and risks on the wire.

use ovia_store::kpi_read::{KpiRow, RiskRow};
use poem_openapi::{Enum, Object};
use serde_json::Value;
use uuid::Uuid;

use crate::{time::Time, who::WhoOut};

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

/// Something that needs attention.
#[derive(Object)]
#[oai(rename = "Risk")]
pub(crate) struct RiskOut {
    /// `stale_merge_request`, `low_pipeline_success_rate`, `no_production_deployment`.
    kind: String,
    /// What is the matter, as a sentence.
    summary: String,
    source: Option<String>,
    connection_id: Option<Uuid>,
    /// The merge request's, or the project's.
    external_id: Option<String>,
    url: Option<String>,
    /// The project's full path.
    project: Option<String>,
    /// Of a merge request.
    number: Option<i64>,
    title: Option<String>,
    author: Option<WhoOut>,
    created_at: Option<Time>,
    /// Whole days from creation to now, or to the window's end if that is past.
    age_days: Option<i64>,
    /// Of a project: the metric's value.
    value: Option<f64>,
    /// The snapshot it was found in.
    kpi_snapshot_id: i64,
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

impl From<RiskRow> for RiskOut {
    fn from(row: RiskRow) -> Self {
        let until = row.window_end.min(chrono::Utc::now());
        let age_days = row.created_at.map(|created| (until - created).num_days());
        Self {
            summary: summary(&row, age_days),
            kind: row.kind,
            source: row.source,
            connection_id: row.connection_id,
            external_id: row.external_id,
            url: row.url,
            project: row.project,
            number: row.number,
            title: row.title,
            author: row.author_external_id.map(|external_id| WhoOut {
                external_id,
                identity_id: row.author_identity_id,
                username: row.author_username,
                display_name: row.author_name,
                is_bot: row.author_is_bot,
                person_id: row.author_person_id,
                person_name: row.author_person_name,
            }),
            created_at: row.created_at.map(Time),
            age_days,
            value: row.value,
            kpi_snapshot_id: row.snapshot_id,
        }
    }
}

fn summary(row: &RiskRow, age_days: Option<i64>) -> String {
    let project = row.project.as_deref().unwrap_or("a project");
    match (row.kind.as_str(), row.number, age_days) {
        ("stale_merge_request", Some(number), Some(days)) => {
            format!("{project}!{number} is {days} days old and nothing has happened to it for at least 7 days.")
        }
        ("low_pipeline_success_rate", ..) => {
            format!("Only {:.0} % of the finished pipelines of {project} succeeded in 30 days.", row.value.unwrap_or_default() * 100.0)
        }
        _ => format!("{project} has not been deployed to production in 30 days."),
    }
}
