//! Whether one item is still there, and if not, whether it was deleted or the token lost sight of it.
//!
//! Confluence answers 404 to what was purged and to what is closed to the token. So the evidence is looked at: a document counts as deleted
//! if it was in the trash when last seen and its space is still there; comments and members if what they belong to is still there. In doubt
//! an item counts as not visible. What is archived or in the trash is present.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::client::Next;
use super::documents::Content;
use super::lists::{GROUP_LIMIT, Lists};
use super::streams::{GROUP_MEMBERS, GROUPS, Kind, SPACES};
use super::wire::{Comment, Row};
use crate::ConnectorError;
use crate::contract::Presence;
use crate::http::{HttpError, RequestCount};
use crate::lenient::{parse_row, text};
use crate::look::{Look, look};
use url::Url;

/// Pages of one account's groups.
const MAX_PAGES: usize = 100;

/// What is read of a document.
#[derive(Default, Deserialize)]
struct Item {
    #[serde(default, deserialize_with = "text")]
    status: Option<String>,
}

impl Lists<'_> {
    /// Looks for one item of a list stream.
    pub async fn presence(
        &self,
        stream: &str,
        partition: &str,
        external_id: &str,
        payload: Option<&RawValue>,
    ) -> Result<Presence, ConnectorError> {
        let requests = RequestCount::to("presence");
        match (stream, Content::of_stream(stream)) {
            (GROUPS, _) => self.group(external_id, &requests).await,
            (GROUP_MEMBERS, _) => self.member(partition, external_id, &requests).await,
            (SPACES, _) => match self.look(&self.client.v2(&["spaces", external_id], &[]), &requests).await? {
                Look::Found(_) => Ok(Presence::Present),
                // Whether a space was deleted or closed nobody says.
                Look::Missing | Look::Refused => Ok(Presence::NotVisible),
            },
            (_, Some(Content::Documents(kind))) => self.document(kind, partition, external_id, payload, &requests).await,
            (_, Some(Content::Comments)) => self.comment_presence(external_id, payload, &requests).await,
            (stream, None) => {
                let message = format!("there is no stream `{stream}` with a partition `{partition}`");
                Err(ConnectorError::Configuration { field: "stream".into(), message })
            }
        }
    }

    async fn document(
        &self,
        kind: Kind,
        space: &str,
        id: &str,
        payload: Option<&RawValue>,
        requests: &RequestCount,
    ) -> Result<Presence, ConnectorError> {
        let stored: Item = payload.and_then(|payload| parse_row(payload.get()).ok()).unwrap_or_default();
        match self.look(&self.document_url(kind, id), requests).await? {
            Look::Found(found) => {
                let found: Item = parse_row(found.get()).unwrap_or_default();
                Ok(if found.status.as_deref() == Some("deleted") { Presence::Deleted } else { Presence::Present })
            }
            Look::Missing if stored.status.as_deref() == Some("trashed") => {
                let space = self.look(&self.client.v2(&["spaces", space], &[]), requests).await?;
                Ok(if matches!(space, Look::Found(_)) { Presence::Deleted } else { Presence::NotVisible })
            }
            Look::Missing | Look::Refused => Ok(Presence::NotVisible),
        }
    }

    /// A document, whatever became of it.
    fn document_url(&self, kind: Kind, id: &str) -> Url {
        let mut query = vec![("status", "current")];
        query.extend(kind.retired().iter().map(|status| ("status", *status)));
        self.client.v2(&[kind.segment(), id], &query)
    }

    /// A comment is seen by whoever sees its document.
    async fn comment_presence(&self, id: &str, payload: Option<&RawValue>, requests: &RequestCount) -> Result<Presence, ConnectorError> {
        if self.comment(id, false, requests).await?.is_some() {
            return Ok(Presence::Present);
        }
        let stored: Option<Comment> = payload.and_then(|payload| parse_row(payload.get()).ok());
        let document = match stored {
            Some(Comment { page_id: Some(page), .. }) => self.document_url(Kind::Page, &page.0),
            Some(Comment { blog_post_id: Some(post), .. }) => self.document_url(Kind::BlogPost, &post.0),
            _ => return Ok(Presence::NotVisible),
        };
        let is_seen = matches!(self.look(&document, requests).await?, Look::Found(_));
        Ok(if is_seen { Presence::Deleted } else { Presence::NotVisible })
    }

    /// Whoever sees some groups sees all of them.
    async fn group(&self, id: &str, requests: &RequestCount) -> Result<Presence, ConnectorError> {
        match self.look(&self.client.v1(&["group", "by-id"], &[("id", id)]), requests).await? {
            Look::Found(_) => Ok(Presence::Present),
            Look::Refused => Ok(Presence::NotVisible),
            Look::Missing => {
                let groups = self.look(&self.client.v1(&["group"], &[("limit", "1")]), requests).await?;
                Ok(if matches!(groups, Look::Found(_)) { Presence::Deleted } else { Presence::NotVisible })
            }
        }
    }

    /// A member of a group: the account says which groups it is in.
    async fn member(&self, group: &str, external_id: &str, requests: &RequestCount) -> Result<Presence, ConnectorError> {
        let account = external_id.strip_prefix(&format!("group:{group}:")).unwrap_or(external_id);
        let limit = GROUP_LIMIT.to_string();
        let mut start = 0;
        for _ in 0..MAX_PAGES {
            let query = [("accountId", account), ("start", &start.to_string()), ("limit", &limit)];
            let listing = match self.client.list(&self.client.v1(&["user", "memberof"], &query), requests).await {
                Ok(listing) => listing,
                Err(HttpError::Status { status: 403 | 404, from_api: true, .. }) => return Ok(Presence::NotVisible),
                Err(error) => return Err(error.into()),
            };
            if listing.rows.iter().any(|raw| parse_row::<Row>(raw.get()).is_ok_and(|row| row.id.0 == group)) {
                return Ok(Presence::Present);
            }
            if listing.next == Next::End || listing.rows.is_empty() {
                return Ok(Presence::Deleted);
            }
            start += listing.rows.len();
        }
        Ok(Presence::NotVisible)
    }

    async fn look(&self, url: &Url, requests: &RequestCount) -> Result<Look<Box<RawValue>>, ConnectorError> {
        look(self.client.object(url, requests).await.map(|(found, _)| found))
    }
}
