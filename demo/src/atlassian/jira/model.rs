//! The facts of the Jira site. JSON and truth are derived from these.

use std::sync::Arc;

use chrono::NaiveDate;

use super::super::accounts::Directory;
use crate::company::model::Time;

/// Everything one Jira site has.
#[derive(Clone, Debug)]
pub(crate) struct JiraFacts {
    pub as_of: Time,
    pub directory: Arc<Directory>,
    pub projects: Vec<JiraProject>,
    pub statuses: Vec<Status>,
    pub types: Vec<IssueType>,
    pub fields: Vec<Field>,
    pub versions: Vec<Version>,
    pub boards: Vec<Board>,
    pub sprints: Vec<Sprint>,
    pub issues: Vec<Issue>,
    pub links: Vec<Link>,
    pub worklogs: Vec<Worklog>,
    /// (worklog, when it was deleted).
    pub deleted_worklogs: Vec<(u64, Time)>,
    /// What was planted on purpose.
    pub planted: Vec<Planted>,
    /// Page tokens of an earlier epoch are dead.
    pub token_epoch: u64,
    pub edits: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Epic,
    Story,
    Bug,
    Task,
    Subtask,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Epic => "epic",
            Self::Story => "story",
            Self::Bug => "bug",
            Self::Task => "task",
            Self::Subtask => "subtask",
        }
    }

    /// Jira's hierarchy level.
    pub(crate) fn level(self) -> i32 {
        match self {
            Self::Epic => 1,
            Self::Subtask => -1,
            _ => 0,
        }
    }

    /// The icon Atlassian ships for the type.
    pub(crate) fn avatar(self) -> u32 {
        match self {
            Self::Epic => 10307,
            Self::Story => 10315,
            Self::Bug => 10303,
            Self::Task => 10318,
            Self::Subtask => 10316,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    Todo,
    InProgress,
    Done,
}

impl Category {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Todo => "todo",
            Self::InProgress => "in_progress",
            Self::Done => "done",
        }
    }

    /// (id, key, colour, name in the status list, name in `statuses/search`).
    pub(crate) fn jira(self) -> (u32, &'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Todo => (2, "new", "blue-gray", "To Do", "TODO"),
            Self::InProgress => (4, "indeterminate", "yellow", "In Progress", "IN_PROGRESS"),
            Self::Done => (3, "done", "green", "Done", "DONE"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visibility {
    Live,
    Archived,
    /// In the trash.
    Deleted,
    /// The token lost sight of it: in no list at all.
    Hidden,
}

#[derive(Clone, Debug)]
pub(crate) struct JiraProject {
    pub id: u64,
    pub key: String,
    /// Keys it had before.
    pub former_keys: Vec<String>,
    pub name: &'static str,
    /// Team-managed: types and statuses of its own, points in another field.
    pub team_managed: bool,
    pub project_type: &'static str,
    pub visibility: Visibility,
    pub lead: usize,
    /// Indices into `JiraFacts::types`: epic, story, bug, task, subtask.
    pub types: [usize; 5],
    /// Indices into `JiraFacts::statuses`: to do, in progress, in review, done.
    pub statuses: [usize; 4],
    pub components: Vec<&'static str>,
    pub weight: u32,
    /// The last number of a key.
    pub counter: u64,
}

impl JiraProject {
    /// Whether searches find what is in it.
    pub(crate) fn is_live(&self) -> bool {
        self.visibility == Visibility::Live
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub id: u64,
    pub name: &'static str,
    pub category: Category,
    /// Index of the project it belongs to; `None` for the site's own.
    pub project: Option<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct IssueType {
    pub id: u64,
    pub name: &'static str,
    pub kind: Kind,
    pub project: Option<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub id: String,
    pub name: &'static str,
    pub custom: Option<&'static str>,
    pub schema: &'static str,
    pub items: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub id: u64,
    pub project: usize,
    pub name: String,
    pub description: Option<String>,
    pub released: bool,
    pub archived: bool,
    pub start_on: Option<NaiveDate>,
    pub release_on: Option<NaiveDate>,
}

#[derive(Clone, Debug)]
pub(crate) struct Board {
    pub id: u64,
    pub name: String,
    /// `scrum`, `kanban`, `simple`.
    pub kind: &'static str,
    pub project: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Sprint {
    pub id: u64,
    /// Index into `JiraFacts::boards`.
    pub board: usize,
    pub name: String,
    /// `future`, `active`, `closed`.
    pub state: &'static str,
    pub goal: Option<&'static str>,
    pub starts_at: Option<Time>,
    pub ends_at: Option<Time>,
    pub completed_at: Option<Time>,
}

#[derive(Clone, Debug)]
pub(crate) struct Issue {
    pub id: u64,
    /// Index into `JiraFacts::projects`.
    pub project: usize,
    pub number: u64,
    /// Keys it had in other projects.
    pub former_keys: Vec<String>,
    pub issue_type: usize,
    pub summary: String,
    pub description: Option<String>,
    pub status: usize,
    pub priority: &'static str,
    pub resolution: Option<&'static str>,
    /// An issue's id; need not exist.
    pub parent: Option<u64>,
    pub creator: usize,
    pub reporter: Option<usize>,
    pub assignee: Option<usize>,
    pub labels: Vec<String>,
    pub components: Vec<usize>,
    /// Indices into `JiraFacts::versions`.
    pub fix_versions: Vec<usize>,
    /// Indices into `JiraFacts::sprints`.
    pub sprints: Vec<usize>,
    pub points: Option<f64>,
    pub due_on: Option<NaiveDate>,
    pub created_at: Time,
    pub updated_at: Time,
    pub resolved_at: Option<Time>,
    /// Oldest first.
    pub histories: Vec<History>,
}

#[derive(Clone, Debug)]
pub(crate) struct History {
    pub id: u64,
    /// `None`: written by nobody, as imports leave it.
    pub author: Option<usize>,
    pub at: Time,
    pub items: Vec<ChangeItem>,
}

#[derive(Clone, Debug)]
pub(crate) struct ChangeItem {
    pub field: &'static str,
    /// `None` on old entries.
    pub field_id: Option<String>,
    pub from: Option<String>,
    pub from_text: Option<String>,
    pub to: Option<String>,
    pub to_text: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub id: u64,
    pub from: u64,
    pub to: u64,
    /// (id, name, inward, outward).
    pub kind: (u32, &'static str, &'static str, &'static str),
}

#[derive(Clone, Debug)]
pub(crate) struct Worklog {
    pub id: u64,
    pub issue: u64,
    pub author: usize,
    pub started_at: Time,
    pub seconds: i64,
    pub created_at: Time,
    pub updated_at: Time,
}

/// Something wrong on purpose.
#[derive(Clone, Debug)]
pub(crate) struct Planted {
    pub rule: &'static str,
    /// Table and external id of what is wrong.
    pub table: &'static str,
    pub external_id: String,
    pub note: String,
}

impl JiraFacts {
    pub(crate) fn key(&self, issue: &Issue) -> String {
        format!("{}-{}", self.projects[issue.project].key, issue.number)
    }

    pub(crate) fn kind(&self, issue: &Issue) -> Kind {
        self.types[issue.issue_type].kind
    }

    pub(crate) fn category(&self, issue: &Issue) -> Category {
        self.statuses[issue.status].category
    }

    pub(crate) fn issue(&self, id: u64) -> Option<&Issue> {
        self.issues.iter().find(|one| one.id == id)
    }

    /// Whether the token finds the issue.
    pub(crate) fn is_visible(&self, issue: &Issue) -> bool {
        self.projects[issue.project].is_live()
    }

    /// The field with this name, as `Sprint`.
    pub(crate) fn field_id(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.id.as_str())
    }
}
