//! `ovia.sync_slice`: the streams of a sync, one after the other, and then the checks of what they brought, until nothing is left or the
//! slice's budget is used up.
//!
//! Which streams are through is in Postgres, as the cursors are: each attempt goes on where the last page commit left the run.

use ovia_domain::{ErrorCode, RunError, StreamSpec};
use ovia_workflows::types::{ConnectionRun, SliceOutcome};
use serde_json::Value;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::{
    Activities, integrity,
    slice::{RunOf, Slice, Stop, Walked},
};

pub async fn sync_slice(activities: &Activities, ctx: &ActivityContext, input: ConnectionRun) -> Result<SliceOutcome, ActivityError> {
    let slice = match Slice::open(activities, ctx, &input).await? {
        Ok(slice) => slice,
        Err(outcome) => return Ok(outcome),
    };
    let specs = slice.connector.streams();
    let walked = match wanted(&specs, &slice.control.params) {
        Ok(wanted) => walk(&slice, &specs, &wanted).await,
        Err(error) => Err(Stop::GivenUp(error)),
    };
    slice.outcome(walked).await
}

async fn walk(slice: &Slice<'_>, specs: &[StreamSpec], wanted: &[StreamSpec]) -> Result<Walked, Stop> {
    let RunOf { org_id, run_id, connection_id } = slice.run;
    slice.store.streams_describe(org_id, connection_id, specs).await?;
    let streams: Vec<&str> = wanted.iter().map(|stream| stream.name).collect();
    let complete: Vec<&str> = wanted.iter().filter(|stream| stream.complete).map(|stream| stream.name).collect();
    slice.run_begin(&streams, &complete).await?;
    let done = slice.store.run_streams_done(org_id, run_id).await?;
    let left: Vec<StreamSpec> = wanted.iter().filter(|stream| !done.iter().any(|name| name == stream.name)).copied().collect();
    for (stream, place) in left.iter().zip(1..) {
        let walked = slice.stream_walk(*stream).await?;
        if walked != Walked::Complete {
            return Ok(walked);
        }
        if let (Some(stop), true) = (slice.stop_due().await?, place < left.len()) {
            return Ok(stop);
        }
    }
    integrity::check(slice).await
}

/// The streams to sync: all, or those that `params.streams` names.
fn wanted(specs: &[StreamSpec], params: &Value) -> Result<Vec<StreamSpec>, RunError> {
    let Some(asked) = params.get("streams").and_then(Value::as_array) else { return Ok(specs.to_vec()) };
    let asked: Vec<&str> = asked.iter().filter_map(Value::as_str).collect();
    if let Some(unknown) = asked.iter().find(|asked| specs.iter().all(|stream| stream.name != **asked)) {
        let names: Vec<&str> = specs.iter().map(|stream| stream.name).collect();
        return Err(RunError {
            code: ErrorCode::ValidationError,
            message: format!("There is no stream `{unknown}`; there are {}.", names.join(", ")),
            hint: "Retry the run with other streams, or without `streams` for all.".into(),
            request: None,
        });
    }
    Ok(specs.iter().filter(|stream| asked.is_empty() || asked.contains(&stream.name)).copied().collect())
}
