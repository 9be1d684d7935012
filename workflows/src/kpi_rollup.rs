//! `ovia.kpi_rollup`: the KPI snapshots of one organisation.

use ovia_domain::RunStatus;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{WorkflowContext, WorkflowResult};

use crate::{activities::OviaActivities, org_run, policies, types::OrgRun};

#[workflow]
#[derive(Default)]
pub struct KpiRollupWorkflow;

#[workflow_methods]
impl KpiRollupWorkflow {
    #[run(name = "ovia.kpi_rollup")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: OrgRun) -> WorkflowResult<RunStatus> {
        let outcome = ctx.execute_activity(OviaActivities::kpi_rollup, input.clone(), policies::slice(300)).await;
        org_run::finish(ctx, &input, "rollup", outcome, None).await
    }
}
