//! Credentials stay where they belong.

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::{Connector, ConnectorError};
use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::site::{Site, space};
use crate::support::{EMAIL, TOKEN, ok, open, serve, walk};

fn assert_clean(text: &str, encoded: &str) {
    for secret in [TOKEN, encoded] {
        assert!(!text.contains(secret), "{text}");
    }
}

/// What a request's `Authorization` holds.
async fn encoded(server: &MockServer) -> String {
    let requests = server.received_requests().await.unwrap();
    let header = requests[0].headers["authorization"].to_str().unwrap().to_owned();
    header.strip_prefix("Basic ").unwrap().to_owned()
}

#[tokio::test]
async fn errors_never_show_credentials_even_if_the_source_echoes_them() {
    for status in [400, 401, 403, 404, 500, 200] {
        let server = MockServer::start().await;
        let echo = move |request: &Request| {
            let header = request.headers["authorization"].to_str().unwrap().to_owned();
            let message = format!("you sent {header} {TOKEN}");
            ResponseTemplate::new(status).set_body_json(json!({"message": message, "errors": [{"title": message}]}))
        };
        Mock::given(any()).respond_with(echo).mount(&server).await;
        let connector = open(&server.uri());
        for stream in ["groups", "spaces", "pages"] {
            let failed = walk(&connector, stream, "site", None).await;
            let encoded = encoded(&server).await;
            assert_clean(&format!("{failed:?}"), &encoded);
            if let Err(error) = failed {
                assert_clean(&format!("{error} {:?}", error.request()), &encoded);
            }
        }
        assert_clean(&format!("{:?}", connector.check().await), &encoded(&server).await);
        assert_clean(&format!("{connector:?} {EMAIL}"), &encoded(&server).await);
    }
}

#[tokio::test]
async fn a_next_link_to_another_host_never_gets_credentials() {
    let elsewhere = MockServer::start().await;
    Mock::given(any()).respond_with(ok(json!({"results": [], "_links": {}}))).mount(&elsewhere).await;
    let server = MockServer::start().await;
    serve(&server, "/wiki/api/v2/spaces/1", ok(space(1, "DOCS", "global", "current"))).await;
    let page = |id: u32| json!({"id": id.to_string(), "status": "current", "title": "t", "version": {"number": 1}});
    let next = format!("{}/wiki/api/v2/spaces/1/pages?cursor=abc", elsewhere.uri());
    let answer = move |request: &Request| {
        let retired = !request.url.query().unwrap().contains("status=current");
        match request.url.query_pairs().any(|(name, value)| name == "cursor" && value == "abc") {
            _ if retired => ok(json!({"results": [], "_links": {}})),
            true => ok(json!({"results": [page(2)], "_links": {}})),
            false => ok(json!({"results": [page(1)], "_links": {"next": next, "base": "https://elsewhere.example/wiki"}}))
                .insert_header("link", format!("<{next}>; rel=\"next\"").as_str()),
        }
    };
    Mock::given(wiremock::matchers::path("/wiki/api/v2/spaces/1/pages")).respond_with(answer).mount(&server).await;
    let walked = walk(&open(&server.uri()), "pages", "1", None).await.unwrap();
    assert_eq!(walked.ids(), ["1", "2"], "the configured host answered the link's cursor");
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_redirect_to_another_host_is_refused() {
    let elsewhere = MockServer::start().await;
    let server = MockServer::start().await;
    let redirect = ResponseTemplate::new(302).insert_header("location", format!("{}/login", elsewhere.uri()).as_str());
    Mock::given(any()).respond_with(redirect).mount(&server).await;
    let error = walk(&open(&server.uri()), "spaces", "site", None).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Refused { status: 302, .. }), "{error}");
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn secrets_in_payloads_are_hidden_before_they_are_kept() {
    let site = Site::new(1);
    site.state().items[0].body = "<p>https://git.example/x.atom?feed_token=abc123 and private_token=zzz</p>".into();
    let server = site.start().await;
    let walked = walk(&open(&server.uri()), "pages", "1", None).await.unwrap();
    assert!(!format!("{:?}", walked.records).contains("abc123") && !walked.records[0].raw.get().contains("zzz"));
    assert!(format!("{:?}", walked.records).contains("[redacted]"));
}
