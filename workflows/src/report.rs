//! `ovia.report`: writes the reports of one organisation that are due, and sends what is to be sent. What cannot be delivered soon stays in
//! the outbox, and the next run takes it up.

use std::time::Duration;

use ovia_domain::{ErrorCode, RunError, RunStatus};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{ActivityExecutionError, TimerResult, WorkflowContext, WorkflowResult};

use crate::{
    activities::OviaActivities,
    org_run, policies,
    types::{DeliverOutcome, OrgRun, StepOutcome},
};

/// Rounds of deliveries in one run: with the pauses between them more than an hour.
const ROUNDS_MAX: u32 = 50;

#[workflow]
#[derive(Default)]
pub struct ReportWorkflow;

#[workflow_methods]
impl ReportWorkflow {
    #[run(name = "ovia.report")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: OrgRun) -> WorkflowResult<RunStatus> {
        let mut outcome = ctx.execute_activity(OviaActivities::write_report, input.clone(), policies::slice(300)).await;
        if matches!(outcome, Ok(StepOutcome::Done)) {
            outcome = deliver(ctx, &input).await;
        }
        org_run::finish(ctx, &input, "report", outcome, None).await
    }
}

/// Round after round until nothing is left that is due soon.
async fn deliver(ctx: &WorkflowContext<ReportWorkflow>, input: &OrgRun) -> Result<StepOutcome, ActivityExecutionError> {
    for _ in 0..ROUNDS_MAX {
        match ctx.execute_activity(OviaActivities::deliver_reports, input.clone(), policies::slice(300)).await? {
            DeliverOutcome::Done => return Ok(StepOutcome::Done),
            DeliverOutcome::Cancelled => return Ok(StepOutcome::Cancelled),
            DeliverOutcome::Left { pending } => return Ok(StepOutcome::Degraded { error: undelivered(pending) }),
            DeliverOutcome::Waiting { wait_ms } => {
                if matches!(ctx.timer(Duration::from_millis(wait_ms)).await, TimerResult::Cancelled) {
                    return Ok(StepOutcome::Cancelled);
                }
            }
        }
    }
    Ok(StepOutcome::Degraded { error: undelivered(1) })
}

fn undelivered(pending: i64) -> RunError {
    RunError {
        code: ErrorCode::UpstreamUnreachable,
        message: format!("{pending} or more deliveries of reports did not succeed yet."),
        hint: "GET /report-deliveries?status=pending says why; the next report run tries them again.".into(),
        request: None,
    }
}
