//! Details of items that were pulled: notes, changelogs, jobs. They are read whatever the row says: not every event changes it. They are
//! also in the queue if the row changed, so that the next sync reads what a worker that dies here does not.

use std::collections::BTreeMap;

use ovia_domain::{DeadLetter, DetailRequest, Record};
use ovia_store::{StoreError, ingest::ItemCommit};
use uuid::Uuid;

use super::{Puller, Stored, is_about_all};
use crate::details::ask_all;

impl Puller<'_> {
    /// Reads and stores all details of these records.
    pub(super) async fn details(&self, delivery: Uuid, records: &[Record]) -> Result<Stored, StoreError> {
        let mut by_stream: BTreeMap<&str, Vec<DetailRequest>> = BTreeMap::new();
        for request in records.iter().flat_map(|record| &record.details) {
            by_stream.entry(&request.stream).or_default().push(request.clone());
        }
        for (stream, requests) in by_stream {
            let read_at = self.store.clock().await?;
            let (mut records, mut dead_letters, mut whole_lists, mut finished) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            for (request, answer) in ask_all(self.connector, stream, &requests).await {
                match answer {
                    Ok(detail) => {
                        records.extend(detail.records);
                        whole_lists.extend(detail.whole_list);
                        let of = |letter| DeadLetter { partition: Some(request.external_id.clone()), ..letter };
                        dead_letters.extend(detail.dead_letters.into_iter().map(of));
                        finished.push(request);
                    }
                    // those that answered are read again with it
                    Err(error) if error.is_retryable() || is_about_all(&error) => return Ok(Stored::Failed(error)),
                    // the next sync meets the same refusal, and says so where people look
                    Err(error) => {
                        tracing::debug!(stream, %error, "a detail of an item that a webhook named is left to the next sync");
                    }
                }
            }
            if finished.is_empty() {
                continue;
            }
            let commit = ItemCommit {
                records: &records,
                dead_letters: &dead_letters,
                whole_lists: &whole_lists,
                finished: &finished,
                ..self.commit(stream, delivery, read_at)
            };
            match self.store.item_commit(&commit).await {
                Ok(_) => {}
                // a sync has stored some of them since they were read: who read later is not known
                Err(StoreError::Conflict(_)) => return Ok(Stored::WrittenMeanwhile),
                Err(error) => return Err(error),
            }
        }
        Ok(Stored::Yes)
    }
}
