//! `GET /documents`: pages and blog posts of wikis.

use ovia_domain::{ConnectionId, DocumentKind, PersonId};
use ovia_store::{
    documents::{DocumentFilter, DocumentListed},
    mentions::{MentionedRow, Mentioning},
};
use poem_openapi::{Object, OpenApi, param::Query, payload::Json};
use uuid::Uuid;

use crate::{
    auth::Caller,
    mentions::MentionedOut,
    names::Name,
    page::{ListOf, list, page},
    problem::Problem,
    service::Tag,
    state::ApiState,
    time::Time,
    who::WhoOut,
};

/// One document, in its newest version.
#[derive(Object)]
#[oai(rename = "Document")]
struct DocumentOut {
    id: i64,
    connection_id: Uuid,
    source: String,
    external_id: String,
    url: Option<String>,
    /// The space's key; null until the space itself has been synced.
    space: Option<String>,
    space_name: Option<String>,
    space_external_id: Option<String>,
    /// `page`, `blog_post`.
    #[oai(rename = "type")]
    kind: String,
    title: String,
    /// The source's word: `current`, `archived`, `trashed`, `draft`.
    status: String,
    parent: Option<DocumentParentOut>,
    author: Option<WhoOut>,
    owner: Option<WhoOut>,
    /// Who wrote the newest version.
    editor: Option<WhoOut>,
    version: i64,
    created_at: Option<Time>,
    updated_at: Option<Time>,
    /// Null until they have been read.
    labels: Option<Vec<String>>,
    /// Whether its text is kept.
    has_body: bool,
    /// Whether the text was longer than what is kept.
    body_is_cut: bool,
    /// Work items that its title and text mention, by their keys; at most 100.
    mentions: Vec<MentionedOut>,
}

/// The document above another.
#[derive(Object)]
#[oai(rename = "DocumentParent")]
struct DocumentParentOut {
    /// Null until it has been synced itself, as is its title.
    id: Option<i64>,
    external_id: String,
    title: Option<String>,
}

pub(crate) struct DocumentsApi(pub ApiState);

#[OpenApi(tag = "Tag::Work")]
impl DocumentsApi {
    /// List documents, newest first
    #[oai(path = "/documents", method = "get", operation_id = "documents_list")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list(
        &self,
        caller: Caller,
        /// Part of the title.
        q: Query<Option<String>>,
        #[oai(name = "type")] kind: Query<Option<Name<DocumentKind>>>,
        /// `current`, `archived`, `trashed`, `draft`.
        status: Query<Option<String>>,
        /// A space's key or its id in the source.
        space: Query<Option<String>>,
        /// A connection's id.
        connection: Query<Option<Uuid>>,
        /// The author, as a person's id.
        author_person: Query<Option<Uuid>>,
        /// A work item's key: documents that mention it.
        mentions: Query<Option<String>>,
        /// Updated at or after this time.
        updated_since: Query<Option<Time>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<DocumentOut>>, Problem> {
        let filter = DocumentFilter {
            q: q.0,
            kind: kind.0.map(|kind| kind.0.as_str().to_owned()),
            status: status.0,
            connection_id: connection.0.map(ConnectionId),
            space: space.0,
            author_person_id: author_person.0.map(PersonId),
            mentions: mentions.0,
            updated_since: updated_since.0.map(|time| time.0),
        };
        let store = &self.0.config.store;
        let rows = store.documents_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        let things = rows.items.iter().map(|row| (row.document.connection_id, row.document.external_id.as_str()));
        let mentioned = store.mentioned_in(caller.org_id(), Mentioning::Documents, things).await?;
        Ok(list(rows, |row| DocumentOut::new(mentioned.of(row.document.connection_id, &row.document.external_id), row)))
    }
}

impl DocumentOut {
    fn new(mentioned: &[MentionedRow], listed: DocumentListed) -> Self {
        let row = listed.document;
        let parent =
            row.parent_external_id.map(|external_id| DocumentParentOut { id: row.parent_id, external_id, title: row.parent_title });
        Self {
            id: row.id,
            connection_id: row.connection_id.0,
            source: row.source,
            external_id: row.external_id,
            url: row.url,
            space: row.space,
            space_name: row.space_name,
            space_external_id: row.space_external_id,
            kind: row.document_kind,
            title: row.title,
            status: row.status,
            parent,
            author: listed.author.map(WhoOut::from),
            owner: listed.owner.map(WhoOut::from),
            editor: listed.editor.map(WhoOut::from),
            version: row.version_number,
            created_at: row.created_at.map(Time),
            updated_at: row.updated_at.map(Time),
            labels: row.labels,
            has_body: row.has_body,
            body_is_cut: row.body_is_cut,
            mentions: mentioned.iter().map(MentionedOut::from).collect(),
        }
    }
}
