//! List streams: partition after partition, page after page. While a page commits, the one after it is being stored and the next one
//! fetched.
//!
//! A partition the source will not serve must not hold up the others: it is noted, the others are walked, and it is tried again after a
//! pause; after a few rounds it is given up, and the run ends `degraded`. Where nothing works at all, the run fails.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use futures::{StreamExt, stream::FuturesOrdered};
use ovia_connectors::{Connector, ConnectorError, Page, PullRequest};
use ovia_domain::{Partitioning, TimeWindow};
use ovia_store::{
    backfill::PlannedWindow,
    cursors::PendingPartition,
    detail_queue::FinishedDetails,
    ingest::{Cursor, PageCommit, Stages},
};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    failure,
    slice::{RunOf, Slice, Stop, Walked},
};

/// Pages fetched ahead of the one that commits.
const PAGES_AHEAD: usize = 1;
/// Pages on their way into Postgres at once.
const PAGES_COMMITTING: usize = 3;
/// Rounds after which a partition is given up.
const GIVE_UP_AFTER: i32 = 4;

/// What is walked: a stream, and for a backfill the window of it.
#[derive(Clone, Copy)]
struct Walk<'a> {
    stream: &'a str,
    window: Option<&'a PlannedWindow>,
}

pub async fn walk(slice: &Slice<'_>, stream: &str, partitioning: Partitioning, window: Option<&PlannedWindow>) -> Result<Walked, Stop> {
    let RunOf { org_id, run_id, connection_id } = slice.run;
    let partitions = match partitioning {
        Partitioning::Configured => slice.connector.scopes_of(stream),
        Partitioning::PerRecordOf(parent) => slice.store.raw_ids(org_id, connection_id, parent).await?,
    };
    let pending = match window {
        Some(window) => slice.store.backfill_partitions_pending(org_id, run_id, window, &partitions).await?,
        None => slice.store.partitions_pending(org_id, connection_id, run_id, stream, &partitions).await?,
    };
    let walk = Walk { stream, window };
    let mut failed = Failed::default();
    let mut left = pending.len();
    for partition in pending {
        let name = partition.partition.clone();
        left -= 1;
        match partition_walk(slice, walk, partition).await {
            Ok(Walked::Complete) => {}
            Ok(stopped) => return Ok(stopped),
            Err(Stop::Source(error)) if is_of_the_partition(&error) => failed.note(slice, walk, &name, error).await?,
            Err(stop) => return Err(stop),
        }
        // a partition of one page ends with that page, and so never in the middle
        if let (Some(stop), true) = (slice.stop_due().await?, left > 0) {
            return Ok(stop);
        }
    }
    failed.settle(slice, stream, partitions.len()).await
}

/// Whether the rest of the source may still be fine.
fn is_of_the_partition(error: &ConnectorError) -> bool {
    match error {
        ConnectorError::Forbidden { .. }
        | ConnectorError::NotFound { .. }
        | ConnectorError::Refused { .. }
        | ConnectorError::Unreachable { .. } => true,
        ConnectorError::RateLimited { .. } | ConnectorError::Unauthenticated { .. } | ConnectorError::Configuration { .. } => false,
    }
}

/// Partitions of one walk that failed.
#[derive(Default)]
struct Failed {
    /// The last one that is to be tried again.
    again: Option<ConnectorError>,
}

impl Failed {
    /// Counts the failure, unless the source as a whole is down: that says nothing about the partition.
    async fn note(&mut self, slice: &Slice<'_>, walk: Walk<'_>, partition: &str, error: ConnectorError) -> Result<(), Stop> {
        let hopeless = !error.is_retryable();
        if !hopeless && slice.with_pulse(slice.connector.check()).await?.is_err() {
            return Err(Stop::Source(error));
        }
        let RunOf { org_id, run_id, .. } = slice.run;
        let run_error = failure::source(&error, slice.source());
        let note = slice.store.run_problem_note(org_id, run_id, walk.stream, partition, &run_error, hopeless, GIVE_UP_AFTER);
        if !note.await? {
            self.again = Some(error);
        }
        Ok(())
    }

    async fn settle(self, slice: &Slice<'_>, stream: &str, partitions: usize) -> Result<Walked, Stop> {
        let RunOf { org_id, run_id, .. } = slice.run;
        if let Some(error) = self.again {
            return Err(Stop::Source(error));
        }
        // where nothing was brought at all, going on without it is no use
        let given_up = slice.store.run_problems_given_up(org_id, run_id, stream).await?;
        match given_up.last {
            Some(error) if given_up.count >= partitions as i64 => Err(Stop::GivenUp(error)),
            _ => Ok(Walked::Complete),
        }
    }
}

