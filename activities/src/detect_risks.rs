//! `ovia.detect_risks`. Reads everything, stores in one transaction; twice opens and resolves nothing the second time. After a rollup as of an
//! earlier time it does nothing: what needs attention needs it now.

use chrono::Utc;
use ovia_domain::{OrgId, RunId, RunKind};
use ovia_store::{Store, StoreError, runs::RunBegun};
use ovia_workflows::types::{OrgRun, StepOutcome};
use serde_json::json;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::{Activities, failure, pulse};

pub async fn detect_risks(activities: &Activities, ctx: &ActivityContext, input: OrgRun) -> Result<StepOutcome, ActivityError> {
    let store = &activities.store;
    if store.run_begin(input.org_id, input.run_id, &[], &[]).await.map_err(failure::store)? == RunBegun::Stop {
        return Ok(StepOutcome::Cancelled);
    }
    let Some(detected) = pulse::with_pulse(ctx, detect(store, input.org_id, input.run_id)).await else {
        return Err(ActivityError::cancelled());
    };
    detected.map_err(failure::store)?;
    Ok(StepOutcome::Done)
}

async fn detect(store: &Store, org: OrgId, run: RunId) -> Result<(), StoreError> {
    let asked = store.run_as_of(org, run).await?;
    let kind = store.run_fetch(org, run).await?.map(|row| row.kind);
    if asked.is_some() && kind.as_deref() == Some(RunKind::KpiRollup.as_str()) {
        return Ok(());
    }
    let as_of = asked.unwrap_or_else(Utc::now);
    let found = store.risks_detect(org, as_of).await?;
    let applied = store.risks_apply(org, run, &found).await?;
    store.run_result_merge(org, run, &json!({"risks": applied})).await
}
