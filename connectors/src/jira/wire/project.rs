//! Projects, versions, fields.

use chrono::NaiveDate;
use serde::Deserialize;

use crate::lenient::{Id, date, or_default, text};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Project {
    pub id: Id,
    pub key: String,
    #[serde(default, deserialize_with = "text")]
    pub name: Option<String>,
    /// The key and those it had before.
    #[serde(default, deserialize_with = "or_default")]
    pub project_keys: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub archived: bool,
    #[serde(default)]
    pub is_private: Option<bool>,
    #[serde(default, rename = "self", deserialize_with = "text")]
    pub own_url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    pub id: Id,
    #[serde(default)]
    pub project_id: Option<Id>,
    pub name: String,
    #[serde(default, deserialize_with = "text")]
    pub description: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub released: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub archived: bool,
    #[serde(default, deserialize_with = "date")]
    pub start_date: Option<NaiveDate>,
    #[serde(default, deserialize_with = "date")]
    pub release_date: Option<NaiveDate>,
}

#[derive(Debug, Deserialize)]
pub struct Field {
    pub id: Id,
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub custom: bool,
    #[serde(default)]
    pub schema: Option<Schema>,
}

#[derive(Debug, Deserialize)]
pub struct Schema {
    #[serde(default, rename = "type", deserialize_with = "text")]
    pub kind: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub custom: Option<String>,
}
