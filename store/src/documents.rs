//! Reading documents: pages and blog posts.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId, PersonId};

use crate::{
    PageOf, PageToken, Store, StoreError,
    accounts::AccountRow,
    page::{CursorTime, contains_pattern},
    places::Places,
};

const LIST: &str = "documents";

/// One document with its space, without its text. Columns are documented on `ovia_domain::Document`.
#[derive(Clone, Debug)]
pub struct DocumentRow {
    pub id: i64,
    pub connection_id: ConnectionId,
    pub source: String,
    pub external_id: String,
    pub url: Option<String>,
    pub space_external_id: Option<String>,
    /// The space's key.
    pub space: Option<String>,
    pub space_name: Option<String>,
    pub document_kind: String,
    pub title: String,
    pub status: String,
    /// Also where the parent itself has not been seen.
    pub parent_external_id: Option<String>,
    pub parent_id: Option<i64>,
    pub parent_title: Option<String>,
    pub author_external_id: Option<String>,
    pub owner_external_id: Option<String>,
    pub editor_external_id: Option<String>,
    pub version_number: i64,
    pub created_at: Option<DateTime<Utc>>,
    pub updated_at: Option<DateTime<Utc>>,
    /// Its text is kept.
    pub has_body: bool,
    pub body_is_cut: bool,
    /// `None` until they have been read.
    pub labels: Option<Vec<String>>,
}

/// A document and its people.
#[derive(Clone, Debug)]
pub struct DocumentListed {
    pub document: DocumentRow,
    pub author: Option<AccountRow>,
    pub owner: Option<AccountRow>,
    pub editor: Option<AccountRow>,
}

/// Which documents to list.
#[derive(Clone, Debug, Default)]
pub struct DocumentFilter {
    /// Found in the title.
    pub q: Option<String>,
    /// `page`, `blog_post`.
    pub kind: Option<String>,
    /// The source's word.
    pub status: Option<String>,
    pub connection_id: Option<ConnectionId>,
    /// Key or external id.
    pub space: Option<String>,
    pub author_person_id: Option<PersonId>,
    /// A work item's key.
    pub mentions: Option<String>,
    pub updated_since: Option<DateTime<Utc>>,
}

impl Store {
    /// Documents, newest first; those whose creation time the source did not say come before all others.
    pub async fn documents_list(
        &self,
        org_id: OrgId,
        filter: &DocumentFilter,
        page: &PageToken,
    ) -> Result<PageOf<DocumentListed>, StoreError> {
        let key: Option<(Option<CursorTime>, i64)> = page.key(LIST)?;
        let spaces = match &filter.space {
            Some(space) => Some(self.space_places(org_id, space).await?),
            None => None,
        };
        let authors = match filter.author_person_id {
            Some(person) => Some(self.person_places(org_id, person).await?),
            None => None,
        };
        let mentioning = match &filter.mentions {
            Some(key) => Some(self.mentioning_places(org_id, key).await?),
            None => None,
        };
        if [&spaces, &authors, &mentioning].into_iter().flatten().any(Places::is_empty) {
            return Ok(PageOf { items: Vec::new(), next_cursor: None });
        }
        let (space_connections, spaces) = Places::parts(spaces);
        let (author_connections, authors) = Places::parts(authors);
        let (mentioning_connections, mentioning) = Places::parts(mentioning);
        let rows = sqlx::query_file_as!(
            DocumentRow,
            "src/documents_list.sql",
            org_id.0,
            filter.q.as_deref().map(contains_pattern),
            filter.kind,
            filter.status,
            filter.connection_id.map(|id| id.0),
            filter.updated_since,
            space_connections.as_deref(),
            spaces.as_deref(),
            author_connections.as_deref(),
            authors.as_deref(),
            mentioning_connections.as_deref(),
            mentioning.as_deref(),
            key.and_then(|key| key.0).map(|time| time.0),
            key.map(|key| key.1),
            page.fetch()
        );
        let rows = page.page(LIST, rows.fetch_all(&self.pool).await?, |row| (row.created_at.map(CursorTime), row.id))?;
        let named = rows.items.iter().flat_map(|row| {
            [&row.author_external_id, &row.owner_external_id, &row.editor_external_id].map(|id| (row.connection_id, id.as_ref()))
        });
        let accounts = self.accounts_named(org_id, named).await?;
        let listed = |document: DocumentRow| DocumentListed {
            author: accounts.of(document.connection_id, document.author_external_id.as_ref()),
            owner: accounts.of(document.connection_id, document.owner_external_id.as_ref()),
            editor: accounts.of(document.connection_id, document.editor_external_id.as_ref()),
            document,
        };
        Ok(PageOf { items: rows.items.into_iter().map(listed).collect(), next_cursor: rows.next_cursor })
    }
}
