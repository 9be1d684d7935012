//! `ovia.connection_check`: tries a connection where connectors run, on a worker, and answers the API that waits for it.

use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{WorkflowContext, WorkflowResult};

use crate::{activities::OviaActivities, client::ConnectionCheck, policies, types::ConnectionRef};

#[workflow]
#[derive(Default)]
pub struct ConnectionCheckWorkflow;

#[workflow_methods]
impl ConnectionCheckWorkflow {
    #[run(name = "ovia.connection_check")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: ConnectionRef) -> WorkflowResult<ConnectionCheck> {
        Ok(ctx.execute_activity(OviaActivities::connection_check, input, policies::check()).await?)
    }
}
