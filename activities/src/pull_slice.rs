//! `ovia.pull_slice`: pages of one stream of a sync, until it is complete or the slice's budget is used up.

use ovia_workflows::types::{PullSlice, SliceOutcome};
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::{
    Activities,
    slice::{RunOf, Slice, SliceBudget},
};

pub async fn pull_slice(activities: &Activities, ctx: &ActivityContext, input: PullSlice) -> Result<SliceOutcome, ActivityError> {
    let run = RunOf { org_id: input.org_id, run_id: input.run_id, connection_id: input.connection_id };
    let budget = SliceBudget { pages: input.max_pages, seconds: input.max_seconds };
    let slice = match Slice::open(activities, ctx, run, budget).await? {
        Ok(slice) => slice,
        Err(outcome) => return Ok(outcome),
    };
    let Some(stream) = slice.connector.streams().into_iter().find(|stream| stream.name == input.stream) else {
        // settings changed while the run was going on: the stream is no longer wanted
        return Ok(SliceOutcome::Done { pages: 0 });
    };
    let walked = slice.stream_walk(stream).await;
    slice.outcome(walked).await
}
