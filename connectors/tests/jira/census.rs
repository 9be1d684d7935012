//! What vanished: ids enumerated, and what is missed looked for.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use ovia_connectors::jira::Jira;
use ovia_connectors::{CensusRequest, Connector, ConnectorError, Presence};
use serde_json::{Value, json};
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, Request};

use crate::site::Site;
use crate::support::{bean, get, ok, open, post, refused, serve};

/// All ids of a partition; `None` if they cannot be enumerated.
async fn census(jira: &Jira, stream: &str, partition: &str) -> Option<BTreeSet<String>> {
    let (mut ids, mut cursor) = (BTreeSet::new(), None::<Value>);
    loop {
        let page = jira.census(CensusRequest { stream, partition, cursor: cursor.as_ref() }).await.unwrap();
        if page.not_available.is_some() {
            return None;
        }
        ids.extend(page.external_ids);
        if page.done {
            return Some(ids);
        }
        cursor = Some(page.cursor);
    }
}

#[tokio::test]
async fn pitfall_0_4_the_ids_of_all_issues_by_large_pages() {
    let server = MockServer::start().await;
    let start: DateTime<Utc> = "2026-05-05T00:00:00Z".parse().unwrap();
    let issues = (0..5200).map(|n| (n, start + TimeDelta::seconds(n as i64))).collect();
    Site::start(&server, chrono_tz::UTC, issues, start).await;
    assert_eq!(census(&open(&server.uri()), "issues", "10000").await.unwrap().len(), 5200);
    let requests = server.received_requests().await.unwrap();
    let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!((requests.len(), &body["maxResults"], &body["fields"]), (2, &json!(5000), &json!(["id"])));
}

#[tokio::test]
async fn pitfall_0_4_a_project_that_is_not_seen_leads_to_no_conclusion() {
    let server = MockServer::start().await;
    serve(&server, "/rest/api/3/search/jql", refused(400, "The value '10000' does not exist for the field 'project'.")).await;
    assert_eq!(census(&open(&server.uri()), "issues", "10000").await, None);
}

#[tokio::test]
async fn a_census_that_does_not_end_is_an_error() {
    let server = MockServer::start().await;
    post(&server, "/rest/api/3/search/jql", json!({"issues": [], "isLast": false, "nextPageToken": "t"})).await;
    let request = CensusRequest { stream: "issues", partition: "10000", cursor: None };
    assert!(matches!(open(&server.uri()).census(request).await, Err(ConnectorError::Unreachable { .. })));
}

#[tokio::test]
async fn a_census_in_a_circle_of_tokens_is_an_error() {
    let server = MockServer::start().await;
    let answer = |request: &Request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let next = match body["nextPageToken"].as_str() {
            Some("a") => "b",
            Some("b") => "c",
            _ => "a",
        };
        ok(json!({"issues": [{"id": "1"}], "isLast": false, "nextPageToken": next}))
    };
    Mock::given(path("/rest/api/3/search/jql")).respond_with(answer).mount(&server).await;
    let error = issue_ids(&server).await.unwrap_err();
    assert!(matches!(&error, ConnectorError::Unreachable { message, .. } if message.contains("again and again")), "{error}");
}

#[tokio::test]
async fn a_census_whose_tokens_are_all_refused_comes_to_an_end() {
    let server = MockServer::start().await;
    let answer = |request: &Request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        match body.get("nextPageToken") {
            Some(_) => refused(400, "The provided next page token is invalid or expired."),
            None => ok(json!({"issues": [{"id": "1"}], "isLast": false, "nextPageToken": "a"})),
        }
    };
    Mock::given(path("/rest/api/3/search/jql")).respond_with(answer).mount(&server).await;
    let reason = issue_ids(&server).await.unwrap().unwrap();
    assert!(reason.contains("token is invalid"), "{reason}");
}

