//! Dead letters read again.

use std::sync::Arc;

use ovia_connectors::Connector;
use ovia_domain::DetailRequest;
use ovia_store::{
    dead_letters::LetterSelection,
    ingest::{LetterOutcome, LetterRead, LettersCommit},
    replay::OpenLetter,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Replay, blocking};
use crate::slice::{RunOf, Stop, Walked};

/// Letters in one transaction; a payload has at most 64 KiB.
const BATCH: i64 = 100;

impl Replay<'_> {
    pub(super) async fn letters(&mut self, stream: &str, after: Option<String>, selection: &LetterSelection) -> Result<Walked, Stop> {
        let (slice, RunOf { org_id, run_id, connection_id }) = (self.slice, self.slice.run);
        let mut after = after.and_then(|after| after.parse().ok()).unwrap_or(0);
        loop {
            let letters = slice.store.letters_next(org_id, connection_id, stream, selection, after, BATCH);
            let letters = slice.with_pulse(letters).await??;
            let Some(last) = letters.last() else { return Ok(Walked::Complete) };
            after = last.id;
            let (connector, name) = (Arc::clone(&slice.connector), stream.to_owned());
            let read = blocking(move || letters.into_iter().map(|letter| read(connector.as_ref(), &name, letter)).collect());
            let commit = LettersCommit {
                org_id,
                connection_id,
                source: slice.source(),
                run_id,
                fence: slice.fence,
                stream,
                last_id: after,
                letters: slice.with_pulse(read).await?,
            };
            self.result = slice.with_pulse(slice.store.letters_commit(commit, &self.result)).await??;
            if let Some(walked) = slice.page_stored().await? {
                return Ok(walked);
            }
        }
    }
}

/// The payload of a letter about a request that the source would not serve.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfRequest {
    detail_request: DetailRequest,
}

fn read(connector: &dyn Connector, stream: &str, letter: OpenLetter) -> LetterRead {
    let outcome = if letter.superseded { LetterOutcome::Superseded } else { payload_read(connector, stream, &letter) };
    LetterRead { id: letter.id, partition: letter.partition, last_seen_at: letter.last_seen_at, outcome }
}

fn payload_read(connector: &dyn Connector, stream: &str, letter: &OpenLetter) -> LetterOutcome {
    if let Ok(OfRequest { detail_request }) = serde_json::from_str(&letter.payload) {
        return LetterOutcome::Request(detail_request);
    }
    let payload = match RawValue::from_string(letter.payload.clone()) {
        Ok(payload) => payload,
        Err(error) => return LetterOutcome::Unreadable(format!("the stored payload is not whole JSON (it is cut at 64 KiB): {error}")),
    };
    match connector.normalise(stream, letter.partition.as_deref().unwrap_or_default(), payload) {
        Ok(records) => LetterOutcome::Records(records),
        Err(letter) => LetterOutcome::Unreadable(letter.reason),
    }
}
