//! The loop every stream shares: hash, parse, hand on or set aside.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use ovia_domain::{DeadLetter, DetailRequest, Entity, Record};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::volatile::content_hash;
use crate::gitlab::walk::Key;
use crate::rows::{Loose, RowError, dead_letter, without_secrets};

/// What a row does not say itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct RowContext<'a> {
    /// External id of the project the list belongs to.
    pub project: &'a str,
    /// `group:…` or `project:…`, for members.
    pub scope: &'a str,
    /// External id of the merge request, for what hangs on one.
    pub merge_request: &'a str,
    /// Queue per-item requests.
    pub details: bool,
    /// Not the partition's first walk.
    pub incremental: bool,
}

/// One understood row.
#[derive(Debug)]
pub struct Normalised {
    pub external_id: String,
    pub created_at: Option<DateTime<Utc>>,
    pub updated_at: Option<DateTime<Utc>>,
    pub entities: Vec<Entity>,
    pub details: Vec<DetailRequest>,
}

/// Reads one row's JSON.
pub type Row = fn(&RowContext<'_>, &str) -> Result<Normalised, RowError>;

/// A page's rows, in the order received.
#[derive(Debug, Default)]
pub struct Rows {
    /// Id, `created_at` and `updated_at` of every row, read or not.
    pub keys: Vec<RowKey>,
    pub records: Vec<Record>,
    pub dead_letters: Vec<DeadLetter>,
    /// Of all payloads together.
    pub fingerprint: String,
}

#[derive(Debug)]
pub struct RowKey {
    pub external_id: String,
    pub created: Key,
    pub updated: Key,
    /// It is a dead letter.
    pub dead: bool,
}

impl Rows {
    /// The records and dead letters of the rows that are wanted, told by their places in `keys`.
    pub fn only(self, wanted: &[bool]) -> (Vec<Record>, Vec<DeadLetter>) {
        if wanted.iter().all(|wanted| *wanted) {
            return (self.records, self.dead_letters);
        }
        let keys = || self.keys.iter().zip(wanted);
        let ids: HashSet<&str> = keys().filter(|(key, wanted)| **wanted && !key.dead).map(|(key, _)| key.external_id.as_str()).collect();
        let records = self.records.into_iter().filter(|record| ids.contains(record.external_id.as_str())).collect();
        let dead = keys().filter(|(key, _)| key.dead).map(|(_, wanted)| *wanted);
        let dead_letters = self.dead_letters.into_iter().zip(dead).filter(|(_, wanted)| *wanted).map(|(letter, _)| letter).collect();
        (records, dead_letters)
    }
}

/// Reads a page. Of rows with the same id the first stands: a page is written by one statement.
pub fn normalise_rows(rows: Vec<Box<RawValue>>, context: &RowContext<'_>, row: Row) -> Rows {
    let mut out = Rows::default();
    let mut ids = HashSet::with_capacity(rows.len());
    let mut all = Sha256::new();
    for raw in rows {
        let raw = without_secrets(raw);
        let content_hash = content_hash(raw.get());
        all.update(content_hash);
        match row(context, raw.get()) {
            Ok(normalised) => {
                out.keys.push(RowKey {
                    external_id: normalised.external_id.clone(),
                    created: normalised.created_at.map_or(Key::Absent, Key::At),
                    updated: normalised.updated_at.map_or(Key::Absent, Key::At),
                    dead: false,
                });
                if ids.insert(normalised.external_id.clone()) {
                    out.records.push(record(normalised, raw, content_hash));
                }
            }
            Err(error) => {
                let loose = Loose::read(raw.get());
                let time = |place: &str| loose.time(place).map_or(Key::Unreadable, Key::At);
                let (created, updated) = (time("/created_at"), time("/updated_at"));
                out.keys.push(RowKey { external_id: loose.id().unwrap_or_default(), created, updated, dead: true });
                out.dead_letters.push(dead_letter(raw.get(), &error));
            }
        }
    }
    out.fingerprint = all.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    out
}

fn record(normalised: Normalised, raw: Box<RawValue>, content_hash: [u8; 32]) -> Record {
    let Normalised { external_id, entities, details, .. } = normalised;
    Record { external_id, raw, content_hash, entities, details, whole_lists: Vec::new() }
}
