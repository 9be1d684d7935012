//! List streams: partition after partition, page after page; the next page is fetched while the last one commits.

use std::sync::Arc;

use ovia_connectors::{Connector, ConnectorError, Page, PullRequest};
use ovia_domain::Partitioning;
use ovia_store::{
    cursors::PendingPartition,
    ingest::{Cursor, PageCommit},
};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::slice::{Slice, Stop, Walked};

/// Pages fetched ahead of the one that commits.
const PAGES_AHEAD: usize = 1;

pub async fn walk(slice: &mut Slice<'_>, partitioning: Partitioning) -> Result<Walked, Stop> {
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

async fn partition_walk(slice: &mut Slice<'_>, pending: PendingPartition) -> Result<Walked, Stop> {
    let partition = pending.partition.clone();
    let (mut pages, _fetching) = fetch(Arc::clone(&slice.connector), slice.input.stream.clone(), pending);
    while let Some(page) = slice.with_pulse(pages.recv()).await? {
        let page = page.map_err(Stop::Source)?;
        store(slice, &partition, &page).await?;
        let budget_used = slice.page_stored();
        if page.done {
            break;
        }
        if budget_used {
            return Ok(Walked::BudgetUsed);
        }
    }
    Ok(Walked::Complete)
}

async fn store(slice: &Slice<'_>, partition: &str, page: &Page) -> Result<(), Stop> {
    let commit = PageCommit {
        records: &page.records,
        dead_letters: &page.dead_letters,
        cursor: Some(Cursor { partition, value: &page.cursor, watermark: page.watermark, done: page.done }),
        requests: page.requests,
        total_hint: page.total_hint,
        note: page.not_available.as_deref(),
        ..slice.commit()
    };
    // not cancelled half-way: a commit takes milliseconds, and the transaction is all or nothing anyway
    slice.store.page_commit(&commit).await?;
    Ok(())
}

type Fetched = mpsc::Receiver<Result<Page, ConnectorError>>;

/// Fetches pages of a partition in a task of its own, until the walk is complete, a pull fails or nobody listens any more.
fn fetch(connector: Arc<dyn Connector>, stream: String, pending: PendingPartition) -> (Fetched, AbortOnDropHandle<()>) {
    let (sender, receiver) = mpsc::channel(PAGES_AHEAD);
    let task = tokio::spawn(async move {
        let mut cursor: Option<Value> = pending.cursor;
        loop {
            let pull = PullRequest { stream: &stream, partition: &pending.partition, cursor: cursor.as_ref() };
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
