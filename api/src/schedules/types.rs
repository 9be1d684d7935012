//! Schedules on the wire.

use std::time::Duration;

use ovia_domain::{Overlap, RunKind, RunStatus, When, report::ReportKind};
use ovia_store::schedules::{ScheduleRow, ScheduledRunRow};
use poem_openapi::Object;
use serde::Deserialize;
use uuid::Uuid;

use crate::{names::Name, time::Time};

/// A schedule to be. Durations are written like `90s`, `15m`, `2h 30m`.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleIn {
    /// This or `cron`: how often, at least 10 s.
    #[serde(default)]
    pub interval: Option<String>,
    /// This or `interval`: five fields, as `0 */2 * * *`, read in `time_zone`.
    #[serde(default)]
    pub cron: Option<String>,
    /// An IANA name, as `Europe/Berlin`. UTC if not given.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// Each start is put off by up to this much, at random. Nothing if not given.
    #[serde(default)]
    pub jitter: Option<String>,
    /// When it is time and the schedule's last run has not ended. `skip` if not given.
    #[serde(default)]
    pub overlap: Option<Name<Overlap>>,
    /// How late a start may be after Temporal was away; at least 10 s, a minute if not given.
    #[serde(default)]
    pub catch_up_window: Option<String>,
    #[serde(default)]
    pub paused: bool,
    /// For people.
    #[serde(default)]
    pub note: Option<String>,
    /// Of reports: which digest its runs write. Both if not given.
    #[serde(default)]
    pub period: Option<Name<ReportKind>>,
}

/// A schedule.
#[derive(Object)]
#[oai(rename = "Schedule")]
pub(crate) struct ScheduleOut {
    id: Uuid,
    kind: Name<RunKind>,
    /// Null for the organisation's own.
    connection_id: Option<Uuid>,
    connection_name: Option<String>,
    interval: Option<String>,
    cron: Option<String>,
    time_zone: String,
    jitter: String,
    overlap: Name<Overlap>,
    catch_up_window: String,
    paused: bool,
    note: Option<String>,
    /// Of reports: which digest its runs write; null: both.
    period: Option<Name<ReportKind>>,
    created_at: Time,
    updated_at: Time,
    /// Whether Temporal has it, right now. If not (Temporal is away), it will within half a minute of coming back.
    in_temporal: bool,
    /// The next starts, before jitter; none while it is paused or not in Temporal.
    next_runs: Vec<Time>,
    /// The last runs it started or skipped, newest first.
    recent_runs: Vec<ScheduledRunOut>,
    /// Why its runs are skipped at the moment, if they are: the kill switch.
    stopped_by: Option<String>,
}

/// A run of a schedule, in short.
#[derive(Object)]
#[oai(rename = "ScheduledRun")]
struct ScheduledRunOut {
    id: Uuid,
    status: Name<RunStatus>,
    created_at: Time,
    ended_at: Option<Time>,
    /// Why it was skipped or failed.
    message: Option<String>,
}

/// What is not in the schedule's row.
#[derive(Default)]
pub(crate) struct Around {
    /// The next starts as Temporal says; `None` if it does not have the schedule or does not answer.
    pub in_temporal: Option<Vec<Time>>,
    pub recent_runs: Vec<ScheduledRunRow>,
    pub stopped_by: Option<String>,
}

impl ScheduleOut {
    pub fn new(row: ScheduleRow, around: Around) -> Self {
        let schedule = row.schedule;
        let (interval, cron) = match schedule.when {
            When::IntervalSeconds(seconds) => (Some(duration(seconds)), None),
            When::Cron(cron) => (None, Some(cron)),
        };
        Self {
            id: schedule.id.0,
            kind: Name(schedule.kind),
            connection_id: schedule.connection_id.map(|id| id.0),
            connection_name: row.connection_name,
            interval,
            cron,
            time_zone: schedule.time_zone,
            jitter: duration(schedule.jitter_seconds),
            overlap: Name(schedule.overlap),
            catch_up_window: duration(schedule.catch_up_seconds),
            paused: schedule.paused,
            note: schedule.note,
            period: schedule.period.map(Name),
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
            in_temporal: around.in_temporal.is_some(),
            next_runs: around.in_temporal.unwrap_or_default(),
            recent_runs: around.recent_runs.into_iter().map(ScheduledRunOut::from).collect(),
            stopped_by: around.stopped_by,
        }
    }
}

impl From<ScheduledRunRow> for ScheduledRunOut {
    fn from(row: ScheduledRunRow) -> Self {
        Self {
            id: row.id.0,
            // the table's checks hold it to the domain's names
            status: Name(RunStatus::parse(&row.status).unwrap_or(RunStatus::Failed)),
            created_at: row.created_at.into(),
            ended_at: row.ended_at.map(Time),
            message: row.message,
        }
    }
}

fn duration(seconds: i64) -> String {
    humantime::format_duration(Duration::from_secs(u64::try_from(seconds).unwrap_or_default())).to_string()
}
