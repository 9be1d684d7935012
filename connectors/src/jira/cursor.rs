//! The cursor of one partition: opaque JSON to the engine, typed here.
//!
//! A cursor this version cannot read starts the walk over instead of failing: rows are upserted by id, so reading twice is only slow.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::walk::Search;
use crate::offset::Offset;

/// Raised when the meaning of a stored cursor changes.
const VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    v: u32,
    /// Walks completed; 0 until the first one is.
    pub walks: u64,
    /// Everything updated before this has been seen by a completed walk.
    pub watermark: Option<DateTime<Utc>>,
    /// The walk in progress.
    pub walk: Option<Position>,
}

/// Where the next page of a walk is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    Offset(Offset),
    Search(Search),
}

impl Default for Cursor {
    fn default() -> Self {
        Self { v: VERSION, walks: 0, watermark: None, walk: None }
    }
}

impl Cursor {
    pub fn read(stored: Option<&Value>) -> Self {
        let Some(stored) = stored else { return Self::default() };
        match serde_json::from_value::<Self>(stored.clone()) {
            Ok(cursor) if cursor.v == VERSION => cursor,
            _ => {
                tracing::warn!("a stored cursor is of another version; this partition is walked from the start");
                Self::default()
            }
        }
    }

    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// The cursor in mid-walk.
    pub fn walking(&self, walk: Position) -> Self {
        Self { walk: Some(walk), ..self.clone() }
    }

    /// The cursor after a completed walk. The watermark never goes back.
    pub fn finished(&self, reached: Option<DateTime<Utc>>) -> Self {
        Self { v: VERSION, walks: self.walks + 1, watermark: self.watermark.max(reached), walk: None }
    }

    /// The cursor after a walk that could not be made: the next one starts from where the last completed one ended.
    pub fn abandoned(&self) -> Self {
        Self { walk: None, ..self.clone() }
    }
}
