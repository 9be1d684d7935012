//! Detail streams: queued items, several in flight, committed in batches.
//!
//! An item the source cannot serve must not hold up the others for ever, and a source that is down for a moment must cost no item. So an
//! item that fails (after the client's own retries) stays in the queue; where the source works otherwise, its failures are counted, the
//! workflow pauses and comes back, and after a few rounds the item becomes a dead letter.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use ovia_connectors::{Connector, ConnectorError, contract::Detail};
use ovia_domain::{DeadLetter, DetailRequest, Record, WholeList};
use ovia_store::{
    detail_queue::{FinishedDetails, QueuedDetails},
    ingest::PageCommit,
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::slice::{RunOf, Slice, Stop, Walked};

/// Items taken from the queue at a time.
const QUEUE_READ: i64 = 512;
/// Items in one commit, at most.
const BATCH: usize = 64;
/// This many failures in a row raise the question whether the source is down.
const DOWN_AFTER: usize = 3;
/// Rounds after which an item is given up.
const GIVE_UP_AFTER: i32 = 3;

pub(crate) type Answer = (DetailRequest, Result<Detail, ConnectorError>);

pub async fn walk(slice: &Slice<'_>, stream: &str) -> Result<Walked, Stop> {
    let RunOf { org_id, connection_id, .. } = slice.run;
    let all = slice.takes_all_details().await?;
    loop {
        let queued = slice.store.detail_next(org_id, connection_id, stream, all, QUEUE_READ).await?;
        if queued.requests.is_empty() {
            return Ok(Walked::Complete);
        }
        let walked = queue_walk(slice, stream, queued).await?;
        if walked != Walked::Complete {
            return Ok(walked);
        }
    }
}

type Failure = (DetailRequest, ConnectorError);

/// Works through one reading of the queue.
async fn queue_walk(slice: &Slice<'_>, stream: &str, queued: QueuedDetails) -> Result<Walked, Stop> {
    let QueuedDetails { requests, queued_until } = queued;
    let enough = CancellationToken::new();
    let (mut answers, fetching) = fetch(Arc::clone(&slice.connector), stream, requests, enough.clone());
    let mut failing: Vec<Failure> = Vec::new();
    let mut in_a_row = 0;
    let mut ended = None;
    loop {
        let mut answered = Vec::with_capacity(BATCH);
        if slice.with_pulse(answers.recv_many(&mut answered, BATCH)).await? == 0 {
            break;
        }
        let mut batch = Batch::default();
        let mut stop = None;
        for answer in answered {
            match batch.take(answer) {
                Taken::Done => in_a_row = 0,
                Taken::Failed(failure) => {
                    failing.push(failure);
                    in_a_row += 1;
                }
                Taken::Stop(error) => stop = stop.or(Some(error)),
            }
        }
        let stopped = batch.store(slice, stream, queued_until).await?;
        if let Some(error) = stop {
            return Err(Stop::Source(error));
        }
        if in_a_row >= DOWN_AFTER {
            break;
        }
        if stopped.is_some() {
            // what was asked for already is stored as well: nothing is asked for twice
            enough.cancel();
            ended = stopped;
        }
    }
    if let Some(ended) = ended {
        return Ok(ended);
    }
    // requests nobody waits for any more are not in the way of those that follow
    drop((answers, fetching));
    failing_settle(slice, stream, failing, in_a_row >= DOWN_AFTER, queued_until).await
}

/// Items failed. Where the source works all the same, their failures are counted and the hopeless ones given up; what is left fails the
/// slice, so that the workflow pauses before it comes back to them.
async fn failing_settle(
    slice: &Slice<'_>,
    stream: &str,
    failing: Vec<Failure>,
    maybe_down: bool,
    queued_until: DateTime<Utc>,
) -> Result<Walked, Stop> {
    if failing.is_empty() {
        return Ok(Walked::Complete);
    }
    let connector = Arc::clone(&slice.connector);
    if maybe_down && slice.with_pulse(connector.check()).await?.is_err() {
        return Err(failing.into_iter().next_back().map_or(Stop::Cancelled, |(_, error)| Stop::Source(error)));
    }
    let ids: Vec<String> = failing.iter().map(|(request, _)| request.external_id.clone()).collect();
    let RunOf { org_id, connection_id, .. } = slice.run;
    let hopeless = slice.store.detail_failed(org_id, connection_id, stream, &ids, GIVE_UP_AFTER).await?;
    let mut batch = Batch::default();
    let mut left = None;
    for (request, error) in failing {
        if hopeless.contains(&request.external_id) {
            batch.give_up(request, &error);
        } else {
            left = Some(error);
        }
    }
    let stopped = batch.store(slice, stream, queued_until).await?;
    match left {
        Some(error) => Err(Stop::Source(error)),
        None => Ok(stopped.unwrap_or(Walked::Complete)),
    }
}

/// What became of an answer.
enum Taken {
    Done,
    Failed(Failure),
    /// The whole slice ends.
    Stop(ConnectorError),
}

/// Answers to be committed together.
#[derive(Default)]
struct Batch {
    records: Vec<Record>,
    dead_letters: Vec<DeadLetter>,
    finished: Vec<DetailRequest>,
    requests: i64,
    note: Option<String>,
    whole_lists: Vec<WholeList>,
}

impl Batch {
    fn take(&mut self, (request, answer): Answer) -> Taken {
        match answer {
            Ok(detail) => {
                self.records.extend(detail.records);
                let item = &request.external_id;
                self.dead_letters
                    .extend(detail.dead_letters.into_iter().map(|letter| DeadLetter { partition: Some(item.clone()), ..letter }));
                self.requests += detail.requests;
                self.whole_lists.extend(detail.whole_list);
                self.note = detail.not_available.or(self.note.take());
                self.finished.push(request);
            }
            Err(error @ ConnectorError::Unreachable { .. }) => return Taken::Failed((request, error)),
            Err(error @ ConnectorError::Refused { .. }) => self.give_up(request, &error),
            Err(error) => return Taken::Stop(error),
        }
        Taken::Done
    }

    fn give_up(&mut self, request: DetailRequest, error: &ConnectorError) {
        self.dead_letters.push(dead_letter(&request, error));
        self.finished.push(request);
    }

    /// Commits what there is. Answers why to stop here, if so.
    async fn store(self, slice: &Slice<'_>, stream: &str, queued_until: DateTime<Utc>) -> Result<Option<Walked>, Stop> {
        if self.finished.is_empty() {
            return Ok(None);
        }
        let commit = PageCommit {
            org_id: slice.run.org_id,
            connection_id: slice.run.connection_id,
            source: slice.source(),
            run_id: slice.run.run_id,
            fence: slice.fence,
            stream,
            records: &self.records,
            dead_letters: &self.dead_letters,
            cursor: None,
            finished: FinishedDetails { requests: &self.finished, queued_until, whole_lists: &self.whole_lists },
            requests: self.requests,
            total_hint: None,
            note: self.note.as_deref(),
            background: slice.is_backfill(),
        };
        slice.with_pulse(slice.store.page_commit(&commit)).await??;
        slice.page_stored().await
    }
}

fn dead_letter(request: &DetailRequest, error: &ConnectorError) -> DeadLetter {
    let payload = serde_json::json!({"detail_request": request}).to_string();
    DeadLetter { external_id: Some(request.external_id.clone()), partition: None, payload, reason: error.reason() }
}

/// Makes the requests in a task of its own, as many in flight as the connector allows, so that they go on while a batch commits. None is
/// begun once it is `enough`.
fn fetch(
    connector: Arc<dyn Connector>,
    stream: &str,
    requests: Vec<DetailRequest>,
    enough: CancellationToken,
) -> (mpsc::Receiver<Answer>, AbortOnDropHandle<()>) {
    let (sender, receiver) = mpsc::channel(BATCH);
    let in_flight = connector.max_in_flight().max(1);
    let together = connector.detail_batch(stream).max(1);
    let task = tokio::spawn(async move {
        let connector = &*connector;
        let groups: Vec<Vec<DetailRequest>> = requests.chunks(together).map(<[DetailRequest]>::to_vec).collect();
        let mut answers = stream::iter(groups.into_iter().take_while(|_| !enough.is_cancelled()))
            .map(|group| ask(connector, group))
            .buffer_unordered(in_flight);
        while let Some(group) = answers.next().await {
            for answer in group {
                if sender.send(answer).await.is_err() {
                    return;
                }
            }
        }
    });
    (receiver, AbortOnDropHandle::new(task))
}

/// Asks about all of these, as many at once as the connector takes.
pub(crate) async fn ask_all(connector: &dyn Connector, stream: &str, requests: &[DetailRequest]) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(requests.len());
    for group in requests.chunks(connector.detail_batch(stream).max(1)) {
        answers.extend(ask(connector, group.to_vec()).await);
    }
    answers
}

/// Asks about several items at once. Where the source refuses that, one of them may be why: they are halved until it is alone.
async fn ask(connector: &dyn Connector, group: Vec<DetailRequest>) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(group.len());
    let mut waiting = vec![group];
    while let Some(mut group) = waiting.pop() {
        match connector.pull_details(&group).await {
            Ok(details) if details.len() == group.len() => answers.extend(group.into_iter().zip(details.into_iter().map(Ok))),
            Err(ConnectorError::Refused { .. }) if group.len() > 1 => {
                let rest = group.split_off(group.len() / 2);
                waiting.extend([rest, group]);
            }
            Err(error) => answers.extend(group.into_iter().map(|request| (request, Err(error.clone())))),
            Ok(details) => {
                let message = format!("{} answers to {} questions", details.len(), group.len());
                let error = ConnectorError::Unreachable { request: String::new(), message };
                answers.extend(group.into_iter().map(|request| (request, Err(error.clone()))));
            }
        }
    }
    answers
}

#[cfg(test)]
mod tests;
