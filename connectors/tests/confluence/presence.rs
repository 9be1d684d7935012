//! One item: there, deleted, or out of sight.

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::contract::Presence;
use ovia_connectors::{Connector, ConnectorError};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::site::Site;
use crate::support::{error, ok, open, serve};

fn payload(value: Value) -> Box<RawValue> {
    to_raw_value(&value).unwrap()
}

#[tokio::test]
async fn pages_in_use_archived_and_trashed_are_present() {
    let site = Site::new(3);
    site.set_status(2, "archived");
    site.set_status(3, "trashed");
    let server = site.start().await;
    for id in ["1", "2", "3"] {
        assert_eq!(open(&server.uri()).presence("pages", "1", id, None).await.unwrap(), Presence::Present, "{id}");
    }
}

#[tokio::test]
async fn a_purged_page_was_in_the_trash_and_a_closed_one_was_not() {
    let site = Site::new(0);
    let server = site.start().await;
    let connector = open(&server.uri());
    let ask = async |space: &str, status: &str| {
        connector.presence("pages", space, "9", Some(&payload(json!({"id": "9", "status": status})))).await.unwrap()
    };
    assert_eq!(ask("1", "trashed").await, Presence::Deleted);
    assert_eq!(ask("1", "current").await, Presence::NotVisible, "restricted pages answer 404 as well");
    assert_eq!(ask("77", "trashed").await, Presence::NotVisible, "the space is out of sight");
    assert_eq!(connector.presence("pages", "1", "9", None).await.unwrap(), Presence::NotVisible);
    assert_eq!(connector.presence("spaces", "site", "77", None).await.unwrap(), Presence::NotVisible);
    assert_eq!(connector.presence("spaces", "site", "1", None).await.unwrap(), Presence::Present);
}

#[tokio::test]
async fn a_comment_is_deleted_if_its_page_is_still_seen() {
    let site = Site::new(2);
    site.add(50, "comment");
    let server = site.start().await;
    let connector = open(&server.uri());
    assert_eq!(connector.presence("comments", "1", "50", None).await.unwrap(), Presence::Present);
    let ask = async |stored: Value| connector.presence("comments", "1", "51", Some(&payload(stored))).await.unwrap();
    assert_eq!(ask(json!({"id": "51", "pageId": "2"})).await, Presence::Deleted);
    assert_eq!(ask(json!({"id": "51", "pageId": "99"})).await, Presence::NotVisible);
    assert_eq!(ask(json!({"id": "51", "blogPostId": "99"})).await, Presence::NotVisible);
    assert_eq!(ask(json!({"id": "51"})).await, Presence::NotVisible);
}

#[tokio::test]
async fn groups_and_members() {
    let server = MockServer::start().await;
    serve(&server, "/wiki/rest/api/group", ok(json!({"results": [], "_links": {}}))).await;
    let mine = json!({"results": [{"id": "g-1", "name": "a"}], "_links": {}});
    serve(&server, "/wiki/rest/api/user/memberof", ok(mine)).await;
    Mock::given(any()).respond_with(error(404, "gone")).mount(&server).await;
    let connector = open(&server.uri());
    assert_eq!(connector.presence("groups", "site", "g-9", None).await.unwrap(), Presence::Deleted);
    assert_eq!(connector.presence("group_members", "g-1", "group:g-1:acc-1", None).await.unwrap(), Presence::Present);
    assert_eq!(connector.presence("group_members", "g-2", "group:g-2:acc-1", None).await.unwrap(), Presence::Deleted);
}

#[tokio::test]
async fn a_refusal_or_a_lost_proxy_is_no_deletion() {
    for (stream, partition) in [("pages", "1"), ("comments", "1"), ("groups", "site"), ("group_members", "g"), ("spaces", "site")] {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(error(403, "no")).mount(&server).await;
        let stored = payload(json!({"id": "9", "status": "trashed", "pageId": "3"}));
        let found = open(&server.uri()).presence(stream, partition, "9", Some(&stored)).await.unwrap();
        assert_eq!(found, Presence::NotVisible, "{stream}");
        let proxy = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(404).set_body_raw("<html>?</html>", "text/html")).mount(&proxy).await;
        let found = open(&proxy.uri()).presence(stream, partition, "9", Some(&stored)).await;
        assert!(found.is_err(), "{stream}: {found:?}");
    }
    let error = open("http://127.0.0.1:9").presence("page_labels", "1", "9", None).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Configuration { .. }));
}
