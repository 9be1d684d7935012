//! Merge requests and what hangs on one: notes, approvals, commits, diffs.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::issue::Milestone;
use super::{Id, User};
use crate::lenient::{or_default, required_time, text, time};

#[derive(Debug, Deserialize)]
pub struct MergeRequest {
    pub id: Id,
    pub iid: i64,
    #[serde(default)]
    pub project_id: Option<Id>,
    #[serde(default)]
    pub source_project_id: Option<Id>,
    #[serde(default)]
    pub target_project_id: Option<Id>,
    pub title: String,
    #[serde(default, deserialize_with = "text")]
    pub description: Option<String>,
    pub state: String,
    #[serde(default)]
    pub draft: Option<bool>,
    #[serde(default)]
    pub work_in_progress: Option<bool>,
    #[serde(default)]
    pub author: Option<User>,
    #[serde(default)]
    pub merge_user: Option<User>,
    /// Deprecated in favour of `merge_user`.
    #[serde(default)]
    pub merged_by: Option<User>,
    #[serde(default, deserialize_with = "or_default")]
    pub assignees: Vec<User>,
    #[serde(default)]
    pub assignee: Option<User>,
    #[serde(default, deserialize_with = "or_default")]
    pub reviewers: Vec<User>,
    #[serde(default, deserialize_with = "or_default")]
    pub labels: Vec<String>,
    #[serde(default)]
    pub milestone: Option<Milestone>,
    #[serde(default, deserialize_with = "text")]
    pub source_branch: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub target_branch: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub sha: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub merge_commit_sha: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub squash_commit_sha: Option<String>,
    #[serde(deserialize_with = "required_time")]
    pub created_at: DateTime<Utc>,
    #[serde(default, deserialize_with = "time")]
    pub updated_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub prepared_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub merged_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub closed_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "text")]
    pub web_url: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Note {
    pub id: Id,
    #[serde(default, deserialize_with = "or_default")]
    pub body: String,
    #[serde(default)]
    pub author: Option<User>,
    #[serde(default, deserialize_with = "or_default")]
    pub system: bool,
    #[serde(deserialize_with = "required_time")]
    pub created_at: DateTime<Utc>,
    #[serde(default, deserialize_with = "time")]
    pub updated_at: Option<DateTime<Utc>>,
}

/// `/approvals`: who approves now. A push can reset it.
#[derive(Debug, Deserialize)]
pub struct Approvals {
    #[serde(default, deserialize_with = "or_default")]
    pub approved_by: Vec<Approval>,
}

#[derive(Debug, Deserialize)]
pub struct Approval {
    pub user: User,
    #[serde(default, deserialize_with = "time")]
    pub approved_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
pub struct Commit {
    /// The SHA.
    pub id: String,
    #[serde(default, deserialize_with = "text")]
    pub title: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub message: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub author_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub author_email: Option<String>,
    #[serde(default, deserialize_with = "time")]
    pub authored_date: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "time")]
    pub committed_date: Option<DateTime<Utc>>,
}

/// One file's diff.
#[derive(Debug, Deserialize)]
pub struct Diff {
    #[serde(default, deserialize_with = "or_default")]
    pub new_path: String,
    #[serde(default, deserialize_with = "or_default")]
    pub diff: String,
    #[serde(default, deserialize_with = "or_default")]
    pub too_large: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub collapsed: bool,
}
