//! `ovia.backfill`: one stretch of the past of one connection, window by window, newest first.

use ovia_domain::{RunKind, RunStatus};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult};

use crate::{
    sliced::{self, Pace, Paced, Slice},
    types::ConnectionRun,
};

#[workflow]
#[derive(Default)]
pub struct BackfillWorkflow {
    pace: Pace,
}

impl Paced for BackfillWorkflow {
    fn pace(&self) -> &Pace {
        &self.pace
    }

    fn pace_mut(&mut self) -> &mut Pace {
        &mut self.pace
    }
}

#[workflow_methods]
impl BackfillWorkflow {
    #[run(name = "ovia.backfill")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: ConnectionRun) -> WorkflowResult<RunStatus> {
        sliced::run(ctx, input, Slice::Backfill, Some(RunKind::Matching)).await
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
