//! Webhook deliveries that nobody pulls: Temporal was away when they came, or the process died in between.

use futures::StreamExt;
use ovia_domain::{ConnectionId, OrgId};
use ovia_store::StoreError;
use ovia_workflows::{EngineError, delivery::WorkflowLook, webhooks_workflow_id};

use super::{CONCURRENCY, Tally};
use crate::Activities;

/// Deliveries younger than this are being handed over by the API that took them.
const OVERDUE_SECONDS: f64 = 5.0;

pub async fn pass(activities: &Activities, tally: &Tally) -> Result<(), StoreError> {
    if activities.kill_switch {
        return Ok(());
    }
    let overdue = activities.store.deliveries_overdue(OVERDUE_SECONDS).await?;
    futures::stream::iter(overdue)
        .for_each_concurrent(CONCURRENCY, async |(org, connection)| match tell(activities, org, connection).await {
            Ok(true) => Tally::add(&tally.webhooks_told),
            Ok(false) => {}
            Err(error) => {
                Tally::add(&tally.failures);
                tracing::warn!(connection_id = %connection, %error, "failed to have webhook deliveries pulled; trying again in the next pass");
            }
        })
        .await;
    Ok(())
}

async fn tell(activities: &Activities, org: OrgId, connection: ConnectionId) -> Result<bool, EngineError> {
    // one that runs is at it, or waits for its source
    if activities.engine.run_look(&webhooks_workflow_id(connection)).await? == WorkflowLook::Running {
        return Ok(false);
    }
    activities.engine.webhooks_tell(org, connection).await.map(|()| true)
}
