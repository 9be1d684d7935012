//! What a complete sync of the Confluence site has to end with, straight from the facts.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::super::mentions::keys_in;
use super::super::rows::{
    AccountGroupRow, AccountMembershipRow, AccountRow, ReferencesRow, directory_groups, directory_identities, directory_memberships,
    references,
};
use super::model::{Block, Document, WikiFacts};
use crate::truth::Table;

type Time = DateTime<Utc>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SpaceRow {
    pub key: String,
    pub name: String,
    pub space_kind: String,
    pub status: String,
    pub author_external_id: String,
    pub created_at: Time,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DocumentRow {
    pub space_external_id: String,
    /// `page`, `blog_post`.
    pub document_kind: String,
    pub title: String,
    pub status: String,
    pub parent_external_id: Option<String>,
    pub author_external_id: Option<String>,
    pub owner_external_id: Option<String>,
    pub editor_external_id: Option<String>,
    pub version_number: i64,
    pub created_at: Time,
    pub updated_at: Time,
    /// By name; of what is in the trash nothing is shown.
    pub labels: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DocumentVersionRow {
    pub document_external_id: String,
    pub number: i64,
    pub author_external_id: Option<String>,
    pub created_at: Time,
    pub minor: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DocumentCommentRow {
    pub document_external_id: String,
    pub author_external_id: String,
    pub comment_kind: String,
    pub parent_external_id: Option<String>,
    pub created_at: Time,
}

/// The truth for a connection to the whole site, personal spaces and the trash included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfluenceTruth {
    pub as_of: Time,
    pub identities: Table<AccountRow>,
    pub groups: Table<AccountGroupRow>,
    /// `group:{group}:{account}`.
    pub memberships: Table<AccountMembershipRow>,
    pub spaces: Table<SpaceRow>,
    /// Current, archived and trashed; what was purged is not there.
    pub documents: Table<DocumentRow>,
    /// `{document}:{number}`; of what is in the trash the newest only.
    pub document_versions: Table<DocumentVersionRow>,
    /// Of current documents.
    pub document_comments: Table<DocumentCommentRow>,
    /// `documents:{document}:{place}`: keys of work items in titles and bodies.
    pub references: Table<ReferencesRow>,
    /// By current or archived document: pieces of its text, each of which the stored text has to contain.
    pub sentences: BTreeMap<String, Vec<String>>,
}

impl ConfluenceTruth {
    /// The same for a connection without settings: no personal spaces; archived ones are known, but nothing that is in them.
    pub fn of_current_spaces(self) -> Self {
        let ids = |wanted: &dyn Fn(&SpaceRow) -> bool| -> Vec<String> {
            self.spaces.iter().filter(|(_, row)| wanted(row)).map(|(id, _)| id.clone()).collect()
        };
        let archived = ids(&|row| row.status == "archived" && row.space_kind != "personal");
        let out = ids(&|row| row.status == "archived" || row.space_kind == "personal");
        let spaces = self.spaces.clone();
        let mut truth = self.without_spaces(&out.iter().map(String::as_str).collect::<Vec<_>>());
        truth.spaces.extend(spaces.into_iter().filter(|(id, _)| archived.contains(id)));
        truth
    }

    /// The same for a connection that leaves some spaces out, by external id.
    pub fn without_spaces(mut self, ids: &[&str]) -> Self {
        self.spaces.retain(|id, _| !ids.contains(&id.as_str()));
        self.documents.retain(|_, row| !ids.contains(&row.space_external_id.as_str()));
        let documents = &self.documents;
        self.document_versions.retain(|_, row| documents.contains_key(&row.document_external_id));
        self.document_comments.retain(|_, row| documents.contains_key(&row.document_external_id));
        self.references.retain(|_, row| documents.contains_key(&row.from_external_id));
        self.sentences.retain(|id, _| documents.contains_key(id));
        self
    }
}

impl WikiFacts {
    pub(crate) fn truth(&self) -> ConfluenceTruth {
        let visible = || self.documents.iter().filter(|one| self.is_visible(one));
        let account = |index: usize| self.directory.accounts[index].id.clone();
        let mut versions = Table::new();
        let mut found = Table::new();
        for one in visible() {
            for version in one.versions.iter().filter(|it| one.status != "trashed" || it.number == one.last().number) {
                let row = DocumentVersionRow {
                    document_external_id: one.id.to_string(),
                    number: version.number,
                    author_external_id: version.author.map(account),
                    created_at: version.at,
                    minor: version.minor,
                };
                versions.insert(format!("{}:{}", one.id, version.number), row);
            }
            // The text of what is in the trash is nobody's business.
            let shown = one.body.iter().filter(|_| one.status != "trashed");
            let body: String = shown.map(|block| format!("{}\n", text_of(block))).collect();
            for (place, text) in [("title", &one.title), ("body", &body)] {
                let id = one.id.to_string();
                found.extend(references("documents", &id, place, keys_in(text)));
            }
        }
        let current = |id: u64| visible().any(|one| one.id == id && one.status == "current");
        let comments = self.comments.iter().filter(|one| current(one.document)).map(|one| {
            let row = DocumentCommentRow {
                document_external_id: one.document.to_string(),
                author_external_id: account(one.author),
                comment_kind: if one.inline { "inline" } else { "footer" }.to_owned(),
                parent_external_id: one.parent.map(|id| id.to_string()),
                created_at: one.created_at,
            };
            (one.id.to_string(), row)
        });
        let space = |one: &super::model::Space| SpaceRow {
            key: one.key.clone(),
            name: one.name.clone(),
            space_kind: one.kind.to_owned(),
            status: one.status.to_owned(),
            author_external_id: account(one.author),
            created_at: one.created_at,
        };
        ConfluenceTruth {
            as_of: self.as_of,
            identities: self.known_identities(),
            groups: directory_groups(&self.directory),
            memberships: directory_memberships(&self.directory),
            spaces: self.spaces.iter().filter(|one| !one.hidden).map(|one| (one.id.to_string(), space(one))).collect(),
            documents: visible().map(|one| (one.id.to_string(), self.document_row(one))).collect(),
            document_versions: versions,
            document_comments: comments.collect(),
            references: found,
            sentences: visible()
                .filter(|one| one.status != "trashed")
                .map(|one| (one.id.to_string(), one.body.iter().map(|block| text_of(block).to_owned()).collect()))
                .collect(),
        }
    }

    /// Everybody who is in a group; customers of the help desk are unknown here.
    fn known_identities(&self) -> Table<AccountRow> {
        let mut identities = directory_identities(&self.directory);
        for customer in self.directory.accounts.iter().filter(|one| one.kind == "customer") {
            identities.remove(&customer.id);
        }
        identities
    }

    fn document_row(&self, one: &Document) -> DocumentRow {
        let account = |index: usize| self.directory.accounts[index].id.clone();
        DocumentRow {
            space_external_id: self.spaces[one.space].id.to_string(),
            document_kind: if one.is_blog { "blog_post" } else { "page" }.to_owned(),
            title: one.title.clone(),
            status: one.status.to_owned(),
            parent_external_id: one.parent.map(|id| id.to_string()),
            author_external_id: one.author.map(account),
            owner_external_id: one.owner.map(account),
            editor_external_id: one.last().author.map(account),
            version_number: one.last().number,
            created_at: one.created_at(),
            updated_at: one.updated_at(),
            labels: if one.status == "trashed" { Vec::new() } else { one.labels.clone() },
        }
    }
}

fn text_of(block: &Block) -> &str {
    match block {
        Block::Text(text) | Block::Macro(text) | Block::Link(text) | Block::Code(text) => text,
    }
}
