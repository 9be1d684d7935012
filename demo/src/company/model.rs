//! The facts of the company: what a GitLab would have in its database. Everything else (JSON, truth) is derived from these.

use chrono::{DateTime, NaiveDate, Utc};

pub(crate) type Time = DateTime<Utc>;

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub id: u64,
    pub username: String,
    pub name: String,
    pub state: &'static str,
    pub public_email: Option<String>,
    pub bot: bool,
    pub created_at: Time,
    /// Offset from UTC in minutes, seen in the user's commits.
    pub offset_minutes: i32,
    /// Left the company: writes nothing in the last 100 days.
    pub departed: bool,
    pub kind: UserKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserKind {
    Human,
    /// Contributes from a fork, member of nothing.
    Outsider,
    ProjectBot(u64),
    GroupBot,
    DependencyBot,
}

/// One human and all their accounts.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub users: Vec<u64>,
    /// What two accounts of this person have in common; `None` with one account.
    pub shares: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Group(u64),
    Project(u64),
}

#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub scope: Scope,
    pub user: u64,
    pub access_level: i32,
    pub created_at: Time,
    pub expires_at: Option<NaiveDate>,
}

#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub id: u64,
    pub name: String,
    pub path: String,
    pub full_path: String,
    pub parent: Option<u64>,
    pub created_at: Time,
}

#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub id: u64,
    pub name: String,
    pub path: String,
    pub full_path: String,
    pub group: u64,
    pub archived: bool,
    pub visibility: &'static str,
    pub default_branch: &'static str,
    pub forked_from: Option<u64>,
    pub created_at: Time,
    pub last_activity_at: Time,
    pub weight: u32,
    /// An older server's style: approvals without times, draft notes in the "Work In Progress" wording.
    pub legacy: bool,
    /// A path the project had before; requests to it answer 301.
    pub old_path: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoteEvent {
    Approved,
    Unapproved,
    MarkedDraft,
    MarkedReady,
    CommitsAdded,
    Merged,
    Closed,
    Reopened,
}

impl NoteEvent {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Unapproved => "unapproved",
            Self::MarkedDraft => "marked_draft",
            Self::MarkedReady => "marked_ready",
            Self::CommitsAdded => "commits_added",
            Self::Merged => "merged",
            Self::Closed => "closed",
            Self::Reopened => "reopened",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub id: u64,
    pub author: u64,
    pub body: String,
    pub system: bool,
    pub event: Option<NoteEvent>,
    /// GitLab's `type`: `DiffNote`, `DiscussionNote` or null.
    pub note_type: Option<&'static str>,
    pub created_at: Time,
    pub updated_at: Time,
}

#[derive(Clone, Debug)]
pub(crate) struct Approval {
    pub user: u64,
    /// `None` as older servers answer.
    pub approved_at: Option<Time>,
}

#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub sha: String,
    pub title: String,
    pub author: u64,
    pub authored_at: Time,
    pub committed_at: Time,
}

#[derive(Clone, Debug)]
pub(crate) struct FileDiff {
    pub path: String,
    pub additions: u32,
    pub deletions: u32,
    /// GitLab leaves the text of such a file out.
    pub collapsed: bool,
    pub too_large: bool,
    pub new_file: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct MergeRequest {
    pub id: u64,
    pub iid: u64,
    /// Index into `Company::projects`.
    pub project: usize,
    pub title: String,
    pub description: String,
    pub state: String,
    pub draft: bool,
    pub author: u64,
    pub merged_by: Option<u64>,
    pub closed_by: Option<u64>,
    pub assignees: Vec<u64>,
    pub reviewers: Vec<u64>,
    pub labels: Vec<&'static str>,
    pub milestone: Option<u32>,
    pub source_branch: String,
    pub source_project_id: Option<u64>,
    pub sha: String,
    pub merge_commit_sha: Option<String>,
    pub squash_commit_sha: Option<String>,
    pub created_at: Time,
    pub updated_at: Time,
    pub prepared_at: Option<Time>,
    pub merged_at: Option<Time>,
    pub closed_at: Option<Time>,
    pub discussion_locked: bool,
    /// Carries fields no document knows.
    pub unknown_fields: bool,
    pub notes: Vec<Note>,
    pub approvals: Vec<Approval>,
    pub commits: Vec<Commit>,
    pub files: Vec<FileDiff>,
}

#[derive(Clone, Debug)]
pub(crate) struct Issue {
    pub id: u64,
    pub iid: u64,
    pub project: usize,
    pub title: String,
    pub state: &'static str,
    pub issue_type: &'static str,
    pub author: u64,
    pub assignees: Vec<u64>,
    pub labels: Vec<&'static str>,
    pub milestone: Option<u32>,
    pub confidential: bool,
    pub weight: Option<i64>,
    pub due_on: Option<NaiveDate>,
    pub created_at: Time,
    pub updated_at: Time,
    pub closed_at: Option<Time>,
    pub closed_by: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub id: u64,
    pub name: String,
    pub stage: &'static str,
    pub status: &'static str,
    pub bridge: bool,
    /// Replaced by a later try; listed only with `include_retried`.
    pub retried: bool,
    pub allow_failure: bool,
    pub created_at: Time,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    pub queued_millis: Option<i64>,
}

impl Job {
    /// Seconds, as GitLab gives them.
    pub(crate) fn duration_seconds(&self) -> Option<f64> {
        Some((self.finished_at? - self.started_at?).num_milliseconds() as f64 / 1000.0)
    }

    pub(crate) fn queued_seconds(&self) -> Option<f64> {
        self.queued_millis.map(|millis| millis as f64 / 1000.0)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    pub id: u64,
    pub iid: u64,
    pub project: usize,
    pub sha: String,
    pub git_ref: String,
    pub tag: bool,
    pub status: &'static str,
    pub source: &'static str,
    pub user: u64,
    pub created_at: Time,
    /// `None` as real servers have for pipelines an outside CI began to report.
    pub updated_at: Option<Time>,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    /// Seconds.
    pub duration: Option<i64>,
    /// Seconds.
    pub queued: Option<i64>,
    /// Hundredths of a percent.
    pub coverage: Option<u32>,
    pub jobs: Vec<Job>,
}

#[derive(Clone, Debug)]
pub(crate) struct Environment {
    pub id: u64,
    pub project: usize,
    pub name: &'static str,
    pub tier: Option<&'static str>,
    pub state: &'static str,
    pub external_url: Option<String>,
    pub created_at: Time,
    pub updated_at: Time,
}

#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub id: u64,
    pub iid: u64,
    pub project: usize,
    pub status: &'static str,
    /// Index into `Company::environments`.
    pub environment: usize,
    /// (index into `Company::pipelines`, index into its jobs); `None` for a deployment made through the API.
    pub job: Option<(usize, usize)>,
    pub git_ref: String,
    pub sha: String,
    pub user: u64,
    pub created_at: Time,
    pub updated_at: Time,
}

#[derive(Clone, Debug)]
pub(crate) struct Release {
    pub project: usize,
    pub tag: String,
    pub name: String,
    pub upcoming: bool,
    pub author: u64,
    pub sha: String,
    pub created_at: Time,
    pub released_at: Time,
}
