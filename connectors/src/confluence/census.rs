//! Every id of a partition, so that what vanished is found.
//!
//! An id that is left out by mistake would pass for deleted. Lists of v2 go on behind an id (they are read in the order of ids), lists with
//! offsets overlap (`offset`), and what only the search can enumerate (comments) is asked for one by one if it is missing. What is archived
//! or in the trash is still there. A list that cannot be read counts as not available: nothing follows from what is missing then.

use serde_json::Value;
use serde_json::value::RawValue;

use super::client::{Listing, not_offered};
use super::cql;
use super::cursor::{Cursor, Phase, Place, Walk, WalkError};
use super::documents::{Content, hits};
use super::lists::{Lists, MAX_LIMIT, SITE, SPACE, has_more, next_space_walk, offset_of, restart, stuck};
use super::streams::{GROUP_MEMBERS, GROUPS, SPACES};
use super::wire;
use crate::ConnectorError;
use crate::contract::{CensusPage, CensusRequest};
use crate::http::RequestCount;
use crate::lenient::parse_row;
use crate::offset::{Stepped, row_ids};

/// Rows of the search a page.
const SEARCH_LIMIT: u32 = 100;

/// A page's ids and what comes after it; `Err` is why nothing can be concluded.
type Read = Result<(Vec<String>, Option<Walk>), &'static str>;

