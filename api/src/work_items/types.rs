//! Work items on the wire.

use chrono::NaiveDate;
use ovia_domain::WorkItemKind;
use ovia_store::{
    work_item_history::{ChangeListed, LinkRow, WorklogListed},
    work_items::{NamedRow, WorkItemListed},
};
use poem_openapi::Object;
use uuid::Uuid;

use crate::{
    mentions::{MentionOut, WorkItemRefOut},
    page::ListOf,
    time::Time,
    who::WhoOut,
};

/// One work item.
#[derive(Object)]
#[oai(rename = "WorkItem")]
pub(crate) struct WorkItemOut {
    id: i64,
    connection_id: Uuid,
    source: String,
    external_id: String,
    url: Option<String>,
    /// As people call it: `WEB-12`. A move to another project changes it.
    key: String,
    /// The project's full path; null until the project itself has been synced.
    project: Option<String>,
    project_external_id: String,
    title: String,
    /// `epic`, `story`, `bug`, `task`, `subtask`.
    #[oai(rename = "type")]
    kind: String,
    /// The source's word for its type.
    type_name: String,
    /// The source's word.
    status: String,
    /// `todo`, `in_progress`, `done`; null where the source names none.
    status_category: Option<String>,
    priority: Option<String>,
    resolution: Option<String>,
    parent: Option<WorkItemRefOut>,
    /// Its parent or its parent's parent, whichever is an epic.
    epic: Option<WorkItemRefOut>,
    author: Option<WhoOut>,
    reporter: Option<WhoOut>,
    assignee: Option<WhoOut>,
    labels: Vec<String>,
    components: Vec<String>,
    /// The releases it names: see GET /releases.
    fix_versions: Vec<NamedOut>,
    /// The release it goes out with; null where it names none and need not, or no sync has ended yet.
    release: Option<WorkItemReleaseOut>,
    /// All it is or was in: see GET /sprints.
    sprints: Vec<NamedOut>,
    story_points: Option<f64>,
    due_on: Option<NaiveDate>,
    created_at: Time,
    updated_at: Option<Time>,
    resolved_at: Option<Time>,
    /// One of its anomalies is open: see GET /anomalies?key=.
    needs_review: bool,
}

/// The release a work item goes out with, and why.
#[derive(Object)]
#[oai(rename = "WorkItemRelease")]
struct WorkItemReleaseOut {
    /// Null where none could be chosen.
    id: Option<i64>,
    external_id: Option<String>,
    name: Option<String>,
    /// What chose it: docs/integrity.md.
    rule: String,
    unambiguous: bool,
}

/// A release or a sprint, as work items name it.
#[derive(Object)]
#[oai(rename = "Named")]
pub(crate) struct NamedOut {
    /// Null until it has been synced itself, as is its name.
    pub id: Option<i64>,
    pub external_id: String,
    pub name: Option<String>,
}

/// One work item, with the first page of what happened to it, of what is below it and of what mentions it.
#[derive(Object)]
#[oai(rename = "WorkItemDetail")]
pub(crate) struct WorkItemDetailOut {
    #[oai(flatten)]
    pub item: WorkItemOut,
    /// Newest first. More of it: GET /work-items/{key}/changelog.
    pub changelog: ListOf<ChangeOut>,
    /// Newest first. More of them: GET /work-items?parent={key}&connection={connection_id}.
    pub children: ListOf<WorkItemOut>,
    /// Of all its work logs.
    pub logged_seconds: i64,
    /// Begun last first. More of them: GET /work-items/{key}/worklogs.
    pub worklogs: ListOf<WorklogOut>,
    /// At most 200.
    pub links: Vec<LinkOut>,
    /// What was found last comes first. More of them: GET /work-items/{key}/mentions.
    pub mentions: ListOf<MentionOut>,
}

/// One field of one change.
#[derive(Object)]
#[oai(rename = "WorkItemChange")]
pub(crate) struct ChangeOut {
    id: i64,
    external_id: String,
    at: Time,
    author: Option<WhoOut>,
    /// As the source names it: `status`, `Sprint`, `Fix Version`.
    field: String,
    /// Ids, where the field has ids.
    from_value: Option<String>,
    from_text: Option<String>,
    to_value: Option<String>,
    to_text: Option<String>,
}

