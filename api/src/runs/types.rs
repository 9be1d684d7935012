//! Runs on the wire.

use ovia_domain::report::ReportKind;
use ovia_domain::{ErrorCode, RunCounts, RunError, RunKind, RunStatus, TimeWindow};
use ovia_store::runs_read::{RunRow, RunStreamRow};
use poem_openapi::Object;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::health::HealthOut;
use crate::{names::Name, problem::Problem, runs_start::Overrides, state::ApiState, time::Time};

/// A run to start.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunIn {
    /// `matching`, `kpi_rollup`, `quality`, `report` or `retention`.
    pub kind: Name<RunKind>,
    /// Of `kpi_rollup` and `report`: compute the figures as they were at this time. Now, if not given.
    #[serde(default)]
    pub as_of: Option<Time>,
    /// Of `report`: only this one. If not given, both that are due.
    #[serde(default)]
    pub period: Option<Name<ReportKind>>,
    /// Of `kpi_rollup`: compute the windows that this time touches again, from here (to `to`), whatever has changed.
    #[serde(default)]
    pub from: Option<Time>,
    /// Of `kpi_rollup`, with `from`: to here, not included. Now, if not given.
    #[serde(default)]
    pub to: Option<Time>,
}

/// What a retry does otherwise than the run it repeats.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryIn {
    /// Only these streams.
    #[serde(default)]
    streams: Option<Vec<String>>,
    /// Rows asked for per page, 1 to 100.
    #[serde(default)]
    page_size: Option<u32>,
    /// Only rows updated in this time.
    #[serde(default)]
    window: Option<WindowIn>,
}

/// A half-open stretch of time.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
struct WindowIn {
    from: Time,
    to: Time,
}

impl RetryIn {
    pub fn overrides(self) -> Result<Overrides, Problem> {
        if self.page_size.is_some_and(|size| !(1..=100).contains(&size)) {
            return Err(Problem::field("page_size", "it is not between 1 and 100"));
        }
        let window = self.window.map(|window| TimeWindow { from: window.from.0, to: window.to.0 });
        if window.is_some_and(|window| window.from >= window.to) {
            return Err(Problem::field("window.from", "it is not before `to`"));
        }
        Ok(Overrides { streams: self.streams, page_size: self.page_size, window })
    }
}

/// One run.
#[derive(Object)]
#[oai(rename = "Run")]
pub(crate) struct RunOut {
    id: Uuid,
    kind: Name<RunKind>,
    status: Name<RunStatus>,
    /// Of syncs.
    source: Option<String>,
    connection_id: Option<Uuid>,
    connection_name: Option<String>,
    /// Who or what asked: `token:<name>`, `run:<id>`.
    requested_by: String,
    params: Value,
    created_at: Time,
    started_at: Option<Time>,
    ended_at: Option<Time>,
    /// Until when a run that is `waiting` waits for the source's rate limit.
    waiting_until: Option<Time>,
    /// Who or what paused a run that is `paused`: `person`, `connection`, `kill_switch`.
    paused_by: Option<String>,
    /// Its last event, or the last time a worker was known to be busy with it.
    last_activity_at: Time,
    /// Whether it is at work, waits, or is stuck; null once it has ended.
    health: Option<HealthOut>,
    /// How far a backfill is; null before it has a plan, and in lists.
    windows: Option<WindowsOut>,
    /// Sums over the streams.
    counts: CountsOut,
    /// Streams in the order they are synced.
    progress: Vec<StreamOut>,
    /// Why it failed, or what is missing from a `degraded` run.
    error: Option<RunErrorOut>,
    /// What the run found, by name: of matching, rollups and retention; of syncs of work items, `integrity`.
    result: Option<Value>,
    retry_of: Option<Uuid>,
    parent_run_id: Option<Uuid>,
    workflow_id: String,
    /// The workflow in the Temporal UI.
    temporal_ui_url: Option<String>,
}

/// How far a backfill is.
#[derive(Object)]
#[oai(rename = "BackfillWindows")]
pub(crate) struct WindowsOut {
    pub done: i64,
    pub total: i64,
}

