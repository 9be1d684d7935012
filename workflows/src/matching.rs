//! `ovia.matching`: who is who in one organisation.

use ovia_domain::{RunKind, RunStatus};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{WorkflowContext, WorkflowResult};

use crate::{activities::OviaActivities, org_run, policies, types::OrgRun};

#[workflow]
#[derive(Default)]
pub struct MatchingWorkflow;

#[workflow_methods]
impl MatchingWorkflow {
    #[run(name = "ovia.matching")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: OrgRun) -> WorkflowResult<RunStatus> {
        let outcome = ctx.execute_activity(OviaActivities::match_identities, input.clone(), policies::slice(300)).await;
        let next = input.then_rollup.then_some(RunKind::KpiRollup);
        org_run::finish(ctx, &input, "matching", outcome, next).await
    }
}
