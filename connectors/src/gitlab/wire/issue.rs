//! Issues.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;

use super::{Id, User};
use crate::lenient::{date, or_default, required_time, text, time};

#[derive(Debug, Deserialize)]
pub struct Issue {
    pub id: Id,
    pub iid: i64,
    #[serde(default)]
    pub project_id: Option<Id>,
    pub title: String,
    pub state: String,
    #[serde(default, deserialize_with = "text")]
    pub issue_type: Option<String>,
    #[serde(default)]
    pub author: Option<User>,
    #[serde(default, deserialize_with = "or_default")]
    pub assignees: Vec<User>,
    /// Older servers have only this one.
    #[serde(default)]
    pub assignee: Option<User>,
    #[serde(default, deserialize_with = "or_default")]
    pub labels: Vec<String>,
    #[serde(default)]
    pub milestone: Option<Milestone>,
    #[serde(default, deserialize_with = "or_default")]
    pub confidential: bool,
    #[serde(default)]
    pub weight: Option<i64>,
    #[serde(default, deserialize_with = "date")]
    pub due_date: Option<NaiveDate>,
    #[serde(deserialize_with = "required_time")]
    pub created_at: DateTime<Utc>,
    #[serde(default, deserialize_with = "time")]
    pub updated_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub closed_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "text")]
    pub web_url: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Milestone {
    #[serde(default, deserialize_with = "text")]
    pub title: Option<String>,
}
