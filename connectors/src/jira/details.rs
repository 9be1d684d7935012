//! The detail streams: the whole history of issues, many in one request, and all work logs of one issue.
//!
//! An issue that is gone is "not available": the note is done with, nothing failed.

use std::collections::HashMap;

use ovia_domain::{DetailRequest, JiraSettings, ListKind, WholeList};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::client::{JiraClient, not_offered};
use super::lists::no_stream;
use super::normalise::{Context, Row, history, normalise_rows, worklog};
use super::streams::{CHANGELOGS, WORKLOGS};
use super::wire::IssueHistories;
use crate::ConnectorError;
use crate::contract::Detail;
use crate::http::{HttpError, RequestCount, request_text, request_text_of};
use crate::lenient::{Id, or_default, parse_row};

/// Issues in one request for changelogs. Jira allows 1000; with a hundred an answer stays one that is quickly stored.
pub const CHANGELOG_BATCH: usize = 100;
/// Jira's maximum of changes on a page.
const CHANGELOG_PAGE: u32 = 10_000;
/// Jira's maximum of work logs on a page.
const WORKLOG_PAGE: u32 = 5000;
/// Pages of one question. The histories of a hundred issues are not that long; a source that goes on is running in circles.
const MAX_PAGES: usize = 1000;

#[derive(Deserialize)]
struct Changelogs {
    #[serde(default, rename = "issueChangeLogs", deserialize_with = "or_default")]
    issues: Vec<IssueHistories>,
    #[serde(default, rename = "nextPageToken")]
    token: Option<String>,
}

/// Fetches details for one connection.
#[derive(Debug)]
pub struct Details<'a> {
    pub client: &'a JiraClient,
    pub settings: &'a JiraSettings,
}

impl Details<'_> {
    /// Queued items of one stream, answered in their order.
    pub async fn pull(&self, requests: &[DetailRequest]) -> Result<Vec<Detail>, ConnectorError> {
        let Some(first) = requests.first() else { return Ok(Vec::new()) };
        match first.stream.as_str() {
            CHANGELOGS => self.changelogs(requests).await,
            WORKLOGS => {
                let mut details = Vec::with_capacity(requests.len());
                for request in requests {
                    details.push(self.worklogs(&request.external_id).await?);
                }
                Ok(details)
            }
            other => Err(no_stream(format!("there is no detail stream `{other}`"))),
        }
    }

    async fn changelogs(&self, requests: &[DetailRequest]) -> Result<Vec<Detail>, ConnectorError> {
        let count = RequestCount::to(CHANGELOGS);
        let ids: Vec<&str> = requests.iter().map(|request| request.external_id.as_str()).collect();
        let fetched = self.histories(&ids, &count).await;
        let (mut histories, not_available) = match fetched {
            Ok(histories) => (histories, None),
            Err(Failed::Http(error)) => match not_offered(&error, "changelogs") {
                Some(reason) => (HashMap::new(), Some(reason)),
                None => return Err(error.into()),
            },
            Err(Failed::Circle(error)) => return Err(error),
        };
        let mut sent = count.get();
        let answers = ids.iter().map(|id| {
            let rows = histories.remove(*id).unwrap_or_default();
            let requests = std::mem::take(&mut sent);
            Detail { requests, not_available: not_available.clone(), ..self.read(id, rows, history) }
        });
        Ok(answers.collect())
    }

    /// All histories by issue. Those of one issue may be spread over pages.
    async fn histories(&self, ids: &[&str], count: &RequestCount) -> Result<HashMap<String, Vec<Box<RawValue>>>, Failed> {
        let url = self.client.api(&["changelog", "bulkfetch"], &[]);
        let mut histories: HashMap<String, Vec<Box<RawValue>>> = HashMap::with_capacity(ids.len());
        let mut body = json!({"issueIdsOrKeys": ids, "maxResults": CHANGELOG_PAGE});
        let mut token: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let page: Changelogs = self.client.ask(&url, &body, count).await?.body;
            for issue in page.issues {
                histories.entry(issue.issue_id.0).or_default().extend(issue.change_histories);
            }
            match page.token.filter(|token| !token.is_empty()) {
                None => return Ok(histories),
                next if next == token => break,
                next => token = next,
            }
            if let Some(body) = body.as_object_mut() {
                body.insert("nextPageToken".into(), json!(token));
            }
        }
        Err(Failed::Circle(circle(request_text_of("POST", &url))))
    }

    /// The issue's rows show the first twenty only.
    async fn worklogs(&self, id: &str) -> Result<Detail, ConnectorError> {
        let count = RequestCount::to(WORKLOGS);
        let mut rows: Vec<Box<RawValue>> = Vec::new();
        for _ in 0..MAX_PAGES {
            let (start, size) = (rows.len().to_string(), WORKLOG_PAGE.to_string());
            let url = self.client.api(&["issue", id, "worklog"], &[("startAt", &start), ("maxResults", &size)]);
            let listing = match self.client.page(&url, &count).await {
                Ok(listing) => listing,
                Err(error) => match not_offered(&error, "work logs") {
                    Some(reason) => return Ok(Detail { not_available: Some(reason), requests: count.get(), ..Detail::default() }),
                    None => return Err(error.into()),
                },
            };
            let done = listing.last.unwrap_or(listing.rows.is_empty());
            if !done && listing.rows.is_empty() {
                return Err(circle(request_text(&url)));
            }
            rows.extend(listing.rows);
            if done {
                let whole_list = whole(id, &rows);
                return Ok(Detail { requests: count.get(), whole_list, ..self.read(id, rows, worklog) });
            }
        }
        Err(circle(id.to_owned()))
    }

    fn read(&self, id: &str, rows: Vec<Box<RawValue>>, row: Row) -> Detail {
        let rows = normalise_rows(rows, &Context { partition: id, settings: self.settings }, row);
        Detail { records: rows.records, dead_letters: rows.dead_letters, ..Detail::default() }
    }
}

/// The ids of all work logs, those that cannot be read included. None if one has no id.
fn whole(issue: &str, rows: &[Box<RawValue>]) -> Option<WholeList> {
    #[derive(Deserialize)]
    struct Named {
        id: Id,
    }
    let ids = rows.iter().map(|row| parse_row::<Named>(row.get()).ok().map(|row| row.id.0)).collect::<Option<_>>();
    ids.map(|external_ids| WholeList { kind: ListKind::Worklogs, work_item: issue.to_owned(), external_ids })
}

enum Failed {
    Http(HttpError),
    Circle(ConnectorError),
}

impl From<HttpError> for Failed {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

fn circle(request: String) -> ConnectorError {
    ConnectorError::Unreachable { request, message: "the list does not end".into() }
}
