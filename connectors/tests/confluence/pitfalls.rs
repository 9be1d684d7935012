//! What goes wrong with Confluence, each by name.

#![expect(clippy::unwrap_used, reason = "tests")]

use chrono::TimeDelta;
use ovia_connectors::{Connector, ConnectorError, PullRequest};
use ovia_domain::Entity;
use serde_json::{Value, json};
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::site::{Site, space};
use crate::support::{EMAIL, config, error, ok, open, open_with, parameter, pull_error, received, serve, walk};

#[tokio::test]
async fn groups_are_asked_for_by_id_and_never_by_name() {
    let server = MockServer::start().await;
    let empty = ok(json!({"results": [], "start": 0, "limit": 200, "size": 0, "_links": {}}));
    Mock::given(any()).respond_with(empty).mount(&server).await;
    let connector = open(&server.uri());
    walk(&connector, "groups", "site", None).await.unwrap();
    walk(&connector, "group_members", "g 1/x", None).await.unwrap();
    let paths: Vec<String> = server.received_requests().await.unwrap().iter().map(|request| request.url.path().to_owned()).collect();
    assert_eq!(paths, ["/wiki/rest/api/group", "/wiki/rest/api/group/g%201%2Fx/membersByGroupId"]);
}

#[tokio::test]
async fn v1_content_is_never_used() {
    let site = Site::new(5);
    site.add(20, "comment");
    site.add(21, "blogpost");
    let server = site.start().await;
    let connector = open(&server.uri());
    for stream in ["pages", "blog_posts", "comments"] {
        let first = walk(&connector, stream, "1", None).await.unwrap();
        walk(&connector, stream, "1", Some(first.cursor)).await.unwrap();
    }
    connector.presence("pages", "1", "99", None).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert!(requests.iter().all(|request| !request.url.path().contains("/rest/api/content")), "it refuses OAuth tokens");
}

#[tokio::test]
async fn both_ways_of_paging_never_double_the_wiki_path() {
    for base in ["", "/", "/wiki", "/wiki/", "/wiki/api/v2", "/wiki/rest/api"] {
        let site = Site::new(7);
        let server = site.start().await;
        let connector = open_with(&format!("{}{base}", server.uri()), json!({"page_size": 3}));
        let first = walk(&connector, "pages", "1", None).await.unwrap();
        assert_eq!(first.records.len(), 7, "{base}");
        (1..=7).for_each(|id| site.edit(id));
        let second = walk(&connector, "pages", "1", Some(first.cursor)).await.unwrap();
        assert_eq!(second.records.len(), 7, "{base}");
        let requests = server.received_requests().await.unwrap();
        assert!(requests.iter().all(|request| request.url.path().matches("/wiki").count() == 1));
    }
}

#[tokio::test]
async fn a_gateways_base_url_keeps_its_path() {
    let server = MockServer::start().await;
    let answer = json!({"results": [space(1, "DOCS", "global", "current")], "_links": {"base": "https://acme.example/wiki"}});
    serve(&server, "/ex/confluence/cloud-1/wiki/api/v2/spaces", ok(answer)).await;
    for base in ["/ex/confluence/cloud-1", "/ex/confluence/cloud-1/wiki"] {
        let walked = walk(&open(&format!("{}{base}", server.uri())), "spaces", "site", None).await.unwrap();
        let Some(Entity::Space(docs)) = walked.entities().next() else { panic!("a space") };
        assert_eq!(docs.url.as_deref(), Some("https://acme.example/wiki/spaces/DOCS"), "the site's own address, not the gateway's");
    }
}

#[tokio::test]
async fn more_than_250_is_never_asked_for() {
    let site = Site::new(300);
    let server = site.start().await;
    let connector = open_with(&server.uri(), json!({"page_size": 250}));
    let first = walk(&connector, "pages", "1", None).await.unwrap();
    assert_eq!(first.records.len(), 300);
    (1..=300).for_each(|id| site.edit(id));
    assert_eq!(walk(&connector, "pages", "1", Some(first.cursor)).await.unwrap().records.len(), 300);
    crate::support::census(&connector, "pages", "1").await.unwrap();
    for request in server.received_requests().await.unwrap() {
        let limit: usize = parameter(&request, "limit").map_or(0, |limit| limit.parse().unwrap());
        let ids = request.url.query_pairs().filter(|(name, _)| name == "id").count();
        assert!(limit <= 250 && ids <= 250, "{}", request.url);
    }
}

