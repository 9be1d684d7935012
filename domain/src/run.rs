//! Runs: what they are, the states they pass through, what they count, why they failed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ErrorCode;

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    Sync,
    /// A stretch of the past, window by window.
    Backfill,
    /// Which rows the source still has.
    Census,
    /// Stored payloads read again: dead letters, or raw records.
    Replay,
    Matching,
    KpiRollup,
    /// Removes what is kept no longer.
    Retention,
    /// What needs attention, and whether the data can be trusted.
    Quality,
    /// Digests of a day or a week, written and sent.
    Report,
}

impl RunKind {
    pub const ALL: [RunKind; 9] = [
        Self::Sync,
        Self::Backfill,
        Self::Census,
        Self::Replay,
        Self::Matching,
        Self::KpiRollup,
        Self::Retention,
        Self::Quality,
        Self::Report,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Backfill => "backfill",
            Self::Census => "census",
            Self::Replay => "replay",
            Self::Matching => "matching",
            Self::KpiRollup => "kpi_rollup",
            Self::Retention => "retention",
            Self::Quality => "quality",
            Self::Report => "report",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// What a person calls it: `KPI rollup`.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sync => "Sync",
            Self::Backfill => "Backfill",
            Self::Census => "Census",
            Self::Replay => "Replay",
            Self::Matching => "Matching",
            Self::KpiRollup => "KPI rollup",
            Self::Retention => "Retention",
            Self::Quality => "Quality checks",
            Self::Report => "Reports",
        }
    }

    /// Whether it writes rows of one connection, under its lease.
    pub fn is_ingest(self) -> bool {
        matches!(self, Self::Sync | Self::Backfill | Self::Census | Self::Replay)
    }
}

impl fmt::Display for RunKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a run is. `Queued` until its workflow's first activity ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Queued,
    Running,
    /// Waiting for the source's rate limit, until the run's `waiting_until`.
    Waiting,
    /// By a person, its connection or the kill switch; goes on when that is lifted.
    Paused,
    Cancelling,
    Succeeded,
    /// Finished, but something is missing; the run's error says what.
    Degraded,
    Failed,
    Cancelled,
    Skipped,
}

impl RunStatus {
    pub const ALL: [RunStatus; 10] = [
        Self::Queued,
        Self::Running,
        Self::Waiting,
        Self::Paused,
        Self::Cancelling,
        Self::Succeeded,
        Self::Degraded,
        Self::Failed,
        Self::Cancelled,
        Self::Skipped,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Cancelling => "cancelling",
            Self::Succeeded => "succeeded",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether the run is over: nothing changes it any more.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Degraded | Self::Failed | Self::Cancelled | Self::Skipped)
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Records a run has dealt with. `fetched` = inserted + updated + unchanged + dead-lettered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunCounts {
    pub fetched: i64,
    pub inserted: i64,
    pub updated: i64,
    pub unchanged: i64,
    pub deleted: i64,
    pub dead_lettered: i64,
    /// HTTP requests sent to the source, retries included.
    pub requests: i64,
}

impl RunCounts {
    pub fn add(&mut self, other: &RunCounts) {
        self.fetched += other.fetched;
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.deleted += other.deleted;
        self.dead_lettered += other.dead_lettered;
        self.requests += other.requests;
    }
}

/// Why a run failed or is degraded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    pub code: ErrorCode,
    /// What happened, as a sentence a person can act on. Never holds a secret.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// The request that failed, method and URL without credentials, where there was one.
    #[serde(default)]
    pub request: Option<String>,
}
