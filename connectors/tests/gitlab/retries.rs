//! What is retried, for how long, and what is not.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant, SystemTime};

use ovia_connectors::http::{Authorization, HttpClient, RequestCount};
use ovia_connectors::{Connector, ConnectorError, PullRequest};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{TOKEN, error, last_page, limits, ok, open, pull_error, serve, walk};

const ISSUES: &str = "/api/v4/projects/7/issues";

/// Answers `bad` that many times, then an empty last page.
async fn flaky(bad: ResponseTemplate, times: u64) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET")).and(path(ISSUES)).respond_with(bad).up_to_n_times(times).mount(&server).await;
    serve(&server, ISSUES, last_page(json!([]))).await;
    server
}

async fn recovers_from(bad: ResponseTemplate) -> Duration {
    let server = flaky(bad, 1).await;
    let started = Instant::now();
    let walked = walk(&open(&server.uri()), "issues", "7", None).await.unwrap();
    assert_eq!(walked.requests, 2, "both are counted");
    started.elapsed()
}

#[tokio::test]
async fn passing_failures_are_retried() {
    for status in [408, 425, 429, 500, 502, 503, 504] {
        recovers_from(ResponseTemplate::new(status)).await;
    }
}

#[tokio::test]
async fn html_in_a_200_is_a_failure_not_an_empty_page() {
    recovers_from(ResponseTemplate::new(200).set_body_raw("<html>Sign in</html>", "text/html")).await;
    let server = flaky(ResponseTemplate::new(200).set_body_raw("<html>Sign in</html>", "text/html"), 99).await;
    let error = pull_error(&open(&server.uri()), "issues", "7").await;
    assert!(matches!(&error, ConnectorError::Unreachable { message, .. } if message.contains("not JSON (text/html")), "{error}");
    assert_eq!(server.received_requests().await.unwrap().len(), limits().attempts);
}

#[tokio::test]
async fn a_body_cut_in_the_middle_of_the_json_is_retried() {
    recovers_from(ResponseTemplate::new(200).set_body_raw("[{\"id\":1,", "application/json")).await;
}

#[tokio::test]
async fn retry_after_in_seconds_is_waited_for() {
    let plain = ResponseTemplate::new(429).set_body_raw("Retry later\n", "text/plain").insert_header("retry-after", "1");
    assert!(recovers_from(plain).await >= Duration::from_secs(1));
}

#[tokio::test]
async fn retry_after_as_a_date_is_waited_for() {
    let at = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
    let waited = recovers_from(ResponseTemplate::new(503).insert_header("retry-after", at)).await;
    assert!(waited >= Duration::from_millis(900), "{waited:?}");
}

#[tokio::test]
async fn a_long_wait_is_handed_on_and_holds_every_request_back() {
    let limited = ResponseTemplate::new(429).set_body_raw("Retry later\n", "text/plain").insert_header("retry-after", "3600");
    let server = flaky(limited, 1).await;
    let connector = open(&server.uri());
    let started = Instant::now();
    for _ in 0..2 {
        let error = pull_error(&connector, "issues", "7").await;
        let ConnectorError::RateLimited { until, .. } = error else { panic!("{error}") };
        let seconds = (until - chrono::Utc::now()).num_seconds();
        assert!((3_590..=3_600).contains(&seconds), "{seconds}");
    }
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(server.received_requests().await.unwrap().len(), 1, "the second one was not sent");
}

#[tokio::test]
async fn a_429_that_says_nothing_still_ends_as_a_wait() {
    let server = flaky(ResponseTemplate::new(429), 99).await;
    let error = pull_error(&open(&server.uri()), "issues", "7").await;
    assert!(matches!(error, ConnectorError::RateLimited { until, .. } if until > chrono::Utc::now()), "{error}");
}

