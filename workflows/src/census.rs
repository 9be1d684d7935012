//! `ovia.census`: which rows the source still has.

use ovia_domain::{RunKind, RunStatus};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult};

use crate::{
    sliced::{self, Pace, Paced, Slice},
    types::ConnectionRun,
};

#[workflow]
#[derive(Default)]
pub struct CensusWorkflow {
    pace: Pace,
}

impl Paced for CensusWorkflow {
    fn pace(&self) -> &Pace {
        &self.pace
    }

    fn pace_mut(&mut self) -> &mut Pace {
        &mut self.pace
    }
}

#[workflow_methods]
impl CensusWorkflow {
    #[run(name = "ovia.census")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: ConnectionRun) -> WorkflowResult<RunStatus> {
        sliced::run(ctx, input, Slice::Census, Some(RunKind::Matching)).await
    }

    /// What the run does now, as `{"slices","waiting","paused"}`.
    #[query(name = "progress")]
    pub fn progress(&self, _ctx: &WorkflowContextView) -> serde_json::Value {
        serde_json::json!(self.pace)
    }

    /// A paused run may go on.
    #[signal(name = "resume")]
    pub fn resume(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.pace.resumes += 1;
    }
}
