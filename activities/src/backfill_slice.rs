//! `ovia.backfill_slice`: windows of a backfill, newest first.
//!
//! The plan and every cursor are in Postgres, so each attempt goes on where the last page commit left it. Lists that have no time (groups,
//! projects, members) come first, as in a sync: the windows are walked in each project. The details of a window's rows are fetched before
//! the next window begins, so that what is there is whole.

use chrono::TimeDelta;
use ovia_domain::{ErrorCode, Partitioning, RunError, StreamKind, StreamSpec, TimeWindow};
use ovia_store::backfill::{BackfillParams, PlannedWindow};
use ovia_workflows::types::{ConnectionRun, SliceOutcome};
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::{
    Activities, details, list,
    slice::{RunOf, Slice, Stop, Walked},
};

/// Windows of a plan, over all its streams.
const WINDOWS_MAX: i64 = 20_000;

pub async fn backfill_slice(activities: &Activities, ctx: &ActivityContext, input: ConnectionRun) -> Result<SliceOutcome, ActivityError> {
    let slice = match Slice::open(activities, ctx, &input).await? {
        Ok(slice) => slice,
        Err(outcome) => return Ok(outcome),
    };
    match plan_ensure(&slice).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Ok(SliceOutcome::Failed { error }),
        Err(stop) => return slice.outcome(Err(stop)).await,
    }
    let walked = walk(&slice).await;
    slice.outcome(walked).await
}

/// Makes the plan, the first time.
async fn plan_ensure(slice: &Slice<'_>) -> Result<Result<(), RunError>, Stop> {
    let RunOf { org_id, run_id, .. } = slice.run;
    if slice.store.backfill_is_planned(org_id, run_id).await? {
        return Ok(Ok(()));
    }
    let params: BackfillParams = match serde_json::from_value(slice.control.params.clone()) {
        Ok(params) => params,
        Err(error) => return Ok(Err(refused(format!("The backfill's parameters cannot be read: {error}.")))),
    };
    let specs = slice.connector.streams();
    let windowed = match windowed(&specs, &params.streams) {
        Ok(windowed) => windowed,
        Err(error) => return Ok(Err(error)),
    };
    let count = windows_count(&params, windowed.len());
    if count > WINDOWS_MAX {
        return Ok(Err(refused(format!("The backfill would have {count} windows; {WINDOWS_MAX} are the most."))));
    }
    let windows = plan(&params, &windowed);
    let streams: Vec<&str> = prerequisites(&specs).chain(windowed).chain(detail_streams(&specs)).map(|stream| stream.name).collect();
    slice.run_begin(&streams, &[]).await?;
    slice.store.backfill_plan(org_id, run_id, &windows).await?;
    Ok(Ok(()))
}

/// The streams to walk by time: those asked for, or all that can be.
fn windowed(specs: &[StreamSpec], wanted: &[String]) -> Result<Vec<StreamSpec>, RunError> {
    let can: Vec<StreamSpec> = specs.iter().filter(|stream| stream.windowed).copied().collect();
    if let Some(unknown) = wanted.iter().find(|name| can.iter().all(|stream| stream.name != name.as_str())) {
        let names: Vec<&str> = can.iter().map(|stream| stream.name).collect();
        return Err(refused(format!("`{unknown}` cannot be backfilled by time; {} can.", names.join(", "))));
    }
    Ok(can.into_iter().filter(|stream| wanted.is_empty() || wanted.iter().any(|name| name == stream.name)).collect())
}

/// How many windows a plan would have: known before it is made.
fn windows_count(params: &BackfillParams, streams: usize) -> i64 {
    let length = params.window_seconds.max(1);
    ((params.to - params.from).num_seconds() / length + 1).saturating_mul(streams as i64)
}

fn plan(params: &BackfillParams, streams: &[StreamSpec]) -> Vec<PlannedWindow> {
    let length = TimeDelta::try_seconds(params.window_seconds).unwrap_or(TimeDelta::MAX);
    let windows = TimeWindow { from: params.from, to: params.to }.split(length);
    let pairs = windows.into_iter().flat_map(|window| streams.iter().map(move |stream| (window, stream.name)));
    pairs.zip(0..).map(|((window, stream), position)| PlannedWindow { position, stream: stream.to_owned(), window }).collect()
}

