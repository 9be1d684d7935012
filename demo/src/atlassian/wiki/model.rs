//! The facts of the Confluence site.

use std::sync::Arc;

use super::super::accounts::Directory;
use crate::company::model::Time;

#[derive(Clone, Debug)]
pub(crate) struct WikiFacts {
    pub as_of: Time,
    pub directory: Arc<Directory>,
    pub spaces: Vec<Space>,
    pub documents: Vec<Document>,
    pub comments: Vec<Comment>,
    /// Cursors of an earlier epoch are dead.
    pub token_epoch: u64,
    pub edits: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Space {
    pub id: u64,
    pub key: String,
    pub name: String,
    /// `global`, `collaboration`, `personal`.
    pub kind: &'static str,
    /// `current`, `archived`.
    pub status: &'static str,
    pub author: usize,
    pub created_at: Time,
    /// The token lost sight of it.
    pub hidden: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub id: u64,
    /// Index into `WikiFacts::spaces`.
    pub space: usize,
    pub is_blog: bool,
    pub title: String,
    /// `current`, `archived`, `trashed`.
    pub status: &'static str,
    pub parent: Option<u64>,
    /// `None`: written by somebody who is nobody any more.
    pub author: Option<usize>,
    pub owner: Option<usize>,
    pub labels: Vec<String>,
    /// Oldest first.
    pub versions: Vec<Version>,
    pub body: Vec<Block>,
}

/// A piece of a page.
#[derive(Clone, Debug)]
pub(crate) enum Block {
    /// Plain text in a paragraph.
    Text(String),
    /// A Jira macro naming a key.
    Macro(String),
    /// A link whose text is a key.
    Link(String),
    /// A code block.
    Code(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub number: i64,
    pub author: Option<usize>,
    pub at: Time,
    pub minor: bool,
    pub message: &'static str,
}

#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub id: u64,
    pub document: u64,
    pub author: usize,
    pub inline: bool,
    pub parent: Option<u64>,
    pub created_at: Time,
}

impl WikiFacts {
    /// Whether the token finds it, in whatever status.
    pub(crate) fn is_visible(&self, document: &Document) -> bool {
        !self.spaces[document.space].hidden
    }

    /// Whether a comment is one of a document in use.
    pub(crate) fn is_shown(&self, comment: &Comment) -> bool {
        self.documents.iter().any(|one| one.id == comment.document && one.status == "current" && self.is_visible(one))
    }

    pub(crate) fn document(&self, id: &str) -> Option<&Document> {
        self.documents.iter().find(|one| one.id.to_string() == id && self.is_visible(one))
    }
}

impl Document {
    /// The newest version.
    pub(crate) fn last(&self) -> &Version {
        &self.versions[self.versions.len() - 1]
    }

    pub(crate) fn created_at(&self) -> Time {
        self.versions[0].at
    }

    pub(crate) fn updated_at(&self) -> Time {
        self.last().at
    }

    /// What searches compare: a little behind what they show.
    pub(crate) fn indexed_at(&self) -> Time {
        self.updated_at() - chrono::Duration::seconds((self.id % 3) as i64 * 20)
    }
}