#[tokio::test]
async fn a_short_page_is_not_the_last() {
    let site = Site::new(20);
    site.state().max_limit = 3;
    let server = site.start().await;
    let connector = open(&server.uri());
    let first = walk(&connector, "pages", "1", None).await.unwrap();
    assert_eq!(first.records.len(), 20, "the server's maximum is below the page size asked for");
    (1..=20).for_each(|id| site.edit(id));
    let second = walk(&connector, "pages", "1", Some(first.cursor)).await.unwrap();
    assert_eq!(second.records.len(), 20, "fetching by id too comes in pages");
}

#[tokio::test]
async fn personal_spaces_are_left_out_unless_named() {
    let site = Site::new(0);
    site.state().spaces = vec![space(3, "~712", "personal", "current"), space(4, "HR", "collaboration", "current")];
    let server = site.start().await;
    assert_eq!(walk(&open(&server.uri()), "spaces", "site", None).await.unwrap().ids(), ["4"]);
}

#[tokio::test]
async fn anonymous_and_app_authors_are_tolerated() {
    let site = Site::new(1);
    let server = site.start().await;
    let stored = |author: Value| {
        let row = json!({"id": "1", "status": "current", "title": "t", "authorId": author, "version": {"number": 1, "authorId": author}});
        serde_json::value::to_raw_value(&row).unwrap()
    };
    let connector = open(&server.uri());
    for (author, accounts) in [(json!(null), 0), (json!(""), 0), (json!("557058:app-1"), 1)] {
        let records = connector.normalise("pages", "1", stored(author)).unwrap();
        assert_eq!(records[0].entities.iter().filter(|entity| matches!(entity, Entity::IdentityRef(_))).count(), accounts);
    }
}

#[tokio::test]
async fn one_closed_space_names_itself_and_the_others_go_on() {
    let site = Site::new(3);
    let server = site.start().await;
    for (status, title) in [(403, "not permitted"), (404, "no such space")] {
        serve(&server, "/wiki/api/v2/spaces/5", error(status, title)).await;
    }
    let server = {
        let server = MockServer::start().await;
        serve(&server, "/wiki/api/v2/spaces/5", error(403, "not permitted")).await;
        serve(&server, "/wiki/api/v2/spaces/6", error(404, "no such space")).await;
        Mock::given(any()).respond_with(site).mount(&server).await;
        server
    };
    let connector = open(&server.uri());
    assert!(matches!(pull_error(&connector, "pages", "5").await, ConnectorError::Forbidden { .. }));
    let missing = pull_error(&connector, "comments", "6").await;
    assert!(matches!(&missing, ConnectorError::NotFound { what, .. } if what == "The space 6"), "{missing}");
    assert_eq!(walk(&connector, "pages", "1", None).await.unwrap().records.len(), 3);
    let named = open_with(&server.uri(), json!({"space_keys": ["NOPE", "DOCS"]}));
    let missing = pull_error(&named, "spaces", "space:NOPE").await;
    assert!(matches!(&missing, ConnectorError::NotFound { what, .. } if what.contains("NOPE")), "{missing}");
    assert_eq!(walk(&named, "spaces", "space:DOCS", None).await.unwrap().ids(), ["1"]);
}

#[tokio::test]
async fn a_closed_trash_does_not_hide_the_rest_of_the_space() {
    let server = MockServer::start().await;
    let list = || Mock::given(path("/wiki/api/v2/spaces/1/pages"));
    list().and(wiremock::matchers::query_param("status", "trashed")).respond_with(error(403, "not permitted")).mount(&server).await;
    Mock::given(any()).respond_with(Site::new(3)).mount(&server).await;
    let walked = walk(&open(&server.uri()), "pages", "1", None).await.unwrap();
    assert_eq!(walked.ids(), ["1", "2", "3"]);
    assert!(walked.not_available.is_none() && walked.note.is_some_and(|note| note.contains("trash")));
}

#[tokio::test]
async fn groups_the_account_may_not_see_are_no_failure() {
    for status in [403, 404] {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(error(status, "no")).mount(&server).await;
        let connector = open(&server.uri());
        for (stream, partition) in [("groups", "site"), ("group_members", "g-1")] {
            let walked = walk(&connector, stream, partition, None).await.unwrap();
            assert!(walked.not_available.is_some() && walked.records.is_empty(), "{stream} {status}");
        }
    }
    let firewall = MockServer::start().await;
    let blocked = ResponseTemplate::new(403).set_body_raw("<html>blocked</html>", "text/html");
    Mock::given(any()).respond_with(blocked).mount(&firewall).await;
    assert!(walk(&open(&firewall.uri()), "groups", "site", None).await.is_err(), "a firewall's word is not the API's");
}

