//! Work that is done slice by slice: what happens after each, whatever the run's kind.

use std::time::Duration;

use ovia_domain::{RunError, RunKind, RunStatus};
use temporalio_common::WorkflowDefinition;
use temporalio_sdk::{ActivityExecutionError, ContinueAsNewOptions, TimerResult, WorkflowContext, WorkflowResult, WorkflowTermination};
use temporalio_workflow::workflows::WorkflowImplementation;

use crate::{
    activities::OviaActivities,
    failure, follow_up, policies,
    types::{ConnectionRun, RunFinish, SliceOutcome, SyncTuning},
};

/// What a workflow of slices knows about itself; the `progress` query answers it.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Pace {
    pub slices: u32,
    pub waiting: bool,
    pub paused: bool,
    /// Times someone said that a paused run may go on.
    #[serde(skip)]
    pub resumes: u32,
    /// Those of them that the present slice began after: it has seen what they were about.
    #[serde(skip)]
    pub resumes_seen: u32,
}

/// A workflow that has a pace.
pub trait Paced {
    fn pace(&self) -> &Pace;
    fn pace_mut(&mut self) -> &mut Pace;
}

/// How a run's work ended.
pub enum End {
    Succeeded,
    Cancelled,
    Failed(RunError),
}

/// What to do after a slice.
pub enum Step {
    /// Nothing is left to do.
    Complete,
    /// One more slice.
    Again,
    End(End),
}

/// What a slice's outcome asks for; waits where it asks to wait. `failures` counts slices in a row that failed on the source without
/// progress.
pub async fn step_after<W: Paced>(
    ctx: &WorkflowContext<W>,
    tuning: &SyncTuning,
    outcome: Result<SliceOutcome, ActivityExecutionError>,
    failures: &mut u32,
) -> Step {
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(ActivityExecutionError::Cancelled(_)) => return Step::End(End::Cancelled),
        // a worker that died while the run was being cancelled: the attempt is not repeated
        Err(_) if ctx.cancellation_token().is_cancelled() => return Step::End(End::Cancelled),
        Err(error) => return Step::End(End::Failed(failure::activity_failed("pull", &error))),
    };
    if ctx.cancellation_token().is_cancelled() {
        return Step::End(End::Cancelled);
    }
    match outcome {
        SliceOutcome::Done { .. } => {
            *failures = 0;
            Step::Complete
        }
        SliceOutcome::More { .. } => {
            *failures = 0;
            Step::Again
        }
        SliceOutcome::Waiting { wait_ms, .. } | SliceOutcome::Yielded { wait_ms, .. } => wait(ctx, wait_ms).await,
        SliceOutcome::Paused { .. } => pause(ctx, tuning.paused_look_ms).await,
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
    }
}

async fn wait<W: Paced>(ctx: &WorkflowContext<W>, millis: u64) -> Step {
    ctx.state_mut(|state| state.pace_mut().waiting = true);
    let step = rest(ctx, millis).await;
    ctx.state_mut(|state| state.pace_mut().waiting = false);
    step
}

/// Waits until someone says `resume`, and looks by itself every `look_ms`: a signal that was lost delays a run, it does not stop it.
async fn pause<W: Paced>(ctx: &WorkflowContext<W>, look_ms: u64) -> Step {
    ctx.state_mut(|state| state.pace_mut().paused = true);
    let step = rest(ctx, look_ms).await;
    ctx.state_mut(|state| state.pace_mut().paused = false);
    step
}

/// A durable timer that `resume` ends early: a run that was paused while it waited for something else is looked at when it is resumed.
/// So does a `resume` that came before the timer: a slice says in Postgres that its run is paused a moment before it ends.
async fn rest<W: Paced>(ctx: &WorkflowContext<W>, millis: u64) -> Step {
    temporalio_sdk::workflows::select! {
        result = ctx.timer(Duration::from_millis(millis.max(1))) => match result {
            TimerResult::Fired => Step::Again,
            TimerResult::Cancelled => Step::End(End::Cancelled),
        },
        resumed = ctx.wait_condition(|state: &W| state.pace().resumes != state.pace().resumes_seen) => match resumed {
            Ok(()) => Step::Again,
            Err(_) => Step::End(End::Cancelled),
        },
    }
}

/// Which activity a run of slices repeats.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Slice {
    Sync,
    Backfill,
    Census,
    Replay,
}

/// A whole run: slices until one says `Done`, then the end. The activity finds out by itself where it is.
pub async fn run<W: Paced + WorkflowImplementation<Run: WorkflowDefinition<Input = ConnectionRun>>>(
    ctx: &WorkflowContext<W>,
    input: ConnectionRun,
    slice: Slice,
    next: Option<RunKind>,
) -> WorkflowResult<RunStatus> {
    let (mut failures, mut slices) = (0, 0);
    let end = loop {
        if slices >= input.tuning.slices_per_history || ctx.continue_as_new_suggested() {
            // always an Err, which ends this run of the chain
            ctx.continue_as_new(input.clone(), ContinueAsNewOptions::default())?;
        }
        slices += 1;
        ctx.state_mut(|state| {
            let pace = state.pace_mut();
            pace.slices += 1;
            pace.resumes_seen = pace.resumes;
        });
        let options = policies::slice(input.tuning.slice_seconds);
        let outcome = match slice {
            Slice::Sync => ctx.execute_activity(OviaActivities::sync_slice, input.clone(), options).await,
            Slice::Backfill => ctx.execute_activity(OviaActivities::backfill_slice, input.clone(), options).await,
            Slice::Census => ctx.execute_activity(OviaActivities::census_slice, input.clone(), options).await,
            Slice::Replay => ctx.execute_activity(OviaActivities::replay_slice, input.clone(), options).await,
        };
        match step_after(ctx, &input.tuning, outcome, &mut failures).await {
            Step::Complete => break End::Succeeded,
            Step::Again => {}
            Step::End(end) => break end,
        }
    };
    let finish = RunFinish { org_id: input.org_id, run_id: input.run_id, status: RunStatus::Succeeded, error: None, follow_up: None };
    conclude(ctx, finish, end, next).await
}

/// Closes the run as `end` says, starts the run that follows it, and ends the workflow like the run.
pub async fn conclude<W>(
    ctx: &WorkflowContext<W>,
    finish: RunFinish,
    end: End,
    next: Option<RunKind>,
) -> Result<RunStatus, WorkflowTermination> {
    let (status, error) = match end {
        End::Succeeded => (RunStatus::Succeeded, None),
        End::Cancelled => (RunStatus::Cancelled, None),
        End::Failed(error) => (RunStatus::Failed, Some(error)),
    };
    let org_id = finish.org_id;
    let follow_up = next.filter(|_| status == RunStatus::Succeeded);
    let finish = RunFinish { status, error: error.clone(), follow_up, ..finish };
    let finished = ctx.execute_activity(OviaActivities::run_finish, finish, policies::cleanup()).await?;
    if let Some(next) = finished.follow_up {
        follow_up::start(ctx, org_id, next).await?;
    }
    failure::conclude(finished.status, error)
}
