//! `ovia.retention`: what one organisation keeps no longer.

use ovia_domain::RunStatus;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{WorkflowContext, WorkflowResult};

use crate::{activities::OviaActivities, org_run, policies, types::OrgRun};

#[workflow]
#[derive(Default)]
pub struct RetentionWorkflow;

#[workflow_methods]
impl RetentionWorkflow {
    #[run(name = "ovia.retention")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: OrgRun) -> WorkflowResult<RunStatus> {
        let outcome = ctx.execute_activity(OviaActivities::retention_sweep, input.clone(), policies::slice(3_600)).await;
        org_run::finish(ctx, &input, "retention", outcome, None).await
    }
}
