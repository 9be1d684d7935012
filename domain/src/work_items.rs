//! Work items (epics, stories, bugs, tasks) and what they belong to: versions, boards, sprints.
//!
//! Field names are column names, as in `entities`. References are external ids within one connection.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

type Time = DateTime<Utc>;

/// What a work item is, whatever the source calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkItemKind {
    Epic,
    Story,
    Bug,
    Task,
    Subtask,
}

impl WorkItemKind {
    pub const ALL: [WorkItemKind; 5] = [Self::Epic, Self::Story, Self::Bug, Self::Task, Self::Subtask];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Epic => "epic",
            Self::Story => "story",
            Self::Bug => "bug",
            Self::Task => "task",
            Self::Subtask => "subtask",
        }
    }
}

/// Where a status stands, whatever the source calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusCategory {
    Todo,
    InProgress,
    Done,
}

impl StatusCategory {
    pub const ALL: [StatusCategory; 3] = [Self::Todo, Self::InProgress, Self::Done];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Todo => "todo",
            Self::InProgress => "in_progress",
            Self::Done => "done",
        }
    }
}

/// A work item as its list shows it now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkItem {
    /// The source's id, which survives a move; keys do not.
    pub external_id: String,
    /// As people call it: `WEB-12`.
    pub key: String,
    pub project_external_id: String,
    pub title: String,
    pub kind: WorkItemKind,
    /// The source's type: `Fehler`.
    pub type_name: String,
    pub type_external_id: Option<String>,
    pub status: String,
    pub status_external_id: Option<String>,
    /// `None` where the source names no category.
    pub status_category: Option<StatusCategory>,
    pub priority: Option<String>,
    pub resolution: Option<String>,
    pub parent_external_id: Option<String>,
    pub author_external_id: Option<String>,
    pub reporter_external_id: Option<String>,
    pub assignee_external_id: Option<String>,
    pub labels: Vec<String>,
    pub components: Vec<String>,
    pub fix_version_external_ids: Vec<String>,
    /// All sprints it is or was in, as far as the source still says so.
    pub sprint_external_ids: Vec<String>,
    pub story_points: Option<f64>,
    pub due_on: Option<NaiveDate>,
    pub created_at: Time,
    /// Guards the row: an older one never replaces a newer one.
    pub updated_at: Option<Time>,
    pub resolved_at: Option<Time>,
    pub url: Option<String>,
}

/// One field of one change of a work item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkItemChange {
    /// `{work item}:{change}:{position within it}`.
    pub external_id: String,
    pub work_item_external_id: String,
    pub author_external_id: Option<String>,
    pub created_at: Time,
    /// As the source names it: `status`, `Sprint`, `Fix Version`.
    pub field: String,
    pub field_external_id: Option<String>,
    /// Ids, where the field has ids.
    pub from_value: Option<String>,
    pub from_text: Option<String>,
    pub to_value: Option<String>,
    pub to_text: Option<String>,
}

/// A link between two work items, as one of them shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkItemLink {
    /// The source's id of the link; both ends show the same one.
    pub external_id: String,
    /// The end that `link_type` is said of: `blocks`.
    pub from_external_id: String,
    pub to_external_id: String,
    /// Outward, as `blocks`.
    pub link_type: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worklog {
    pub external_id: String,
    pub work_item_external_id: String,
    pub author_external_id: Option<String>,
    pub started_at: Time,
    pub seconds: i64,
    pub created_at: Option<Time>,
    pub updated_at: Option<Time>,
}

/// A version a project plans or has released. (`Release` is a published tag.)
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub external_id: String,
    pub project_external_id: String,
    pub name: String,
    pub description: Option<String>,
    pub released: bool,
    pub archived: bool,
    pub start_on: Option<NaiveDate>,
    pub release_on: Option<NaiveDate>,
    pub url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Board {
    pub external_id: String,
    pub name: String,
    /// As the source gave it: `scrum`, `kanban`, `simple`.
    pub board_kind: String,
    pub project_external_id: Option<String>,
    pub url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sprint {
    pub external_id: String,
    /// The board it was planned on.
    pub board_external_id: Option<String>,
    pub name: String,
    /// As the source gave it: `future`, `active`, `closed`.
    pub state: String,
    pub goal: Option<String>,
    pub starts_at: Option<Time>,
    /// As planned.
    pub ends_at: Option<Time>,
    pub completed_at: Option<Time>,
}

/// A status of the source's workflows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkItemStatus {
    pub external_id: String,
    pub name: String,
    pub category: Option<StatusCategory>,
}

/// A field of work items, as the site defines it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkItemField {
    pub external_id: String,
    pub name: String,
    pub custom: bool,
    /// `string`, `array`, `number` …
    pub schema_type: Option<String>,
    /// Which plug-in's field it is: what it is recognised by.
    pub schema_custom: Option<String>,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn names_are_as_they_are_stored() {
        for kind in WorkItemKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        for category in StatusCategory::ALL {
            assert_eq!(serde_json::to_value(category).unwrap(), category.as_str());
        }
    }
}
