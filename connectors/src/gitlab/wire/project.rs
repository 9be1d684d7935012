//! Groups and projects.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::Id;
use crate::lenient::{or_default, text, time};

#[derive(Debug, Deserialize)]
pub struct Group {
    pub id: Id,
    pub name: String,
    pub full_path: String,
    #[serde(default)]
    pub parent_id: Option<Id>,
    #[serde(default, deserialize_with = "text")]
    pub web_url: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Project {
    pub id: Id,
    pub name: String,
    pub path_with_namespace: String,
    #[serde(default, deserialize_with = "text")]
    pub default_branch: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub archived: bool,
    #[serde(default, deserialize_with = "text")]
    pub visibility: Option<String>,
    #[serde(default)]
    pub forked_from_project: Option<Reference>,
    #[serde(default)]
    pub namespace: Option<Reference>,
    #[serde(default, deserialize_with = "text")]
    pub web_url: Option<String>,
    #[serde(default, deserialize_with = "time")]
    pub created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub last_activity_at: Option<DateTime<Utc>>,
}

/// An embedded object of which only the id is read.
#[derive(Debug, Deserialize)]
pub struct Reference {
    #[serde(default)]
    pub id: Option<Id>,
}
