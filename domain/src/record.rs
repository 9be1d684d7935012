//! What a connector hands to the ingest: records, the entities in them, and what could not be read.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Entity;

/// One object as the source sent it, with what it means.
#[derive(Debug)]
pub struct Record {
    /// Key within (connection, stream). Stable over time; the provider's id where it has one.
    pub external_id: String,
    /// The payload, verbatim.
    pub raw: Box<RawValue>,
    /// SHA-256 of the payload. A record whose hash is already stored is not written again.
    pub content_hash: [u8; 32],
    pub entities: Vec<Entity>,
    /// Detail requests to queue if this record is new or changed.
    pub details: Vec<DetailRequest>,
    /// Lists that the payload shows whole.
    pub whole_lists: Vec<WholeList>,
}

/// All that a work item has of something: its rows that are not named are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeList {
    pub kind: ListKind,
    /// The work item's external id.
    pub work_item: String,
    /// Of its rows.
    pub external_ids: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// Links, from it or to it.
    Links,
    Worklogs,
}

impl Record {
    /// When the source last changed the item this record is, where it says so. Only of items that are also pulled one by one: of those
    /// an older state may come in after a newer one.
    pub fn source_updated_at(&self) -> Option<DateTime<Utc>> {
        self.entities.iter().find_map(|entity| match entity {
            Entity::Issue(item) if item.external_id == self.external_id => item.updated_at,
            Entity::MergeRequest(item) if item.external_id == self.external_id => item.updated_at,
            Entity::Pipeline(item) if item.external_id == self.external_id => item.updated_at,
            Entity::Deployment(item) if item.external_id == self.external_id => item.updated_at,
            Entity::WorkItem(item) if item.external_id == self.external_id => item.updated_at,
            _ => None,
        })
    }
}

/// A durable note to fetch something about one item. Queued and removed in page commits; a second note for the same
/// (stream, external id) replaces the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetailRequest {
    /// A stream of kind `Detail`.
    pub stream: String,
    /// The item's external id, unique within the stream.
    pub external_id: String,
    /// What the connector needs to make the request; never a secret.
    pub args: serde_json::Value,
}

/// A record that could not be read. Kept with its payload, so that it can be replayed once the reason is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub external_id: Option<String>,
    /// Where it belongs: the partition of its list, or the item whose detail it is. Set where the page it is on does not say.
    pub partition: Option<String>,
    /// The payload as received, cut to 64 KiB.
    pub payload: String,
    /// What was wrong, for a person.
    pub reason: String,
}
