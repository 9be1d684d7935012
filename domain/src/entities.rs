//! The domain rows connectors produce. Field names are column names: the store writes an entity by its JSON form.
//!
//! References between rows are external ids within one connection, not row ids: a merge request can arrive before its author.
//! Times are UTC. `None` means "the source did not say", never zero.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::{documents::*, work_items::*};

type Time = DateTime<Utc>;

/// One domain row, or a part of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Entity {
    /// What a list or a user endpoint says about an account. Known fields win over unknown ones (`None` keeps what is stored).
    Identity(Identity),
    /// An account seen as somebody's author or reviewer: stored only if the account is not known yet.
    IdentityRef(IdentityRef),
    Membership(Membership),
    Group(Group),
    Project(Project),
    Issue(Issue),
    MergeRequest(MergeRequest),
    MergeRequestNote(MergeRequestNote),
    MergeRequestApproval(MergeRequestApproval),
    MergeRequestCommit(MergeRequestCommit),
    /// Size columns of a merge request row.
    MergeRequestSize(MergeRequestSize),
    /// List columns of a pipeline row.
    Pipeline(Pipeline),
    /// Detail columns of a pipeline row.
    PipelineTimes(PipelineTimes),
    Job(Job),
    Environment(Environment),
    Deployment(Deployment),
    Release(Release),
    WorkItem(WorkItem),
    WorkItemChange(WorkItemChange),
    WorkItemLink(WorkItemLink),
    Worklog(Worklog),
    Version(Version),
    Board(Board),
    Sprint(Sprint),
    WorkItemStatus(WorkItemStatus),
    WorkItemField(WorkItemField),
    Space(Space),
    Document(Document),
    /// Label column of a document row.
    DocumentLabels(DocumentLabels),
    DocumentVersion(DocumentVersion),
    DocumentComment(DocumentComment),
    References(References),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    pub external_id: String,
    pub username: Option<String>,
    pub display_name: Option<String>,
    /// As the source gave it, trimmed; never an empty string.
    pub email: Option<String>,
    /// `Some` only if the source or its naming rules say so.
    pub is_bot: Option<bool>,
    /// Why `is_bot` is true: `source flag`, `username pattern project_*_bot_*`.
    pub bot_reason: Option<String>,
    /// The source's state: `active`, `blocked`, `deactivated`.
    pub state: Option<String>,
    pub url: Option<String>,
    pub source_created_at: Option<Time>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IdentityRef {
    pub external_id: String,
    pub username: Option<String>,
    pub display_name: Option<String>,
    pub is_bot: Option<bool>,
    pub bot_reason: Option<String>,
    pub state: Option<String>,
    pub url: Option<String>,
    /// Queued only if the account is new.
    #[serde(skip)]
    pub detail: Option<crate::DetailRequest>,
}

