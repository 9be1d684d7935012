//! `ovia.sync`: one sync of one connection.
//!
//! The workflow holds no cursor: cursors are committed with the rows they belong to, in Postgres, so an activity that is repeated
//! resumes from what was really stored. The workflow decides what happens next: the next slice, a durable wait, the end.

use std::time::Duration;

use ovia_domain::{RunError, RunKind, RunStatus};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{
    ActivityExecutionError, ContinueAsNewOptions, TimerResult, WorkflowContext, WorkflowContextView, WorkflowResult, WorkflowTermination,
};

use crate::{
    activities::OviaActivities,
    failure, follow_up, policies,
    types::{PullSlice, RunFinish, SliceOutcome, SyncInput, SyncPlan, SyncResume},
};

#[workflow]
#[derive(Default)]
pub struct SyncWorkflow {
    /// The stream being pulled, for the `progress` query.
    stream: Option<String>,
    slices: u32,
    waiting: bool,
}

/// How pulling ended.
enum End {
    Succeeded,
    Cancelled,
    Failed(RunError),
}

/// What to do after a slice.
enum Step {
    NextStream,
    SameStream,
    End(End),
}

#[workflow_methods]
impl SyncWorkflow {
    #[run(name = "ovia.sync")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: SyncInput) -> WorkflowResult<RunStatus> {
        let end = match plan(ctx, &input).await? {
            Ok(resume) => pull_streams(ctx, &input, resume).await?,
            Err(end) => end,
        };
        finish(ctx, &input, end).await
    }

    /// What the run does now, as `{"stream","slices","waiting"}`.
    #[query(name = "progress")]
    pub fn progress(&self, _ctx: &WorkflowContextView) -> serde_json::Value {
        serde_json::json!({"stream": self.stream, "slices": self.slices, "waiting": self.waiting})
    }
}

async fn plan(ctx: &WorkflowContext<SyncWorkflow>, input: &SyncInput) -> Result<Result<SyncResume, End>, WorkflowTermination> {
    if let Some(resume) = &input.resume {
        return Ok(Ok(resume.clone()));
    }
    let plan = ctx.execute_activity(OviaActivities::sync_begin, input.clone(), policies::bookkeeping()).await;
    Ok(match plan {
        Ok(SyncPlan::Streams { streams }) => Ok(SyncResume { streams, next_stream: 0 }),
        Ok(SyncPlan::Refused { error }) => Err(End::Failed(error)),
        Ok(SyncPlan::Cancelled) | Err(ActivityExecutionError::Cancelled(_)) => Err(End::Cancelled),
        Err(error) => Err(End::Failed(failure::activity_failed("begin", &error))),
    })
}

async fn pull_streams(ctx: &WorkflowContext<SyncWorkflow>, input: &SyncInput, mut resume: SyncResume) -> Result<End, WorkflowTermination> {
    let mut failures = 0;
    let mut slices = 0;
    while let Some(stream) = resume.streams.get(resume.next_stream).cloned() {
        ctx.state_mut(|state| {
            state.stream = Some(stream.clone());
            state.slices += 1;
        });
        if slices >= input.tuning.slices_per_history || ctx.continue_as_new_suggested() {
            let next = SyncInput { resume: Some(resume), ..input.clone() };
            ctx.continue_as_new(next, ContinueAsNewOptions::default())?;
            return Ok(End::Cancelled); // not reached: continue_as_new always answers an Err that ends this run
        }
        slices += 1;
        match slice(ctx, input, stream, &mut failures).await? {
            Step::NextStream => resume.next_stream += 1,
            Step::SameStream => {}
            Step::End(end) => return Ok(end),
        }
    }
    Ok(End::Succeeded)
}

async fn slice(
    ctx: &WorkflowContext<SyncWorkflow>,
    input: &SyncInput,
    stream: String,
    failures: &mut u32,
) -> Result<Step, WorkflowTermination> {
    let tuning = input.tuning;
    let pull = PullSlice {
        org_id: input.org_id,
        run_id: input.run_id,
        connection_id: input.connection_id,
        stream,
        max_pages: tuning.slice_pages,
        max_seconds: tuning.slice_seconds,
    };
    let outcome = match ctx.execute_activity(OviaActivities::pull_slice, pull, policies::slice(tuning.slice_seconds)).await {
        Ok(outcome) => outcome,
        Err(ActivityExecutionError::Cancelled(_)) => return Ok(Step::End(End::Cancelled)),
        // a worker that died while the run was being cancelled: the attempt is not repeated
        Err(_) if ctx.cancellation_token().is_cancelled() => return Ok(Step::End(End::Cancelled)),
        Err(error) => return Ok(Step::End(End::Failed(failure::activity_failed("pull", &error)))),
    };
    if ctx.cancellation_token().is_cancelled() {
        return Ok(Step::End(End::Cancelled));
    }
    Ok(match outcome {
        SliceOutcome::Done { .. } => {
            *failures = 0;
            Step::NextStream
        }
        SliceOutcome::More { .. } => {
            *failures = 0;
            Step::SameStream
        }
        SliceOutcome::Waiting { wait_ms, .. } => wait(ctx, wait_ms).await,
        SliceOutcome::SourceFailed { pages, error } => {
            *failures = if pages > 0 { 1 } else { *failures + 1 };
            if *failures > tuning.source_failures_max {
                Step::End(End::Failed(error))
            } else {
                wait(ctx, failure::pause_ms(*failures, tuning.source_retry_first_ms, tuning.source_retry_max_ms)).await
            }
        }
        SliceOutcome::Failed { error } => Step::End(End::Failed(error)),
        SliceOutcome::Cancelled { .. } => Step::End(End::Cancelled),
    })
}

async fn wait(ctx: &WorkflowContext<SyncWorkflow>, millis: u64) -> Step {
    ctx.state_mut(|state| state.waiting = true);
    let result = ctx.timer(Duration::from_millis(millis.max(1))).await;
    ctx.state_mut(|state| state.waiting = false);
    match result {
        TimerResult::Fired => Step::SameStream,
        TimerResult::Cancelled => Step::End(End::Cancelled),
    }
}

async fn finish(ctx: &WorkflowContext<SyncWorkflow>, input: &SyncInput, end: End) -> WorkflowResult<RunStatus> {
    let (status, error) = match end {
        End::Succeeded => (RunStatus::Succeeded, None),
        End::Cancelled => (RunStatus::Cancelled, None),
        End::Failed(error) => (RunStatus::Failed, Some(error)),
    };
    let finish = RunFinish {
        org_id: input.org_id,
        run_id: input.run_id,
        status,
        error: error.clone(),
        follow_up: (status == RunStatus::Succeeded).then_some(RunKind::Matching),
    };
    let finished = ctx.execute_activity(OviaActivities::run_finish, finish, policies::cleanup()).await?;
    if let Some(next) = finished.follow_up {
        follow_up::start(ctx, input.org_id, next).await?;
    }
    failure::conclude(finished.status, error)
}
