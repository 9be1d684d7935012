//! Detail streams: queued items, several in flight, committed in batches.
//!
//! An item the source cannot serve must not hold up the others for ever. When an item fails (after the client's own retries) while
//! others succeed, it becomes a dead letter; when several fail in a row, it is the source that is down, and nothing is given up.

use std::sync::Arc;

use futures::{StreamExt, stream};
use ovia_connectors::{Connector, ConnectorError, contract::Detail};
use ovia_domain::{DeadLetter, DetailRequest, Record};
use ovia_store::ingest::PageCommit;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::slice::{Slice, Stop, Walked};

/// Items taken from the queue at a time.
const QUEUE_READ: i64 = 512;
/// Items in one commit, at most.
const BATCH: usize = 64;
/// This many failures in a row mean that the source is down.
const DOWN_AFTER: usize = 3;

type Answer = (DetailRequest, Result<Detail, ConnectorError>);

pub async fn walk(slice: &mut Slice<'_>) -> Result<Walked, Stop> {
    loop {
        let input = slice.input;
        let requests = slice.store.detail_next(input.org_id, input.connection_id, &input.stream, 0, QUEUE_READ).await?;
        if requests.is_empty() {
            return Ok(Walked::Complete);
        }
        if queue_walk(slice, requests).await? == Walked::BudgetUsed {
            return Ok(Walked::BudgetUsed);
        }
    }
}

/// Works through one reading of the queue.
async fn queue_walk(slice: &mut Slice<'_>, requests: Vec<DetailRequest>) -> Result<Walked, Stop> {
    let (mut answers, _fetching) = fetch(Arc::clone(&slice.connector), requests);
    let mut failing: Vec<(DetailRequest, ConnectorError)> = Vec::new();
    let mut any_success = false;
    loop {
        let mut answered = Vec::with_capacity(BATCH);
        if slice.with_pulse(answers.recv_many(&mut answered, BATCH)).await? == 0 {
            break;
        }
        let mut batch = Batch::default();
        let mut stop = None;
        for answer in answered {
            any_success |= answer.1.is_ok();
            if let Err(error) = batch.take(answer, &mut failing) {
                stop = Some(error);
                break;
            }
        }
        let budget_used = batch.store(slice).await?;
        if let Some(error) = stop {
            return Err(Stop::Source(error));
        }
        if budget_used {
            return Ok(Walked::BudgetUsed);
        }
    }
    if failing.is_empty() {
        return Ok(Walked::Complete);
    }
    leftover(slice, failing, any_success).await
}

/// Only failing items are left. If the source works otherwise, they are given up.
async fn leftover(slice: &mut Slice<'_>, mut failing: Vec<(DetailRequest, ConnectorError)>, any_success: bool) -> Result<Walked, Stop> {
    let connector = Arc::clone(&slice.connector);
    let works = any_success || slice.with_pulse(connector.check()).await?.is_ok();
    if !works {
        return Err(failing.pop().map_or(Stop::Cancelled, |(_, error)| Stop::Source(error)));
    }
    let mut batch = Batch::default();
    batch.give_up(&mut failing);
    let budget_used = batch.store(slice).await?;
    Ok(if budget_used { Walked::BudgetUsed } else { Walked::Complete })
}

/// Answers to be committed together.
#[derive(Default)]
struct Batch {
    records: Vec<Record>,
    dead_letters: Vec<DeadLetter>,
    finished: Vec<DetailRequest>,
    requests: i64,
    note: Option<String>,
}

impl Batch {
    /// Adds an answer. Answers the error that ends the slice, if this is one.
    fn take(&mut self, (request, answer): Answer, failing: &mut Vec<(DetailRequest, ConnectorError)>) -> Result<(), ConnectorError> {
        match answer {
            Ok(detail) => {
                self.give_up(failing);
                self.records.extend(detail.records);
                self.dead_letters.extend(detail.dead_letters);
                self.requests += detail.requests;
                self.note = detail.not_available.or(self.note.take());
                self.finished.push(request);
            }
            Err(error @ ConnectorError::Unreachable { .. }) => {
                if failing.len() + 1 >= DOWN_AFTER {
                    return Err(error);
                }
                failing.push((request, error));
            }
            Err(error @ ConnectorError::Refused { .. }) => {
                self.dead_letters.push(dead_letter(&request, &error));
                self.finished.push(request);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn give_up(&mut self, failing: &mut Vec<(DetailRequest, ConnectorError)>) {
        for (request, error) in failing.drain(..) {
            self.dead_letters.push(dead_letter(&request, &error));
            self.finished.push(request);
        }
    }

    /// Commits what there is. True when the slice's budget is used up.
    async fn store(self, slice: &mut Slice<'_>) -> Result<bool, Stop> {
        if self.finished.is_empty() {
            return Ok(false);
        }
        let commit = PageCommit {
            records: &self.records,
            dead_letters: &self.dead_letters,
            finished: &self.finished,
            requests: self.requests,
            note: self.note.as_deref(),
            ..slice.commit()
        };
        slice.store.page_commit(&commit).await?;
        Ok(slice.page_stored())
    }
}

fn dead_letter(request: &DetailRequest, error: &ConnectorError) -> DeadLetter {
    let payload = serde_json::json!({"detail_request": request}).to_string();
    DeadLetter { external_id: Some(request.external_id.clone()), payload, reason: error.to_string() }
}

/// Makes the requests in a task of its own, as many in flight as the connector allows, so that they go on while a batch commits.
fn fetch(connector: Arc<dyn Connector>, requests: Vec<DetailRequest>) -> (mpsc::Receiver<Answer>, AbortOnDropHandle<()>) {
    let (sender, receiver) = mpsc::channel(BATCH);
    let in_flight = connector.max_in_flight().max(1);
    let task = tokio::spawn(async move {
        let connector = &connector;
        let mut answers = stream::iter(requests)
            .map(|request| async move {
                let answer = connector.pull_detail(&request).await;
                (request, answer)
            })
            .buffer_unordered(in_flight);
        while let Some(answer) = answers.next().await {
            if sender.send(answer).await.is_err() {
                return;
            }
        }
    });
    (receiver, AbortOnDropHandle::new(task))
}
