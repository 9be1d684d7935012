//! KPIs on the wire.

use ovia_domain::MetricKey;
use ovia_kpi::{KpiSettings, WindowKind, band, metric};
use ovia_store::kpi::read::KpiRow;
use poem_openapi::{Enum, Object};
use serde_json::{Value, json};
use uuid::Uuid;

use super::notes::{NoteOut, is_stale};
use crate::time::Time;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename = "KpiScope", rename_all = "snake_case")]
pub(crate) enum Scope {
    Organisation,
    Team,
    /// A repository with its pipelines, or a project of work items.
    Project,
    /// The same as `project`: a code host's project is one repository.
    Repository,
    Person,
}

impl Scope {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Team => "team",
            Self::Project => "project",
            Self::Repository => "repository",
            Self::Person => "person",
        }
    }

    /// As snapshots have it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Repository => "project",
            scope => scope.as_str(),
        }
    }
}

/// One number, with what produced it.
#[derive(Object)]
#[oai(rename = "Kpi")]
pub(crate) struct KpiOut {
    /// The snapshot, as `kpi_snapshot_id` of the lists; null where there is no data.
    id: Option<i64>,
    pub metric: String,
    /// What people call the metric.
    name: String,
    /// Null: no data. Never 0 for that.
    pub value: Option<f64>,
    /// `count`, `hours`, `ratio`, `per day` …
    pub unit: String,
    /// `higher_is_better`, `lower_is_better`, `neutral`.
    direction: String,
    /// What the value is called in the metric's bands, where it has some.
    band: Option<String>,
    /// Of the window before; null without data there, and in what is not a history.
    previous: Option<f64>,
    /// `value` − `previous`; null where one of them is.
    change: Option<f64>,
    /// Further figures, as `p75`, `p90`, `numerator`, `denominator`.
    stats: Value,
    /// What was counted and what was left out.
    coverage: Value,
    /// `organisation`, `team`, `project` or `person`.
    pub scope: String,
    /// The project's full path, for project scopes.
    project: Option<String>,
    /// `{connection id}:{project's external id}` of a project, the id of a team or person.
    pub scope_id: Option<String>,
    /// A project's full path, a team's or person's name.
    pub scope_name: Option<String>,
    pub window: WindowOut,
    /// Version of the metric's definition.
    pub definition_version: i32,
    /// Rises whenever it changed who is who.
    identity_epoch: Option<i64>,
    computed_at: Option<Time>,
    /// The oldest last successful sync among the connections it was computed from; null: one was never synced.
    inputs_at: Option<Time>,
    /// It is older than it should be: `quality` has `stale_data` or `old_figures`.
    pub stale: bool,
    /// Why it is to be read with care, what makes it wrong first; empty if nothing is known against it.
    pub quality: Vec<NoteOut>,
    /// The rollup that computed it.
    run_id: Option<Uuid>,
    /// How many rows were counted.
    pub row_count: i32,
    /// Where those rows are listed, on this API; null where there is no data.
    rows_path: Option<String>,
}

/// Half-open; begins and ends at midnight in the organisation's time zone.
#[derive(Object)]
#[oai(rename = "Window")]
pub(crate) struct WindowOut {
    /// `trailing_30_days`, `day`, `week`, `month`, `quarter`.
    pub kind: String,
    pub start: Time,
    pub end: Time,
}

impl KpiOut {
    pub(super) fn new(row: KpiRow, kind: WindowKind, settings: &KpiSettings, quality: Vec<NoteOut>) -> Self {
        let key = MetricKey::parse(&row.metric);
        let definition = key.map(|key| &metric(key).definition);
        let band = key.zip(row.value).and_then(|(key, value)| band(settings, key, value));
        let direction = definition.and_then(|definition| serde_json::to_value(definition.direction).ok());
        Self {
            rows_path: row.id.map(|id| format!("/team/kpi/{}/rows?kpi_snapshot_id={id}", row.metric)),
            id: row.id,
            name: definition.map_or_else(|| row.metric.clone(), |definition| definition.name.to_owned()),
            unit: definition.map_or_else(String::new, |definition| definition.unit.to_owned()),
            direction: direction.and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default(),
            band: band.map(|band| band.label.clone()),
            change: row.value.zip(row.previous).map(|(value, previous)| value - previous),
            previous: row.previous,
            value: row.value,
            stats: row.stats.unwrap_or_else(|| json!({})),
            coverage: row.coverage.unwrap_or_else(|| json!({})),
            project: row.scope_name.clone().filter(|_| row.scope_kind == "project"),
            scope: row.scope_kind,
            scope_id: Some(row.scope_id).filter(|id| !id.is_empty()),
            scope_name: row.scope_name,
            window: WindowOut { kind: kind.as_str().to_owned(), start: row.window_start.into(), end: row.window_end.into() },
            definition_version: row.definition_version.or(definition.map(|definition| definition.version)).unwrap_or_default(),
            identity_epoch: row.identity_epoch,
            computed_at: row.computed_at.map(Time),
            inputs_at: row.inputs_at.map(Time),
            stale: is_stale(&quality),
            quality,
            run_id: row.run_id,
            row_count: row.row_count.unwrap_or_default(),
            metric: row.metric,
        }
    }
}
