//! Pages of a wiki, and what they belong to.
//!
//! Field names are column names, as in `entities`. References are external ids within one connection.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

type Time = DateTime<Utc>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Space {
    pub external_id: String,
    pub key: String,
    pub name: String,
    /// As the source gave it: `global`, `personal`, `collaboration`.
    pub space_kind: Option<String>,
    /// `current`, `archived`.
    pub status: Option<String>,
    pub author_external_id: Option<String>,
    pub created_at: Option<Time>,
    pub url: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    Page,
    BlogPost,
}

impl DocumentKind {
    pub const ALL: [DocumentKind; 2] = [Self::Page, Self::BlogPost];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::BlogPost => "blog_post",
        }
    }
}

/// A page or blog post, in its newest version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Document {
    pub external_id: String,
    pub space_external_id: Option<String>,
    pub document_kind: DocumentKind,
    pub title: String,
    /// `current`, `archived`, `trashed`, `draft`. What was purged is a deleted row.
    pub status: String,
    pub parent_external_id: Option<String>,
    pub author_external_id: Option<String>,
    pub owner_external_id: Option<String>,
    /// Who wrote the newest version.
    pub editor_external_id: Option<String>,
    /// Of the newest version. Guards the row: an older one never replaces a newer one.
    pub version_number: i64,
    pub created_at: Option<Time>,
    pub updated_at: Option<Time>,
    /// The text, without markup; `None` where the body was not asked for.
    pub body_text: Option<String>,
    /// The text was longer than what is kept.
    pub body_is_cut: bool,
    pub url: Option<String>,
}

/// Label column of a document row: lists of documents do not have them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DocumentLabels {
    pub external_id: String,
    /// In the order of names, each once.
    pub labels: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DocumentVersion {
    /// `{document}:{number}`.
    pub external_id: String,
    pub document_external_id: String,
    pub number: i64,
    pub author_external_id: Option<String>,
    pub created_at: Option<Time>,
    pub minor: bool,
    pub message: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DocumentComment {
    pub external_id: String,
    pub document_external_id: String,
    pub author_external_id: Option<String>,
    /// `footer`, `inline`.
    pub comment_kind: String,
    pub parent_external_id: Option<String>,
    pub created_at: Option<Time>,
    pub updated_at: Option<Time>,
    pub url: Option<String>,
}

/// Keys of work items found in one thing: replaces what was found in it before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct References {
    /// The table of what they were found in, `merge_requests` or `documents`, and its external id: `{table}:{id}:{place}`. Of a merge
    /// request's commit, `:{sha}` behind it.
    pub external_id: String,
    pub from_table: String,
    pub from_external_id: String,
    /// `title`, `branch`, `description`, `commit`, `body`.
    pub place: String,
    /// In the order found, each once: `WEB-12`.
    pub keys: Vec<String>,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn names_are_as_they_are_stored() {
        for kind in DocumentKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
