//! KPIs and risks on the wire.

use ovia_domain::MetricKey;
use ovia_kpi::{KpiSettings, WindowKind, band, metric};
use ovia_store::{kpi::read::KpiRow, kpi_read::RiskRow};
use poem_openapi::{Enum, Object};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{time::Time, who::WhoOut};

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
    /// It is built on rows that are older than a day.
    pub stale: bool,
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

impl KpiOut {
    pub(super) fn new(row: KpiRow, kind: WindowKind, settings: &KpiSettings, stale: bool) -> Self {
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
            stale,
            run_id: row.run_id,
            row_count: row.row_count.unwrap_or_default(),
            metric: row.metric,
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
