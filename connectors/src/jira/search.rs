//! The issues of one project, by `search/jql`.
//!
//! Times in the query are epoch milliseconds: a date as text is read in the time zone of the account's profile, which loses or repeats as
//! many hours as it is away from UTC. There is no upper bound in an incremental walk: one from our own clock loses what changes often.

use chrono::{DateTime, TimeDelta, Utc};
use ovia_domain::TimeWindow;
use serde_json::{Value, json};

use super::client::SearchPage;
use super::cursor::{Cursor, Position};
use super::lists::Lists;
use super::normalise::{self, Context, Rows, normalise_rows};
use super::streams::ISSUES;
use super::walk::{RECENT, Search, SearchFacts, Step, WalkError, minute};
use crate::http::{Answer, HttpError, RequestCount, request_text_of, server_time};
use crate::{ConnectorError, Page};

/// Read again by every later walk, besides what the last one could not rely on.
const OVERLAP: TimeDelta = RECENT;

/// What is asked for of an issue, besides the custom fields.
const ISSUE_FIELDS: [&str; 22] = [
    "summary",
    "issuetype",
    "status",
    "priority",
    "resolution",
    "resolutiondate",
    "project",
    "parent",
    "creator",
    "reporter",
    "assignee",
    "labels",
    "components",
    "fixVersions",
    "versions",
    "issuelinks",
    "duedate",
    "created",
    "updated",
    "statuscategorychangedate",
    "timespent",
    "worklog",
];

impl Lists<'_> {
    /// One page of a project's issues. A project that is gone is no failure: its own stream says so.
    pub async fn issues(&self, project: &str, stored: Option<&Value>, window: Option<TimeWindow>) -> Result<Page, ConnectorError> {
        let cursor = Cursor::read(stored);
        let starting = cursor.walk.is_none();
        let over = window.is_some_and(|window| window.from >= window.to || starting && cursor.walks > 0);
        if over {
            return Ok(Page { cursor: cursor.to_value(), done: true, ..Page::default() });
        }
        let mut search = match &cursor.walk {
            Some(Position::Search(search)) => search.clone(),
            _ => Search::start(self.start(&cursor, window)),
        };
        let requests = RequestCount::to(ISSUES);
        let fields = self.issue_fields(&requests).await?;
        let answer = loop {
            let jql = jql(project, search.from, window.map(|window| window.to));
            match self.search(&jql, &fields, self.settings.page_size, search.token.as_deref(), &requests).await {
                Ok(answer) => break answer,
                // tokens die after a week, and with the server's next version; the walk still knows where it stands
                Err(error) if matches!(error.status(), Some(400 | 410)) => match search.without_token() {
                    Some(again) => search = again,
                    None => return self.unless_gone(&cursor, project, error, &requests).await,
                },
                Err(error) => return self.unless_gone(&cursor, project, error, &requests).await,
            }
        };
        let now = server_time(&answer.headers).unwrap_or_else(Utc::now);
        let SearchPage { issues, token, is_last } = answer.body;
        let rows = normalise_rows(issues, &Context { partition: project, settings: self.settings }, normalise::issue);
        let keys: Vec<(&str, Option<DateTime<Utc>>)> = rows.keys.iter().map(|key| (key.external_id.as_str(), key.updated)).collect();
        let facts = SearchFacts { rows: &keys, token: token.as_deref(), is_last };
        let step = search.after(&facts, now).map_err(|error| self.no_end(&error))?;
        search.newest = search.newest.max(keys.iter().filter_map(|(_, time)| *time).max());
        search.began = search.began.or(Some(now));
        Ok(page(&cursor, step, rows, &search, window, requests.get()))
    }

    /// Where a new walk begins.
    fn start(&self, cursor: &Cursor, window: Option<TimeWindow>) -> Option<DateTime<Utc>> {
        if let Some(window) = window {
            return Some(window.from);
        }
        let bound = self.settings.sync_window_days.map(|days| Utc::now() - TimeDelta::days(i64::from(days)));
        cursor.watermark.map(|watermark| watermark - OVERLAP).or(bound)
    }

    fn search_url(&self) -> url::Url {
        self.client.api(&["search", "jql"], &[])
    }

    /// A search that gets nowhere.
    pub fn no_end(&self, error: &WalkError) -> ConnectorError {
        ConnectorError::Unreachable { request: request_text_of("POST", &self.search_url()), message: error.to_string() }
    }

    pub async fn search(
        &self,
        jql: &str,
        fields: &[String],
        page_size: u32,
        token: Option<&str>,
        requests: &RequestCount,
    ) -> Result<Answer<SearchPage>, HttpError> {
        let mut body = json!({"jql": jql, "fields": fields, "maxResults": page_size});
        if let (Some(token), Some(body)) = (token, body.as_object_mut()) {
            body.insert("nextPageToken".into(), token.into());
        }
        self.client.ask(&self.search_url(), &body, requests).await
    }

    pub async fn issue_fields(&self, requests: &RequestCount) -> Result<Vec<String>, ConnectorError> {
        let custom = self.custom.get_or_try_init(|| self.custom_fields(requests)).await?;
        Ok(ISSUE_FIELDS.iter().map(|name| (*name).to_owned()).chain(custom.iter().cloned()).collect())
    }

    /// A query about a project that the account no longer sees is refused as a whole. That is for the projects' stream to tell.
    async fn unless_gone(&self, cursor: &Cursor, project: &str, error: HttpError, requests: &RequestCount) -> Result<Page, ConnectorError> {
        if !matches!(error.status(), Some(400 | 404)) || self.sees_project(project, requests).await? {
            return Err(error.into());
        }
        let reason = format!("issues: the account does not see project {project} any more");
        let requests = requests.get();
        Ok(Page { cursor: cursor.abandoned().to_value(), done: true, requests, not_available: Some(reason), ..Page::default() })
    }
}

