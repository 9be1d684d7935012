//! `ovia.sync`: one sync of one connection.
//!
//! The workflow holds no cursor: cursors are committed with the rows they belong to, in Postgres, so an activity that is repeated
//! resumes from what was really stored. The workflow decides what happens next: the next slice, a durable wait, the end.

use ovia_domain::{RunKind, RunStatus};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{
    ActivityExecutionError, ContinueAsNewOptions, SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult,
    WorkflowTermination,
};

use crate::{
    activities::OviaActivities,
    failure, policies,
    sliced::{End, Pace, Paced, Step, conclude, pause, step_after},
    types::{PullSlice, RunFinish, SyncInput, SyncPlan, SyncResume},
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
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: SyncInput) -> WorkflowResult<RunStatus> {
        let end = match plan(ctx, &input).await? {
            Ok(resume) => pull_streams(ctx, &input, resume).await?,
            Err(end) => end,
        };
        let finish = RunFinish { org_id: input.org_id, run_id: input.run_id, status: RunStatus::Succeeded, error: None, follow_up: None };
        conclude(ctx, finish, end, Some(RunKind::Matching)).await
    }

    /// What the run does now, as `{"stream","slices","waiting","paused"}`.
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

async fn plan(ctx: &WorkflowContext<SyncWorkflow>, input: &SyncInput) -> Result<Result<SyncResume, End>, WorkflowTermination> {
    if let Some(resume) = &input.resume {
        return Ok(Ok(resume.clone()));
    }
    loop {
        let plan = ctx.execute_activity(OviaActivities::sync_begin, input.clone(), policies::bookkeeping()).await;
        return Ok(match plan {
            Ok(SyncPlan::Streams { streams }) => Ok(SyncResume { streams, next_stream: 0 }),
            Ok(SyncPlan::Refused { error }) => Err(End::Failed(error)),
            Ok(SyncPlan::Paused) => match pause(ctx, input.tuning.paused_look_ms).await {
                Step::End(end) => Err(end),
                _ => continue,
            },
            Ok(SyncPlan::Cancelled) | Err(ActivityExecutionError::Cancelled(_)) => Err(End::Cancelled),
            Err(error) => Err(End::Failed(failure::activity_failed("begin", &error))),
        });
    }
}

async fn pull_streams(ctx: &WorkflowContext<SyncWorkflow>, input: &SyncInput, mut resume: SyncResume) -> Result<End, WorkflowTermination> {
    let mut failures = 0;
    let mut slices = 0;
    while let Some(stream) = resume.streams.get(resume.next_stream).cloned() {
        ctx.state_mut(|state| {
            state.pace.stream = Some(stream.clone());
            state.pace.slices += 1;
        });
        if slices >= input.tuning.slices_per_history || ctx.continue_as_new_suggested() {
            let next = SyncInput { resume: Some(resume), ..input.clone() };
            ctx.continue_as_new(next, ContinueAsNewOptions::default())?;
            return Ok(End::Cancelled); // not reached: continue_as_new always answers an Err that ends this run
        }
        slices += 1;
        let tuning = input.tuning;
        let pull = PullSlice {
            org_id: input.org_id,
            run_id: input.run_id,
            connection_id: input.connection_id,
            stream,
            max_pages: tuning.slice_pages,
            max_seconds: tuning.slice_seconds,
        };
        let outcome = ctx.execute_activity(OviaActivities::pull_slice, pull, policies::slice(tuning.slice_seconds)).await;
        match step_after(ctx, &tuning, outcome, &mut failures).await {
            Step::Complete => resume.next_stream += 1,
            Step::Again => {}
            Step::End(end) => return Ok(end),
        }
    }
    Ok(End::Succeeded)
}
