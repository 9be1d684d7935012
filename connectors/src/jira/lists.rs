//! The lists that are read whole every time: what is asked for, and how each is paged.

use ovia_domain::{JiraSettings, TimeWindow};
use serde_json::Value;
use tokio::sync::OnceCell;
use url::Url;

use super::client::{JiraClient, Listing, not_offered};
use super::cursor::{Cursor, Position};
use super::normalise::{Context, normalise_rows, row_of};
use super::streams::{self, BOARDS, FIELDS, GROUP_MEMBERS, GROUPS, PROJECT, PROJECTS, SITE, SPRINTS, STATUSES, USERS, VERSIONS};
use crate::http::{HttpError, RequestCount, request_text};
use crate::offset::{Offset, Stepped, row_ids};
use crate::{ConnectorError, Page};

/// Jira's own maximum for members of a group and for boards.
const SMALL_PAGE: u32 = 50;
/// What a token with scopes needs for boards and sprints.
const AGILE_SCOPES: &str = "read:board-scope:jira-software and read:sprint:jira-software";

/// Pulls lists for one connection.
#[derive(Debug)]
pub struct Lists<'a> {
    pub client: &'a JiraClient,
    pub settings: &'a JiraSettings,
    /// Ids of the custom fields to ask for; fetched once.
    pub custom: &'a OnceCell<Vec<String>>,
}

/// How a list ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    /// A plain array with everything in it.
    Whole,
    /// Plain arrays, the last of which is empty: a short one says nothing, since accounts may be left out of a page.
    UntilEmpty,
    /// Pages that say whether they are the last.
    Pages,
    One,
}

/// One list and the place in it.
#[derive(Debug)]
struct Plan {
    shape: Shape,
    url: Url,
}

impl Lists<'_> {
    /// One page of a list.
    pub async fn pull(
        &self,
        stream: &str,
        partition: &str,
        stored: Option<&Value>,
        window: Option<TimeWindow>,
    ) -> Result<Page, ConnectorError> {
        if stream == streams::ISSUES {
            return self.issues(partition, stored, window).await;
        }
        if window.is_some() {
            return Err(no_stream(format!("`{stream}` cannot be pulled by time")));
        }
        let cursor = Cursor::read(stored);
        if !has_part(stream, partition) {
            return Ok(Page { cursor: cursor.to_value(), done: true, ..Page::default() });
        }
        let offset = match &cursor.walk {
            Some(Position::Offset(offset)) => offset.clone(),
            _ => Offset::default(),
        };
        let requests = RequestCount::to(stream);
        let plan = self.plan(stream, partition, offset.start)?;
        let listing = match self.fetch(&plan, &requests).await {
            Ok(listing) => listing,
            Err(error) => {
                let reason = refusal(error, stream, partition)?;
                let cursor = cursor.abandoned().to_value();
                return Ok(Page { cursor, done: true, requests: requests.get(), not_available: Some(reason), ..Page::default() });
            }
        };
        let ids = row_ids(&listing.rows);
        let next = plan.next(&offset, &ids, listing.last)?;
        let total = listing.total;
        // what the last page showed too was handed on with it
        let fresh = listing.rows.into_iter().zip(&ids).filter(|(_, id)| !offset.is_known(id)).map(|(row, _)| row).collect();
        let rows = normalise_rows(fresh, &Context { partition, settings: self.settings }, row_of(stream));
        let done = next.is_none();
        let cursor = match next {
            None => cursor.finished(None),
            Some(next) => cursor.walking(Position::Offset(next)),
        };
        Ok(Page {
            records: rows.records,
            dead_letters: rows.dead_letters,
            cursor: cursor.to_value(),
            done,
            total_hint: total.filter(|_| offset.start == 0),
            requests: requests.get(),
            ..Page::default()
        })
    }

    /// The ids on the page at `offset`, and where the next one is; `None` at the end.
    pub async fn ids(&self, stream: &str, partition: &str, offset: &Offset, requests: &RequestCount) -> Result<Ids, ConnectorError> {
        if !has_part(stream, partition) {
            return Ok(Ids::default());
        }
        let plan = self.plan(stream, partition, offset.start)?;
        let listing = match self.fetch(&plan, requests).await {
            Ok(listing) => listing,
            // a kanban board has no sprints: that is all of them
            Err(HttpError::Status { status: 400, from_api: true, .. }) if stream == SPRINTS => return Ok(Ids::default()),
            Err(error) => return Ok(Ids { not_available: Some(refusal(error, stream, partition)?), ..Ids::default() }),
        };
        let next = plan.next(offset, &row_ids(&listing.rows), listing.last)?;
        let rows = normalise_rows(listing.rows, &Context { partition, settings: self.settings }, row_of(stream));
        if rows.keys.iter().any(|key| key.external_id.is_empty()) {
            return Ok(Ids { not_available: Some(format!("{stream}: a row has no id")), ..Ids::default() });
        }
        let ids = rows.keys.into_iter().map(|key| key.external_id).collect();
        Ok(Ids { ids, next, not_available: None })
    }

    async fn fetch(&self, plan: &Plan, requests: &RequestCount) -> Result<Listing, HttpError> {
        match plan.shape {
            Shape::Whole | Shape::UntilEmpty => self.client.array(&plan.url, requests).await,
            Shape::Pages => self.client.page(&plan.url, requests).await,
            Shape::One => self.client.one(&plan.url, requests).await,
        }
    }

    fn plan(&self, stream: &str, partition: &str, start: usize) -> Result<Plan, ConnectorError> {
        let start = start.to_string();
        let size = self.settings.page_size.to_string();
        let small = self.settings.page_size.min(SMALL_PAGE).to_string();
        let paged = |size: &'_ str| vec![("startAt", start.clone()), ("maxResults", size.to_owned())];
        let key = partition.strip_prefix(PROJECT).unwrap_or(partition);
        let client = self.client;
        let pairs = |own: &[(&'static str, &str)], rest: Vec<(&'static str, String)>| -> Vec<(&'static str, String)> {
            own.iter().map(|(name, value)| (*name, (*value).to_owned())).chain(rest).collect()
        };
        let (shape, agile, segments, query): (Shape, bool, Vec<&str>, Vec<(&str, String)>) = match stream {
            FIELDS => (Shape::Whole, false, vec!["field"], Vec::new()),
            STATUSES => (Shape::Whole, false, vec!["status"], Vec::new()),
            GROUPS => (Shape::Pages, false, vec!["group", "bulk"], paged(&size)),
            USERS => (Shape::UntilEmpty, false, vec!["users", "search"], paged(&size)),
            GROUP_MEMBERS => {
                let own = [("groupId", partition), ("includeInactiveUsers", "true")];
                (Shape::Pages, false, vec!["group", "member"], pairs(&own, paged(&small)))
            }
            PROJECTS => (Shape::One, false, vec!["project", key], pairs(&[("expand", "projectKeys")], Vec::new())),
            VERSIONS => (Shape::Pages, false, vec!["project", partition, "version"], pairs(&[("orderBy", "sequence")], paged(&small))),
            BOARDS => (Shape::Pages, true, vec!["board"], pairs(&[("projectKeyOrId", key)], paged(&small))),
            SPRINTS => (Shape::Pages, true, vec!["board", partition, "sprint"], paged(&small)),
            other => return Err(no_stream(format!("there is no stream `{other}` with a partition `{partition}`"))),
        };
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let url = if agile { client.agile(&segments, &query) } else { client.api(&segments, &query) };
        Ok(Plan { shape, url })
    }
}

