//! What happens to every row of every source before it is stored or set aside: secrets are taken out, and what cannot be read becomes a
//! dead letter.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use ovia_domain::DeadLetter;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::http::redacted;
use crate::lenient::parse_time;

/// Of a dead letter's payload.
const MAX_PAYLOAD_BYTES: usize = 64 * 1024;
/// Where a row has its id, in any source.
const IDS: [&str; 5] = ["/id", "/accountId", "/groupId", "/tag_name", "/content/id"];

/// Why a row cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("there is no stream `{0}`")]
    NoStream(String),
}

pub fn without_secrets(raw: Box<RawValue>) -> Box<RawValue> {
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
    let external_id = Loose::read(&payload).id();
    DeadLetter { external_id, partition: None, payload: payload.get(..end).unwrap_or_default().to_owned(), reason }
}

/// What can be read of a row that cannot be read.
pub struct Loose(Value);

impl Loose {
    pub fn read(json: &str) -> Self {
        Self(serde_json::from_str(json).unwrap_or(Value::Null))
    }

    pub fn id(&self) -> Option<String> {
        IDS.into_iter().find_map(|place| match self.0.pointer(place)? {
            Value::Number(id) => Some(id.to_string()),
            Value::String(id) => Some(id.chars().filter(|c| *c != '\0').take(200).collect()),
            _ => None,
        })
    }

    /// `place` as `/fields/updated`.
    pub fn time(&self, place: &str) -> Option<DateTime<Utc>> {
        parse_time(self.0.pointer(place)?.as_str()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_cannot_be_read_is_found_again_by_its_id() {
        for (row, id) in [
            (r#"{"id": 7, "tag_name": "v1"}"#, Some("7")),
            (r#"{"id": null, "tag_name": "v1"}"#, Some("v1")),
            (r#"{"accountId": "a\u00001"}"#, Some("a1")),
            (r#"{"groupId": "g-1"}"#, Some("g-1")),
            (r#"{"content": {"id": "5"}}"#, Some("5")),
            (r#"{"id": {}}"#, None),
            ("not json", None),
        ] {
            assert_eq!(dead_letter(row, &RowError::Missing("x")).external_id.as_deref(), id, "{row}");
        }
    }

    #[test]
    fn a_long_payload_is_cut_between_two_characters_and_has_no_secrets() {
        let row = format!(r#"{{"id": 1, "runners_token": "glrt-invented", "text": "{}"}}"#, "ä".repeat(MAX_PAYLOAD_BYTES));
        let letter = dead_letter(&row, &RowError::Missing("x"));
        assert!((MAX_PAYLOAD_BYTES - 1..=MAX_PAYLOAD_BYTES).contains(&letter.payload.len()));
        assert!(!letter.payload.contains("glrt-invented") && letter.external_id.as_deref() == Some("1"));
    }
}
