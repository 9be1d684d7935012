//! `ovia.retention_sweep`: deletes what is kept no longer, batch by batch. Twice: the second finds nothing left.

use ovia_domain::RunStatus;
use ovia_store::{Store, StoreError, retention::Aged, runs::RunBegun};
use ovia_workflows::types::{OrgRun, StepOutcome};
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::{Activities, failure, pulse};

pub async fn retention_sweep(activities: &Activities, ctx: &ActivityContext, input: OrgRun) -> Result<StepOutcome, ActivityError> {
    let store = &activities.store;
    if store.run_begin(input.org_id, input.run_id, &[], &[]).await.map_err(failure::store)? == RunBegun::Stop {
        return Ok(StepOutcome::Cancelled);
    }
    let Some(swept) = pulse::with_pulse(ctx, sweep(store, &input)).await else {
        return Err(ActivityError::cancelled());
    };
    swept.map_err(failure::store)
}

async fn sweep(store: &Store, input: &OrgRun) -> Result<StepOutcome, StoreError> {
    for aged in Aged::ALL {
        while store.retention_delete(input.org_id, input.run_id, aged).await? {
            // the row knows of a request to stop even where Temporal does not
            let status = store.run_status(input.org_id, input.run_id).await?;
            if status.is_none_or(|status| status == RunStatus::Cancelling || status.is_terminal()) {
                return Ok(StepOutcome::Cancelled);
            }
        }
    }
    Ok(StepOutcome::Done)
}