/// Whole minutes in either direction: the source may compare no finer.
fn jql(project: &str, from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> String {
    let mut jql = format!("project = {}", quoted(project));
    if let Some(from) = from {
        jql.push_str(&format!(" AND updated >= {}", minute(from).timestamp_millis()));
    }
    if let Some(to) = to {
        jql.push_str(&format!(" AND updated < {}", (minute(to) + TimeDelta::minutes(1)).timestamp_millis()));
    }
    jql + " ORDER BY updated ASC, key ASC"
}

/// An id stands as it is, anything else in quotes.
pub fn quoted(text: &str) -> String {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn page(cursor: &Cursor, step: Step, rows: Rows, seen: &Search, window: Option<TimeWindow>, requests: i64) -> Page {
    let (cursor, done) = match step {
        // what a window has seen says nothing about what is newer
        Step::Done if window.is_some() => (cursor.finished(None), true),
        Step::Done => (cursor.finished(seen.reached()), true),
        Step::Go(next) => (cursor.walking(Position::Search(next)), false),
    };
    let watermark = match (&cursor.walk, window) {
        (_, Some(_)) => None,
        (Some(Position::Search(Search { from, unordered: false, .. })), None) => cursor.watermark.max(*from),
        _ => cursor.watermark,
    };
    let rows = rows.only(|key| window.is_none_or(|window| key.updated.is_none_or(|updated| window.contains(updated))));
    let Rows { records, dead_letters, .. } = rows;
    Page { records, dead_letters, cursor: cursor.to_value(), done, watermark, requests, ..Page::default() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn times_in_a_query_know_no_time_zone_and_are_whole_minutes() {
        let at = |text: &str| Some(text.parse().unwrap());
        let text = jql("10000", at("2026-03-29T01:30:59.999Z"), None);
        assert_eq!(text, "project = 10000 AND updated >= 1774747800000 ORDER BY updated ASC, key ASC");
        let text = jql("WEB", at("2026-03-29T01:30:00Z"), at("2026-03-29T02:00:00.500Z"));
        assert_eq!(text, "project = \"WEB\" AND updated >= 1774747800000 AND updated < 1774749660000 ORDER BY updated ASC, key ASC");
        assert!(!jql("WEB", None, None).contains("updated <"), "no bound from our own clock");
    }

    #[test]
    fn nothing_gets_out_of_its_quotes() {
        assert_eq!(quoted(r#"A" OR project = "HR\"#), r#""A\" OR project = \"HR\\""#);
    }
}
