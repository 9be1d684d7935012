//! `ovia.sync`: one sync of one connection.
//!
//! The workflow holds no cursor: cursors are committed with the rows they belong to, in Postgres, so an activity that is repeated
//! resumes from what was really stored. The workflow decides what happens next: the next slice, a durable wait, the end.

use ovia_domain::{RunKind, RunStatus};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult};

use crate::{
    sliced::{self, Pace, Paced, Slice},
    types::ConnectionRun,
};

#[workflow]
#[derive(Default)]
pub struct SyncWorkflow {
    pace: Pace,
}

impl Paced for SyncWorkflow {
    fn pace(&self) -> &Pace {
        &self.pace
    }

    fn pace_mut(&mut self) -> &mut Pace {
        &mut self.pace
    }
}

#[workflow_methods]
impl SyncWorkflow {
    #[run(name = "ovia.sync")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: ConnectionRun) -> WorkflowResult<RunStatus> {
        sliced::run(ctx, input, Slice::Sync, Some(RunKind::Matching)).await
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
