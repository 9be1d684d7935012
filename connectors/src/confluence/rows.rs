//! The loop every stream shares: hash, parse, hand on or set aside.

use std::borrow::Cow;
use std::collections::HashSet;

use ovia_domain::{ConfluenceSettings, DeadLetter, DetailRequest, Entity, Record};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::streams::Kind;
use crate::http::redacted;

/// Of a dead letter's payload.
const MAX_PAYLOAD_BYTES: usize = 64 * 1024;

/// What a row does not say itself.
#[derive(Clone, Copy, Debug)]
pub struct RowContext<'a> {
    pub settings: &'a ConfluenceSettings,
    /// Id of the group, for its members.
    pub group: &'a str,
    /// Id of the document, for what hangs on one.
    pub document: &'a str,
    pub kind: Kind,
    /// Personal spaces are wanted: settings name the space.
    pub personal: bool,
    /// The site's address, as `https://acme.atlassian.net/wiki`.
    pub site: Option<&'a str>,
}

/// One understood row.
#[derive(Debug)]
pub struct Normalised {
    pub external_id: String,
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

/// Reads one row's JSON; `None` for a row that is not wanted, as a personal space or an anonymous account.
pub type Row = fn(&RowContext<'_>, &str) -> Result<Option<Normalised>, RowError>;

/// A page's rows.
#[derive(Debug, Default)]
pub struct Rows {
    pub records: Vec<Record>,
    pub dead_letters: Vec<DeadLetter>,
}

/// Reads a page. Of rows with the same id the first stands: a page is written by one statement.
pub fn normalise_rows(rows: Vec<Box<RawValue>>, context: &RowContext<'_>, row: Row) -> Rows {
    let mut out = Rows::default();
    let mut ids = HashSet::with_capacity(rows.len());
    for raw in rows {
        let raw = without_secrets(raw);
        match row(context, raw.get()) {
            Ok(Some(normalised)) => {
                if ids.insert(normalised.external_id.clone()) {
                    out.records.push(record(normalised, raw));
                }
            }
            Ok(None) => {}
            Err(error) => out.dead_letters.push(dead_letter(raw.get(), &error)),
        }
    }
    out
}

fn record(normalised: Normalised, raw: Box<RawValue>) -> Record {
    let content_hash = Sha256::digest(raw.get()).into();
    let Normalised { external_id, entities, details } = normalised;
    Record { external_id, raw, content_hash, entities, details, whole_lists: Vec::new() }
}

fn without_secrets(raw: Box<RawValue>) -> Box<RawValue> {
    let clean = match redacted(raw.get()) {
        Cow::Borrowed(_) => return raw,
        Cow::Owned(clean) => clean,
    };
    // Redacting keeps JSON valid. Were it ever not so, nothing beats a stored secret; the row is a dead letter then.
    RawValue::from_string(clean).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// A row that cannot be read, for `error`.
pub fn dead_letter(payload: &str, error: &RowError) -> DeadLetter {
    let payload = redacted(payload);
    let mut end = payload.len().min(MAX_PAYLOAD_BYTES);
    while !payload.is_char_boundary(end) {
        end -= 1;
    }
    let reason = redacted(&error.to_string()).chars().take(300).collect();
    let external_id = loose_id(&payload);
    DeadLetter { external_id, partition: None, payload: payload.get(..end).unwrap_or_default().to_owned(), reason }
}

/// What can be read of a row that cannot be read.
fn loose_id(json: &str) -> Option<String> {
    let value: Value = serde_json::from_str(json).ok()?;
    let id = value.get("id").or_else(|| value.get("accountId")).or_else(|| value.pointer("/content/id"))?;
    match id {
        Value::Number(id) => Some(id.to_string()),
        Value::String(id) => Some(id.chars().filter(|c| *c != '\0').take(200).collect()),
        _ => None,
    }
}