/// Records dealt with. `fetched` = inserted + updated + unchanged + dead-lettered.
#[derive(Object)]
#[oai(rename = "RunCounts")]
struct CountsOut {
    fetched: i64,
    inserted: i64,
    updated: i64,
    unchanged: i64,
    deleted: i64,
    dead_lettered: i64,
    /// HTTP requests sent to the source, retries included.
    requests: i64,
    /// Rows that break a rule, when the run had checked them: see GET /anomalies.
    flagged: i64,
}

/// How far one stream is.
#[derive(Object)]
#[oai(rename = "StreamProgress")]
struct StreamOut {
    stream: String,
    /// `pending`, `running`, `done`, `not_available`.
    status: String,
    fetched: i64,
    inserted: i64,
    updated: i64,
    unchanged: i64,
    deleted: i64,
    dead_lettered: i64,
    requests: i64,
    /// Rows that break a rule, when the run had checked them.
    flagged: i64,
    /// Records the source announced, where it did.
    total_hint: Option<i64>,
    /// 0 to 100; null while nobody knows the total.
    percent: Option<i64>,
    /// Records fetched per second, over the last minute; null while it is not running.
    rows_per_second: Option<f64>,
    /// How long it will take at this pace; null without a total or a pace.
    eta_seconds: Option<i64>,
    note: Option<String>,
    started_at: Option<Time>,
    ended_at: Option<Time>,
}

/// Why a run failed.
#[derive(Object)]
#[oai(rename = "RunError")]
pub(crate) struct RunErrorOut {
    code: Name<ErrorCode>,
    message: String,
    hint: String,
    /// The request that failed, without its secrets.
    request: Option<String>,
}

impl RunOut {
    pub fn new(row: RunRow, state: &ApiState) -> Self {
        let counts = CountsOut::new(row.counts(), row.flagged());
        let health = HealthOut::of(&row);
        Self {
            id: row.id.0,
            // the table's checks hold these to the domain's names
            kind: Name(RunKind::parse(&row.kind).unwrap_or(RunKind::Sync)),
            status: Name(RunStatus::parse(&row.status).unwrap_or(RunStatus::Failed)),
            source: row.source,
            connection_id: row.connection_id,
            connection_name: row.connection_name,
            requested_by: row.requested_by,
            params: row.params,
            created_at: row.created_at.into(),
            started_at: row.started_at.map(Time),
            ended_at: row.ended_at.map(Time),
            waiting_until: row.waiting_until.map(Time),
            paused_by: row.paused_by,
            last_activity_at: row.last_activity_at.into(),
            health,
            windows: None,
            counts,
            progress: row.streams.0.into_iter().map(StreamOut::from).collect(),
            error: row.error.map(|error| error.0.into()),
            result: row.result,
            retry_of: row.retry_of,
            parent_run_id: row.parent_run_id,
            temporal_ui_url: state.temporal_ui_url(&row.workflow_id),
            workflow_id: row.workflow_id,
        }
    }
}

impl RunOut {
    pub fn is_backfill(&self) -> bool {
        self.kind.0 == RunKind::Backfill
    }

    pub fn with_windows(self, windows: WindowsOut) -> Self {
        Self { windows: (windows.total > 0).then_some(windows), ..self }
    }
}

impl CountsOut {
    fn new(counts: RunCounts, flagged: i64) -> Self {
        Self {
            fetched: counts.fetched,
            inserted: counts.inserted,
            updated: counts.updated,
            unchanged: counts.unchanged,
            deleted: counts.deleted,
            dead_lettered: counts.dead_lettered,
            requests: counts.requests,
            flagged,
        }
    }
}

impl From<RunStreamRow> for StreamOut {
    fn from(row: RunStreamRow) -> Self {
        Self {
            percent: row.percent(),
            rows_per_second: row.rows_per_second.map(|rate| (rate * 10.0).round() / 10.0),
            eta_seconds: row.eta_seconds(),
            stream: row.stream,
            status: row.status,
            fetched: row.fetched,
            inserted: row.inserted,
            updated: row.updated,
            unchanged: row.unchanged,
            deleted: row.deleted,
            dead_lettered: row.dead_lettered,
            requests: row.requests,
            flagged: row.flagged,
            total_hint: row.total_hint,
            note: row.note,
            started_at: row.started_at.map(Time),
            ended_at: row.ended_at.map(Time),
        }
    }
}

impl From<RunError> for RunErrorOut {
    fn from(error: RunError) -> Self {
        Self { code: Name(error.code), message: error.message, hint: error.hint, request: error.request }
    }
}
