//! The lists that are read whole every time: what is asked for, and how each is paged.

use ovia_domain::{JiraSettings, TimeWindow};
use serde_json::Value;
use tokio::sync::OnceCell;
use url::Url;

use super::client::{JiraClient, Listing, is_scope, not_offered};
use super::cursor::{Cursor, Position};
use super::normalise::{Context, normalise_rows, row_of};
use super::streams::{self, BOARDS, FIELDS, GROUP_MEMBERS, GROUPS, PROJECT, PROJECTS, SITE, SPRINTS, STATUSES, USERS, VERSIONS};
use crate::http::{HttpError, RequestCount, request_text};
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
        let (start, last) = match &cursor.walk {
            Some(Position::Offset { start, last }) => (*start, last.clone()),
            _ => (0, None),
        };
        let requests = RequestCount::to(stream);
        let plan = self.plan(stream, partition, start)?;
        let listing = match self.fetch(&plan, &requests).await {
            Ok(listing) => listing,
            Err(error) => {
                let reason = refusal(error, stream, partition)?;
                let cursor = cursor.abandoned().to_value();
                return Ok(Page { cursor, done: true, requests: requests.get(), not_available: Some(reason), ..Page::default() });
            }
        };
        let (count, said, total) = (listing.rows.len() as u64, listing.last, listing.total);
        let rows = normalise_rows(listing.rows, &Context { partition, settings: self.settings }, row_of(stream));
        let done = is_done(plan.shape, said, count)
            .and_then(|done| if count > 0 && last.as_ref() == Some(&rows.fingerprint) { Err("the same page again") } else { Ok(done) })
            .map_err(|message| ConnectorError::Unreachable {
                request: request_text(&plan.url),
                message: format!("the list does not end: {message}"),
            })?;
        let cursor = match done {
            true => cursor.finished(None),
            false => cursor.walking(Position::Offset { start: start + count, last: Some(rows.fingerprint.clone()) }),
        };
        Ok(Page {
            records: rows.records,
            dead_letters: rows.dead_letters,
            cursor: cursor.to_value(),
            done,
            total_hint: total.filter(|_| start == 0),
            requests: requests.get(),
            ..Page::default()
        })
    }

    /// The ids on the page that begins at `start`, and where the next one does; `None` at the end.
    pub async fn ids(&self, stream: &str, partition: &str, start: u64, requests: &RequestCount) -> Result<Ids, ConnectorError> {
        if !has_part(stream, partition) {
            return Ok(Ids::default());
        }
        let plan = self.plan(stream, partition, start)?;
        let listing = match self.fetch(&plan, requests).await {
            Ok(listing) => listing,
            // a kanban board has no sprints: that is all of them
            Err(HttpError::Status { status: 400, from_api: true, .. }) if stream == SPRINTS => return Ok(Ids::default()),
            Err(error) => return Ok(Ids { not_available: Some(refusal(error, stream, partition)?), ..Ids::default() }),
        };
        let (count, said) = (listing.rows.len() as u64, listing.last);
        let rows = normalise_rows(listing.rows, &Context { partition, settings: self.settings }, row_of(stream));
        if rows.keys.iter().any(|key| key.external_id.is_empty()) {
            return Ok(Ids { not_available: Some(format!("{stream}: a row has no id")), ..Ids::default() });
        }
        let done = is_done(plan.shape, said, count).map_err(|message| ConnectorError::Unreachable {
            request: request_text(&plan.url),
            message: format!("the list does not end: {message}"),
        })?;
        let ids = rows.keys.into_iter().map(|key| key.external_id).collect();
        Ok(Ids { ids, next: (!done).then_some(start + count), not_available: None })
    }

    async fn fetch(&self, plan: &Plan, requests: &RequestCount) -> Result<Listing, HttpError> {
        match plan.shape {
            Shape::Whole | Shape::UntilEmpty => self.client.array(&plan.url, requests).await,
            Shape::Pages => self.client.page(&plan.url, requests).await,
            Shape::One => self.client.one(&plan.url, requests).await,
        }
    }

    fn plan(&self, stream: &str, partition: &str, start: u64) -> Result<Plan, ConnectorError> {
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

/// A page of ids.
#[derive(Debug, Default)]
pub struct Ids {
    pub ids: Vec<String>,
    pub next: Option<u64>,
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

fn is_done(shape: Shape, said: Option<bool>, count: u64) -> Result<bool, &'static str> {
    match (shape, said) {
        (Shape::Whole | Shape::One, _) | (Shape::Pages, Some(true)) => Ok(true),
        (Shape::UntilEmpty, _) | (Shape::Pages, None) => Ok(count == 0),
        (Shape::Pages, Some(false)) if count == 0 => Err("an empty page that is not the last"),
        (Shape::Pages, Some(false)) => Ok(false),
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
        HttpError::Status { status: 403, from_api: true, message, .. } if matches!(stream, SPRINTS | BOARDS) && is_scope(message) => {
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