/// Fetches pages ahead, and stores a few at a time.
async fn partition_walk(slice: &Slice<'_>, walk: Walk<'_>, pending: PendingPartition) -> Result<Walked, Stop> {
    let partition = pending.partition.clone();
    let enough = CancellationToken::new();
    let (mut pages, _fetching) = fetch(slice, walk, pending, enough.clone());
    let stages = Stages::default();
    let mut commits = FuturesOrdered::new();
    let mut next: Option<Page> = None;
    // the ids of each page on its way
    let mut storing: VecDeque<HashSet<String>> = VecDeque::new();
    let mut fetching = true;
    let mut ended = Ok(Walked::Complete);
    loop {
        if let Some(page) = next.take_if(|page| storing.len() < PAGES_COMMITTING && disjoint(page, &storing)) {
            storing.push_back(page.records.iter().map(|record| record.external_id.clone()).collect());
            commits.push_back(store(slice, walk, &partition, page, &stages));
        }
        // commits first: a page has entered the stages before the next one is looked at
        let step = async {
            tokio::select! {
                biased;
                Some(stored) = commits.next() => Step::Stored(stored),
                page = pages.recv(), if fetching && next.is_none() => Step::Fetched(page),
                else => Step::Ended,
            }
        };
        match slice.with_pulse(step).await? {
            Step::Stored(stored) => {
                let (done, due) = stored?;
                storing.pop_front();
                match due {
                    // the last page there is: complete, whatever is due
                    _ if done => ended = Ok(Walked::Complete),
                    Some(stop) if ended.is_ok() => {
                        // what was asked for already is stored as well: nothing is asked for twice
                        enough.cancel();
                        ended = Ok(stop);
                    }
                    _ => {}
                }
            }
            Step::Fetched(Some(Ok(page))) => next = Some(page),
            Step::Fetched(Some(Err(error))) => {
                ended = Err(Stop::Source(error));
                fetching = false;
            }
            Step::Fetched(None) => fetching = false,
            Step::Ended => return ended,
        }
    }
}

enum Step {
    Stored(Result<(bool, Option<Walked>), Stop>),
    Fetched(Option<Result<Page, ConnectorError>>),
    Ended,
}

/// Whether a page holds none of the records of the pages being stored; where it does (a list that moved), it waits for those.
fn disjoint(page: &Page, storing: &VecDeque<HashSet<String>>) -> bool {
    page.records.iter().all(|record| storing.iter().all(|ids| !ids.contains(&record.external_id)))
}

/// Commits a page. Answers whether it was the last, and why to stop here, if so.
async fn store(slice: &Slice<'_>, walk: Walk<'_>, partition: &str, page: Page, stages: &Stages) -> Result<(bool, Option<Walked>), Stop> {
    let commit = PageCommit {
        org_id: slice.run.org_id,
        connection_id: slice.run.connection_id,
        source: slice.source(),
        run_id: slice.run.run_id,
        fence: slice.fence,
        stream: walk.stream,
        records: &page.records,
        dead_letters: &page.dead_letters,
        cursor: Some(Cursor {
            partition,
            value: &page.cursor,
            watermark: page.watermark,
            done: page.done,
            window: walk.window.map(|window| window.position),
            refused: page.not_available.is_some(),
        }),
        finished: FinishedDetails::default(),
        requests: page.requests,
        total_hint: page.total_hint,
        note: page.not_available.as_deref().or(page.note.as_deref()),
        background: walk.window.is_some(),
    };
    slice.store.page_commit_staged(&commit, stages).await?;
    Ok((page.done, slice.page_stored().await?))
}

type Fetched = mpsc::Receiver<Result<Page, ConnectorError>>;

/// Fetches pages of a partition in a task of its own, until the walk is complete, a pull fails or it is `enough`.
fn fetch(slice: &Slice<'_>, walk: Walk<'_>, pending: PendingPartition, enough: CancellationToken) -> (Fetched, AbortOnDropHandle<()>) {
    let (sender, receiver) = mpsc::channel(PAGES_AHEAD);
    let connector: Arc<dyn Connector> = Arc::clone(&slice.connector);
    let (stream, window): (String, Option<TimeWindow>) = (walk.stream.to_owned(), walk.window.map(|window| window.window));
    let task = tokio::spawn(async move {
        let mut cursor: Option<Value> = pending.cursor;
        while !enough.is_cancelled() {
            let pull = PullRequest { stream: &stream, partition: &pending.partition, cursor: cursor.as_ref(), window };
            let page = connector.pull(pull).await;
            let last = page.as_ref().map_or(true, |page| page.done);
            if let Ok(page) = &page {
                cursor = Some(page.cursor.clone());
            }
            if sender.send(page).await.is_err() || last {
                return;
            }
        }
    });
    (receiver, AbortOnDropHandle::new(task))
}