#[tokio::test]
async fn a_success_that_is_not_json_is_an_error_not_an_empty_page() {
    for body in ["<html>log in</html>", "", "{}", "[]"] {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_raw(body, "application/json")).mount(&server).await;
        for (stream, partition) in [("groups", "site"), ("spaces", "site"), ("pages", "1")] {
            let error = pull_error(&open(&server.uri()), stream, partition).await;
            assert!(matches!(error, ConnectorError::Unreachable { .. }), "{stream}: {error}");
        }
    }
}

#[tokio::test]
async fn an_answer_to_nobody_is_not_an_empty_site() {
    let server = MockServer::start().await;
    let anonymous = ok(json!({"results": [], "_links": {}})).insert_header("x-seraph-loginreason", "AUTHENTICATED_FAILED");
    Mock::given(any()).respond_with(anonymous).mount(&server).await;
    let error = pull_error(&open(&server.uri()), "spaces", "site").await;
    assert!(matches!(error, ConnectorError::Unauthenticated { .. }), "{error}");
}

#[tokio::test]
async fn a_list_that_does_not_end_is_an_error_not_an_endless_walk() {
    let server = MockServer::start().await;
    serve(&server, "/wiki/api/v2/spaces/1", ok(space(1, "DOCS", "global", "current"))).await;
    let same = json!({"results": [], "_links": {"next": "/wiki/api/v2/spaces/1/pages?cursor=same"}});
    serve(&server, "/wiki/api/v2/spaces/1/pages", ok(same)).await;
    let error = walk(&open(&server.uri()), "pages", "1", None).await.unwrap_err();
    assert!(matches!(&error, ConnectorError::Unreachable { message, .. } if message.contains("same page")), "{error}");
    let group: Vec<Value> = (0..200).map(|id| json!({"id": format!("g-{id}"), "name": "g"})).collect();
    serve(&server, "/wiki/rest/api/group", ok(json!({"results": group, "limit": 200, "_links": {"next": "/rest/api/group?start=200"}})))
        .await;
    let error = walk(&open(&server.uri()), "groups", "site", None).await.unwrap_err();
    assert!(matches!(&error, ConnectorError::Unreachable { message, .. } if message.contains("same page")), "{error}");
}

#[tokio::test]
async fn a_quota_stops_everything_until_its_reset_and_a_gateways_429_without_retry_after_too() {
    let reset = (chrono::Utc::now() + TimeDelta::hours(1)).format("%Y-%m-%dT%H:%MZ").to_string();
    let with_reason = ResponseTemplate::new(429)
        .insert_header("retry-after", "3600")
        .insert_header("ratelimit-reason", "confluence-quota-tenant-based")
        .insert_header("x-ratelimit-remaining", "0");
    let gateway = ResponseTemplate::new(429).insert_header("x-ratelimit-reset", reset.as_str()).set_body_string("slow down");
    for limited in [with_reason, gateway] {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(limited).mount(&server).await;
        let connector = open(&server.uri());
        for stream in ["spaces", "groups"] {
            let error = pull_error(&connector, stream, "site").await;
            let ConnectorError::RateLimited { until, .. } = error else { panic!("{error}") };
            assert!((until - chrono::Utc::now()).num_minutes() >= 55);
        }
        assert_eq!(server.received_requests().await.unwrap().len(), 1, "nothing more is sent");
    }
}

#[tokio::test]
async fn both_ways_to_log_in() {
    let server = MockServer::start().await;
    Mock::given(method("GET")).and(path("/wiki/api/v2/spaces")).respond_with(ok(json!({"results": [], "_links": {}}))).mount(&server).await;
    walk(&open(&server.uri()), "spaces", "site", None).await.unwrap();
    let bearer = ovia_connectors::ConnectorConfig {
        credentials: ovia_connectors::Credentials::parse(&r#"{"access_token":"invented-oauth"}"#.to_owned().into()),
        ..config(&server.uri(), json!({}))
    };
    let connector = ovia_connectors::confluence::Confluence::open(bearer).unwrap();
    walk(&connector, "spaces", "site", None).await.unwrap();
    let requests = received(&server, "/wiki/api/v2/spaces").await;
    assert!(requests[0].headers["authorization"].to_str().unwrap().starts_with("Basic "));
    assert!(!requests[0].url.as_str().contains(EMAIL));
    assert_eq!(requests.last().unwrap().headers["authorization"], "Bearer invented-oauth");
    let error = connector.pull(PullRequest { stream: "nope", partition: "1", cursor: None, window: None }).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Configuration { .. }));
}