impl Lists<'_> {
    /// One page of ids.
    pub async fn census(&self, request: &CensusRequest<'_>) -> Result<CensusPage, ConnectorError> {
        let requests = RequestCount::to(request.stream);
        let partition = request.partition;
        let configured = !self.settings.space_keys.is_empty();
        match (request.stream, partition) {
            // What belongs to the site is read there, and spaces that settings name one by one.
            (GROUPS, partition) if partition != SITE => return Ok(nothing()),
            (SPACES, SITE) if configured => return Ok(nothing()),
            (SPACES, partition) if partition.starts_with(SPACE) => return self.named_space(partition, &requests).await,
            _ => {}
        }
        let Some(begin) = self.census_begin(request, &requests).await? else {
            return Ok(CensusPage { requests: requests.get(), ..unavailable("the space cannot be seen".into()) });
        };
        let walk = Cursor::read(request.cursor).walk.unwrap_or(begin);
        let url = match (request.stream, Content::of_stream(request.stream)) {
            (GROUPS | GROUP_MEMBERS, _) => self.offset_url(request.stream, partition, offset_of(&walk).start),
            (SPACES, _) => self.spaces_url(&walk),
            (_, Some(Content::Documents(kind))) => self.space_url(kind, partition, kind.statuses(), false, &walk),
            (_, Some(Content::Comments)) => self.search_url(&walk),
            (stream, None) => {
                let message = format!("there is no census of `{stream}`");
                return Err(ConnectorError::Configuration { field: "stream".into(), message });
            }
        };
        let listing = match self.client.list(&url, &requests).await {
            Ok(listing) => listing,
            Err(error) => {
                if let Some(reason) = not_offered(&error, &request.stream.replace('_', " ")) {
                    return Ok(CensusPage { requests: requests.get(), ..unavailable(reason) });
                }
                let Some(walk) = restart(&error, &walk) else { return Err(error.into()) };
                return Ok(CensusPage {
                    cursor: Cursor::default().walking(walk).to_value(),
                    requests: requests.get(),
                    ..CensusPage::default()
                });
            }
        };
        let read = self.read_ids(request, &walk, listing).map_err(|error| stuck(&url, &error))?;
        Ok(match read {
            Err(reason) => CensusPage { requests: requests.get(), ..unavailable(format!("the ids cannot be enumerated: {reason}")) },
            Ok((external_ids, next)) => CensusPage {
                external_ids,
                done: next.is_none(),
                cursor: next.map_or(Value::Null, |walk| Cursor::default().walking(walk).to_value()),
                requests: requests.get(),
                not_available: None,
            },
        })
    }

    /// The walk at its beginning; `None` if the space cannot be seen. Only its first page asks for the space.
    async fn census_begin(&self, request: &CensusRequest<'_>, requests: &RequestCount) -> Result<Option<Walk>, ConnectorError> {
        let walk = Walk { limit: MAX_LIMIT, ..Walk::default() };
        if request.cursor.is_some_and(|cursor| !cursor.is_null()) {
            return Ok(Some(walk));
        }
        let Some(content) = Content::of_stream(request.stream) else { return Ok(Some(walk)) };
        match (self.space(request.partition, requests).await, content) {
            (Ok(_), Content::Documents(_)) => Ok(Some(walk)),
            (Ok((space, _)), Content::Comments) => {
                let cql = Some(cql::question(&space.key, "comment", None));
                Ok(Some(Walk { phase: Phase::Changed, limit: SEARCH_LIMIT, cql, ..walk }))
            }
            (Err(ConnectorError::NotFound { .. } | ConnectorError::Forbidden { .. }), _) => Ok(None),
            (Err(error), _) => Err(error),
        }
    }

    fn read_ids(&self, request: &CensusRequest<'_>, walk: &Walk, listing: Listing) -> Result<Read, WalkError> {
        let rows = &listing.rows;
        Ok(match (request.stream, Content::of_stream(request.stream)) {
            (GROUPS | GROUP_MEMBERS, _) => {
                let ids = match request.stream {
                    GROUPS => ids(rows),
                    _ => Some(row_ids(rows)),
                };
                let Some(ids) = ids else { return Ok(Err("a row has no id")) };
                let next = match offset_of(walk).after(&ids, has_more(&listing)) {
                    Stepped::Done => None,
                    Stepped::Go(next) => Some(Walk { place: Place::At(next), ..walk.clone() }),
                    Stepped::SamePage => return Err(WalkError::SamePage),
                };
                let prefix = if request.stream == GROUP_MEMBERS { format!("group:{}:", request.partition) } else { String::new() };
                Ok((ids.into_iter().map(|id| format!("{prefix}{id}")).collect(), next))
            }
            (_, Some(Content::Comments)) => {
                let next = walk.behind(rows.len(), &listing.next)?;
                let (hits, dead_letters) = hits(listing.rows);
                if !dead_letters.is_empty() {
                    return Ok(Err("a row has no id"));
                }
                Ok((hits.into_iter().map(|hit| hit.id.0).collect(), next))
            }
            (stream, _) => {
                let next = if stream == SPACES { next_space_walk(walk, &listing)? } else { walk.behind(rows.len(), &listing.next)? };
                ids(rows).map_or(Err("a row has no id"), |ids| Ok((ids, next)))
            }
        })
    }

    /// A space that settings name is its own census.
    async fn named_space(&self, partition: &str, requests: &RequestCount) -> Result<CensusPage, ConnectorError> {
        let key = partition.strip_prefix(SPACE).unwrap_or(partition);
        match self.space_by_key(key, requests).await {
            Ok(rows) => match ids(&rows) {
                Some(external_ids) => Ok(CensusPage { external_ids, done: true, requests: requests.get(), ..CensusPage::default() }),
                None => Ok(unavailable("the space has no id".into())),
            },
            Err(error @ ConnectorError::NotFound { .. }) => Ok(CensusPage { requests: requests.get(), ..unavailable(error.to_string()) }),
            Err(error) => Err(error),
        }
    }
}

/// The id of every row; `None` if one has none.
fn ids(rows: &[Box<RawValue>]) -> Option<Vec<String>> {
    rows.iter().map(|raw| parse_row::<wire::Row>(raw.get()).ok().map(|row| row.id.0)).collect()
}

fn nothing() -> CensusPage {
    CensusPage { done: true, ..CensusPage::default() }
}

fn unavailable(reason: String) -> CensusPage {
    CensusPage { not_available: Some(reason), ..CensusPage::default() }
}
