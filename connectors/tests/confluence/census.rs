//! All ids of a partition: no live row is missed, and nothing is concluded from a list that cannot be read.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use ovia_connectors::ConnectorError;
use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::site::{Site, space};
use crate::support::{census, error, ok, open, open_with, received, serve, walk};

#[tokio::test]
async fn a_census_names_what_a_walk_stores() {
    let site = Site::new(300);
    site.state().max_limit = 40;
    site.state().spaces.push(space(2, "OLD", "global", "archived"));
    site.set_status(5, "archived");
    site.set_status(6, "trashed");
    (400..403).for_each(|id| site.add(id, "comment"));
    (500..504).for_each(|id| site.add(id, "blogpost"));
    let server = site.start().await;
    let connector = open(&server.uri());
    for (stream, partition, count) in [("pages", "1", 300), ("blog_posts", "1", 4), ("comments", "1", 3), ("spaces", "site", 2)] {
        let walked = walk(&connector, stream, partition, None).await.unwrap();
        let found = census(&connector, stream, partition).await.unwrap();
        let stored: BTreeSet<&str> = walked.ids().into_iter().collect();
        let listed: BTreeSet<&str> = found.external_ids.iter().map(String::as_str).collect();
        assert_eq!((listed.len(), found.done, listed), (count, true, stored), "{stream}");
    }
    let lists = received(&server, "/wiki/api/v2/spaces/1/pages").await;
    assert!(!lists.last().unwrap().url.query().unwrap().contains("body-format"), "ids need no texts");
}

#[tokio::test]
async fn purged_pages_are_missing_and_archived_and_trashed_ones_are_not() {
    let site = Site::new(4);
    let server = site.start().await;
    site.set_status(1, "archived");
    site.set_status(2, "trashed");
    site.state().items.retain(|item| item.id != 3);
    let found = census(&open(&server.uri()), "pages", "1").await.unwrap();
    assert_eq!(found.external_ids, ["1", "2", "4"]);
}

#[tokio::test]
async fn groups_and_members() {
    let server = MockServer::start().await;
    let groups = json!({"results": [{"id": "g-1", "name": "a"}, {"id": "g-2", "name": "b"}], "limit": 200, "_links": {}});
    serve(&server, "/wiki/rest/api/group", ok(groups)).await;
    let members = json!({"results": [{"accountId": "acc-1"}, {"accountId": "acc-2"}], "limit": 200, "_links": {}});
    serve(&server, "/wiki/rest/api/group/g-1/membersByGroupId", ok(members)).await;
    let connector = open(&server.uri());
    assert_eq!(census(&connector, "groups", "site").await.unwrap().external_ids, ["g-1", "g-2"]);
    assert_eq!(census(&connector, "group_members", "g-1").await.unwrap().external_ids, ["group:g-1:acc-1", "group:g-1:acc-2"]);
}

#[tokio::test]
async fn named_spaces_are_their_own_census() {
    let site = Site::new(0);
    let server = site.start().await;
    let connector = open_with(&server.uri(), json!({"space_keys": ["DOCS", "NOPE"]}));
    let found = census(&connector, "spaces", "space:DOCS").await.unwrap();
    assert_eq!((found.external_ids, found.done), (vec!["1".to_owned()], true));
    let missing = census(&connector, "spaces", "space:NOPE").await.unwrap();
    assert!(missing.not_available.is_some_and(|reason| reason.contains("NOPE")));
    let site = census(&connector, "spaces", "site").await.unwrap();
    assert_eq!((site.external_ids.len(), site.done, site.requests), (0, true, 0));
}

#[tokio::test]
async fn nothing_is_concluded_from_a_list_that_is_refused_or_cannot_be_trusted() {
    for (stream, partition) in [("pages", "7"), ("comments", "7"), ("groups", "site"), ("group_members", "g"), ("spaces", "site")] {
        for status in [403, 404] {
            let server = MockServer::start().await;
            Mock::given(any()).respond_with(error(status, "no")).mount(&server).await;
            let found = census(&open(&server.uri()), stream, partition).await.unwrap();
            assert!(found.not_available.is_some() && !found.done && found.external_ids.is_empty(), "{stream} {status}");
        }
        for answer in [error(500, "boom"), error(401, "no"), ResponseTemplate::new(403).set_body_raw("<html>no</html>", "text/html")] {
            let server = MockServer::start().await;
            Mock::given(any()).respond_with(answer).mount(&server).await;
            let found = census(&open(&server.uri()), stream, partition).await;
            assert!(found.is_err() || found.is_ok_and(|found| !found.done), "{stream}");
        }
    }
    let site = Site::new(0);
    let server = MockServer::start().await;
    let no_id = json!({"results": [{"id": "1"}, {"title": "x"}], "_links": {}});
    serve(&server, "/wiki/api/v2/spaces/1/pages", ok(no_id)).await;
    Mock::given(any()).respond_with(site).mount(&server).await;
    let found = census(&open(&server.uri()), "pages", "1").await.unwrap();
    assert!(found.not_available.is_some_and(|reason| reason.contains("no id")));
    let error = census(&open(&server.uri()), "page_labels", "1").await.unwrap_err();
    assert!(matches!(error, ConnectorError::Configuration { .. }));
}
