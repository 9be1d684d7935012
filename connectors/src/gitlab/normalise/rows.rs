//! The loop every stream shares: hash, parse, hand on or set aside.

use std::borrow::Cow;
use std::collections::HashSet;

use chrono::{DateTime, Utc};
use ovia_domain::{DeadLetter, DetailRequest, Entity, Record};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::volatile::content_hash;
use crate::gitlab::walk::Key;
use crate::gitlab::wire::parse_time;
use crate::http::redacted;

/// Of a dead letter's payload.
const MAX_PAYLOAD_BYTES: usize = 64 * 1024;

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

#[derive(Debug, thiserror::Error)]
pub enum RowError {
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("there is no stream `{0}`")]
    NoStream(String),
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
                let external_id = loose.id.clone().unwrap_or_default();
                out.keys.push(RowKey { external_id, created: loose.created, updated: loose.updated, dead: true });
                out.dead_letters.push(dead_letter_of(loose.id, raw.get(), &error));
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

fn without_secrets(raw: Box<RawValue>) -> Box<RawValue> {
    let clean = match redacted(raw.get()) {
        Cow::Borrowed(_) => return raw,
        Cow::Owned(clean) => clean,
    };
    // Redacting keeps JSON valid. Were it ever not so, an empty object beats a stored secret; the row is a dead letter then.
    RawValue::from_string(clean)
        .unwrap_or_else(|_| serde_json::value::to_raw_value(&serde_json::Map::new()).unwrap_or_else(|_| RawValue::NULL.to_owned()))
}

/// A row that cannot be read, for `error`.
pub fn dead_letter(payload: &str, error: &RowError) -> DeadLetter {
    dead_letter_of(Loose::read(payload).id, &redacted(payload), error)
}

fn dead_letter_of(external_id: Option<String>, payload: &str, error: &RowError) -> DeadLetter {
    let mut end = payload.len().min(MAX_PAYLOAD_BYTES);
    while !payload.is_char_boundary(end) {
        end -= 1;
    }
    let reason = redacted(&error.to_string()).chars().take(300).collect();
    DeadLetter { external_id, partition: None, payload: payload[..end].to_owned(), reason }
}

/// What can be read of a row that cannot be read.
struct Loose {
    id: Option<String>,
    created: Key,
    updated: Key,
}

impl Loose {
    fn read(json: &str) -> Self {
        let value: Value = serde_json::from_str(json).unwrap_or(Value::Null);
        let id = value.get("id").or_else(|| value.get("tag_name")).and_then(|id| match id {
            Value::Number(id) => Some(id.to_string()),
            Value::String(id) => Some(id.chars().filter(|c| *c != '\0').take(200).collect()),
            _ => None,
        });
        let time = |field: &str| value.get(field).and_then(Value::as_str).and_then(parse_time).map_or(Key::Unreadable, Key::At);
        Self { id, created: time("created_at"), updated: time("updated_at") }
    }
}
