//! Groups, their members, and spaces: lists that are read whole every time.

use chrono_tz::Tz;
use ovia_domain::ConfluenceSettings;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::OnceCell;
use url::Url;

use super::client::{ConfluenceClient, Listing, Next, not_offered};
use super::cursor::{Cursor, Phase, Place, Walk, WalkError};
use super::normalise;
use super::rows::{Row, RowContext, Rows, normalise_rows};
use super::streams::{GROUPS, Kind};
use super::wire;
use crate::http::{HttpError, RequestCount, request_text};
use crate::lenient::parse_row;
use crate::offset::{Offset, Stepped, row_ids};
use crate::{ConnectorError, Page};

/// The partition of what belongs to the site as a whole.
pub const SITE: &str = "site";
/// What stands before a configured space's key in a partition.
pub const SPACE: &str = "space:";
/// Confluence's maximum in v2; more is refused.
pub const MAX_LIMIT: u32 = 250;
/// Confluence's maximum for groups and members.
pub const GROUP_LIMIT: usize = 200;

/// Pulls lists for one connection.
#[derive(Debug)]
pub struct Lists<'a> {
    pub client: &'a ConfluenceClient,
    pub settings: &'a ConfluenceSettings,
    /// The time zone of the account that asks, once it was looked up; `None` where it is not known.
    pub zone: &'a OnceCell<Option<Tz>>,
}

impl Lists<'_> {
    /// How rows of this connection are read.
    pub fn context<'b>(&'b self, site: Option<&'b str>) -> RowContext<'b> {
        let personal = !self.settings.space_keys.is_empty();
        RowContext { settings: self.settings, group: "", document: "", kind: Kind::Page, personal, site }
    }

    /// One page of `groups`, or of a group's members. What the token may not see is no failure: accounts are found as authors too.
    pub async fn offset_list(&self, stream: &str, partition: &str, stored: Option<&Value>) -> Result<Page, ConnectorError> {
        let requests = RequestCount::to(stream);
        let cursor = Cursor::read(stored);
        if stream == GROUPS && partition != SITE {
            return Ok(done(cursor.finished(), &requests));
        }
        let walk = cursor.walk.clone().unwrap_or_default();
        let offset = offset_of(&walk);
        let url = self.offset_url(stream, partition, offset.start);
        let listing = match self.client.list(&url, &requests).await {
            Ok(listing) => listing,
            Err(error) => return unless_not_offered(error, stream, &cursor, &requests),
        };
        let stepped = offset.after(&row_ids(&listing.rows), has_more(&listing));
        let next = match stepped {
            Stepped::Done => None,
            Stepped::Go(next) => Some(Walk { place: Place::At(next), ..walk }),
            Stepped::SamePage => return Err(stuck(&url, &WalkError::SamePage).into()),
        };
        let context = RowContext { group: partition, ..self.context(None) };
        let row: Row = if stream == GROUPS { normalise::group } else { normalise::group_member };
        Ok(page(cursor, next, normalise_rows(listing.rows, &context, row), &requests))
    }

    pub fn offset_url(&self, stream: &str, partition: &str, start: usize) -> Url {
        let (start, limit) = (start.to_string(), GROUP_LIMIT.to_string());
        let query = [("start", start.as_str()), ("limit", limit.as_str())];
        match stream {
            GROUPS => self.client.v1(&["group"], &query),
            // By id: what went by name is gone.
            _ => self.client.v1(&["group", partition, "membersByGroupId"], &query),
        }
    }

    /// One page of spaces. Archived ones are listed too, so that it is seen when one becomes one; their content is not walked.
    pub async fn spaces(&self, partition: &str, stored: Option<&Value>) -> Result<Page, ConnectorError> {
        let requests = RequestCount::to("spaces");
        let cursor = Cursor::read(stored);
        if let Some(key) = partition.strip_prefix(SPACE) {
            let rows = self.space_by_key(key, &requests).await?;
            let context = RowContext { personal: true, ..self.context(None) };
            let site = self.client.site();
            let context = RowContext { site: site.as_deref(), ..context };
            return Ok(page(cursor, None, normalise_rows(rows, &context, normalise::space), &requests));
        }
        if !self.settings.space_keys.is_empty() {
            return Ok(done(cursor.finished(), &requests));
        }
        let walk = cursor.walk.clone().unwrap_or_else(|| Walk { limit: MAX_LIMIT, ..Walk::default() });
        let url = self.spaces_url(&walk);
        let listing = match self.client.list(&url, &requests).await {
            Ok(listing) => listing,
            Err(error) => match restart(&error, &walk) {
                Some(walk) => return Ok(page(cursor, Some(walk), Rows::default(), &requests)),
                None => return Err(error.into()),
            },
        };
        let next = next_space_walk(&walk, &listing).map_err(|error| stuck(&url, &error))?;
        let site = self.client.site().or(listing.site);
        let rows = normalise_rows(listing.rows, &self.context(site.as_deref()), normalise::space);
        Ok(page(cursor, next, rows, &requests))
    }

    /// The page of the spaces that a walk asks for.
    pub fn spaces_url(&self, walk: &Walk) -> Url {
        let status = if walk.phase == Phase::Current { "current" } else { "archived" };
        let limit = walk.limit.to_string();
        let mut query = vec![("status", status), ("sort", "id"), ("limit", &limit)];
        query.extend(walk.after().map(|cursor| ("cursor", cursor)));
        self.client.v2(&["spaces"], &query)
    }

    /// The space that settings name; one that is not there is an error that says so.
    pub async fn space_by_key(&self, key: &str, requests: &RequestCount) -> Result<Vec<Box<RawValue>>, ConnectorError> {
        let url = self.client.v2(&["spaces"], &[("keys", key), ("limit", "25")]);
        let listing = self.client.list(&url, requests).await?;
        let is_it =
            |raw: &RawValue| parse_row::<wire::Space>(raw.get()).map_or(true, |space| space.key.to_lowercase() == key.to_lowercase());
        let rows: Vec<Box<RawValue>> = listing.rows.into_iter().filter(|raw| is_it(raw)).collect();
        if rows.is_empty() {
            return Err(ConnectorError::NotFound { request: request_text(&url), what: format!("The space `{key}`") });
        }
        Ok(rows)
    }

    /// The time zone of the account that asks. Looked up once; where it is hidden or refused, it is not known.
    pub async fn zone(&self, requests: &RequestCount) -> Result<Option<Tz>, ConnectorError> {
        let look = || async {
            match self.client.get::<wire::User>(&self.client.v1(&["user", "current"], &[]), requests).await {
                Ok(answer) => Ok(answer.body.time_zone.and_then(|name| name.parse::<Tz>().ok())),
                Err(error) if matches!(error.status(), Some(403 | 404 | 410)) => Ok(None),
                Err(error) => Err(ConnectorError::from(error)),
            }
        };
        self.zone.get_or_try_init(look).await.copied()
    }
}