#[tokio::test]
async fn a_used_up_budget_is_respected_before_the_next_request() {
    let server = MockServer::start().await;
    let reset = (chrono::Utc::now().timestamp() + 600).to_string();
    let page = last_page(json!([])).insert_header("ratelimit-remaining", "0").insert_header("ratelimit-reset", reset);
    serve(&server, ISSUES, page).await;
    let connector = open(&server.uri());
    walk(&connector, "issues", "7", None).await.unwrap();
    let error = pull_error(&connector, "issues", "7").await;
    assert!(matches!(error, ConnectorError::RateLimited { .. }), "{error}");
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn other_refusals_fail_at_once() {
    for status in [400, 405, 409, 410, 422] {
        let server = flaky(error(status, "no"), 99).await;
        let error = pull_error(&open(&server.uri()), "issues", "7").await;
        assert!(matches!(error, ConnectorError::Refused { status: found, .. } if found == status), "{error}");
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_refused_token_is_never_tried_again() {
    let server = flaky(error(401, "401 Unauthorized"), 99).await;
    let error = pull_error(&open(&server.uri()), "issues", "7").await;
    assert!(matches!(error, ConnectorError::Unauthenticated { .. }), "{error}");
    assert!(!error.is_retryable() && error.hint(ovia_domain::Source::Gitlab).starts_with("Reconnect"));
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_without_the_scope_is_a_failure_not_a_missing_feature() {
    let body = json!({"error": "insufficient_scope", "error_description": "The request requires higher privileges than provided by the access token.", "scope": "api read_api"});
    let server = flaky(ResponseTemplate::new(403).set_body_json(body), 99).await;
    let error = pull_error(&open(&server.uri()), "issues", "7").await;
    assert!(matches!(&error, ConnectorError::Forbidden { message, .. } if message.contains("higher privileges")), "{error}");
}

#[tokio::test]
async fn a_firewalls_403_page_is_a_failure_not_a_missing_feature() {
    let server = flaky(ResponseTemplate::new(403).set_body_raw("<html>blocked</html>", "text/html"), 99).await;
    let error = pull_error(&open(&server.uri()), "issues", "7").await;
    assert!(matches!(error, ConnectorError::Forbidden { .. }), "{error}");
}

#[tokio::test]
async fn a_moved_project_is_followed_on_the_same_host() {
    let server = MockServer::start().await;
    serve(&server, ISSUES, ResponseTemplate::new(301).insert_header("location", "/api/v4/projects/8/issues")).await;
    serve(&server, "/api/v4/projects/8/issues", last_page(json!([]))).await;
    let walked = walk(&open(&server.uri()), "issues", "7", None).await.unwrap();
    assert_eq!(walked.requests, 2);
    assert!(server.received_requests().await.unwrap().iter().all(|request| request.headers["private-token"] == TOKEN));
}

#[tokio::test]
async fn a_redirect_to_another_host_is_refused_by_name_and_gets_nothing() {
    let elsewhere = MockServer::start().await;
    let server = MockServer::start().await;
    serve(&server, ISSUES, ResponseTemplate::new(302).insert_header("location", format!("{}/x", elsewhere.uri()))).await;
    let error = pull_error(&open(&server.uri()), "issues", "7").await;
    assert!(matches!(&error, ConnectorError::Refused { message, .. } if message.contains(&elsewhere.uri())), "{error}");
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_read_once_and_says_what_helps() {
    let server = flaky(ResponseTemplate::new(200).set_body_bytes(vec![b' '; 64 * 1024 * 1024 + 1]), 2).await;
    let gitlab = open(&server.uri());
    let error = walk(&gitlab, "issues", "7", None).await.unwrap_err();
    assert!(error.to_string().contains("longer than 64 MiB"), "{error}");
    assert!(error.hint(gitlab.source()).contains("--page-size"), "{}", error.hint(gitlab.source()));
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn redirects_in_circles_end() {
    let server = MockServer::start().await;
    serve(&server, ISSUES, ResponseTemplate::new(307).insert_header("location", ISSUES)).await;
    let error = pull_error(&open(&server.uri()), "issues", "7").await;
    assert!(matches!(&error, ConnectorError::Refused { message, .. } if message.contains("more than 5 times")), "{error}");
}

/// Answers each connection with the next of `answers`, byte for byte, and closes it.
async fn raw_server(answers: Vec<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for answer in answers {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await.unwrap();
            socket.write_all(answer.as_bytes()).await.unwrap();
            socket.shutdown().await.unwrap();
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn dropped_connections_and_truncated_bodies_are_retried() {
    let good = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-next-page: \r\nconnection: close\r\n\r\n[]";
    for bad in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n[]",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n[\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 500\r\n\r\n{\"message\": ",
        "HTTP/1.1 404 Not Found\r\ncontent-length: 500\r\n\r\n{\"message\": \"404 ",
    ] {
        let url = raw_server(vec![bad, good]).await;
        let walked = walk(&open(&url), "issues", "7", None).await.unwrap();
        assert_eq!(walked.requests, 2, "{bad}");
    }
}

#[tokio::test]
async fn an_address_nobody_listens_at_is_unreachable_and_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = pull_error(&open(&url), "issues", "7").await;
    assert!(matches!(&error, ConnectorError::Unreachable { message, .. } if message.contains("refused")), "{error}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_name_that_resolves_to_a_private_address_is_refused_once() {
    let server = MockServer::start().await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = HttpClient::new(
        &TOKEN.to_owned().into(),
        Authorization::Bearer,
        limits(),
        1,
        false,
        std::sync::Arc::new(ovia_connectors::Unlimited),
    )
    .unwrap();
    let url = Url::parse(&format!("http://localhost:{}/x", server.address().port())).unwrap();
    let requests = RequestCount::default();
    let error: ConnectorError = client.get::<Value>(&url, &requests).await.unwrap_err().into();
    assert!(matches!(&error, ConnectorError::Configuration { field, .. } if field == "base_url"), "{error}");
    assert_eq!(requests.get(), 1);
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn no_more_requests_are_in_flight_than_allowed() {
    let server = MockServer::start().await;
    serve(&server, ISSUES, last_page(json!([])).set_delay(Duration::from_millis(60))).await;
    let connector = crate::support::open_with(&server.uri(), json!({"projects": ["a"], "max_in_flight": 2}));
    assert_eq!(connector.max_in_flight(), 2);
    let started = Instant::now();
    let pulls = (0..6).map(|_| connector.pull(PullRequest { stream: "issues", partition: "7", cursor: None, window: None }));
    futures::future::try_join_all(pulls).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(170), "three rounds of two: {:?}", started.elapsed());
}

#[tokio::test]
async fn unknown_paths_below_the_api_are_named_in_the_error() {
    let server = MockServer::start().await;
    serve(&server, "/api/v4/projects/7", ok(json!({}))).await;
    let error = pull_error(&open(&server.uri()), "wishes", "7").await;
    assert!(matches!(error, ConnectorError::Configuration { .. }), "{error}");
}
