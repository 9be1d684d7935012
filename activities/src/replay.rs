//! `ovia.replay_slice`: stored payloads read again, dead letters or raw records, batch by batch.
//!
//! Where it stands is in the run's result, stored in each batch's transaction: an attempt that died is repeated from there, and the fence
//! keeps an older attempt that wakes up late from writing. Nothing is asked of the source.

use ovia_store::{
    StoreError,
    replay::{ReplayParams, ReplayResult},
};
use ovia_workflows::types::{ConnectionRun, SliceOutcome};
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::{
    Activities,
    slice::{RunOf, Slice, Stop, Walked},
};

mod letters;
mod raw;

/// A slice, and how far its run has got.
struct Replay<'a> {
    slice: &'a Slice<'a>,
    result: ReplayResult,
}

pub async fn replay_slice(activities: &Activities, ctx: &ActivityContext, input: ConnectionRun) -> Result<SliceOutcome, ActivityError> {
    let slice = match Slice::open(activities, ctx, &input).await? {
        Ok(slice) => slice,
        Err(outcome) => return Ok(outcome),
    };
    let walked = walk(&slice).await;
    slice.outcome(walked).await
}

async fn walk(slice: &Slice<'_>) -> Result<Walked, Stop> {
    let RunOf { org_id, run_id, .. } = slice.run;
    let (params, result) = slice.store.replay_state(org_id, run_id).await?;
    if !slice.store.run_is_planned(org_id, run_id).await? {
        let streams = streams(slice, &params).await?;
        let names: Vec<&str> = streams.iter().map(String::as_str).collect();
        slice.run_begin(&names, &[]).await?;
    }
    let mut replay = Replay { slice, result };
    for stream in slice.store.run_streams_pending(org_id, run_id).await? {
        let after = replay.result.cursor.as_ref().filter(|cursor| cursor.stream == stream).map(|cursor| cursor.after.clone());
        slice.store.run_stream_begin(org_id, run_id, &stream, None).await?;
        let walked = match &params {
            ReplayParams::DeadLetters(selection) => replay.letters(&stream, after, selection).await?,
            ReplayParams::Raw { apply, .. } => replay.raw(&stream, after, *apply).await?,
        };
        if walked != Walked::Complete {
            return Ok(walked);
        }
        slice.store.run_stream_done(org_id, run_id, &stream).await?;
    }
    Ok(Walked::Complete)
}

/// The streams to go through, in the order in which the connector syncs them.
async fn streams(slice: &Slice<'_>, params: &ReplayParams) -> Result<Vec<String>, StoreError> {
    let RunOf { org_id, connection_id, .. } = slice.run;
    let synced: Vec<&str> = slice.connector.streams().iter().map(|stream| stream.name).collect();
    match params {
        ReplayParams::DeadLetters(selection) => {
            let mut streams = slice.store.letters_streams(org_id, connection_id, selection).await?;
            // those that are no longer synced come last
            streams.sort_by_key(|name| synced.iter().position(|synced| synced == name).unwrap_or(usize::MAX));
            Ok(streams)
        }
        ReplayParams::Raw { streams, .. } => {
            let wanted = |name: &&str| streams.as_ref().is_none_or(|streams| streams.iter().any(|stream| stream == name));
            let wanted: Vec<&str> = synced.into_iter().filter(wanted).collect();
            slice.store.raw_streams(org_id, connection_id, &wanted).await
        }
    }
}

/// Off the async threads: reading a batch takes a while, and heartbeats must go on.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