/// Work that was logged.
#[derive(Object)]
#[oai(rename = "Worklog")]
pub(crate) struct WorklogOut {
    id: i64,
    external_id: String,
    started_at: Time,
    seconds: i64,
    author: Option<WhoOut>,
}

/// A link to another work item.
#[derive(Object)]
#[oai(rename = "WorkItemLink")]
pub(crate) struct LinkOut {
    /// What it says of the work item it begins at: `blocks`.
    #[oai(rename = "type")]
    kind: String,
    /// `outward`: it begins here; `inward`: it begins at the other.
    direction: String,
    work_item: WorkItemRefOut,
}

impl From<WorkItemListed> for WorkItemOut {
    fn from(listed: WorkItemListed) -> Self {
        let row = listed.item;
        let parent = row.parent_external_id.map(|external_id| WorkItemRefOut {
            id: row.parent_id,
            external_id,
            key: row.parent_key,
            title: row.parent_title,
            kind: row.parent_kind,
            status_category: row.parent_status_category,
        });
        let epic = row.epic_external_id.map(|external_id| WorkItemRefOut {
            id: row.epic_id,
            external_id,
            key: row.epic_key,
            title: row.epic_title,
            kind: Some(WorkItemKind::Epic.as_str().into()),
            status_category: row.epic_status_category,
        });
        let release = row.release_rule.zip(row.release_unambiguous).map(|(rule, unambiguous)| WorkItemReleaseOut {
            id: row.release_id,
            external_id: row.release_external_id,
            name: row.release_name,
            rule,
            unambiguous,
        });
        Self {
            id: row.id,
            connection_id: row.connection_id.0,
            source: row.source,
            external_id: row.external_id,
            url: row.url,
            key: row.key,
            project: row.project,
            project_external_id: row.project_external_id,
            title: row.title,
            kind: row.kind,
            type_name: row.type_name,
            status: row.status,
            status_category: row.status_category,
            priority: row.priority,
            resolution: row.resolution,
            parent,
            epic,
            author: listed.author.map(WhoOut::from),
            reporter: listed.reporter.map(WhoOut::from),
            assignee: listed.assignee.map(WhoOut::from),
            labels: row.labels,
            components: row.components,
            fix_versions: row.fix_versions.0.into_iter().map(NamedOut::from).collect(),
            sprints: row.sprints.0.into_iter().map(NamedOut::from).collect(),
            story_points: row.story_points,
            due_on: row.due_on,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.map(Time),
            resolved_at: row.resolved_at.map(Time),
            needs_review: row.needs_review,
            release,
        }
    }
}

impl From<NamedRow> for NamedOut {
    fn from(row: NamedRow) -> Self {
        Self { id: row.id, external_id: row.external_id, name: row.name }
    }
}

impl From<ChangeListed> for ChangeOut {
    fn from(listed: ChangeListed) -> Self {
        let row = listed.change;
        Self {
            id: row.id,
            external_id: row.external_id,
            at: row.created_at.into(),
            author: listed.author.map(WhoOut::from),
            field: row.field,
            from_value: row.from_value,
            from_text: row.from_text,
            to_value: row.to_value,
            to_text: row.to_text,
        }
    }
}

impl From<WorklogListed> for WorklogOut {
    fn from(listed: WorklogListed) -> Self {
        let row = listed.worklog;
        Self {
            id: row.id,
            external_id: row.external_id,
            started_at: row.started_at.into(),
            seconds: row.seconds,
            author: listed.author.map(WhoOut::from),
        }
    }
}

impl From<LinkRow> for LinkOut {
    fn from(row: LinkRow) -> Self {
        let work_item = WorkItemRefOut {
            id: row.id,
            external_id: row.external_id,
            key: row.key,
            title: row.title,
            kind: row.kind,
            status_category: row.status_category,
        };
        Self { kind: row.link_type, direction: if row.outward { "outward" } else { "inward" }.into(), work_item }
    }
}
