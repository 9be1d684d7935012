//! Mentions on the wire, from both ends: what mentions a work item, and which work items something mentions.

use ovia_store::{
    mentions::{MentionRow, MentionedRow},
    work_item_keys::KeyedItem,
};
use poem_openapi::Object;
use uuid::Uuid;

use crate::time::Time;

/// A work item, as others name it.
#[derive(Object)]
#[oai(rename = "WorkItemRef")]
pub(crate) struct WorkItemRefOut {
    /// Null until the work item itself has been synced, as is everything but its id in the source.
    pub id: Option<i64>,
    pub external_id: String,
    pub key: Option<String>,
    pub title: Option<String>,
    /// `epic`, `story`, `bug`, `task`, `subtask`.
    #[oai(rename = "type")]
    pub kind: Option<String>,
    /// `todo`, `in_progress`, `done`.
    pub status_category: Option<String>,
}

/// A key of a work item, found in something.
#[derive(Object)]
#[oai(rename = "Mentioned")]
pub(crate) struct MentionedOut {
    /// As it is written there. It need not be a key: `UTF-8` looks like one.
    key: String,
    /// Where: `title`, `branch`, `description`, `commit`, `body`.
    places: Vec<String>,
    /// What has or had this key: none while no such work item has been synced, several where several connections have one.
    work_items: Vec<WorkItemRefOut>,
}

/// One place that mentions a work item.
#[derive(Object)]
#[oai(rename = "Mention")]
pub(crate) struct MentionOut {
    connection_id: Uuid,
    source: String,
    /// Where: `title`, `branch`, `description` or `commit` of a merge request, `title` or `body` of a document.
    place: String,
    /// As it is written there: a key the work item has or had.
    key: String,
    /// The merge request, or that of the commit.
    merge_request: Option<MergeRequestRefOut>,
    commit: Option<CommitRefOut>,
    document: Option<DocumentRefOut>,
}

/// A merge request, as others name it.
#[derive(Object)]
#[oai(rename = "MergeRequestRef")]
struct MergeRequestRefOut {
    id: i64,
    external_id: String,
    /// The project's full path.
    project: Option<String>,
    number: Option<i64>,
    title: Option<String>,
    /// The source's word: `opened`, `closed`, `merged`, `locked`.
    state: Option<String>,
    created_at: Option<Time>,
    merged_at: Option<Time>,
    url: Option<String>,
}

/// A commit of a merge request.
#[derive(Object)]
#[oai(rename = "CommitRef")]
struct CommitRefOut {
    sha: String,
    title: Option<String>,
    author_name: Option<String>,
    authored_at: Option<Time>,
}

/// A document, as others name it.
#[derive(Object)]
#[oai(rename = "DocumentRef")]
struct DocumentRefOut {
    id: i64,
    external_id: String,
    title: Option<String>,
    /// The source's word: `current`, `archived`.
    status: Option<String>,
    url: Option<String>,
}

impl From<&KeyedItem> for WorkItemRefOut {
    fn from(item: &KeyedItem) -> Self {
        Self {
            id: Some(item.id),
            external_id: item.external_id.clone(),
            key: Some(item.key.clone()),
            title: Some(item.title.clone()),
            kind: Some(item.kind.clone()),
            status_category: item.status_category.clone(),
        }
    }
}

impl From<&MentionedRow> for MentionedOut {
    fn from(row: &MentionedRow) -> Self {
        Self { key: row.key.clone(), places: row.places.clone(), work_items: row.items.iter().map(WorkItemRefOut::from).collect() }
    }
}

impl From<MentionRow> for MentionOut {
    fn from(row: MentionRow) -> Self {
        let merge_request = row.mr_id.zip(row.mr_external_id).map(|(id, external_id)| MergeRequestRefOut {
            id,
            external_id,
            project: row.mr_project,
            number: row.mr_number,
            title: row.mr_title,
            state: row.mr_state,
            created_at: row.mr_created_at.map(Time),
            merged_at: row.mr_merged_at.map(Time),
            url: row.mr_url,
        });
        let commit = row.commit_sha.map(|sha| CommitRefOut {
            sha,
            title: row.commit_title,
            author_name: row.commit_author_name,
            authored_at: row.commit_authored_at.map(Time),
        });
        let document = row.document_id.zip(row.document_external_id).map(|(id, external_id)| DocumentRefOut {
            id,
            external_id,
            title: row.document_title,
            status: row.document_status,
            url: row.document_url,
        });
        Self { connection_id: row.connection_id.0, source: row.source, place: row.place, key: row.key, merge_request, commit, document }
    }
}
