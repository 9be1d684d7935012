//! Changelogs and work logs.

use chrono::{DateTime, Utc};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{User, named};
use crate::lenient::{Id, or_default, parse_time, required_time, text, time};

/// Numbers above this are milliseconds: as seconds they would be in the year 5138.
const SECONDS_END: i64 = 100_000_000_000;

/// Of one issue, in `changelog/bulkfetch`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssueHistories {
    pub issue_id: Id,
    #[serde(default, deserialize_with = "or_default")]
    pub change_histories: Vec<Box<RawValue>>,
}

/// What was changed at once.
#[derive(Debug, Deserialize)]
pub struct History {
    pub id: Id,
    /// `null` for what Jira did itself, or an account that is gone.
    #[serde(default, deserialize_with = "named")]
    pub author: Option<User>,
    #[serde(deserialize_with = "instant")]
    pub created: DateTime<Utc>,
    #[serde(default, deserialize_with = "or_default")]
    pub items: Vec<HistoryItem>,
}

#[derive(Debug, Deserialize)]
pub struct HistoryItem {
    #[serde(default, deserialize_with = "or_default")]
    pub field: String,
    #[serde(default, rename = "fieldId", deserialize_with = "text")]
    pub field_id: Option<String>,
    #[serde(default, deserialize_with = "scalar")]
    pub from: Option<String>,
    #[serde(default, rename = "fromString", deserialize_with = "text")]
    pub from_text: Option<String>,
    #[serde(default, deserialize_with = "scalar")]
    pub to: Option<String>,
    #[serde(default, rename = "toString", deserialize_with = "text")]
    pub to_text: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Worklog {
    pub id: Id,
    #[serde(default)]
    pub issue_id: Option<Id>,
    #[serde(default, deserialize_with = "named")]
    pub author: Option<User>,
    #[serde(deserialize_with = "required_time")]
    pub started: DateTime<Utc>,
    #[serde(default)]
    pub time_spent_seconds: Option<i64>,
    #[serde(default, deserialize_with = "time")]
    pub created: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub updated: Option<DateTime<Utc>>,
}

/// A text, or a number as text. Empty counts as absent.
fn scalar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Option::<Value>::deserialize(deserializer)? {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text).filter(|text| !text.trim().is_empty()),
        Some(other) => Some(other.to_string()),
    })
}

/// A time as text, or as the number that `changelog/bulkfetch` gives: seconds in the vendor's example, milliseconds elsewhere.
fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let time = match &value {
        Value::String(text) => parse_time(text).or_else(|| at(text.trim().parse().ok()?)),
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|number| number as i64)).and_then(at),
        _ => None,
    };
    time.ok_or_else(|| D::Error::custom(format!("`{value}` is not a time")))
}

fn at(number: i64) -> Option<DateTime<Utc>> {
    if number < SECONDS_END { DateTime::from_timestamp(number, 0) } else { DateTime::from_timestamp_millis(number) }
}
