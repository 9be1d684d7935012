//! `ovia.census_slice`: what vanished at the source becomes a tombstone, and what returned is fetched again.
//!
//! Stream by stream, parents first; unit by unit (`ovia_store::census`): every page of ids is read, stored rows that were not listed are
//! asked for one by one, and those the source confirms to be gone are tombstoned. How far each unit has come is in Postgres, so an
//! attempt that died is repeated from there. Nothing is concluded from a list that was not read to its end, that is empty, or that
//! misses too much; the run says so and ends `degraded`.

mod judge;
mod listing;

use futures::{StreamExt, stream};
use ovia_connectors::ConnectorError;
use ovia_domain::{ErrorCode, Partitioning, RunError, StreamKind, StreamSpec};
use ovia_store::census::{CensusAttempt, CensusState, CensusUnit};
use ovia_workflows::types::{ConnectionRun, SliceOutcome};
use serde::Deserialize;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::{
    Activities, failure,
    slice::{RunOf, Slice, Stop, Walked},
};

/// Rounds after which a partition that cannot be listed is given up.
const GIVE_UP_AFTER: i32 = 4;
/// Partitions listed at once, at most.
const UNITS_AT_ONCE: usize = 4;

/// What a census may conclude; parameters of the run.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default)]
struct CensusParams {
    /// When more of a unit's rows are missing, nothing is tombstoned.
    max_missing_percent: i64,
    /// Whether an empty list may mean that everything is gone.
    allow_empty: bool,
}

impl Default for CensusParams {
    fn default() -> Self {
        Self { max_missing_percent: 30, allow_empty: false }
    }
}

/// One attempt at one slice of a census.
struct Census<'a> {
    slice: &'a Slice<'a>,
    attempt: CensusAttempt,
    params: CensusParams,
}

pub async fn census_slice(activities: &Activities, ctx: &ActivityContext, input: ConnectionRun) -> Result<SliceOutcome, ActivityError> {
    let slice = match Slice::open(activities, ctx, &input).await? {
        Ok(slice) => slice,
        Err(outcome) => return Ok(outcome),
    };
    let walked = begin_and_walk(&slice).await;
    slice.outcome(walked).await
}

async fn begin_and_walk(slice: &Slice<'_>) -> Result<Walked, Stop> {
    let RunOf { org_id, run_id, connection_id } = slice.run;
    let streams: Vec<StreamSpec> = slice.connector.streams().into_iter().filter(is_listed).collect();
    let names: Vec<&str> = streams.iter().map(|stream| stream.name).collect();
    slice.run_begin(&names, &[]).await?;
    let began = slice.store.census_begin(org_id, connection_id, run_id).await?;
    let attempt = CensusAttempt { org: org_id, connection: connection_id, run: run_id, fence: slice.fence, began };
    // parameters that cannot be read were not made by this version's API: the careful ones hold
    let params = serde_json::from_value(slice.control.params.clone()).unwrap_or_default();
    let census = Census { slice, attempt, params };
    let done = slice.store.run_streams_done(org_id, run_id).await?;
    for spec in streams.iter().filter(|spec| !done.iter().any(|name| name == spec.name)) {
        // heartbeats go out whatever it is doing
        let walked = slice.with_pulse(census.stream(spec, &streams)).await??;
        if walked != Walked::Complete {
            return Ok(walked);
        }
    }
    Ok(Walked::Complete)
}

/// Streams whose ids can be read: those with a census, and lists that are whole on every walk.
fn is_listed(spec: &StreamSpec) -> bool {
    matches!(spec.kind, StreamKind::List(_)) && (spec.census || spec.complete)
}

