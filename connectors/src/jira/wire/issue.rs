//! Issues as the search shows them.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::{User, named};
use crate::lenient::{Id, date, or_default, required_time, text, time};

#[derive(Debug, Deserialize)]
pub struct Issue {
    pub id: Id,
    pub key: String,
    #[serde(default, rename = "self", deserialize_with = "text")]
    pub own_url: Option<String>,
    pub fields: IssueFields,
}

#[derive(Debug, Deserialize)]
pub struct IssueFields {
    #[serde(default, deserialize_with = "text")]
    pub summary: Option<String>,
    pub issuetype: IssueType,
    pub status: Status,
    #[serde(default)]
    pub project: Option<Reference>,
    #[serde(default)]
    pub priority: Option<Named>,
    #[serde(default)]
    pub resolution: Option<Named>,
    #[serde(default, deserialize_with = "time")]
    pub resolutiondate: Option<DateTime<Utc>>,
    #[serde(default)]
    pub parent: Option<Reference>,
    #[serde(default, deserialize_with = "named")]
    pub creator: Option<User>,
    #[serde(default, deserialize_with = "named")]
    pub reporter: Option<User>,
    #[serde(default, deserialize_with = "named")]
    pub assignee: Option<User>,
    #[serde(default, deserialize_with = "or_default")]
    pub labels: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub components: Vec<Named>,
    #[serde(default, rename = "fixVersions", deserialize_with = "or_default")]
    pub fix_versions: Vec<Reference>,
    /// Absent where linking is switched off.
    #[serde(default)]
    pub issuelinks: Option<Vec<IssueLink>>,
    #[serde(default, deserialize_with = "date")]
    pub duedate: Option<NaiveDate>,
    #[serde(deserialize_with = "required_time")]
    pub created: DateTime<Utc>,
    #[serde(default, deserialize_with = "time")]
    pub updated: Option<DateTime<Utc>>,
    /// The first twenty only.
    #[serde(default)]
    pub worklog: Option<Worklogs>,
    /// Custom fields, and whatever else there is.
    #[serde(flatten)]
    pub others: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
pub struct IssueType {
    #[serde(default)]
    pub id: Option<Id>,
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub subtask: bool,
    /// -1 below, 0 on, 1 and more above the level of stories and tasks.
    #[serde(default, rename = "hierarchyLevel")]
    pub level: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub struct Status {
    #[serde(default)]
    pub id: Option<Id>,
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, rename = "statusCategory")]
    pub category: Option<Category>,
}

#[derive(Debug, Deserialize)]
pub struct Category {
    #[serde(default, deserialize_with = "text")]
    pub key: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Reference {
    pub id: Id,
}

#[derive(Debug, Deserialize)]
pub struct Named {
    #[serde(default, deserialize_with = "text")]
    pub name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Worklogs {
    #[serde(default)]
    pub total: Option<i64>,
}

/// One end's view of a link: the other end is either inward or outward.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssueLink {
    pub id: Id,
    #[serde(rename = "type")]
    pub kind: LinkType,
    #[serde(default)]
    pub inward_issue: Option<Reference>,
    #[serde(default)]
    pub outward_issue: Option<Reference>,
}

#[derive(Debug, Deserialize)]
pub struct LinkType {
    #[serde(default, deserialize_with = "text")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub outward: Option<String>,
}
