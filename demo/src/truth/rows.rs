//! The rows as they should be stored: the important columns, by the product's names.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

type Time = DateTime<Utc>;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IdentityRow {
    pub username: String,
    pub display_name: String,
    pub email: Option<String>,
    pub is_bot: bool,
    pub state: String,
    pub url: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MembershipRow {
    pub scope: String,
    pub identity_external_id: String,
    pub access_level: i32,
    pub expires_at: Option<NaiveDate>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupRow {
    pub name: String,
    pub full_path: String,
    pub parent_external_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProjectRow {
    pub name: String,
    pub full_path: String,
    pub default_branch: String,
    pub archived: bool,
    pub visibility: String,
    pub forked_from_external_id: Option<String>,
    pub namespace_external_id: String,
    pub url: String,
    pub created_at: Time,
    pub last_activity_at: Time,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IssueRow {
    pub project_external_id: String,
    pub number: i64,
    pub title: String,
    pub state: String,
    pub issue_type: String,
    pub author_external_id: String,
    pub assignee_external_ids: Vec<String>,
    pub labels: Vec<String>,
    pub milestone: Option<String>,
    pub confidential: bool,
    pub weight: Option<i64>,
    pub due_on: Option<NaiveDate>,
    pub created_at: Time,
    pub updated_at: Time,
    pub closed_at: Option<Time>,
    pub url: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MergeRequestRow {
    pub project_external_id: String,
    pub number: i64,
    pub title: String,
    pub state: String,
    pub draft: bool,
    pub author_external_id: String,
    pub merged_by_external_id: Option<String>,
    pub assignee_external_ids: Vec<String>,
    pub reviewer_external_ids: Vec<String>,
    pub labels: Vec<String>,
    pub milestone: Option<String>,
    pub source_branch: String,
    pub target_branch: String,
    pub source_project_external_id: Option<String>,
    pub is_fork: bool,
    pub head_sha: String,
    pub merge_commit_sha: Option<String>,
    pub squash_commit_sha: Option<String>,
    pub created_at: Time,
    pub updated_at: Time,
    pub prepared_at: Option<Time>,
    pub merged_at: Option<Time>,
    pub closed_at: Option<Time>,
    pub url: String,
    pub additions: i64,
    pub deletions: i64,
    pub changed_files: i64,
    pub size_is_partial: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NoteRow {
    pub merge_request_external_id: String,
    pub author_external_id: String,
    pub system: bool,
    pub event: Option<String>,
    pub created_at: Time,
    pub updated_at: Time,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ApprovalRow {
    pub merge_request_external_id: String,
    pub identity_external_id: String,
    pub approved_at: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CommitRow {
    pub merge_request_external_id: String,
    pub sha: String,
    pub title: String,
    pub author_name: String,
    pub author_email: String,
    pub authored_at: Time,
    pub committed_at: Time,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PipelineRow {
    pub project_external_id: String,
    pub number: i64,
    pub status: String,
    pub trigger: String,
    pub git_ref: String,
    pub sha: String,
    pub created_at: Time,
    pub updated_at: Option<Time>,
    pub url: String,
    pub identity_external_id: String,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    pub duration_seconds: Option<f64>,
    pub queued_seconds: Option<f64>,
    pub coverage: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobRow {
    pub project_external_id: String,
    pub pipeline_external_id: String,
    pub name: String,
    pub stage: String,
    pub status: String,
    /// `job` or `bridge`.
    pub job_kind: String,
    pub git_ref: String,
    pub identity_external_id: String,
    pub allow_failure: bool,
    pub created_at: Time,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    pub duration_seconds: Option<f64>,
    pub queued_seconds: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EnvironmentRow {
    pub project_external_id: String,
    pub name: String,
    /// Inferred from the name where GitLab has none.
    pub tier: String,
    pub state: String,
    pub external_url: Option<String>,
    pub created_at: Time,
    pub updated_at: Time,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeploymentRow {
    pub project_external_id: String,
    pub number: i64,
    pub status: String,
    pub environment_external_id: String,
    pub environment_name: String,
    /// By the environment's name; the environment's own tier wins where there is one.
    pub environment_tier: String,
    pub git_ref: String,
    pub sha: String,
    pub identity_external_id: String,
    pub created_at: Time,
    pub updated_at: Time,
    pub finished_at: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReleaseRow {
    pub project_external_id: String,
    pub tag: String,
    pub name: String,
    pub upcoming: bool,
    pub author_external_id: String,
    pub sha: String,
    pub created_at: Time,
    pub released_at: Time,
}
