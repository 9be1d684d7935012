//! A project behind `search/jql`: time literals as Jira reads them, in the zone of the account's profile and to the minute.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, DurationRound, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::support::{get, refused};

/// Id and when it was updated.
pub type Issues = BTreeMap<u64, DateTime<Utc>>;

#[derive(Clone)]
pub struct Site {
    pub issues: Arc<Mutex<Issues>>,
    /// The server's clock.
    pub now: Arc<Mutex<DateTime<Utc>>>,
    pub zone: Tz,
    /// Every token is refused once.
    pub tokens_die: bool,
    died: Arc<Mutex<bool>>,
}

impl Site {
    pub async fn start(server: &MockServer, zone: Tz, issues: Issues, now: DateTime<Utc>) -> Self {
        let (issues, now) = (Arc::new(Mutex::new(issues)), Arc::new(Mutex::new(now)));
        let site = Self { issues, now, zone, tokens_die: false, died: Arc::default() };
        site.mount(server).await;
        site
    }

    pub async fn mount(&self, server: &MockServer) {
        Mock::given(method("POST")).and(path("/rest/api/3/search/jql")).respond_with(self.clone()).mount(server).await;
        get(server, "/rest/api/3/field", json!([])).await;
        get(server, "/rest/api/3/project/10000", json!({"id": "10000", "key": "WEB"})).await;
    }

    /// `1774747800000`, or `"2026-03-29 01:30"` in the account's zone; both to the minute.
    fn literal(&self, text: &str) -> DateTime<Utc> {
        let time = match text.parse::<i64>() {
            Ok(millis) => DateTime::from_timestamp_millis(millis).unwrap(),
            Err(_) => {
                let local = NaiveDateTime::parse_from_str(text.trim_matches('"'), "%Y-%m-%d %H:%M").unwrap();
                self.zone.from_local_datetime(&local).earliest().unwrap().to_utc()
            }
        };
        time.duration_trunc(TimeDelta::minutes(1)).unwrap()
    }

    fn selected(&self, jql: &str) -> Vec<(DateTime<Utc>, u64)> {
        let (filter, order) = jql.split_once(" ORDER BY ").unwrap_or((jql, ""));
        let issues = self.issues.lock().unwrap();
        let mut rows: Vec<(DateTime<Utc>, u64)> = issues.iter().map(|(id, at)| (*at, *id)).collect();
        for clause in filter.split(" AND ") {
            match clause.split_once(" >= ").or(clause.split_once(" < ")) {
                Some(("updated", bound)) if clause.contains(">=") => rows.retain(|(at, _)| *at >= self.literal(bound)),
                Some(("updated", bound)) => rows.retain(|(at, _)| *at < self.literal(bound)),
                _ => assert_eq!(clause, "project = 10000", "a query without bounds, or of another project: {jql}"),
            }
        }
        if order.starts_with("key") {
            rows.sort_by_key(|row| row.1)
        } else {
            rows.sort_unstable()
        }
        rows
    }

    fn shown(&self, id: u64, at: DateTime<Utc>) -> Value {
        issue(id, &at.with_timezone(&self.zone).format("%Y-%m-%dT%H:%M:%S%.3f%z").to_string())
    }
}

impl Respond for Site {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert!(body.get("startAt").is_none(), "there is no startAt");
        let rows = self.selected(body["jql"].as_str().unwrap());
        let place: usize = match body["nextPageToken"].as_str() {
            Some(_) if self.tokens_die && !std::mem::replace(&mut *self.died.lock().unwrap(), true) => {
                return refused(400, "The provided next page token is invalid or expired.");
            }
            Some(token) => token.strip_prefix("token-").unwrap().parse().unwrap(),
            None => 0,
        };
        let size = body["maxResults"].as_u64().unwrap() as usize;
        let page: Vec<Value> = rows.iter().skip(place).take(size).map(|(at, id)| self.shown(*id, *at)).collect();
        let end = place + page.len();
        let mut answer = json!({"issues": page, "isLast": end >= rows.len()});
        if end < rows.len() {
            answer["nextPageToken"] = json!(format!("token-{end}"));
        }
        let date = self.now.lock().unwrap().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        ResponseTemplate::new(200).insert_header("date", date).set_body_json(answer)
    }
}

/// The smallest issue there is.
pub fn issue(id: u64, updated: &str) -> Value {
    json!({"id": id.to_string(), "key": format!("WEB-{id}"), "self": format!("https://acme.atlassian.net/rest/api/3/issue/{id}"), "fields": {
        "summary": format!("Issue {id}"), "project": {"id": "10000", "key": "WEB"},
        "issuetype": {"id": "10001", "name": "Task", "subtask": false, "hierarchyLevel": 0},
        "status": {"id": "3", "name": "In Progress", "statusCategory": {"key": "indeterminate"}},
        "created": "2026-01-01T00:00:00.000+0000", "updated": updated, "worklog": {"total": 0, "worklogs": []},
    }})
}
