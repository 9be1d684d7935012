//! Every id of a partition, so that what vanished is found.
//!
//! An id that is left out by mistake would pass for deleted, so each list is read in a way in which a row that is there throughout cannot
//! be skipped, however many others come and go meanwhile:
//! - issues and merge requests by creation time, which never changes: after every page the walk asks for page 1 of "created at or after
//!   the last row" (`walk`), so there are no offsets that deletions could shift;
//! - jobs by keyset, newest first: GitLab goes on behind an id, not at a place;
//! - everything else has offset pages only: read in the order of ids or of creation, each page overlapping the one before (`overlap`).
//!
//! Where a list cannot be read so (it is not sorted as asked, rows lack ids, paging headers contradict the pages), it counts as not
//! available: nothing follows from what is missing then.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::client::{Listing, Next, not_offered};
use super::cursor::{Position, Window};
use super::lists::Lists;
use super::overlap::{Overlap, OverlapPage, Overlapped};
use super::scope::Scope;
use super::streams::{GROUPS, MEMBERS, PROJECTS, ProjectList};
use super::walk::{Key, PageFacts, Step, advance_pages, advance_window, check_progress};
use super::wire::{Id, parse_row, parse_time};
use crate::ConnectorError;
use crate::contract::{CensusPage, CensusRequest};
use crate::http::{HttpError, RequestCount, request_text};

/// GitLab's maximum.
const PAGE_SIZE: u32 = 100;
const VERSION: u32 = 1;

const ALL: [(&str, &str); 2] = [("scope", "all"), ("state", "all")];
const BY_CREATION: [(&str, &str); 2] = [("order_by", "created_at"), ("sort", "asc")];
const BY_ID: [(&str, &str); 2] = [("order_by", "id"), ("sort", "asc")];

/// Where a census of one partition stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct CensusCursor {
    v: u32,
    position: Position,
    /// Fingerprint of the last page, if the next one has to differ from it.
    last: Option<String>,
    /// Empty pages in a row.
    empties: u32,
}

/// Which list holds the ids, and how it is read.
struct Plan<'a> {
    segments: Vec<&'a str>,
    query: Vec<(&'static str, &'static str)>,
    start: Position,
    /// What stands before an id in `Record::external_id`.
    prefix: Option<&'a str>,
}

/// What is read of a row.
#[derive(Deserialize)]
struct IdRow {
    #[serde(default)]
    id: Option<Id>,
    /// Releases have no id.
    #[serde(default)]
    tag_name: Option<String>,
    #[serde(default)]
    created_at: Option<Value>,
}

/// How a page ends.
enum After {
    Done,
    Go(CensusCursor),
    /// Nothing can be concluded.
    Unsound(&'static str),
}

impl Lists<'_> {
    /// One page of ids.
    pub async fn census(&self, request: &CensusRequest<'_>) -> Result<CensusPage, ConnectorError> {
        let requests = RequestCount::to(request.stream);
        let scope = Scope::parse(request.partition);
        if let (GROUPS, Some(Scope::Project(_))) = (request.stream, scope) {
            return Ok(CensusPage { done: true, ..CensusPage::default() });
        }
        let plan = plan(request, scope)?;
        let cursor = CensusCursor::read(request.cursor);
        let starting = cursor.is_none();
        let cursor = cursor.unwrap_or(CensusCursor { v: VERSION, position: plan.start.clone(), last: None, empties: 0 });
        let url = self.client.page_url(&plan.segments, &plan.query, &cursor.position, "created", PAGE_SIZE);
        let fetched = match (request.stream, scope) {
            (PROJECTS, Some(scope @ Scope::Project(_))) => self.one(scope, &requests).await,
            _ => self.client.list(&url, &requests).await,
        };
        let listing = match fetched {
            Ok(listing) => listing,
            Err(error) => return unless_not_offered(error, request.stream, &requests),
        };
        let Some(rows) = rows(&listing, request.stream) else { return Ok(unsound("a row has no id", &requests)) };
        let mut external_ids: Vec<String> = rows.iter().map(|(id, _)| plan.external_id(id)).collect();
        if let (GROUPS, Some(scope), true) = (request.stream, scope, starting) {
            match self.one(scope, &requests).await.map(|own| self::rows(&own, GROUPS)) {
                Ok(Some(own)) => external_ids.extend(own.into_iter().map(|(id, _)| id)),
                Ok(None) => return Ok(unsound("the group has no id", &requests)),
                Err(error) => return unless_not_offered(error, request.stream, &requests),
            }
        }
        let after = cursor.after(&rows, &listing).map_err(|message| ConnectorError::Refused {
            status: 200,
            request: request_text(&url),
            message,
        })?;
        let (cursor, done) = match after {
            After::Unsound(reason) => return Ok(unsound(reason, &requests)),
            After::Done => (Value::Null, true),
            After::Go(cursor) => (serde_json::to_value(cursor).unwrap_or(Value::Null), false),
        };
        Ok(CensusPage { external_ids, cursor, done, requests: requests.get(), not_available: None })
    }

    /// A scope's own group or project, as a list.
    async fn one(&self, scope: Scope<'_>, requests: &RequestCount) -> Result<Listing, HttpError> {
        let query: &[(&str, &str)] = if matches!(scope, Scope::Group(_)) { &[("with_projects", "false")] } else { &[] };
        let row = self.client.object(&self.client.url(&scope.segments(), query), requests).await?;
        Ok(Listing { rows: vec![row], next: Next::End, total: Some(1), per_page: None, server_time: None })
    }
}

