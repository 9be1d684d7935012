//! Pages, blog posts and comments, space by space.
//!
//! Every walk first lists what is archived or in the trash, without texts, since neither move counts as a change; what was there in the
//! last walk and is no longer is asked for at the end. The first walk then lists what is in use by id, so that what comes meanwhile comes
//! last. Later walks ask the search what has changed since the last walk began, and fetch that by id: v2 has no filter by time. Comments
//! are only ever found by search: the lists of a page's comments leave out replies, and a comment does not change its page.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use ovia_domain::{DeadLetter, Entity, Record};
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use super::client::{Listing, Next, named};
use super::cql;
use super::cursor::{Cursor, MAX_EMPTY_PAGES, Phase, Walk, WalkError};
use super::lists::{Lists, MAX_LIMIT, done, page, restart, stuck};
use super::normalise;
use super::rows::{Row, RowContext, normalise_rows};
use super::streams::{COMMENTS, Kind};
use super::wire;
use crate::http::{HttpError, RequestCount};
use crate::lenient::parse_row;
use crate::offset::row_ids;
use crate::rows::{RowError, dead_letter};
use crate::{ConnectorError, Page};

/// Comments are fetched one by one, so a page of them is short.
const COMMENTS_PER_PAGE: u32 = 25;

/// Which stream of a space is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    Documents(Kind),
    Comments,
}

/// What one answer brought.
struct Fetched {
    url: Url,
    rows: Vec<Box<RawValue>>,
    dead_letters: Vec<DeadLetter>,
    /// Rows of the list itself.
    listed: usize,
    /// Ids of rows that are out of use: the list of those hands them on.
    retired: Vec<String>,
    next: Next,
    total: Option<i64>,
    site: Option<String>,
}

impl Content {
    pub fn of_stream(stream: &str) -> Option<Self> {
        match stream {
            COMMENTS => Some(Self::Comments),
            _ => Kind::ALL.into_iter().find(|kind| kind.stream() == stream).map(Self::Documents),
        }
    }

    fn stream(self) -> &'static str {
        match self {
            Self::Documents(kind) => kind.stream(),
            Self::Comments => COMMENTS,
        }
    }

    fn cql(self) -> &'static str {
        match self {
            Self::Documents(kind) => kind.cql(),
            Self::Comments => "comment",
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::Documents(kind) => kind,
            Self::Comments => Kind::Page,
        }
    }

    fn row(self) -> Row {
        match self {
            Self::Documents(_) => normalise::document,
            Self::Comments => normalise::comment,
        }
    }
}

