//! Schedules: when runs start by themselves.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ConnectionId, OrgId, RunKind, ScheduleId, report::ReportKind};

/// Shortest interval, jitter aside.
pub const INTERVAL_SECONDS_MIN: i64 = 10;
/// Longest interval, jitter and catch-up window: a year.
pub const SCHEDULE_SECONDS_MAX: i64 = 366 * 24 * 3600;
/// Shortest catch-up window; Temporal's own minimum.
pub const CATCH_UP_SECONDS_MIN: i64 = 10;

/// One schedule, as asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    pub id: ScheduleId,
    pub org_id: OrgId,
    /// `None` for the organisation's own.
    pub connection_id: Option<ConnectionId>,
    /// The kind of run it starts.
    pub kind: RunKind,
    pub when: When,
    /// An IANA name. Crons are read in it; intervals do not care.
    pub time_zone: String,
    /// Each start is put off by up to this much, at random.
    pub jitter_seconds: i64,
    pub overlap: Overlap,
    /// How late a start may be after Temporal was away.
    pub catch_up_seconds: i64,
    pub paused: bool,
    pub note: Option<String>,
    /// Of reports: which digest its runs write; `None`: both.
    pub period: Option<ReportKind>,
}

/// What an organisation begins with: the data is checked every night, and a weekly report is written on Mondays (UTC). Anybody may change,
/// pause or delete them.
pub fn shipped(org_id: OrgId) -> [Schedule; 2] {
    let schedule = |kind, cron: &str, period| Schedule {
        id: ScheduleId::generate(),
        org_id,
        connection_id: None,
        kind,
        when: When::Cron(cron.to_owned()),
        time_zone: "UTC".to_owned(),
        // not all organisations at once
        jitter_seconds: 600,
        overlap: Overlap::Skip,
        catch_up_seconds: 3_600,
        paused: false,
        note: Some("as shipped".to_owned()),
        period,
    };
    [schedule(RunKind::Quality, "0 4 * * *", None), schedule(RunKind::Report, "0 6 * * 1", Some(ReportKind::Weekly))]
}

/// When a schedule starts runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    IntervalSeconds(i64),
    /// Five fields.
    Cron(String),
}

/// What happens when it is time and the last run of the schedule has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    Skip,
    BufferOne,
    BufferAll,
    CancelOther,
    TerminateOther,
    AllowAll,
}

impl Overlap {
    pub const ALL: [Overlap; 6] = [Self::Skip, Self::BufferOne, Self::BufferAll, Self::CancelOther, Self::TerminateOther, Self::AllowAll];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::BufferOne => "buffer_one",
            Self::BufferAll => "buffer_all",
            Self::CancelOther => "cancel_other",
            Self::TerminateOther => "terminate_other",
            Self::AllowAll => "allow_all",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|overlap| overlap.as_str() == text)
    }
}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether runs of `kind` can be scheduled per connection.
pub fn schedulable_per_connection(kind: RunKind) -> bool {
    matches!(kind, RunKind::Sync | RunKind::Census)
}

/// Whether runs of `kind` can be scheduled for a whole organisation.
pub fn schedulable_per_org(kind: RunKind) -> bool {
    matches!(kind, RunKind::Matching | RunKind::KpiRollup | RunKind::Retention | RunKind::Quality | RunKind::Report)
}
