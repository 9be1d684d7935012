//! Work items, their way through statuses, releases, incidents.

use chrono::NaiveDate;
use ovia_domain::work_items::{StatusCategory, WorkItemKind};
use serde::{Deserialize, Serialize};

use super::{IdentityKey, ProjectKey, Time};

/// The table an item's id is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemTable {
    /// Items with a status history: all flow metrics are of these.
    WorkItems,
    /// A code host's issues, opened and closed only: they can be incidents, and count in nothing else.
    Issues,
}

/// An item: a table and an id there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ItemRef {
    pub table: ItemTable,
    /// `work_items.id` or `issues.id`.
    pub id: i64,
}

#[derive(Clone, Debug)]
pub struct WorkItemFact {
    pub item: ItemRef,
    pub project: ProjectKey,
    /// Of rows of `issues`, `Task`.
    pub kind: WorkItemKind,
    /// Where its status stands now, by category and never by name.
    pub category: Option<StatusCategory>,
    pub assignee: Option<IdentityKey>,
    pub assignee_is_bot: bool,
    pub created_at: Time,
    /// `work_items.resolved_at` or `issues.closed_at`.
    pub resolved_at: Option<Time>,
    pub story_points: Option<f32>,
    /// [`crate::KpiSettings::is_incident`] of its type's name and labels.
    pub is_incident: bool,
}

/// An item's status changed. One per row of `work_item_changes` whose field is the status.
#[derive(Clone, Copy, Debug)]
pub struct WorkItemTransition {
    /// `work_items.id`.
    pub work_item_id: i64,
    pub at: Time,
    /// Category of the status it left; `None` where the source names none.
    pub from: Option<StatusCategory>,
    /// Category of the status it reached; `None` where the source names none.
    pub to: Option<StatusCategory>,
}

/// A version that is planned or was released (`versions`).
#[derive(Clone, Debug)]
pub struct ReleaseFact {
    /// `versions.id`.
    pub id: i64,
    pub project: ProjectKey,
    pub released: bool,
    /// `versions.start_on`: from midnight in the organisation's time zone.
    pub start_on: Option<NaiveDate>,
    /// `versions.release_on`: until the end of that day. Planned, or real once it is released.
    pub release_on: Option<NaiveDate>,
}

/// An item was in a release for a while. From `fix_version_external_ids` and the changes of that field; an item that left and came back
/// has a row for each stay.
#[derive(Clone, Copy, Debug)]
pub struct ReleaseItemFact {
    /// `versions.id`.
    pub release_id: i64,
    /// `work_items.id`.
    pub work_item_id: i64,
    /// `None`: since the item was created.
    pub added_at: Option<Time>,
    /// `None`: it is still in.
    pub removed_at: Option<Time>,
}

/// An item and a merge request name each other (`references_found`, mentions, issue links).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ItemMergeRequest {
    pub item: ItemRef,
    /// `merge_requests.id`.
    pub merge_request_id: i64,
}

/// An incident concerns a code project: by a component or label of the service ([`crate::KpiSettings::services`]). An incident that lives
/// in the code project itself needs no such row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct IncidentProject {
    pub item: ItemRef,
    pub project: ProjectKey,
}

/// A person's word on which deployment caused an incident. It beats every rule; the last one of an incident counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttributionOverride {
    pub item: ItemRef,
    /// `None`: no deployment caused it.
    pub deployment_id: Option<i64>,
}