fn refused(message: String) -> RunError {
    let hint = "Ask for another backfill with POST /connections/{id}/backfill.".into();
    RunError { code: ErrorCode::ValidationError, message, hint, request: None }
}

/// Lists of the configured scopes: what windows are walked in comes out of them.
fn prerequisites(specs: &[StreamSpec]) -> impl Iterator<Item = StreamSpec> {
    specs.iter().filter(|stream| stream.kind == StreamKind::List(Partitioning::Configured)).copied()
}

fn detail_streams(specs: &[StreamSpec]) -> impl Iterator<Item = StreamSpec> {
    specs.iter().filter(|stream| stream.kind == StreamKind::Detail).copied()
}

async fn walk(slice: &Slice<'_>) -> Result<Walked, Stop> {
    let RunOf { org_id, run_id, .. } = slice.run;
    let specs = slice.connector.streams();
    let done = slice.store.run_streams_done(org_id, run_id).await?;
    for stream in prerequisites(&specs).filter(|stream| !done.iter().any(|name| name == stream.name)) {
        let walked = slice.stream_walk(stream).await?;
        if walked != Walked::Complete {
            return Ok(walked);
        }
    }
    while let Some(window) = slice.store.backfill_window_next(org_id, run_id).await? {
        let walked = window_walk(slice, &specs, &window).await?;
        if walked != Walked::Complete {
            return Ok(walked);
        }
    }
    // those whose windows were all walked by the run this one repeats included
    for stream in &specs {
        slice.store.run_stream_done(org_id, run_id, stream.name).await?;
    }
    Ok(Walked::Complete)
}

/// One window in every partition, and the details of what it brought.
async fn window_walk(slice: &Slice<'_>, specs: &[StreamSpec], window: &PlannedWindow) -> Result<Walked, Stop> {
    let RunOf { org_id, run_id, .. } = slice.run;
    // settings changed while the run was going on: the stream is no longer wanted
    let spec = specs.iter().find(|stream| stream.name == window.stream);
    if let Some(StreamSpec { kind: StreamKind::List(partitioning), .. }) = spec {
        slice.store.run_stream_begin(org_id, run_id, &window.stream, None).await?;
        let walked = list::walk(slice, &window.stream, *partitioning, Some(window)).await?;
        if walked != Walked::Complete {
            return Ok(walked);
        }
    }
    for stream in detail_streams(specs) {
        slice.store.run_stream_begin(org_id, run_id, stream.name, None).await?;
        let walked = details::walk(slice, stream.name).await?;
        if walked != Walked::Complete {
            return Ok(walked);
        }
    }
    slice.store.backfill_window_done(org_id, run_id, window.position).await?;
    if slice.store.backfill_windows_left(org_id, run_id, &window.stream).await? == 0 {
        slice.store.run_stream_done(org_id, run_id, &window.stream).await?;
    }
    Ok(slice.stop_due().await?.unwrap_or(Walked::Complete))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn stream(name: &'static str, windowed: bool) -> StreamSpec {
        let kind = StreamKind::List(Partitioning::PerRecordOf("projects"));
        StreamSpec { name, kind, title: name, natural_key: "id", windowed, complete: false, census: true }
    }

    #[test]
    fn every_stream_has_the_newest_window_first() {
        let params: BackfillParams = serde_json::from_value(
            serde_json::json!({"from": "2026-01-01T00:00:00Z", "to": "2026-01-04T00:00:00Z", "window_seconds": 172_800}),
        )
        .unwrap();
        let plan = plan(&params, &[stream("issues", true), stream("pipelines", true)]);
        let shown: Vec<String> =
            plan.iter().map(|window| format!("{} {} {}", window.position, window.stream, window.window.from)).collect();
        assert_eq!(
            shown,
            [
                "0 issues 2026-01-02 00:00:00 UTC",
                "1 pipelines 2026-01-02 00:00:00 UTC",
                "2 issues 2026-01-01 00:00:00 UTC",
                "3 pipelines 2026-01-01 00:00:00 UTC"
            ]
        );
    }

    #[test]
    fn a_stream_without_time_is_refused_by_name() {
        let specs = [stream("issues", true), stream("releases", false)];
        let error = windowed(&specs, &["releases".into()]).unwrap_err();
        assert_eq!(error.message, "`releases` cannot be backfilled by time; issues can.");
        assert_eq!(windowed(&specs, &[]).unwrap().len(), 1);
    }
}
