//! Versions, labels, texts of archived pages, and accounts many at a time.

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::{Connector, ConnectorError};
use ovia_domain::{DetailRequest, Entity};
use serde_json::{Value, json};
use wiremock::matchers::{any, body_partial_json, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::support::{detail, error, ok, open, received, serve};

#[tokio::test]
async fn versions_come_page_by_page() {
    let server = MockServer::start().await;
    let at = "/wiki/api/v2/pages/10/versions";
    let version = |number: i64| json!({"number": number, "createdAt": "2026-01-01T00:00:00.000Z", "authorId": format!("acc-{number}"), "minorEdit": true});
    let next = json!({"results": [version(3), version(2)], "_links": {"next": "/wiki/api/v2/pages/10/versions?cursor=abc", "base": "https://x.example/wiki"}});
    Mock::given(path(at)).and(query_param_is_missing("cursor")).respond_with(ok(next)).mount(&server).await;
    let last = json!({"results": [version(1)], "_links": {}});
    Mock::given(path(at)).and(query_param("cursor", "abc")).respond_with(ok(last)).mount(&server).await;
    let found = open(&server.uri()).pull_detail(&detail("page_versions", "10")).await.unwrap();
    let ids: Vec<&str> = found.records.iter().map(|record| record.external_id.as_str()).collect();
    assert_eq!((ids, found.requests), (vec!["10:3", "10:2", "10:1"], 2));
    let Entity::DocumentVersion(version) = &found.records[0].entities[0] else { panic!("a version") };
    assert_eq!((version.document_external_id.as_str(), version.number, version.minor), ("10", 3, true));
    assert!(matches!(&found.records[0].entities[1], Entity::IdentityRef(author) if author.external_id == "acc-3"));
}

#[tokio::test]
async fn labels_are_one_record_so_that_a_label_can_go() {
    let server = MockServer::start().await;
    let rows = json!({"results": [{"id": "1", "name": "release", "prefix": "global"}, {"id": "2", "name": "draft", "prefix": "my"}], "_links": {}});
    serve(&server, "/wiki/api/v2/blogposts/7/labels", ok(rows)).await;
    serve(&server, "/wiki/api/v2/pages/8/labels", ok(json!({"results": [], "_links": {}}))).await;
    let connector = open(&server.uri());
    for (stream, id, expected) in [("blog_post_labels", "7", vec!["draft", "release"]), ("page_labels", "8", vec![])] {
        let found = connector.pull_detail(&detail(stream, id)).await.unwrap();
        let Entity::DocumentLabels(labels) = &found.records[0].entities[0] else { panic!("labels") };
        assert_eq!((labels.external_id.as_str(), labels.labels.clone()), (id, expected.into_iter().map(str::to_owned).collect::<Vec<_>>()));
        assert_eq!(found.records[0].external_id, id);
    }
}

#[tokio::test]
async fn an_archived_pages_text_is_fetched() {
    let server = MockServer::start().await;
    let page = json!({"id": "5", "status": "archived", "title": "Old", "version": {"number": 2},
        "body": {"storage": {"value": "<p>WEB-1</p>"}}});
    serve(&server, "/wiki/api/v2/pages/5", ok(page)).await;
    let found = open(&server.uri()).pull_detail(&detail("archived_pages", "5")).await.unwrap();
    let document = found.records[0].entities.iter().find_map(|entity| if let Entity::Document(row) = entity { Some(row) } else { None });
    assert_eq!(document.map(|row| (row.status.as_str(), row.body_text.as_deref())), Some(("archived", Some("WEB-1"))));
    assert!(found.records[0].details.is_empty(), "nothing asks for itself again");
}

#[tokio::test]
async fn what_is_gone_is_not_available_and_nothing_failed() {
    for status in [403, 404] {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(error(status, "no")).mount(&server).await;
        let connector = open(&server.uri());
        for stream in ["page_versions", "page_labels", "blog_post_versions", "archived_pages", "user_details"] {
            let found = connector.pull_detail(&detail(stream, "5")).await.unwrap();
            assert!(found.not_available.is_some() && found.records.is_empty(), "{stream}");
        }
    }
    let unknown = open("http://127.0.0.1:9").pull_detail(&detail("nope", "5")).await.unwrap_err();
    assert!(matches!(unknown, ConnectorError::Configuration { .. }));
}

fn requests(count: usize) -> Vec<DetailRequest> {
    (0..count).map(|id| detail("user_details", &format!("acc-{id}"))).collect()
}

fn user(id: &str) -> Value {
    json!({"accountId": id, "displayName": format!("Person {id}"), "accountType": "atlassian", "accountStatus": "inactive", "email": "",
        "timeZone": null, "isExternalCollaborator": true})
}

#[tokio::test]
async fn accounts_are_asked_for_250_at_a_time() {
    let server = MockServer::start().await;
    let answer = |request: &Request| {
        let asked: Value = request.body_json().unwrap();
        let ids = asked["accountIds"].as_array().unwrap().clone();
        // not in the order asked for, and one of them nobody knows
        let rows: Vec<Value> = ids.iter().rev().filter(|id| **id != "acc-3").map(|id| user(id.as_str().unwrap())).collect();
        ok(json!({"results": rows, "_links": {}}))
    };
    Mock::given(method("POST")).and(path("/wiki/api/v2/users-bulk")).respond_with(answer).mount(&server).await;
    let connector = open(&server.uri());
    assert_eq!((connector.detail_batch("user_details"), connector.detail_batch("page_versions")), (250, 1));
    let found = connector.pull_details(&requests(250)).await.unwrap();
    assert_eq!(found.len(), 250);
    for (place, detail) in found.iter().enumerate() {
        match place {
            3 => assert!(detail.not_available.is_some() && detail.records.is_empty()),
            _ => assert_eq!(detail.records[0].external_id, format!("acc-{place}")),
        }
    }
    assert_eq!(found.iter().map(|detail| detail.requests).sum::<i64>(), 1);
    let Entity::Identity(identity) = &found[0].records[0].entities[0] else { panic!("an account") };
    assert_eq!(
        (identity.display_name.as_deref(), identity.state.as_deref(), &identity.email),
        (Some("Person acc-0"), Some("inactive"), &None)
    );
    assert_eq!(received(&server, "/wiki/api/v2/users-bulk").await.len(), 1);
}

#[tokio::test]
async fn one_id_that_is_none_hides_no_other_account() {
    let server = MockServer::start().await;
    let answer = |request: &Request| {
        let asked: Value = request.body_json().unwrap();
        let ids: Vec<&str> = asked["accountIds"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        if ids.contains(&"acc-5") {
            return error(400, "an account id is not valid");
        }
        ok(json!({"results": ids.into_iter().map(user).collect::<Vec<_>>(), "_links": {}}))
    };
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    let found = open(&server.uri()).pull_details(&requests(9)).await.unwrap();
    let missing: Vec<usize> = (0..9).filter(|place| found[*place].records.is_empty()).collect();
    assert_eq!(missing, [5]);
}

#[tokio::test]
async fn a_source_that_is_down_says_nothing_about_accounts() {
    let server = MockServer::start().await;
    let one = json!({"accountIds": ["acc-0"]});
    Mock::given(method("POST")).and(body_partial_json(one)).respond_with(ResponseTemplate::new(503)).mount(&server).await;
    let failed = open(&server.uri()).pull_details(&requests(1)).await.unwrap_err();
    assert!(failed.is_retryable());
}

#[tokio::test]
async fn a_proxys_400_says_nothing_about_accounts() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(400).set_body_raw("<html>bad request</html>", "text/html");
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    let failed = open(&server.uri()).pull_details(&requests(250)).await.unwrap_err();
    assert!(matches!(failed, ConnectorError::Refused { status: 400, .. }), "{failed}");
    assert_eq!(received(&server, "/wiki/api/v2/users-bulk").await.len(), 1);
}