/// Why the issues' ids cannot be enumerated, if they cannot.
async fn issue_ids(server: &MockServer) -> Result<Option<String>, ConnectorError> {
    let jira = open(&server.uri());
    let mut cursor = None::<Value>;
    for _ in 0..50 {
        let page = jira.census(CensusRequest { stream: "issues", partition: "10000", cursor: cursor.as_ref() }).await?;
        if page.done || page.not_available.is_some() {
            return Ok(page.not_available);
        }
        cursor = Some(page.cursor);
    }
    panic!("the census does not end");
}

#[tokio::test]
async fn the_ids_of_lists() {
    let server = MockServer::start().await;
    get(&server, "/rest/api/3/group/bulk", bean(json!([{"groupId": "g-1", "name": "a"}, {"groupId": "g-2", "name": "b"}]), 0, 2)).await;
    serve(&server, "/rest/api/3/users/search", refused(403, "no")).await;
    let jira = open(&server.uri());
    assert_eq!(census(&jira, "groups", "site").await.unwrap(), BTreeSet::from(["g-1".to_owned(), "g-2".to_owned()]));
    assert_eq!(census(&jira, "users", "site").await, None);
}

#[tokio::test]
async fn pitfall_1_4_deleted_hidden_and_moved_are_told_apart() {
    let server = MockServer::start().await;
    let jira = open(&server.uri());
    let look = async || jira.presence("issues", "10000", "7", None).await.unwrap();
    let bulk = "/rest/api/3/issue/bulkfetch";
    post(&server, bulk, json!({"issues": [{"id": "7", "key": "OPS-1", "fields": {"project": {"id": "10001"}}}], "issueErrors": []})).await;
    assert_eq!(look().await, Presence::Present, "moved to another project: the id is what counts");
    server.reset().await;
    post(&server, bulk, json!({"issues": [], "issueErrors": [{"id": "7", "errorMessage": "Issue does not exist"}]})).await;
    serve(&server, "/rest/api/3/project/10000", refused(404, "no")).await;
    assert_eq!(look().await, Presence::NotVisible, "the project is not seen either");
    server.reset().await;
    post(&server, bulk, json!({"issues": [], "issueErrors": [{"id": "7"}]})).await;
    get(&server, "/rest/api/3/project/10000", json!({"id": "10000", "key": "WEB"})).await;
    assert_eq!(look().await, Presence::Deleted);
}

#[tokio::test]
async fn a_proxys_404_is_no_deletion() {
    let server = MockServer::start().await;
    serve(&server, "/rest/agile/1.0/sprint/1", wiremock::ResponseTemplate::new(404).set_body_string("<html>lost</html>")).await;
    serve(&server, "/rest/agile/1.0/sprint/2", refused(404, "Sprint does not exist")).await;
    let jira = open(&server.uri());
    assert!(jira.presence("sprints", "7", "1", None).await.unwrap_err().is_retryable());
    assert_eq!(jira.presence("sprints", "7", "2", None).await.unwrap(), Presence::Deleted);
}

#[tokio::test]
async fn pitfall_1_6_a_missing_scope_says_nothing_about_an_item() {
    let server = MockServer::start().await;
    let body = json!({"code": 401, "message": "Unauthorized; scope does not match"});
    Mock::given(any()).respond_with(wiremock::ResponseTemplate::new(401).set_body_json(body)).mount(&server).await;
    let jira = open(&server.uri());
    for (stream, partition) in [("issues", "10000"), ("sprints", "7"), ("projects", "project:WEB")] {
        let error = jira.presence(stream, partition, "1", None).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Forbidden { .. }), "{stream}: {error}");
    }
}

#[tokio::test]
async fn pitfall_1_6_a_login_that_failed_with_a_success_is_no_empty_list() {
    let server = MockServer::start().await;
    let anonymous = crate::support::ok(json!({"issues": [], "isLast": true})).insert_header("x-seraph-loginreason", "AUTHENTICATED_FAILED");
    serve(&server, "/rest/api/3/search/jql", anonymous).await;
    let request = CensusRequest { stream: "issues", partition: "10000", cursor: None };
    assert!(matches!(open(&server.uri()).census(request).await, Err(ConnectorError::Unauthenticated { .. })));
}
