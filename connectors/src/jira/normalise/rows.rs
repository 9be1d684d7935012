//! The loop every stream shares: hash, parse, hand on or set aside.

use std::borrow::Cow;
use std::collections::HashSet;

use chrono::{DateTime, Utc};
use ovia_domain::{DeadLetter, DetailRequest, Entity, JiraSettings, Record};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::http::redacted;
use crate::lenient::parse_time;

/// Of a dead letter's payload.
const MAX_PAYLOAD_BYTES: usize = 64 * 1024;

/// What a row does not say itself.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The list's partition; of a detail, the external id.
    pub partition: &'a str,
    pub settings: &'a JiraSettings,
}

/// One understood row.
#[derive(Debug, Default)]
pub struct Normalised {
    pub external_id: String,
    pub updated: Option<DateTime<Utc>>,
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
pub type Row = fn(&Context<'_>, &str) -> Result<Normalised, RowError>;

/// A page's rows, in the order received.
#[derive(Debug, Default)]
pub struct Rows {
    /// Of every row, read or not.
    pub keys: Vec<RowKey>,
    pub records: Vec<Record>,
    pub dead_letters: Vec<DeadLetter>,
}

#[derive(Debug)]
pub struct RowKey {
    pub external_id: String,
    pub updated: Option<DateTime<Utc>>,
    /// It is a dead letter.
    dead: bool,
}

impl Rows {
    /// The records and dead letters of the rows that are wanted.
    pub fn only(self, wanted: impl Fn(&RowKey) -> bool) -> Self {
        let ids: HashSet<&str> = self.keys.iter().filter(|key| !key.dead && wanted(key)).map(|key| key.external_id.as_str()).collect();
        let records = self.records.into_iter().filter(|record| ids.contains(record.external_id.as_str())).collect();
        let dead = self.keys.iter().filter(|key| key.dead);
        let dead_letters = self.dead_letters.into_iter().zip(dead).filter(|(_, key)| wanted(key)).map(|(letter, _)| letter).collect();
        Self { records, dead_letters, ..Self::default() }
    }
}

/// Reads a page. Of rows with the same id the last stands: a page is written by one statement. A link that two rows show stands in both,
/// since either row may be the only one that is stored.
pub fn normalise_rows(rows: Vec<Box<RawValue>>, context: &Context<'_>, row: Row) -> Rows {
    let mut out = Rows::default();
    for raw in rows {
        let raw = without_secrets(raw);
        let content_hash: [u8; 32] = Sha256::digest(raw.get()).into();
        match row(context, raw.get()) {
            Ok(Normalised { external_id, updated, entities, details }) => {
                out.keys.push(RowKey { external_id: external_id.clone(), updated, dead: false });
                let record = Record { external_id, raw, content_hash, entities, details };
                match out.records.iter_mut().find(|known| known.external_id == record.external_id) {
                    Some(known) => *known = record,
                    None => out.records.push(record),
                }
            }
            Err(error) => {
                let (id, updated) = loose(raw.get());
                out.keys.push(RowKey { external_id: id.clone().unwrap_or_default(), updated, dead: true });
                out.dead_letters.push(dead_letter_of(id, raw.get(), &error));
            }
        }
    }
    out
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
    dead_letter_of(loose(payload).0, &redacted(payload), error)
}

fn dead_letter_of(external_id: Option<String>, payload: &str, error: &RowError) -> DeadLetter {
    let mut end = payload.len().min(MAX_PAYLOAD_BYTES);
    while !payload.is_char_boundary(end) {
        end -= 1;
    }
    let reason = redacted(&error.to_string()).chars().take(300).collect();
    DeadLetter { external_id, partition: None, payload: payload.get(..end).unwrap_or_default().to_owned(), reason }
}

/// Id and time of a row that cannot be read.
fn loose(json: &str) -> (Option<String>, Option<DateTime<Utc>>) {
    let value: Value = serde_json::from_str(json).unwrap_or(Value::Null);
    let id = ["id", "accountId", "groupId"].iter().find_map(|name| match value.get(name)? {
        Value::Number(id) => Some(id.to_string()),
        Value::String(id) => Some(id.chars().filter(|c| *c != '\0').take(200).collect()),
        _ => None,
    });
    let updated = value.pointer("/fields/updated").and_then(Value::as_str).and_then(parse_time);
    (id, updated)
}