fn plan<'a>(request: &CensusRequest<'a>, scope: Option<Scope<'a>>) -> Result<Plan<'a>, ConnectorError> {
    let by_creation = || Position::Window(Window { page: 1, ..Window::default() });
    let overlapping = || Position::Overlap(Overlap::start(PAGE_SIZE));
    let (query, start) = match request.stream {
        "issues" => ([ALL, BY_CREATION].concat(), by_creation()),
        // `simple` leaves out what is slow to compute.
        "merge_requests" => ([&ALL[..], &BY_CREATION, &[("view", "simple")]].concat(), by_creation()),
        "jobs" => (vec![("pagination", "keyset"), ("order_by", "id"), ("sort", "desc")], Position::Page(1)),
        "pipelines" | "deployments" | GROUPS => (BY_ID.to_vec(), overlapping()),
        PROJECTS => ([&BY_ID[..], &[("include_subgroups", "true"), ("with_shared", "false"), ("simple", "true")]].concat(), overlapping()),
        "releases" => (BY_CREATION.to_vec(), overlapping()),
        // By id, without being asked: GitLab's order for lists that have no other.
        _ => (Vec::new(), overlapping()),
    };
    let (segments, prefix) = match (request.stream, scope) {
        (MEMBERS, Some(scope)) => ([&scope.segments()[..], &["members", "all"]].concat(), Some(request.partition)),
        (GROUPS, Some(scope)) => ([&scope.segments()[..], &["descendant_groups"]].concat(), None),
        (PROJECTS, Some(scope)) => ([&scope.segments()[..], &["projects"]].concat(), None),
        (stream, _) if ProjectList::find(stream).is_some() => {
            (vec!["projects", request.partition, stream], (stream == "releases").then_some(request.partition))
        }
        (stream, _) => {
            let message = format!("there is no census of `{stream}` with a partition `{}`", request.partition);
            return Err(ConnectorError::Configuration { field: "stream".into(), message });
        }
    };
    Ok(Plan { segments, query, start, prefix })
}

impl Plan<'_> {
    fn external_id(&self, id: &str) -> String {
        self.prefix.map_or_else(|| id.to_owned(), |prefix| format!("{prefix}:{id}"))
    }
}

impl CensusCursor {
    /// A cursor that cannot be read starts over: ids are only ever added.
    fn read(stored: Option<&Value>) -> Option<Self> {
        serde_json::from_value::<Self>(stored?.clone()).ok().filter(|cursor| cursor.v == VERSION)
    }

    fn after(&self, rows: &[(String, Key)], listing: &Listing) -> Result<After, String> {
        let rows: Vec<(&str, Key)> = rows.iter().map(|(id, key)| (id.as_str(), *key)).collect();
        let ids: Vec<&str> = rows.iter().map(|(id, _)| *id).collect();
        let fingerprint: String = Sha256::digest(ids.join("\n")).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let facts = PageFacts { rows: &rows, next: &listing.next, fingerprint: &fingerprint };
        let step = match &self.position {
            Position::Overlap(overlap) => {
                let page = OverlapPage { ids: &ids, next: &listing.next, per_page: listing.per_page };
                return Ok(match overlap.after(&page) {
                    Overlapped::Done => After::Done,
                    Overlapped::Go(next) => After::Go(Self { position: Position::Overlap(next), ..self.clone() }),
                    Overlapped::GivenUp => After::Unsound("the list moves too much, or is not sorted"),
                });
            }
            Position::Window(window) => advance_window(window, &facts),
            position => {
                if matches!(listing.next, Next::Page(_)) {
                    return Ok(After::Unsound("the server does not page by keyset"));
                }
                // GitLab's last page has no link and is never full: a proxy may have dropped the link.
                if matches!(listing.next, Next::Unsaid | Next::End) && rows.len() >= PAGE_SIZE as usize {
                    return Ok(After::Unsound("a full page leads nowhere"));
                }
                advance_pages(position, &facts, true)
            }
        };
        check_progress(&facts, &self.position, self.last.as_deref(), self.empties).map_err(|error| error.to_string())?;
        Ok(match step {
            Step::Done => After::Done,
            Step::Go { position: Position::Window(Window { unordered: true, .. }), .. } => {
                After::Unsound("the list is not sorted by creation")
            }
            Step::Go { position, sequential } => After::Go(Self {
                v: VERSION,
                position,
                last: sequential.then_some(fingerprint),
                empties: if rows.is_empty() { self.empties + 1 } else { 0 },
            }),
        })
    }
}

/// Id and creation time of every row; `None` if a row has no id.
fn rows(listing: &Listing, stream: &str) -> Option<Vec<(String, Key)>> {
    listing.rows.iter().map(|raw| row(raw, stream)).collect()
}

fn row(raw: &RawValue, stream: &str) -> Option<(String, Key)> {
    let row: IdRow = parse_row(raw.get()).ok()?;
    let id = if stream == "releases" { row.tag_name? } else { row.id?.0 };
    let created: Option<DateTime<Utc>> = row.created_at.as_ref().and_then(Value::as_str).and_then(parse_time);
    Some((id, created.map_or(Key::Absent, Key::At)))
}

fn unsound(reason: &str, requests: &RequestCount) -> CensusPage {
    let not_available = Some(format!("the ids cannot be enumerated: {reason}"));
    CensusPage { not_available, requests: requests.get(), ..CensusPage::default() }
}

fn unless_not_offered(error: HttpError, stream: &str, requests: &RequestCount) -> Result<CensusPage, ConnectorError> {
    match not_offered(&error, &stream.replace('_', " ")) {
        Some(reason) => Ok(CensusPage { not_available: Some(reason), requests: requests.get(), ..CensusPage::default() }),
        None => Err(error.into()),
    }
}