impl Census<'_> {
    async fn stream(&self, spec: &StreamSpec, streams: &[StreamSpec]) -> Result<Walked, Stop> {
        let RunOf { org_id, run_id, connection_id } = self.slice.run;
        let StreamKind::List(partitioning) = spec.kind else { return Ok(Walked::Complete) };
        let store = self.slice.store;
        store.run_stream_begin(org_id, run_id, spec.name, None).await?;
        let children: Vec<&str> = streams
            .iter()
            .filter(|child| child.kind == StreamKind::List(Partitioning::PerRecordOf(spec.name)))
            .map(|child| child.name)
            .collect();
        let walked = match partitioning {
            Partitioning::Configured => self.whole_stream(spec, &children).await?,
            Partitioning::PerRecordOf(parent) => {
                let walked = self.orphans(spec, parent, &children).await?;
                if walked != Walked::Complete {
                    return Ok(walked);
                }
                let partitions = store.raw_ids(org_id, connection_id, parent).await?;
                let units = store.census_pending(org_id, run_id, spec.name, &partitions).await?;
                self.each(spec, units, |state| self.unit(spec, state, &children)).await?
            }
        };
        if walked == Walked::Complete {
            store.run_stream_done(org_id, run_id, spec.name).await?;
        }
        Ok(walked)
    }

    /// A stream whose partitions are configured: one record can be in several, so all of them are read before anything is compared.
    async fn whole_stream(&self, spec: &StreamSpec, children: &[&str]) -> Result<Walked, Stop> {
        let RunOf { org_id, run_id, .. } = self.slice.run;
        let store = self.slice.store;
        let whole = CensusUnit { stream: spec.name, partition: "" };
        let Some(state) = store.census_pending(org_id, run_id, spec.name, &[String::new()]).await?.pop() else {
            return Ok(Walked::Complete);
        };
        let scopes = self.slice.connector.scopes_of(spec.name);
        if !state.compared {
            let partitions = store.census_pending(org_id, run_id, spec.name, &scopes).await?;
            let walked = self.each(spec, partitions, |state| self.list(spec, state)).await?;
            if walked != Walked::Complete {
                return Ok(walked);
            }
            let listed = store.census_pending(org_id, run_id, spec.name, &scopes).await?;
            if listed.len() < scopes.len() || listed.iter().any(|state| !state.enumerated) {
                // the run has a problem that says why
                store.census_unit_done(&self.attempt, whole, None).await?;
                return Ok(Walked::Complete);
            }
        }
        self.judge(whole, Some(&scopes), state.compared, children).await
    }

    /// A partition that is compared by itself.
    async fn unit(&self, spec: &StreamSpec, state: CensusState, children: &[&str]) -> Result<Walked, Stop> {
        let (partition, compared) = (state.partition.clone(), state.compared);
        let unit = CensusUnit { stream: spec.name, partition: &partition };
        let walked = self.list(spec, state).await?;
        if walked != Walked::Complete {
            return Ok(walked);
        }
        let left = self.slice.store.census_pending(self.attempt.org, self.attempt.run, spec.name, std::slice::from_ref(&partition)).await?;
        // given up: nothing is concluded
        let Some(CensusState { enumerated: true, .. }) = left.first() else { return Ok(Walked::Complete) };
        self.judge(unit, None, compared, children).await
    }

    /// Works on several partitions at once. One that the source does not serve is noted, and the others go on. Nothing is awaited between
    /// two of them: those that are not polled meanwhile may hold what it would wait for.
    async fn each<'s, F>(&'s self, spec: &'s StreamSpec, states: Vec<CensusState>, work: impl Fn(CensusState) -> F) -> Result<Walked, Stop>
    where
        F: Future<Output = Result<Walked, Stop>>,
    {
        let at_once = self.slice.connector.max_in_flight().clamp(1, UNITS_AT_ONCE);
        let works = states.into_iter().map(|state| {
            let partition = state.partition.clone();
            let done = work(state);
            async move {
                match done.await {
                    Err(Stop::Source(error)) if is_of_the_partition(&error) => {
                        let given_up = self.failed(spec, &partition, &error).await?;
                        Ok((Walked::Complete, (!given_up).then_some(error)))
                    }
                    worked => worked.map(|walked| (walked, None)),
                }
            }
        });
        let mut works = stream::iter(works).buffer_unordered(at_once);
        let mut again = None;
        while let Some(worked) = works.next().await {
            match worked? {
                (Walked::Complete, error) => again = error.or(again),
                (stopped, _) => return Ok(stopped),
            }
        }
        again.map_or(Ok(Walked::Complete), |error| Err(Stop::Source(error)))
    }

    /// A partition could not be read: true if it is given up. Says nothing about it if the source as a whole is down.
    async fn failed(&self, spec: &StreamSpec, partition: &str, error: &ConnectorError) -> Result<bool, Stop> {
        let hopeless = !error.is_retryable();
        if !hopeless && let Err(down) = self.slice.connector.check().await {
            return Err(Stop::Source(down));
        }
        let unit = CensusUnit { stream: spec.name, partition };
        let given_up = self.problem(unit, &failure::source(error, self.slice.source()), hopeless).await?;
        if given_up {
            self.slice.store.census_unit_done(&self.attempt, unit, None).await?;
        }
        Ok(given_up)
    }

    async fn problem(&self, unit: CensusUnit<'_>, error: &RunError, hopeless: bool) -> Result<bool, Stop> {
        let (org, run) = (self.attempt.org, self.attempt.run);
        let note = self.slice.store.run_problem_note(org, run, unit.stream, unit.partition, error, hopeless, GIVE_UP_AFTER);
        Ok(note.await?)
    }

    /// Nothing is concluded about this unit, for a reason that people are told.
    async fn give_up(&self, unit: CensusUnit<'_>, code: ErrorCode, message: String, hint: &str) -> Result<(), Stop> {
        let error = RunError { code, message, hint: hint.into(), request: None };
        self.problem(unit, &error, true).await?;
        self.slice.store.census_unit_done(&self.attempt, unit, None).await?;
        Ok(())
    }
}

/// Whether the rest of the source may still be fine.
fn is_of_the_partition(error: &ConnectorError) -> bool {
    !matches!(error, ConnectorError::RateLimited { .. } | ConnectorError::Unauthenticated { .. })
}
