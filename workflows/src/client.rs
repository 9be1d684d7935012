//! The API's and CLI's door to Temporal.

use ovia_domain::{ConnectionId, OrgId, RunError, RunId, RunKind, Source};
use serde::{Deserialize, Serialize};

use crate::{delivery::WorkflowLook, schedules::ScheduleEngine};

/// What a run's workflow is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunStart {
    pub org_id: OrgId,
    pub run_id: RunId,
    pub kind: RunKind,
    /// Of runs over one connection.
    pub connection: Option<(ConnectionId, Source)>,
    /// Temporal's priority, 1 (first) to 5; the kind's own if not given.
    pub priority: Option<u32>,
    /// The run's workflow id, as stored in `runs.workflow_id` (made with `workflow_id`).
    pub workflow_id: String,
    /// A sentence for the Temporal UI, as `Sync of acme-gitlab (gitlab), asked for by token:first`.
    pub summary: String,
}

/// What a connection check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionCheck {
    pub ok: bool,
    /// Who the credentials belong to, as `@jdoe`.
    pub account: Option<String>,
    /// The source's version.
    pub version: Option<String>,
    pub warnings: Vec<String>,
    /// Set when `ok` is false.
    pub error: Option<RunError>,
}

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Temporal does not answer.
    #[error("Temporal does not answer: {0}")]
    Unavailable(String),
    /// No worker picked the work up in time.
    #[error("no worker answered within {0} s")]
    NoWorker(u64),
    #[error("no workflow `{0}` is running")]
    NotRunning(String),
    /// Temporal does not take what it was given.
    #[error("Temporal refused: {0}")]
    Refused(String),
    #[error("{0}")]
    Other(String),
}

/// What the API asks of Temporal.
#[async_trait::async_trait]
pub trait Engine: ScheduleEngine {
    /// Starts the run's workflow. Idempotent: a workflow that was already started under this id is left alone and is no error.
    async fn run_start(&self, start: &RunStart) -> Result<(), EngineError>;
    /// Tells a paused run that it may go on. No error if its workflow has ended.
    async fn run_resume(&self, workflow_id: &str) -> Result<(), EngineError>;
    /// Ends the workflow at once, without its own clean-up. No error if it has ended.
    async fn run_terminate(&self, workflow_id: &str, reason: &str) -> Result<(), EngineError>;
    /// Asks for graceful cancellation.
    async fn run_cancel(&self, workflow_id: &str, reason: &str) -> Result<(), EngineError>;
    /// Where the run's workflow is.
    async fn run_look(&self, workflow_id: &str) -> Result<WorkflowLook, EngineError>;
    /// Whether the workflow existed and has ended. False for one that never started.
    async fn run_has_ended(&self, workflow_id: &str) -> Result<bool, EngineError>;
    /// Runs the connector's check in a short workflow and waits up to about 20 s for it.
    async fn connection_check(&self, org_id: OrgId, connection_id: ConnectionId) -> Result<ConnectionCheck, EngineError>;
    /// Says that deliveries of the connection's webhook are pending: starts the workflow that pulls what they name, or wakes the one that
    /// does. Repeating it is fine.
    async fn webhooks_tell(&self, org_id: OrgId, connection_id: ConnectionId) -> Result<(), EngineError>;
    /// Whether Temporal answers.
    async fn ready(&self) -> Result<(), EngineError>;
}

/// The workflow id of a run: `sync/{connection}/{run}`, `matching/{org}/{run}`, `kpi_rollup/{org}/{run}`.
pub fn workflow_id(kind: RunKind, org_id: OrgId, connection_id: Option<ConnectionId>, run_id: RunId) -> String {
    match connection_id {
        Some(connection_id) => format!("{kind}/{connection_id}/{run_id}"),
        None => format!("{kind}/{org_id}/{run_id}"),
    }
}
