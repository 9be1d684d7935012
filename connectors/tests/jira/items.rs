//! Issues read alone: many in one request, as the search would show them, wherever they are now.

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::{Connector, ConnectorError};
use ovia_domain::{Entity, ItemRef};
use serde_json::{Value, json};
use wiremock::MockServer;

use crate::support::{asked, get, open, post, refused, serve, walk};

const BULK: &str = "/rest/api/3/issue/bulkfetch";

fn item(id: u64) -> ItemRef {
    ItemRef { stream: "issues".into(), partition: Some("10000".into()), external_id: id.to_string(), number: None }
}

fn issue(id: u64, project: u64) -> Value {
    json!({"id": id.to_string(), "key": format!("WEB-{id}"), "fields": {
        "summary": "t", "project": {"id": project.to_string(), "key": "WEB"}, "issuetype": {"id": "1", "name": "Task", "hierarchyLevel": 0},
        "status": {"id": "1", "name": "Offen", "statusCategory": {"key": "new"}},
        "created": "2026-01-01T00:00:00.000+0100", "updated": "2026-01-02T00:00:00.000+0100",
    }})
}

#[tokio::test]
async fn many_issues_are_one_request_and_answered_in_order() {
    let server = MockServer::start().await;
    let field = json!([{"id": "customfield_10107", "name": "Sprint", "custom": true, "schema": {"type": "array", "custom": "com.pyxis.greenhopper.jira:gh-sprint"}}]);
    get(&server, "/rest/api/3/field", field).await;
    let issues = json!({"issues": [issue(10_001, 10_000), issue(10_003, 10_900)], "issueErrors": [{"id": "10002"}]});
    post(&server, BULK, issues).await;
    post(&server, "/rest/api/3/search/jql", json!({"issues": [issue(10_001, 10_000)], "isLast": true})).await;
    let jira = open(&server.uri());
    let pulled = jira.pull_items(&[item(10_003), item(10_002), item(10_001)]).await.unwrap();
    let places: Vec<(usize, &str)> = pulled.iter().map(|one| (one.records.len(), one.partition.as_str())).collect();
    // one is not there, one has been moved
    assert_eq!(places, [(1, "10900"), (0, ""), (1, "10000")]);
    assert!(pulled[1].gone.is_some() && pulled[0].gone.is_none());
    assert_eq!(pulled.iter().map(|one| one.requests).sum::<i64>(), 2, "the fields, and all issues at once");
    assert_eq!(asked(&server).await, ["GET /rest/api/3/field".to_owned(), format!("POST {BULK}")]);
    let requests = server.received_requests().await.unwrap();
    let body: Value = serde_json::from_slice(&requests[1].body).unwrap();
    assert_eq!(body["issueIdsOrKeys"], json!(["10003", "10002", "10001"]));
    assert!(body["fields"].as_array().unwrap().contains(&json!("customfield_10107")), "{body}");
    let walked = walk(&jira, "issues", "10000", None).await.unwrap();
    assert_eq!(walked.records[0].content_hash, pulled[2].records[0].content_hash);
    assert!(matches!(&pulled[2].records[0].entities[0], Entity::WorkItem(issue) if issue.external_id == "10001"));
    assert!(pulled[2].records[0].details.iter().any(|request| request.stream == "changelogs"));
}

#[tokio::test]
async fn none_of_them_is_there() {
    let server = MockServer::start().await;
    get(&server, "/rest/api/3/field", json!([])).await;
    serve(&server, BULK, refused(404, "none")).await;
    let pulled = open(&server.uri()).pull_items(&[item(1), item(2)]).await.unwrap();
    assert!(pulled.iter().all(|one| one.gone.is_some()));
    let other = ItemRef { stream: "sprints".into(), ..item(1) };
    assert!(matches!(open(&server.uri()).pull_items(&[other]).await, Err(ConnectorError::Configuration { .. })));
}
