//! List streams: partition after partition, page after page. While a page commits, the one after it is being stored and the next one
//! fetched.

use std::{collections::HashSet, sync::Arc};

use futures::{StreamExt, stream::FuturesOrdered};
use ovia_connectors::{Connector, ConnectorError, Page, PullRequest};
use ovia_domain::Partitioning;
use ovia_store::{
    StoreError,
    cursors::PendingPartition,
    ingest::{Cursor, PageCommit, Stages},
};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::slice::{Slice, Stop, Walked};

/// Pages fetched ahead of the one that commits.
const PAGES_AHEAD: usize = 1;
/// Pages on their way into Postgres at once.
const PAGES_COMMITTING: usize = 2;

pub async fn walk(slice: &Slice<'_>, partitioning: Partitioning) -> Result<Walked, Stop> {
    let input = slice.input;
    let partitions = match partitioning {
        Partitioning::Configured => slice.connector.scopes(),
        Partitioning::PerRecordOf(parent) => slice.store.raw_ids(input.org_id, input.connection_id, parent).await?,
    };
    let pending = slice.store.partitions_pending(input.org_id, input.connection_id, input.run_id, &input.stream, &partitions).await?;
    for partition in pending {
        if partition_walk(slice, partition).await? == Walked::BudgetUsed {
            return Ok(Walked::BudgetUsed);
        }
    }
    Ok(Walked::Complete)
}

/// Fetches pages ahead, and stores two at a time.
async fn partition_walk(slice: &Slice<'_>, pending: PendingPartition) -> Result<Walked, Stop> {
    let partition = pending.partition.clone();
    let (mut pages, _fetching) = fetch(Arc::clone(&slice.connector), slice.input.stream.clone(), pending);
    let stages = Stages::default();
    let mut commits = FuturesOrdered::new();
    let mut next: Option<Page> = None;
    let mut last_ids = HashSet::new();
    let mut fetching = true;
    let mut ended = Ok(Walked::Complete);
    loop {
        if let Some(page) = next.take_if(|page| commits.is_empty() || commits.len() < PAGES_COMMITTING && disjoint(page, &last_ids)) {
            last_ids = page.records.iter().map(|record| record.external_id.clone()).collect();
            commits.push_back(store(slice, &partition, page, &stages));
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
                let done = stored?;
                if slice.page_stored() && !done && ended.is_ok() {
                    ended = Ok(Walked::BudgetUsed);
                    fetching = false;
                    next = None;
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
    Stored(Result<bool, StoreError>),
    Fetched(Option<Result<Page, ConnectorError>>),
    Ended,
}

/// Whether a page holds none of the records of the page being stored; where it does (a list that moved), it waits for that one.
fn disjoint(page: &Page, ids: &HashSet<String>) -> bool {
    page.records.iter().all(|record| !ids.contains(&record.external_id))
}

/// Commits a page. Answers whether it was the last.
async fn store(slice: &Slice<'_>, partition: &str, page: Page, stages: &Stages) -> Result<bool, StoreError> {
    let commit = PageCommit {
        records: &page.records,
        dead_letters: &page.dead_letters,
        cursor: Some(Cursor { partition, value: &page.cursor, watermark: page.watermark, done: page.done }),
        requests: page.requests,
        total_hint: page.total_hint,
        note: page.not_available.as_deref(),
        ..slice.commit()
    };
    slice.store.page_commit_staged(&commit, stages).await?;
    Ok(page.done)
}

type Fetched = mpsc::Receiver<Result<Page, ConnectorError>>;

/// Fetches pages of a partition in a task of its own, until the walk is complete, a pull fails or nobody listens any more.
fn fetch(connector: Arc<dyn Connector>, stream: String, pending: PendingPartition) -> (Fetched, AbortOnDropHandle<()>) {
    let (sender, receiver) = mpsc::channel(PAGES_AHEAD);
    let task = tokio::spawn(async move {
        let mut cursor: Option<Value> = pending.cursor;
        loop {
            let pull = PullRequest { stream: &stream, partition: &pending.partition, cursor: cursor.as_ref(), window: None };
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
