//! Details of items that were pulled: notes, changelogs, jobs. They are read whatever the row says: not every event changes it. They are
//! also in the queue if the row changed, so that the next sync reads what a worker that dies here does not.

use std::collections::BTreeMap;

use ovia_connectors::{ConnectorError, contract::Detail};
use ovia_domain::{DeadLetter, DetailRequest, Record, WholeList};
use ovia_store::{StoreError, ingest::ItemCommit};
use uuid::Uuid;

use super::{Puller, Stop, WRITTEN_MEANWHILE};

impl Puller<'_> {
    /// Reads and stores all details of these records. An error is the source's.
    pub(super) async fn details(&self, delivery: Uuid, records: &[Record]) -> Result<Result<(), ConnectorError>, Stop> {
        let mut by_stream: BTreeMap<&str, Vec<DetailRequest>> = BTreeMap::new();
        for request in records.iter().flat_map(|record| &record.details) {
            by_stream.entry(&request.stream).or_default().push(request.clone());
        }
        for (stream, requests) in by_stream {
            let read_at = self.store.clock().await?;
            let details = match self.connector.pull_details(&requests).await {
                Ok(details) => details,
                Err(error) if error.is_retryable() => return Ok(Err(error)),
                // the next sync meets the same refusal, and says so where people look
                Err(error) => {
                    tracing::debug!(stream, %error, "a detail of an item that a webhook named is left to the next sync");
                    continue;
                }
            };
            let whole_lists: Vec<WholeList> = details.iter().filter_map(|detail| detail.whole_list.clone()).collect();
            let (records, dead_letters) = joined(&requests, details);
            let commit = ItemCommit {
                records: &records,
                dead_letters: &dead_letters,
                whole_lists: &whole_lists,
                finished: &requests,
                ..self.commit(stream, delivery, read_at)
            };
            match self.store.item_commit(&commit).await {
                Ok(_) => {}
                // a sync has stored some of them since they were read: who read later is not known
                Err(StoreError::Conflict(_)) => return Err(Stop::Wait(WRITTEN_MEANWHILE)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Ok(()))
    }
}

fn joined(requests: &[DetailRequest], details: Vec<Detail>) -> (Vec<Record>, Vec<DeadLetter>) {
    let (mut records, mut letters) = (Vec::new(), Vec::new());
    for (request, detail) in requests.iter().zip(details) {
        records.extend(detail.records);
        let of = |letter| DeadLetter { partition: Some(request.external_id.clone()), ..letter };
        letters.extend(detail.dead_letters.into_iter().map(of));
    }
    (records, letters)
}