/// The next page of the spaces: those in use, then those archived.
pub fn next_space_walk(walk: &Walk, listing: &Listing) -> Result<Option<Walk>, WalkError> {
    let retired = || (walk.phase == Phase::Current).then(|| walk.next_phase(Phase::Retired, walk.limit));
    Ok(walk.behind(listing.rows.len(), &listing.next)?.or_else(retired))
}

pub fn offset_of(walk: &Walk) -> Offset {
    match &walk.place {
        Place::At(offset) => offset.clone(),
        _ => Offset::default(),
    }
}

/// Whether a list with offsets goes on: a next link, or a page as full as the server makes them.
pub fn has_more(listing: &Listing) -> bool {
    let full = listing.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(GROUP_LIMIT).max(1);
    listing.next != Next::End || listing.rows.len() >= full
}

/// The walk with its list begun anew, if the refusal means that the cursor is dead.
pub fn restart(error: &HttpError, walk: &Walk) -> Option<Walk> {
    if !matches!(error.status(), Some(400 | 410)) {
        return None;
    }
    let restarted = walk.restarted()?;
    tracing::warn!(%error, "the source refuses a stored cursor; this list is read from its beginning");
    Some(restarted)
}

/// An answer that leads nowhere is asked for again.
pub fn stuck(url: &Url, error: &WalkError) -> HttpError {
    HttpError::Unusable { request: request_text(url), message: error.to_string() }
}

/// A page with the cursor after it. Without a next walk the walk is complete.
pub fn page(cursor: Cursor, next: Option<Walk>, rows: Rows, requests: &RequestCount) -> Page {
    let is_done = next.is_none();
    let cursor = match next {
        Some(walk) => cursor.walking(walk),
        None => cursor.finished(),
    };
    Page {
        records: rows.records,
        dead_letters: rows.dead_letters,
        watermark: cursor.watermark,
        cursor: cursor.to_value(),
        done: is_done,
        requests: requests.get(),
        ..Page::default()
    }
}

/// A walk that is complete without rows.
pub fn done(cursor: Cursor, requests: &RequestCount) -> Page {
    Page { watermark: cursor.watermark, cursor: cursor.to_value(), done: true, requests: requests.get(), ..Page::default() }
}

fn unless_not_offered(error: HttpError, stream: &str, cursor: &Cursor, requests: &RequestCount) -> Result<Page, ConnectorError> {
    match not_offered(&error, &stream.replace('_', " ")) {
        Some(reason) => Ok(Page { not_available: Some(reason), ..done(cursor.abandoned(), requests) }),
        None => Err(error.into()),
    }
}
