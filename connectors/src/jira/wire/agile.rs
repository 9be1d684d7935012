//! Boards and sprints.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::lenient::{Id, text, time};

#[derive(Debug, Deserialize)]
pub struct Board {
    pub id: Id,
    pub name: String,
    #[serde(default, rename = "type", deserialize_with = "text")]
    pub kind: Option<String>,
    #[serde(default)]
    pub location: Option<Location>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    #[serde(default)]
    pub project_id: Option<Id>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sprint {
    pub id: Id,
    pub name: String,
    #[serde(default, deserialize_with = "text")]
    pub state: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub goal: Option<String>,
    #[serde(default, deserialize_with = "time")]
    pub start_date: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub end_date: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub complete_date: Option<DateTime<Utc>>,
    /// The board it was made on; others show it too.
    #[serde(default)]
    pub origin_board_id: Option<Id>,
}
