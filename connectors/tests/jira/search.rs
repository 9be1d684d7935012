//! `search/jql`: how it is asked, how its pages follow each other, and what ends a walk.

#![expect(clippy::unwrap_used, reason = "tests")]

use chrono::{DateTime, TimeDelta, Utc};
use ovia_connectors::{Connector, ConnectorError, PullRequest};
use ovia_domain::TimeWindow;
use serde_json::{Value, json};
use wiremock::matchers::{body_partial_json, method, path};
use wiremock::{Mock, MockServer};

use crate::site::{Issues, Site, issue};
use crate::support::{asked, get, ok, open, open_with, post, refused, serve, walk};

const SEARCH: &str = "/rest/api/3/search/jql";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn spread(count: u64) -> Issues {
    (0..count).map(|n| (n, at("2026-05-05T00:00:00Z") + TimeDelta::minutes(n as i64))).collect()
}

async fn bodies(server: &MockServer) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().filter(|request| request.url.path() == SEARCH).map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
}

#[tokio::test]
async fn pitfall_0_1_only_search_jql_with_fields_and_a_bounded_query() {
    let server = MockServer::start().await;
    Site::start(&server, chrono_tz::UTC, spread(3), at("2026-05-06T00:00:00Z")).await;
    let walked = walk(&open(&server.uri()), "issues", "10000", None).await.unwrap();
    assert_eq!((walked.ids(), walked.requests), (vec!["0", "1", "2"], 2));
    assert_eq!(asked(&server).await, ["GET /rest/api/3/field", "POST /rest/api/3/search/jql"]);
    let body = bodies(&server).await.remove(0);
    assert_eq!(body["jql"], "project = 10000 ORDER BY updated ASC, key ASC");
    assert!(body["fields"].as_array().unwrap().contains(&json!("updated")) && body.get("nextPageToken").is_none());
}

#[tokio::test]
async fn pitfall_1_2_a_last_page_has_no_token_and_a_short_page_is_not_the_last() {
    let server = MockServer::start().await;
    get(&server, "/rest/api/3/field", json!([])).await;
    let recent = Utc::now().to_rfc3339();
    let second = json!({"issues": [issue(2, &recent)], "isLast": true});
    let on = Mock::given(method("POST")).and(path(SEARCH)).and(body_partial_json(json!({"nextPageToken": "abc"})));
    on.respond_with(ok(second)).with_priority(1).mount(&server).await;
    post(&server, SEARCH, json!({"issues": [issue(1, &recent)], "isLast": false, "nextPageToken": "abc"})).await;
    let walked = walk(&open(&server.uri()), "issues", "10000", None).await.unwrap();
    assert_eq!((walked.ids(), walked.pages), (vec!["1", "2"], 2));
    let bodies = bodies(&server).await;
    assert_eq!((&bodies[0]["jql"], &bodies[0]["fields"]), (&bodies[1]["jql"], &bodies[1]["fields"]), "the same question with the token");
}

#[tokio::test]
async fn pitfall_1_2_a_repeated_token_and_an_empty_page_end_with_an_error() {
    for page in [
        json!({"issues": [issue(1, &Utc::now().to_rfc3339())], "isLast": false, "nextPageToken": "again"}),
        json!({"issues": [], "isLast": false, "nextPageToken": "again"}),
        json!({"issues": [issue(1, &Utc::now().to_rfc3339())], "isLast": false}),
    ] {
        let server = MockServer::start().await;
        get(&server, "/rest/api/3/field", json!([])).await;
        post(&server, SEARCH, page).await;
        let error = walk(&open(&server.uri()), "issues", "10000", None).await.unwrap_err();
        assert!(matches!(&error, ConnectorError::Unreachable { request, .. } if request.starts_with("POST http://")), "{error}");
        assert!(asked(&server).await.len() <= 4);
    }
}

#[tokio::test]
async fn pitfall_1_2_a_dead_token_on_resume_falls_back_to_the_time() {
    let server = MockServer::start().await;
    // all recent, so that pages follow by token
    let now = Utc::now();
    let issues: Issues = (0..25).map(|n| (n, now - TimeDelta::seconds(100 - n as i64))).collect();
    let mut site = Site::start(&server, chrono_tz::UTC, issues.clone(), now).await;
    server.reset().await;
    site.tokens_die = true;
    site.mount(&server).await;
    let jira = open_with(&server.uri(), json!({"project_keys": ["WEB"], "page_size": 10}));
    let walked = walk(&jira, "issues", "10000", None).await.unwrap();
    let mut ids: Vec<u64> = walked.ids().iter().map(|id| id.parse().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids, issues.keys().copied().collect::<Vec<_>>());
}

