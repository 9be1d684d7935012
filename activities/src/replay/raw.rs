//! Raw records read again.

use std::{collections::HashSet, sync::Arc};

use ovia_connectors::Connector;
use ovia_domain::{DeadLetter, Record, StreamKind};
use ovia_store::{ingest::RawCommit, replay::StoredRecord};
use serde_json::value::RawValue;

use super::{Replay, blocking};
use crate::slice::{RunOf, Stop, Walked};

/// Records in one transaction.
const BATCH: i64 = 300;

impl Replay<'_> {
    pub(super) async fn raw(&mut self, stream: &str, mut after: Option<String>, apply: bool) -> Result<Walked, Stop> {
        let (slice, RunOf { org_id, run_id, connection_id }) = (self.slice, self.slice.run);
        let details = details_after(slice.connector.as_ref(), stream);
        loop {
            let stored = slice.store.raw_next(org_id, connection_id, stream, after.as_deref(), BATCH);
            let stored = slice.with_pulse(stored).await??;
            let Some(last) = stored.last() else { return Ok(Walked::Complete) };
            let last_id = last.external_id.clone();
            let (connector, name) = (Arc::clone(&slice.connector), stream.to_owned());
            let batch = slice.with_pulse(blocking(move || read(connector.as_ref(), &name, stored))).await?;
            let followers = slice.with_pulse(self.followers(&batch.records, &details)).await??;
            let commit = RawCommit {
                org_id,
                connection_id,
                source: slice.source(),
                run_id,
                fence: slice.fence,
                stream,
                last_id: &last_id,
                records: &batch.records,
                followers: &followers,
                unreadable: batch.unreadable,
                apply,
            };
            self.result = slice.with_pulse(slice.store.raw_commit(commit, &self.result)).await??;
            after = Some(last_id);
            if let Some(walked) = slice.page_stored().await? {
                return Ok(walked);
            }
        }
    }

    /// Details of the rows that `records` write: they have the rows' own ids, and nothing but these rows is taken of them.
    async fn followers(&self, records: &[Record], details: &[String]) -> Result<Vec<Record>, Stop> {
        let rows: HashSet<(&'static str, String)> = rows_of(records).map(|(table, key)| (table, key.to_owned())).collect();
        let ids: Vec<String> = rows.iter().map(|(_, key)| key.clone()).collect::<HashSet<_>>().into_iter().collect();
        let RunOf { org_id, connection_id, .. } = self.slice.run;
        let stored = self.slice.store.raw_with_ids(org_id, connection_id, details, &ids).await?;
        let connector = Arc::clone(&self.slice.connector);
        let followers = blocking(move || {
            let mut followers = Vec::new();
            for (stream, record) in stored {
                followers.extend(read(connector.as_ref(), &stream, vec![record]).records);
            }
            for follower in &mut followers {
                follower.entities.retain(|entity| {
                    let (table, key) = entity.table_and_key();
                    rows.contains(&(table, key.to_owned()))
                });
            }
            followers.retain(|follower| !follower.entities.is_empty());
            followers
        });
        Ok(followers.await)
    }
}

fn rows_of(records: &[Record]) -> impl Iterator<Item = (&'static str, &str)> {
    records.iter().flat_map(|record| &record.entities).map(|entity| entity.table_and_key())
}

/// The detail streams that come after `stream`.
fn details_after(connector: &dyn Connector, stream: &str) -> Vec<String> {
    let later = connector.streams().into_iter().skip_while(|spec| spec.name != stream).skip(1);
    later.filter(|spec| spec.kind == StreamKind::Detail).map(|spec| spec.name.to_owned()).collect()
}

#[derive(Default)]
struct Batch {
    records: Vec<Record>,
    unreadable: Vec<DeadLetter>,
}

fn read(connector: &dyn Connector, stream: &str, stored: Vec<StoredRecord>) -> Batch {
    let mut batch = Batch::default();
    let of_items = connector.streams().iter().any(|spec| spec.name == stream && spec.kind == StreamKind::Detail);
    for record in stored {
        // the external id of a detail begins with its item's
        let fallback = if of_items { record.external_id.as_str() } else { "" };
        let partition = record.partition.as_deref().unwrap_or(fallback);
        let read = match RawValue::from_string(record.payload.clone()) {
            Ok(payload) => connector.normalise(stream, partition, payload),
            Err(error) => Err(DeadLetter { external_id: None, partition: None, payload: record.payload, reason: error.to_string() }),
        };
        match read {
            Ok(records) => batch.records.extend(records),
            Err(letter) => {
                let partition = Some(partition.to_owned()).filter(|partition| !partition.is_empty());
                batch.unreadable.push(DeadLetter { partition, external_id: Some(record.external_id), ..letter });
            }
        }
    }
    batch
}