impl Plan {
    /// Where the page behind the one at `offset` is, which had these rows and said whether it is the last; `None` if there is none.
    fn next(&self, offset: &Offset, ids: &[String], said: Option<bool>) -> Result<Option<Offset>, ConnectorError> {
        let more = match (self.shape, said) {
            (Shape::Whole | Shape::One, _) | (Shape::Pages, Some(true)) => Ok(false),
            (Shape::Pages, Some(false)) if ids.is_empty() => Err("an empty page that is not the last"),
            // until a page is empty
            (Shape::UntilEmpty, _) | (Shape::Pages, _) => Ok(true),
        };
        let next = more.and_then(|more| match offset.after(ids, more) {
            Stepped::Done => Ok(None),
            Stepped::Go(next) => Ok(Some(next)),
            Stepped::SamePage => Err("the same page again"),
        });
        next.map_err(|message| {
            let message = format!("the list does not end: {message}");
            ConnectorError::Unreachable { request: request_text(&self.url), message }
        })
    }
}

/// A page of ids.
#[derive(Debug, Default)]
pub struct Ids {
    pub ids: Vec<String>,
    pub next: Option<Offset>,
    pub not_available: Option<String>,
}

/// Whether a stream has anything in a partition: the site's lists have nothing of a project's own, and the other way round.
pub fn has_part(stream: &str, partition: &str) -> bool {
    match stream {
        FIELDS | STATUSES | GROUPS | USERS => partition == SITE,
        PROJECTS | BOARDS => partition.starts_with(PROJECT),
        _ => true,
    }
}

/// Why a refused list is no failure, if it is none.
fn refusal(error: HttpError, stream: &str, partition: &str) -> Result<String, ConnectorError> {
    let title = stream.replace('_', " ");
    match &error {
        HttpError::Status { status: 404, from_api: true, request, .. } if stream == PROJECTS => {
            let what = format!("project `{}`", partition.strip_prefix(PROJECT).unwrap_or(partition));
            Err(ConnectorError::NotFound { request: request.clone(), what })
        }
        // a kanban board has no sprints, and says so with a 400; a project that is unknown is for the projects' stream to tell
        HttpError::Status { status: 400, from_api: true, message, .. } if matches!(stream, SPRINTS | BOARDS) => {
            Ok(format!("{title}: not available here (400: {message})"))
        }
        // boards and sprints have scopes of their own, which a token that reads issues need not have
        HttpError::Status { message, .. } if matches!(stream, SPRINTS | BOARDS) && error.is_scope() => {
            Ok(format!("{title}: the token needs the scopes {AGILE_SCOPES} ({message})"))
        }
        _ => match not_offered(&error, &title).filter(|_| stream != PROJECTS) {
            Some(reason) => Ok(reason),
            None => Err(error.into()),
        },
    }
}

pub fn no_stream(message: String) -> ConnectorError {
    ConnectorError::Configuration { field: "stream".into(), message }
}
