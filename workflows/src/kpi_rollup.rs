//! `ovia.kpi_rollup`: the KPI snapshots of one organisation, and what needs attention now.

use ovia_domain::RunStatus;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{ActivityExecutionError, WorkflowContext, WorkflowResult};

use crate::{
    activities::OviaActivities,
    failure, org_run, policies,
    types::{OrgRun, StepOutcome},
};

#[workflow]
#[derive(Default)]
pub struct KpiRollupWorkflow;

#[workflow_methods]
impl KpiRollupWorkflow {
    #[run(name = "ovia.kpi_rollup")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: OrgRun) -> WorkflowResult<RunStatus> {
        let mut outcome = ctx.execute_activity(OviaActivities::kpi_rollup, input.clone(), policies::slice(300)).await;
        // rollups of an earlier build end here
        if matches!(outcome, Ok(StepOutcome::Done)) && ctx.patched("rollup-detects-risks") {
            outcome = match ctx.execute_activity(OviaActivities::detect_risks, input.clone(), policies::slice(300)).await {
                Err(error) if !matches!(error, ActivityExecutionError::Cancelled(_)) && !ctx.cancellation_token().is_cancelled() => {
                    // the figures are stored
                    Ok(StepOutcome::Degraded { error: failure::activity_failed("risks", &error) })
                }
                looked => looked,
            };
        }
        org_run::finish(ctx, &input, "rollup", outcome, None).await
    }
}