/// An account's membership in a group or project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Membership {
    /// `{scope}:{identity}`.
    pub external_id: String,
    /// `group:{id or path}` or `project:{id or path}`.
    pub scope: String,
    pub identity_external_id: String,
    /// GitLab: 10 guest … 50 owner.
    pub access_level: Option<i32>,
    pub state: Option<String>,
    pub expires_at: Option<NaiveDate>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    pub external_id: String,
    pub name: String,
    pub full_path: String,
    pub parent_external_id: Option<String>,
    pub url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Project {
    pub external_id: String,
    pub name: String,
    /// `group/subgroup/name`.
    pub full_path: String,
    pub default_branch: Option<String>,
    pub archived: bool,
    pub visibility: Option<String>,
    pub forked_from_external_id: Option<String>,
    pub namespace_external_id: Option<String>,
    /// What keys of its work items begin with: `WEB`.
    pub key: Option<String>,
    /// Keys it had before.
    pub former_keys: Vec<String>,
    pub url: Option<String>,
    pub created_at: Option<Time>,
    pub last_activity_at: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Issue {
    pub external_id: String,
    pub project_external_id: String,
    pub number: i64,
    pub title: String,
    /// As the source gave it: `opened`, `closed`.
    pub state: String,
    pub issue_type: Option<String>,
    pub author_external_id: Option<String>,
    pub assignee_external_ids: Vec<String>,
    pub labels: Vec<String>,
    pub milestone: Option<String>,
    pub confidential: bool,
    pub weight: Option<i64>,
    pub due_on: Option<NaiveDate>,
    pub created_at: Time,
    pub updated_at: Option<Time>,
    pub closed_at: Option<Time>,
    pub url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MergeRequest {
    pub external_id: String,
    pub project_external_id: String,
    /// GitLab's iid.
    pub number: i64,
    pub title: String,
    /// As the source gave it: `opened`, `closed`, `merged`, `locked`.
    pub state: String,
    pub draft: bool,
    pub author_external_id: Option<String>,
    pub merged_by_external_id: Option<String>,
    pub assignee_external_ids: Vec<String>,
    pub reviewer_external_ids: Vec<String>,
    pub labels: Vec<String>,
    pub milestone: Option<String>,
    pub source_branch: Option<String>,
    pub target_branch: Option<String>,
    /// `None` when the fork is gone.
    pub source_project_external_id: Option<String>,
    /// Source project differs from target project.
    pub is_fork: bool,
    pub head_sha: Option<String>,
    pub merge_commit_sha: Option<String>,
    pub squash_commit_sha: Option<String>,
    pub created_at: Time,
    pub updated_at: Option<Time>,
    pub prepared_at: Option<Time>,
    pub merged_at: Option<Time>,
    pub closed_at: Option<Time>,
    pub url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MergeRequestNote {
    pub external_id: String,
    pub merge_request_external_id: String,
    pub author_external_id: Option<String>,
    /// Written by the source itself, as "approved this merge request".
    pub system: bool,
    /// What a system note says happened; `None` for people's notes and for system notes that say nothing of interest.
    pub event: Option<NoteEvent>,
    pub created_at: Time,
    pub updated_at: Option<Time>,
}

/// What a system note reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteEvent {
    Approved,
    Unapproved,
    MarkedDraft,
    MarkedReady,
    CommitsAdded,
    Merged,
    Closed,
    Reopened,
}

/// One account's approval of one merge request. The first one seen is kept when the source forgets it later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MergeRequestApproval {
    /// `{merge request}:{identity}`.
    pub external_id: String,
    pub merge_request_external_id: String,
    pub identity_external_id: String,
    /// `None` on servers that do not say; the approval's system note has the time then.
    pub approved_at: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MergeRequestCommit {
    /// `{merge request}:{sha}`.
    pub external_id: String,
    pub merge_request_external_id: String,
    pub sha: String,
    pub title: Option<String>,
    pub author_name: Option<String>,
    pub author_email: Option<String>,
    pub authored_at: Option<Time>,
    pub committed_at: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MergeRequestSize {
    /// The merge request's external id.
    pub external_id: String,
    /// Lines.
    pub additions: i64,
    /// Lines.
    pub deletions: i64,
    pub changed_files: i64,
    /// The source cut the diff (too large or collapsed): the figures are lower bounds.
    pub size_is_partial: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pipeline {
    pub external_id: String,
    pub project_external_id: String,
    pub number: Option<i64>,
    /// As the source gave it: `success`, `failed`, `canceled`, `running` …
    pub status: String,
    /// What started it: `push`, `schedule`, `merge_request_event` …
    pub trigger: Option<String>,
    /// The branch or tag (`ref` in GitLab).
    pub git_ref: Option<String>,
    pub sha: Option<String>,
    pub created_at: Option<Time>,
    pub updated_at: Option<Time>,
    pub url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PipelineTimes {
    /// The pipeline's external id.
    pub external_id: String,
    pub identity_external_id: Option<String>,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    pub duration_seconds: Option<f64>,
    pub queued_seconds: Option<f64>,
    /// Percent.
    pub coverage: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub external_id: String,
    pub project_external_id: String,
    pub pipeline_external_id: Option<String>,
    pub name: String,
    pub stage: Option<String>,
    pub status: String,
    /// `job`, or `bridge` for one that starts another pipeline.
    pub job_kind: String,
    pub git_ref: Option<String>,
    pub identity_external_id: Option<String>,
    pub allow_failure: bool,
    pub created_at: Option<Time>,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    pub duration_seconds: Option<f64>,
    pub queued_seconds: Option<f64>,
    pub url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    pub external_id: String,
    pub project_external_id: String,
    pub name: String,
    /// `production`, `staging`, `testing`, `development`, `other`.
    pub tier: Option<String>,
    pub state: Option<String>,
    pub external_url: Option<String>,
    pub created_at: Option<Time>,
    pub updated_at: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    pub external_id: String,
    pub project_external_id: String,
    pub number: Option<i64>,
    /// As the source gave it: `success`, `failed`, `blocked` …
    pub status: String,
    pub environment_external_id: Option<String>,
    pub environment_name: Option<String>,
    /// From the deployment itself or, failing that, inferred from the environment's name as GitLab does; the environment's own
    /// row wins where it has a tier.
    pub environment_tier: Option<String>,
    pub git_ref: Option<String>,
    pub sha: Option<String>,
    pub identity_external_id: Option<String>,
    pub created_at: Time,
    pub updated_at: Option<Time>,
    pub finished_at: Option<Time>,
    pub url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// `{project}:{tag}`.
    pub external_id: String,
    pub project_external_id: String,
    pub tag: String,
    pub name: Option<String>,
    pub upcoming: bool,
    pub author_external_id: Option<String>,
    pub sha: Option<String>,
    pub created_at: Option<Time>,
    pub released_at: Option<Time>,
    pub url: Option<String>,
}

/// Answers `$what` of whichever row it is, as `$row`, with the name of its table as `$table`.
macro_rules! of_row {
    ($entity:expr, |$table:ident, $row:ident| $what:expr) => {
        of_row!(@match $entity, $table, $row, $what,
            Identity "identities", IdentityRef "identities", Membership "memberships", Group "groups", Project "projects", Issue "issues",
            MergeRequest "merge_requests", MergeRequestNote "merge_request_notes", MergeRequestApproval "merge_request_approvals",
            MergeRequestCommit "merge_request_commits", MergeRequestSize "merge_requests", Pipeline "pipelines",
            PipelineTimes "pipelines", Job "jobs", Environment "environments", Deployment "deployments", Release "tag_releases",
            WorkItem "work_items", WorkItemChange "work_item_changes", WorkItemLink "work_item_links", Worklog "worklogs",
            Version "versions", Board "boards", Sprint "sprints", WorkItemStatus "work_item_statuses", WorkItemField "work_item_fields",
            Space "spaces", Document "documents", DocumentLabels "documents", DocumentVersion "document_versions", DocumentComment "document_comments",
            References "references_found")
    };
    (@match $entity:expr, $table:ident, $row:ident, $what:expr, $($variant:ident $name:literal),*) => {
        match $entity { $(Self::$variant($row) => { let $table = $name; $what })* }
    };
}

impl Entity {
    /// The table the entity is stored in and its key there.
    pub fn table_and_key(&self) -> (&'static str, &str) {
        of_row!(self, |table, row| (table, row.external_id.as_str()))
    }

    /// The row's JSON object, without the variant's name.
    pub fn to_json(&self) -> serde_json::Result<String> {
        of_row!(self, |_table, row| serde_json::to_string(row))
    }
}
