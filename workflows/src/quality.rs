//! `ovia.quality`: what needs attention in one organisation, and whether its data can be trusted.

use ovia_domain::RunStatus;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{WorkflowContext, WorkflowResult};

use crate::{
    activities::OviaActivities,
    org_run, policies,
    types::{OrgRun, StepOutcome},
};

#[workflow]
#[derive(Default)]
pub struct QualityWorkflow;

#[workflow_methods]
impl QualityWorkflow {
    #[run(name = "ovia.quality")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: OrgRun) -> WorkflowResult<RunStatus> {
        let mut outcome = ctx.execute_activity(OviaActivities::detect_risks, input.clone(), policies::slice(300)).await;
        if matches!(outcome, Ok(StepOutcome::Done)) {
            outcome = ctx.execute_activity(OviaActivities::check_quality, input.clone(), policies::slice(300)).await;
        }
        org_run::finish(ctx, &input, "quality", outcome, None).await
    }
}
