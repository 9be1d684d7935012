//! `ovia.sync_begin`. Twice: the second finds the run running and answers the same plan.

use ovia_domain::{ErrorCode, RunError, StreamSpec};
use ovia_store::runs::RunBegun;
use ovia_workflows::types::{SyncInput, SyncPlan};
use serde_json::Value;
use temporalio_sdk::activities::ActivityError;

use crate::{Activities, budget::BudgetClass, connector, failure};

pub async fn sync_begin(activities: &Activities, input: SyncInput) -> Result<SyncPlan, ActivityError> {
    let connector = match connector::open(activities, input.org_id, input.connection_id, BudgetClass::Live).await? {
        Ok(connector) => connector,
        Err(error) => return Ok(SyncPlan::Refused { error }),
    };
    let specs = connector.streams();
    activities.store.streams_describe(input.org_id, input.connection_id, &specs).await.map_err(failure::store)?;
    let control = activities.store.run_control(input.org_id, input.run_id).await.map_err(failure::store)?;
    let Some(control) = control else { return Ok(SyncPlan::Cancelled) };
    let streams = match wanted(&specs, &control.params) {
        Ok(streams) => streams,
        Err(error) => return Ok(SyncPlan::Refused { error }),
    };
    let begun = activities.store.run_begin(input.org_id, input.run_id, &streams).await.map_err(failure::store)?;
    let complete: Vec<&str> = specs.iter().filter(|stream| stream.complete).map(|stream| stream.name).collect();
    activities.store.run_streams_complete(input.org_id, input.run_id, &complete).await.map_err(failure::store)?;
    Ok(match begun {
        RunBegun::Paused => SyncPlan::Paused,
        RunBegun::Running => SyncPlan::Streams { streams: streams.into_iter().map(str::to_owned).collect() },
        RunBegun::Stop => SyncPlan::Cancelled,
    })
}

/// The streams to sync: all, or those that `params.streams` names.
fn wanted(specs: &[StreamSpec], params: &Value) -> Result<Vec<&'static str>, RunError> {
    let names: Vec<&'static str> = specs.iter().map(|stream| stream.name).collect();
    let Some(asked) = params.get("streams").and_then(Value::as_array) else { return Ok(names) };
    let asked: Vec<&str> = asked.iter().filter_map(Value::as_str).collect();
    if let Some(unknown) = asked.iter().find(|asked| !names.contains(asked)) {
        return Err(RunError {
            code: ErrorCode::ValidationError,
            message: format!("There is no stream `{unknown}`; there are {}.", names.join(", ")),
            hint: "Retry the run with other streams, or without `streams` for all.".into(),
            request: None,
        });
    }
    Ok(names.into_iter().filter(|name| asked.is_empty() || asked.contains(name)).collect())
}
