//! What matching and rollup workflows share: one long activity, then the bookkeeping of its end.

use ovia_domain::{RunError, RunKind, RunStatus};
use temporalio_sdk::{ActivityExecutionError, WorkflowContext, WorkflowResult};

use crate::{
    activities::OviaActivities,
    failure, follow_up, policies,
    types::{OrgRun, RunFinish, StepOutcome},
};

/// Closes the run as `outcome` says and starts `next` if it succeeded.
pub async fn finish<W>(
    ctx: &WorkflowContext<W>,
    input: &OrgRun,
    step: &str,
    outcome: Result<StepOutcome, ActivityExecutionError>,
    next: Option<RunKind>,
) -> WorkflowResult<RunStatus> {
    let (status, error): (RunStatus, Option<RunError>) = match outcome {
        Ok(StepOutcome::Done) => (RunStatus::Succeeded, None),
        Ok(StepOutcome::Cancelled) | Err(ActivityExecutionError::Cancelled(_)) => (RunStatus::Cancelled, None),
        Err(_) if ctx.cancellation_token().is_cancelled() => (RunStatus::Cancelled, None),
        Ok(StepOutcome::Failed { error }) => (RunStatus::Failed, Some(error)),
        Ok(StepOutcome::Degraded { error }) => (RunStatus::Degraded, Some(error)),
        Err(error) => (RunStatus::Failed, Some(failure::activity_failed(step, &error))),
    };
    let finish = RunFinish {
        org_id: input.org_id,
        run_id: input.run_id,
        status,
        error: error.clone(),
        follow_up: next.filter(|_| status == RunStatus::Succeeded),
    };
    let finished = ctx.execute_activity(OviaActivities::run_finish, finish, policies::cleanup()).await?;
    if let Some(next) = finished.follow_up {
        follow_up::start(ctx, input.org_id, next).await?;
    }
    failure::conclude(finished.status, error)
}