impl Lists<'_> {
    /// One page of a space's content. A space that is gone or closed to the token is an error that names it.
    pub async fn content(&self, content: Content, space: &str, stored: Option<&Value>) -> Result<Page, ConnectorError> {
        let requests = RequestCount::to(content.stream());
        let mut cursor = Cursor::read(stored);
        let starting = cursor.walk.is_none();
        let mut walk = match cursor.walk.take() {
            Some(walk) => walk,
            None => match self.begin(content, space, &cursor, &requests).await? {
                Some(walk) => walk,
                None => return Ok(done(cursor, &requests)),
            },
        };
        let fetched = match (content, walk.phase) {
            (Content::Documents(kind), Phase::Changed) => self.changed(kind, &walk, &requests).await,
            (Content::Documents(kind), Phase::Restored) => self.restored(kind, &walk, &requests).await,
            (Content::Documents(kind), _) => self.listed(kind, space, &walk, &requests).await,
            (Content::Comments, _) => self.found_comments(&walk, &requests).await,
        };
        let mut note = None;
        let fetched = match fetched {
            Ok(fetched) => fetched,
            // The space is open, its trash is not: the rest is read all the same.
            Err(HttpError::Status { status: 403, message, from_api: true, .. }) if walk.phase == Phase::Retired => {
                walk.closed = true;
                note = Some(format!("what is archived or in the trash: not shown to this token (403: {message})"));
                Fetched::nothing(self.client.v2(&["spaces", space], &[]))
            }
            Err(error) => match restart(&error, &walk) {
                Some(walk) => return Ok(page(cursor, Some(walk), Default::default(), &requests)),
                None => return Err(named(error, format!("The space {space}"))),
            },
        };
        walk.retire(if walk.phase == Phase::Retired { row_ids(&fetched.rows) } else { fetched.retired });
        let next = walk.behind(fetched.listed, &fetched.next).map_err(|error| stuck(&fetched.url, &error))?;
        let next = match content {
            Content::Documents(_) => next.or_else(|| self.next_phase(&cursor, &walk)),
            Content::Comments => next,
        };
        cursor.walk = Some(walk);
        let site = self.client.site().or(fetched.site);
        let context = RowContext { kind: content.kind(), ..self.context(site.as_deref()) };
        let mut rows = normalise_rows(fetched.rows, &context, content.row());
        rows.dead_letters.extend(fetched.dead_letters);
        // One rule for every list: the search reaches back before `since`, and the list of what is out of use knows no time. What one of
        // them handed on and another left out would keep its status for ever.
        if let Some(since) = self.settings.since {
            rows.records.retain(|record| changed_at(record).is_none_or(|changed| changed >= since));
        }
        let total_hint = fetched.total.filter(|_| starting);
        Ok(Page { total_hint, note, ..page(cursor, next, rows, &requests) })
    }

    /// A new walk; `None` if there is nothing to walk. Asks for the space first: lists of a space that is gone are empty rather than
    /// refused, the search knows spaces by key, and the answer's time is when the walk began.
    async fn begin(&self, content: Content, space: &str, cursor: &Cursor, requests: &RequestCount) -> Result<Option<Walk>, ConnectorError> {
        let (space, began) = self.space(space, requests).await?;
        // Nobody can change what is in an archived space.
        if space.status.as_deref() == Some("archived") && self.settings.space_keys.is_empty() {
            return Ok(None);
        }
        let since = cursor.watermark.or(self.settings.since);
        let limit = match content {
            Content::Documents(_) => MAX_LIMIT,
            Content::Comments => self.settings.page_size.min(COMMENTS_PER_PAGE),
        };
        let phase = if content == Content::Comments { Phase::Changed } else { Phase::Retired };
        let walk = Walk { phase, limit, began, ..Walk::default() };
        if since.is_none() && content != Content::Comments {
            return Ok(Some(walk));
        }
        let literal = match since {
            Some(since) => Some(cql::literal(since, self.zone(requests).await?)),
            None => None,
        };
        let question = cql::question(&space.key, content.cql(), literal.as_deref());
        Ok(Some(Walk { cql: Some(question), ..walk }))
    }

    /// Where a walk over documents goes on after a list. What is out of use comes first: what leaves the trash while the rest is read is
    /// then missing there in the next walk, and what enters it is there.
    fn next_phase(&self, cursor: &Cursor, walk: &Walk) -> Option<Walk> {
        let limit = self.settings.page_size.min(MAX_LIMIT);
        match walk.phase {
            Phase::Retired => {
                let seen: HashSet<&String> = walk.retired.iter().collect();
                let left = cursor.retired.iter().filter(|id| !seen.contains(id)).cloned().collect();
                let phase = if walk.cql.is_some() { Phase::Changed } else { Phase::Current };
                Some(Walk { left, ..walk.next_phase(phase, limit) })
            }
            Phase::Current | Phase::Changed => (!walk.left.is_empty()).then(|| walk.next_phase(Phase::Restored, limit)),
            Phase::Restored => {
                let left: Vec<String> = walk.left.iter().skip(walk.limit as usize).cloned().collect();
                (!left.is_empty()).then(|| Walk { left, ..walk.clone() })
            }
        }
    }

    /// A space and the source's clock.
    pub async fn space(&self, id: &str, requests: &RequestCount) -> Result<(wire::Space, Option<DateTime<Utc>>), ConnectorError> {
        let url = self.client.v2(&["spaces", id], &[]);
        let (raw, time) = self.client.object(&url, requests).await.map_err(|error| named(error, format!("The space {id}")))?;
        let space = parse_row(raw.get()).map_err(|error| ConnectorError::Unreachable {
            request: crate::http::request_text(&url),
            message: format!("a space that cannot be read: {error}"),
        })?;
        Ok((space, time))
    }

    /// A page of a space's list. What is out of use comes without text: it is read anew by every walk.
    async fn listed(&self, kind: Kind, space: &str, walk: &Walk, requests: &RequestCount) -> Result<Fetched, HttpError> {
        // In use or not: a page that leaves the trash while the list is read must not be in neither of two lists.
        let statuses = match walk.phase {
            Phase::Retired => kind.retired(),
            _ if walk.closed => &["current"],
            _ => kind.statuses(),
        };
        let with_body = walk.phase == Phase::Current && self.settings.body;
        let url = self.space_url(kind, space, statuses, with_body, walk);
        let listing = self.client.list(&url, requests).await?;
        let mut fetched = Fetched::of(url, listing);
        if walk.phase == Phase::Current {
            let (rows, retired): (Vec<_>, Vec<_>) = std::mem::take(&mut fetched.rows).into_iter().partition(|raw| is_in_use(raw));
            (fetched.rows, fetched.retired) = (rows, row_ids(&retired));
        }
        Ok(fetched)
    }

    /// The page of a space's list that a walk asks for.
    pub fn space_url(&self, kind: Kind, space: &str, statuses: &[&str], with_body: bool, walk: &Walk) -> Url {
        let limit = walk.limit.to_string();
        let mut query: Vec<(&str, &str)> = statuses.iter().map(|status| ("status", *status)).collect();
        query.extend([("sort", "id"), ("limit", limit.as_str())]);
        query.extend(with_body.then_some(("body-format", "storage")));
        query.extend(walk.after().map(|cursor| ("cursor", cursor)));
        self.client.v2(&["spaces", space, kind.segment()], &query)
    }

    /// A page of what the search finds, fetched by id.
    async fn changed(&self, kind: Kind, walk: &Walk, requests: &RequestCount) -> Result<Fetched, HttpError> {
        let mut fetched = self.search(walk, requests).await?;
        let (hits, dead_letters) = hits(std::mem::take(&mut fetched.rows));
        fetched.dead_letters = dead_letters;
        let ids: Vec<&str> = hits.iter().map(|hit| hit.id.0.as_str()).collect();
        for ids in ids.chunks(MAX_LIMIT as usize) {
            self.by_id(kind, ids, &mut fetched, requests).await?;
        }
        Ok(fetched)
    }

    /// What came back into use since the last walk: neither leaving the trash nor the archive counts as a change.
    async fn restored(&self, kind: Kind, walk: &Walk, requests: &RequestCount) -> Result<Fetched, HttpError> {
        let ids: Vec<&str> = walk.left.iter().take(walk.limit as usize).map(String::as_str).collect();
        let url = self.client.v2(&[kind.segment()], &[]);
        let mut fetched = Fetched::nothing(url);
        self.by_id(kind, &ids, &mut fetched, requests).await?;
        Ok(fetched)
    }

    /// What is still in use of `ids`; the list of what is out of use tells about the others.
    async fn by_id(&self, kind: Kind, ids: &[&str], into: &mut Fetched, requests: &RequestCount) -> Result<(), HttpError> {
        let url = self.client.v2(&[kind.segment()], &[]);
        let mut walk = Walk::default();
        // A page holds at least one of them, or nothing.
        for _ in 0..=ids.len() + MAX_EMPTY_PAGES as usize {
            let mut query: Vec<(&str, &str)> = ids.iter().map(|id| ("id", *id)).collect();
            query.extend([("status", "current"), ("limit", "250")]);
            query.extend(self.settings.body.then_some(("body-format", "storage")));
            query.extend(walk.after().map(|cursor| ("cursor", cursor)));
            let listing = self.client.list(&self.client.v2(&[kind.segment()], &query), requests).await?;
            let next = walk.behind(listing.rows.len(), &listing.next).map_err(|error| stuck(&url, &error))?;
            into.rows.extend(listing.rows);
            into.site = listing.site.or(into.site.take());
            match next {
                Some(next) => walk = next,
                None => return Ok(()),
            }
        }
        Err(stuck(&url, &WalkError::SamePage))
    }

    /// A page of comments that the search finds, fetched one by one. One that is gone meanwhile is left out.
    async fn found_comments(&self, walk: &Walk, requests: &RequestCount) -> Result<Fetched, HttpError> {
        let mut fetched = self.search(walk, requests).await?;
        let (hits, dead_letters) = hits(std::mem::take(&mut fetched.rows));
        let comments: Vec<Option<Box<RawValue>>> = stream::iter(hits)
            .map(|hit| async move {
                let inline = is_inline(&hit.extensions.location);
                self.comment(&hit.id.0, inline, requests).await
            })
            .buffered(self.settings.max_in_flight as usize)
            .try_collect()
            .await?;
        fetched.dead_letters = dead_letters;
        fetched.rows = comments.into_iter().flatten().collect();
        Ok(fetched)
    }

    /// A comment of either kind, the likelier one first; `None` if there is none that the token may see.
    pub async fn comment(&self, id: &str, inline: bool, requests: &RequestCount) -> Result<Option<Box<RawValue>>, HttpError> {
        let lists = if inline { ["inline-comments", "footer-comments"] } else { ["footer-comments", "inline-comments"] };
        for list in lists {
            match self.client.object(&self.client.v2(&[list, id], &[]), requests).await {
                Ok((found, _)) => return Ok(Some(found)),
                Err(HttpError::Status { status: 403 | 404, from_api: true, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    async fn search(&self, walk: &Walk, requests: &RequestCount) -> Result<Fetched, HttpError> {
        let url = self.search_url(walk);
        let listing = self.client.list(&url, requests).await?;
        Ok(Fetched::of(url, listing))
    }

    /// The page of the search that a walk asks for: question and page size are those it began with.
    pub fn search_url(&self, walk: &Walk) -> Url {
        let limit = walk.limit.to_string();
        let mut query = vec![("cql", walk.cql.as_deref().unwrap_or_default()), ("limit", limit.as_str())];
        query.extend(walk.after().map(|cursor| ("cursor", cursor)));
        self.client.v1(&["search"], &query)
    }
}

impl Fetched {
    fn nothing(url: Url) -> Self {
        Self { url, rows: Vec::new(), dead_letters: Vec::new(), listed: 0, retired: Vec::new(), next: Next::End, total: None, site: None }
    }

    fn of(url: Url, listing: Listing) -> Self {
        let Listing { rows, next, total, site, .. } = listing;
        Self { url, listed: rows.len(), rows, dead_letters: Vec::new(), retired: Vec::new(), next, total, site }
    }
}

/// What the search's rows are about. A row about nothing cannot be read.
pub fn hits(rows: Vec<Box<RawValue>>) -> (Vec<wire::HitContent>, Vec<DeadLetter>) {
    let (mut hits, mut dead_letters) = (Vec::with_capacity(rows.len()), Vec::new());
    for raw in rows {
        match parse_row::<wire::Hit>(raw.get()) {
            Ok(hit) => hits.push(hit.content),
            Err(error) => dead_letters.push(dead_letter(raw.get(), &RowError::Json(error))),
        }
    }
    (hits, dead_letters)
}

/// Whether a row is of something in use; one that cannot be read is, so that it becomes a dead letter.
fn is_in_use(raw: &RawValue) -> bool {
    parse_row::<wire::Status>(raw.get()).ok().and_then(|row| row.status).is_none_or(|status| status == "current")
}

fn changed_at(record: &Record) -> Option<DateTime<Utc>> {
    record.entities.iter().find_map(|entity| match entity {
        Entity::Document(document) => document.updated_at,
        _ => None,
    })
}

/// `"inline"`, or an object that says so somewhere.
fn is_inline(location: &Value) -> bool {
    match location {
        Value::String(text) => text == "inline",
        Value::Object(fields) => fields.values().any(is_inline),
        _ => false,
    }
}
