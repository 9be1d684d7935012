//! `ovia.sync_begin`. Twice: the second finds the run running and answers the same plan.

use ovia_store::runs::RunBegun;
use ovia_workflows::types::{SyncInput, SyncPlan};
use temporalio_sdk::activities::ActivityError;

use crate::{Activities, connector, failure};

pub async fn sync_begin(activities: &Activities, input: SyncInput) -> Result<SyncPlan, ActivityError> {
    let connector = match connector::open(activities, input.org_id, input.connection_id).await? {
        Ok(connector) => connector,
        Err(error) => return Ok(SyncPlan::Refused { error }),
    };
    let streams: Vec<&str> = connector.streams().iter().map(|stream| stream.name).collect();
    let begun = activities.store.run_begin(input.org_id, input.run_id, &streams).await.map_err(failure::store)?;
    Ok(match begun {
        RunBegun::Running => SyncPlan::Streams { streams: streams.into_iter().map(str::to_owned).collect() },
        RunBegun::Stop => SyncPlan::Cancelled,
    })
}
