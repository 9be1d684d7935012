//! Confluence's JSON, as far as it is read: unknown fields are ignored, unknown enum values are text, `null` stands for anything absent.
//!
//! Required is only what a row is useless without. v1 and v2 agree on little, so each has its own types.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::lenient::{Id, or_default, text, time};

/// A page of a list, of v1 or v2.
#[derive(Debug, Deserialize)]
pub struct Envelope {
    pub results: Vec<Box<RawValue>>,
    /// v1: the page size the server used.
    #[serde(default)]
    pub limit: Option<u64>,
    /// v1 search.
    #[serde(default, rename = "totalSize")]
    pub total: Option<i64>,
    #[serde(default, rename = "_links", deserialize_with = "or_default")]
    pub links: Links,
}

#[derive(Debug, Default, Deserialize)]
pub struct Links {
    #[serde(default, deserialize_with = "text")]
    pub next: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub base: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub webui: Option<String>,
}

/// v1 `/group`.
#[derive(Debug, Deserialize)]
pub struct Group {
    pub id: Id,
    #[serde(default, deserialize_with = "text")]
    pub name: Option<String>,
}

/// An account: a member of a group (v1), or of `users-bulk` (v2). Anonymous ones have no id.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    #[serde(default, deserialize_with = "text")]
    pub account_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub account_type: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub account_status: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub display_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub public_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub email: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub time_zone: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Space {
    pub id: Id,
    pub key: String,
    #[serde(default, deserialize_with = "text")]
    pub name: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "text")]
    pub kind: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub status: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub author_id: Option<String>,
    #[serde(default, deserialize_with = "time")]
    pub created_at: Option<DateTime<Utc>>,
    #[serde(default, rename = "_links", deserialize_with = "or_default")]
    pub links: Links,
}

/// A page or blog post.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    pub id: Id,
    #[serde(default, deserialize_with = "text")]
    pub status: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub title: Option<String>,
    #[serde(default)]
    pub space_id: Option<Id>,
    #[serde(default)]
    pub parent_id: Option<Id>,
    /// `page`, `folder`, `whiteboard` …
    #[serde(default, deserialize_with = "text")]
    pub parent_type: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub author_id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub owner_id: Option<String>,
    #[serde(default, deserialize_with = "time")]
    pub created_at: Option<DateTime<Utc>>,
    pub version: Version,
    #[serde(default, deserialize_with = "or_default")]
    pub body: Body,
    #[serde(default, rename = "_links", deserialize_with = "or_default")]
    pub links: Links,
}

#[derive(Debug, Default, Deserialize)]
pub struct Body {
    #[serde(default)]
    pub storage: Option<BodyValue>,
}

#[derive(Debug, Deserialize)]
pub struct BodyValue {
    #[serde(default)]
    pub value: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    pub number: i64,
    #[serde(default, deserialize_with = "time")]
    pub created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "text")]
    pub author_id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub minor_edit: bool,
    #[serde(default, deserialize_with = "text")]
    pub message: Option<String>,
}

/// A footer or inline comment.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comment {
    pub id: Id,
    #[serde(default)]
    pub page_id: Option<Id>,
    #[serde(default)]
    pub blog_post_id: Option<Id>,
    #[serde(default)]
    pub parent_comment_id: Option<Id>,
    #[serde(default)]
    pub version: Option<Version>,
    /// Only inline comments have these.
    #[serde(default, deserialize_with = "text")]
    pub resolution_status: Option<String>,
    #[serde(default)]
    pub properties: Option<CommentProperties>,
    #[serde(default, rename = "_links", deserialize_with = "or_default")]
    pub links: Links,
}

#[derive(Debug, Default, Deserialize)]
pub struct CommentProperties {
    #[serde(default, rename = "inlineMarkerRef")]
    pub inline_marker_ref: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
pub struct Labels {
    pub results: Vec<Label>,
}

#[derive(Debug, Deserialize)]
pub struct Label {
    pub name: String,
}

/// A row of v1 search.
#[derive(Debug, Deserialize)]
pub struct Hit {
    pub content: HitContent,
}

#[derive(Debug, Deserialize)]
pub struct HitContent {
    pub id: Id,
    /// Of a comment: where it stands.
    #[serde(default, deserialize_with = "or_default")]
    pub extensions: Extensions,
}

#[derive(Debug, Default, Deserialize)]
pub struct Extensions {
    /// `footer`, `inline`; rendered as text or as an object.
    #[serde(default)]
    pub location: serde_json::Value,
}

/// Of any row: its id.
#[derive(Debug, Deserialize)]
pub struct Row {
    pub id: Id,
}

/// Of a document: whether it is in use.
#[derive(Debug, Deserialize)]
pub struct Status {
    #[serde(default, deserialize_with = "text")]
    pub status: Option<String>,
}
