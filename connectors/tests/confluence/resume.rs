//! A walk goes on from the cursor after any page, in another process, as often as it takes.

#![expect(clippy::unwrap_used, reason = "tests")]

use chrono::TimeDelta;
use ovia_connectors::{Connector, ConnectorError, PullRequest};
use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer};

use crate::site::Site;
use crate::support::{error, open_with, serve, walk};

#[tokio::test]
async fn every_page_can_be_repeated_and_every_cursor_resumed() {
    let site = Site::new(11);
    site.set_status(4, "archived");
    (60..66).for_each(|id| site.add(id, "comment"));
    let server = site.start().await;
    let open = || open_with(&server.uri(), json!({"page_size": 3}));
    for stream in ["pages", "comments", "spaces"] {
        let partition = if stream == "spaces" { "site" } else { "1" };
        let mut cursor = None;
        for _ in 0..2 {
            let whole = walk(&open(), stream, partition, cursor.clone()).await.unwrap();
            for (place, after) in whole.cursors.iter().enumerate().take(whole.pages - 1) {
                let stored = serde_json::from_str(&after.to_string()).unwrap();
                let rest = walk(&open(), stream, partition, Some(stored)).await.unwrap();
                assert_eq!(rest.pages, whole.pages - place - 1, "{stream}");
                assert!(whole.ids().ends_with(&rest.ids()), "{stream}");
                assert_eq!(rest.cursor, whole.cursor);
            }
            site.wait(TimeDelta::hours(4));
            for id in (1..=11).chain(60..66).filter(|id| *id != 4) {
                site.edit(id);
            }
            cursor = Some(whole.cursor);
        }
    }
}

#[tokio::test]
async fn a_dead_cursor_begins_its_list_anew_with_the_same_question() {
    let site = Site::new(8);
    let server = site.start().await;
    let connector = open_with(&server.uri(), json!({"page_size": 3}));
    let mut cursor = None;
    for _ in 0..2 {
        let retired = connector.pull(PullRequest { stream: "pages", partition: "1", cursor: cursor.as_ref(), window: None }).await.unwrap();
        let cursor_after = Some(&retired.cursor);
        let first = connector.pull(PullRequest { stream: "pages", partition: "1", cursor: cursor_after, window: None }).await.unwrap();
        assert!(!first.done && first.records.len() == 3);
        site.state().dead_cursors = true;
        let again =
            connector.pull(PullRequest { stream: "pages", partition: "1", cursor: Some(&first.cursor), window: None }).await.unwrap();
        assert!(again.records.is_empty() && !again.done);
        site.state().dead_cursors = false;
        let rest = walk(&connector, "pages", "1", Some(again.cursor)).await.unwrap();
        assert_eq!(rest.records.len(), 8);
        cursor = Some(rest.cursor);
        site.wait(TimeDelta::hours(5));
        (1..=8).for_each(|id| site.edit(id));
    }
    site.state().dead_cursors = true;
    let error = walk(&connector, "pages", "1", cursor).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Refused { status: 400, .. }), "a source that kills every cursor is no endless walk: {error}");
}

#[tokio::test]
async fn a_pull_that_fails_leaves_nothing_behind() {
    let site = Site::new(6);
    let down = MockServer::start().await;
    Mock::given(any()).respond_with(error(503, "down")).mount(&down).await;
    let server = site.start().await;
    let up = open_with(&server.uri(), json!({"page_size": 4}));
    let retired = up.pull(PullRequest { stream: "pages", partition: "1", cursor: None, window: None }).await.unwrap();
    let first = up.pull(PullRequest { stream: "pages", partition: "1", cursor: Some(&retired.cursor), window: None }).await.unwrap();
    let failed = walk(&open_with(&down.uri(), json!({})), "pages", "1", Some(first.cursor.clone())).await.unwrap_err();
    assert!(failed.is_retryable(), "{failed}");
    assert_eq!(walk(&up, "pages", "1", Some(first.cursor)).await.unwrap().ids(), ["5", "6"]);
}

#[tokio::test]
async fn members_who_leave_meanwhile_hide_nobody() {
    let server = MockServer::start().await;
    let page = |ids: std::ops::Range<u32>, more: bool| {
        let rows: Vec<_> = ids.map(|id| json!({"accountId": format!("acc-{id}"), "displayName": "x"})).collect();
        let links = if more { json!({"next": "/rest/api/group/g/membersByGroupId?start=1"}) } else { json!({}) };
        crate::support::ok(json!({"results": rows, "limit": 10, "_links": links}))
    };
    let at = "/wiki/rest/api/group/g/membersByGroupId";
    let start = |value: &str| {
        let parameters = wiremock::matchers::query_param("start", value);
        Mock::given(wiremock::matchers::path(at)).and(parameters)
    };
    start("0").respond_with(page(0..10, true)).up_to_n_times(1).mount(&server).await;
    // seven of the first ten left: the next page begins five before its end, and still that is too far
    start("5").respond_with(page(12..22, true)).mount(&server).await;
    start("0").respond_with(page(7..17, true)).mount(&server).await;
    start("10").respond_with(page(17..22, false)).mount(&server).await;
    serve(&server, at, error(400, "unexpected")).await;
    let walked = walk(&open_with(&server.uri(), json!({})), "group_members", "g", None).await;
    let walked = walked.unwrap();
    let seen: std::collections::BTreeSet<&str> = walked.ids().into_iter().collect();
    assert!((7..22).all(|id| seen.contains(format!("group:g:acc-{id}").as_str())), "{seen:?}");
}
