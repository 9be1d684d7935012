//! Inputs and results of workflows and activities: ids, counts and times; never rows, never secrets.
//!
//! Fields are only ever added, with `#[serde(default)]`, because recorded histories hold the old shapes.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId, RunError, RunId, RunKind, RunStatus, Source};
use serde::{Deserialize, Serialize};

/// Durations and sizes that tests shrink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncTuning {
    /// Pages (or batches of details) in one activity.
    pub slice_pages: u32,
    /// Seconds after which an activity hands over to the next: how long an organisation may have to wait for a place that another has.
    pub slice_seconds: u32,
    /// Activities after which the workflow continues as new.
    pub slices_per_history: u32,
    /// Slices in a row that may fail on the source without any progress.
    pub source_failures_max: u32,
    /// First pause after a failing source; doubles up to `source_retry_max_ms`.
    pub source_retry_first_ms: u64,
    pub source_retry_max_ms: u64,
    /// How often a paused run looks whether it may go on, in case nobody tells it.
    pub paused_look_ms: u64,
}

impl Default for SyncTuning {
    fn default() -> Self {
        Self {
            slice_pages: 500,
            slice_seconds: 5,
            slices_per_history: 200,
            source_failures_max: 5,
            source_retry_first_ms: 2_000,
            source_retry_max_ms: 60_000,
            paused_look_ms: 60_000,
        }
    }
}

/// Input of `ovia.sync`, `ovia.backfill`, `ovia.census` and `ovia.replay`, and of the activity each repeats until it answers `Done`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectionRun {
    pub org_id: OrgId,
    pub run_id: RunId,
    pub connection_id: ConnectionId,
    pub source: Source,
    #[serde(default)]
    pub tuning: SyncTuning,
}

/// What one slice came to. `pages` committed by it; progress resets the count of failures.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum SliceOutcome {
    /// Nothing is left to do.
    Done { pages: u32 },
    /// The slice's budget is used up; more to do.
    More { pages: u32 },
    /// The source asked to wait.
    Waiting { pages: u32, until: DateTime<Utc>, wait_ms: u64 },
    /// The source gave no usable answer, after the client's own retries.
    SourceFailed { pages: u32, error: RunError },
    /// Trying again will not help.
    Failed { error: RunError },
    /// The run is being cancelled; nothing more was written.
    Cancelled { pages: u32 },
    /// Another run of the connection goes first.
    Yielded { pages: u32, wait_ms: u64 },
    /// The run is paused: by a person, with its connection, or by the kill switch.
    Paused { pages: u32 },
}

/// Input of `ovia.matching` and `ovia.kpi_rollup`, and of their activities.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OrgRun {
    pub org_id: OrgId,
    pub run_id: RunId,
    /// After a matching run: roll the KPIs up.
    #[serde(default)]
    pub then_rollup: bool,
}

/// What a matching or rollup activity came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum StepOutcome {
    Done,
    Cancelled,
    Failed {
        error: RunError,
    },
    /// Done, but something is missing.
    Degraded {
        error: RunError,
    },
}

/// What a round of deliveries came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum DeliverOutcome {
    /// Nothing is left to send.
    Done,
    /// The next attempt is due then.
    Waiting { wait_ms: u64 },
    /// What is left is not due soon.
    Left { pending: i64 },
    /// The run is being cancelled; what was not sent is pending.
    Cancelled,
}

/// Input of `ovia.run_finish`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunFinish {
    pub org_id: OrgId,
    pub run_id: RunId,
    pub status: RunStatus,
    #[serde(default)]
    pub error: Option<RunError>,
    /// A run to start after this one, if it succeeded.
    #[serde(default)]
    pub follow_up: Option<RunKind>,
}

/// What `ovia.run_finish` did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunFinished {
    /// The status the run ended with; not the one asked for if it had ended before.
    pub status: RunStatus,
    /// The follow-up run's row exists and is to be started.
    #[serde(default)]
    pub follow_up: Option<FollowUp>,
}

/// A run another run starts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FollowUp {
    pub run_id: RunId,
    pub kind: RunKind,
    pub workflow_id: String,
}

/// Input of `ovia.connection_check`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectionRef {
    pub org_id: OrgId,
    pub connection_id: ConnectionId,
}
