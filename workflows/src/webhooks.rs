//! `ovia.webhooks`: pulls what the deliveries of one connection's webhook name. One workflow per connection, and only while there is
//! something to pull: it begins with a delivery and ends when none is pending.
//!
//! A delivery is stored before the workflow is told. Told while it is about to end, Temporal refuses the end, and it looks once more: so
//! no delivery is left lying.

use std::time::Duration;

use ovia_domain::ConnectionId;
use serde::{Deserialize, Serialize};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{ContinueAsNewOptions, SyncWorkflowContext, WorkflowContext, WorkflowResult};

use crate::{activities::OviaActivities, policies, types::ConnectionRef};

/// Activities after which the workflow continues as new.
const PULLS_PER_HISTORY: u32 = 200;

/// What a round of pulling came to. `items` were pulled.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum WebhookPulled {
    /// Nothing is pending.
    Done { items: u32 },
    /// Its time is up; more is pending.
    More { items: u32 },
    /// The source asked to wait, or does not answer at all: nothing can be pulled before.
    Waiting { items: u32, wait_ms: u64 },
    /// Some items could not be read and are tried again; others need not wait for that.
    Retrying { items: u32, wait_ms: u64 },
    /// The connection is paused, or the kill switch is on: what is pending stays so.
    Held { items: u32 },
}

#[workflow]
#[derive(Default)]
pub struct WebhooksWorkflow {
    /// Times it was told that there are deliveries.
    delivered: u32,
}

#[workflow_methods]
impl WebhooksWorkflow {
    #[run(name = "ovia.webhooks")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, input: ConnectionRef) -> WorkflowResult<()> {
        let mut pulls = 0;
        loop {
            if pulls >= PULLS_PER_HISTORY || ctx.continue_as_new_suggested() {
                // always an Err, which ends this run of the chain
                ctx.continue_as_new(input.clone(), ContinueAsNewOptions::default())?;
            }
            pulls += 1;
            let delivered = ctx.state(|state| state.delivered);
            match ctx.execute_activity(OviaActivities::webhook_pull, input.clone(), policies::webhook_pull()).await? {
                WebhookPulled::More { .. } => {}
                WebhookPulled::Waiting { wait_ms, .. } => {
                    ctx.timer(Duration::from_millis(wait_ms.max(1))).await;
                }
                WebhookPulled::Retrying { wait_ms, .. } => {
                    temporalio_sdk::workflows::select! {
                        _ = ctx.timer(Duration::from_millis(wait_ms.max(1))) => {}
                        _ = ctx.wait_condition(|state: &Self| state.delivered != delivered) => {}
                    }
                }
                // what came in meanwhile may have been overlooked
                WebhookPulled::Done { .. } if ctx.state(|state| state.delivered) != delivered => {}
                WebhookPulled::Done { .. } | WebhookPulled::Held { .. } => return Ok(()),
            }
        }
    }

    /// A delivery has been stored.
    #[signal(name = "delivered")]
    pub fn delivered(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.delivered = self.delivered.wrapping_add(1);
    }
}

/// The id of a connection's workflow.
pub fn webhooks_workflow_id(connection_id: ConnectionId) -> String {
    format!("webhooks/{connection_id}")
}