#[tokio::test]
async fn pitfall_1_3_the_next_walk_overlaps_and_has_no_upper_bound() {
    let server = MockServer::start().await;
    Site::start(&server, chrono_tz::UTC, spread(3), at("2026-05-06T00:00:00Z")).await;
    let jira = open(&server.uri());
    let first = walk(&jira, "issues", "10000", None).await.unwrap();
    let second = walk(&jira, "issues", "10000", Some(&first.cursor)).await.unwrap();
    assert_eq!(second.ids(), ["0", "1", "2"], "ten minutes back");
    let jql = bodies(&server).await.pop().unwrap()["jql"].as_str().unwrap().to_owned();
    let from = at("2026-05-04T23:52:00Z").timestamp_millis();
    assert_eq!(jql, format!("project = 10000 AND updated >= {from} ORDER BY updated ASC, key ASC"));
    assert_eq!(first.records[0].content_hash, second.records[0].content_hash, "what did not change is not written again");
}

#[tokio::test]
async fn pitfall_1_3_a_project_that_is_gone_is_no_silent_emptiness_and_no_failure() {
    let server = MockServer::start().await;
    get(&server, "/rest/api/3/field", json!([])).await;
    serve(&server, SEARCH, refused(400, "The value '10000' does not exist for the field 'project'.")).await;
    serve(&server, "/rest/api/3/project/10000", refused(404, "No project could be found with key '10000'.")).await;
    let walked = walk(&open(&server.uri()), "issues", "10000", None).await.unwrap();
    assert!(walked.not_available.unwrap().contains("does not see project 10000"));

    let server = MockServer::start().await;
    get(&server, "/rest/api/3/field", json!([])).await;
    get(&server, "/rest/api/3/project/10000", json!({"id": "10000", "key": "WEB"})).await;
    serve(&server, SEARCH, refused(400, "Error in the JQL Query.")).await;
    let error = walk(&open(&server.uri()), "issues", "10000", None).await.unwrap_err();
    assert!(matches!(&error, ConnectorError::Refused { status: 400, message, .. } if message.contains("JQL")), "{error}");
}

#[tokio::test]
async fn a_backfills_window_brings_its_rows_only() {
    let server = MockServer::start().await;
    Site::start(&server, chrono_tz::Asia::Kathmandu, spread(60), at("2026-05-06T00:00:00Z")).await;
    let jira = open_with(&server.uri(), json!({"project_keys": ["WEB"], "page_size": 7}));
    let window = Some(TimeWindow { from: at("2026-05-05T00:10:30Z"), to: at("2026-05-05T00:30:30Z") });
    let (mut cursor, mut ids) = (None::<Value>, Vec::new());
    loop {
        let page = jira.pull(PullRequest { stream: "issues", partition: "10000", cursor: cursor.as_ref(), window }).await.unwrap();
        ids.extend(page.records.iter().map(|record| record.external_id.parse::<u64>().unwrap()));
        assert_eq!(page.watermark, None, "a window says nothing about what is newer");
        cursor = Some(page.cursor);
        if page.done {
            break;
        }
    }
    ids.dedup();
    assert_eq!(ids, (11..=30).collect::<Vec<_>>());
    let again = jira.pull(PullRequest { stream: "issues", partition: "10000", cursor: cursor.as_ref(), window }).await.unwrap();
    assert!(again.done && again.requests == 0 && again.records.is_empty());
}

#[tokio::test]
async fn the_first_sync_is_bound_by_sync_window_days() {
    let server = MockServer::start().await;
    let now = Utc::now();
    let issues: Issues = [(1, now - TimeDelta::days(40)), (2, now - TimeDelta::days(20))].into();
    Site::start(&server, chrono_tz::UTC, issues, now).await;
    let jira = open_with(&server.uri(), json!({"project_keys": ["WEB"], "sync_window_days": 30}));
    assert_eq!(walk(&jira, "issues", "10000", None).await.unwrap().ids(), ["2"]);
}
