//! Stored payloads, read again without the network: the same rows as from the source.

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::Connector;
use ovia_domain::Entity;
use serde_json::json;
use serde_json::value::to_raw_value;
use wiremock::MockServer;

use crate::site::issue;
use crate::support::{get, open, post, walk};

#[tokio::test]
async fn an_issue_with_sprints_and_points_reads_the_same_without_the_list_of_fields() {
    let server = MockServer::start().await;
    let sprint =
        json!({"id": "customfield_10777", "name": "Sprint", "schema": {"type": "array", "custom": "com.pyxis.greenhopper.jira:gh-sprint"}});
    get(&server, "/rest/api/3/field", json!([sprint])).await;
    let mut row = issue(1, "2026-01-02T00:00:00.000+0000");
    row["fields"]["customfield_10777"] = json!([{"id": 36, "name": "Sprint 1", "state": "closed", "boardId": 7}]);
    row["fields"]["customfield_10999"] = json!(3);
    post(&server, "/rest/api/3/search/jql", json!({"issues": [row], "isLast": true})).await;
    let pulled = walk(&open(&server.uri()), "issues", "10000", None).await.unwrap().records.remove(0);
    let offline = open("http://127.0.0.1:9");
    let again = offline.normalise("issues", "10000", pulled.raw.clone()).unwrap().remove(0);
    assert_eq!((again.entities, again.content_hash, again.details), (pulled.entities.clone(), pulled.content_hash, pulled.details));
    assert!(matches!(&pulled.entities[0], Entity::WorkItem(item) if item.sprint_external_ids == ["36"] && item.story_points == Some(3.0)));
}

#[test]
fn what_does_not_say_where_it_belongs_is_told() {
    let jira = open("http://127.0.0.1:9");
    let history = || to_raw_value(&json!({"id": "77", "created": 1_492_070_429, "items": [{"field": "status"}]})).unwrap();
    for partition in ["10001", "10001:77"] {
        let records = jira.normalise("changelogs", partition, history()).unwrap();
        assert_eq!(records[0].external_id, "10001:77");
    }
    assert!(jira.normalise("changelogs", "", history()).unwrap_err().reason.contains("issue"));
    let member = to_raw_value(&json!({"accountId": "a1"})).unwrap();
    assert_eq!(jira.normalise("group_members", "g-1", member).unwrap()[0].external_id, "group:g-1:a1");
    let unknown = jira.normalise("nonsense", "", to_raw_value(&json!({"id": 1})).unwrap()).unwrap_err();
    assert_eq!((unknown.reason.as_str(), unknown.external_id.as_deref()), ("there is no stream `nonsense`", Some("1")));
}
