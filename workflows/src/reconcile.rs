//! `ovia.reconcile`: makes Temporal's schedules what Postgres says, and runs what their workflows have come to. Scheduled itself.

use serde::{Deserialize, Serialize};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{WorkflowContext, WorkflowResult};

use crate::{activities::OviaActivities, policies};

/// Nothing yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileInput {}

/// What one pass changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reconciled {
    /// Schedules Temporal had to be told about: missing there, changed here, or drifted.
    pub schedules_put: u32,
    pub schedules_removed: u32,
    /// Runs whose workflow did not exist, started again.
    pub runs_started: u32,
    /// Runs whose workflow had ended without them, closed.
    pub runs_closed: u32,
    /// Runs that did not stop in time, terminated.
    pub runs_terminated: u32,
    /// Connections whose webhook deliveries nobody was pulling, told again.
    pub webhooks_told: u32,
    /// What could not be done and is tried again in the next pass.
    pub failures: u32,
}

#[workflow]
#[derive(Default)]
pub struct ReconcileWorkflow;

#[workflow_methods]
impl ReconcileWorkflow {
    #[run(name = "ovia.reconcile")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: ReconcileInput) -> WorkflowResult<Reconciled> {
        Ok(ctx.execute_activity(OviaActivities::reconcile, input, policies::reconcile()).await?)
    }
}
