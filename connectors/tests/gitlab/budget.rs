//! The budget that workers share: asked before every request, told after every answer.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use ovia_connectors::gitlab::Gitlab;
use ovia_connectors::{Budget, CensusRequest, Connector, ConnectorConfig, ConnectorError, RateObservation};
use serde_json::json;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{config, detail, last_page, pull_error, serve, walk};

const ISSUES: &str = "/api/v4/projects/7/issues";

/// Refuses as told, and writes everything down.
#[derive(Default)]
struct Book {
    refusals: Mutex<VecDeque<DateTime<Utc>>>,
    asked: Mutex<Vec<String>>,
    told: Mutex<Vec<(String, RateObservation)>>,
}

#[async_trait::async_trait]
impl Budget for Book {
    async fn admit(&self, endpoint: &str) -> Result<(), DateTime<Utc>> {
        self.asked.lock().unwrap().push(endpoint.to_owned());
        self.refusals.lock().unwrap().pop_front().map_or(Ok(()), Err)
    }

    async fn observe(&self, endpoint: &str, observed: &RateObservation) {
        self.told.lock().unwrap().push((endpoint.to_owned(), observed.clone()));
    }
}

impl Book {
    fn refusing(waits: &[Duration]) -> Arc<Self> {
        let now = Utc::now();
        let refusals = waits.iter().map(|wait| now + TimeDelta::from_std(*wait).unwrap()).collect();
        Arc::new(Self { refusals: Mutex::new(refusals), ..Self::default() })
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn told(&self) -> Vec<(String, RateObservation)> {
        self.told.lock().unwrap().clone()
    }
}

fn open(server: &MockServer, book: &Arc<Book>) -> Gitlab {
    let config = config(&server.uri(), json!({"projects": ["acme/web"]}));
    Gitlab::open(ConnectorConfig { budget: Arc::clone(book) as Arc<dyn Budget>, ..config }).unwrap()
}

async fn sent(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

#[tokio::test]
async fn every_request_is_asked_for_by_name_retries_and_redirects_too() {
    let server = MockServer::start().await;
    let book = Book::refusing(&[]);
    Mock::given(method("GET")).and(path(ISSUES)).respond_with(ResponseTemplate::new(500)).up_to_n_times(1).mount(&server).await;
    serve(&server, ISSUES, ResponseTemplate::new(301).insert_header("location", "/api/v4/projects/8/issues")).await;
    serve(&server, "/api/v4/projects/8/issues", last_page(json!([]))).await;
    serve(&server, "/api/v4/projects/7/merge_requests/4/notes", last_page(json!([]))).await;
    serve(&server, "/api/v4/projects/7/pipelines", last_page(json!([]))).await;
    let connector = open(&server, &book);
    walk(&connector, "issues", "7", None).await.unwrap();
    connector.pull_detail(&detail("merge_request_notes", "90", json!({"project": "7", "iid": 4}))).await.unwrap();
    connector.census(CensusRequest { stream: "pipelines", partition: "7", cursor: None }).await.unwrap();
    assert_eq!(book.asked(), ["issues", "issues", "issues", "merge_request_notes", "pipelines"]);
    assert_eq!(sent(&server).await, 5);
}

#[tokio::test]
async fn a_short_wait_is_slept_through_and_asked_about_again() {
    let server = MockServer::start().await;
    serve(&server, ISSUES, last_page(json!([]))).await;
    let book = Book::refusing(&[Duration::from_millis(80), Duration::from_millis(160)]);
    let began = Instant::now();
    let walked = walk(&open(&server, &book), "issues", "7", None).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(150), "{:?}", began.elapsed());
    assert_eq!((book.asked().len(), walked.requests), (3, 1), "what was not sent is not counted");
}

#[tokio::test]
async fn a_long_wait_is_handed_on_and_nothing_is_sent() {
    let server = MockServer::start().await;
    serve(&server, ISSUES, last_page(json!([]))).await;
    let book = Book::refusing(&[Duration::from_secs(600)]);
    let connector = open(&server, &book);
    let error = pull_error(&connector, "issues", "7").await;
    let ConnectorError::RateLimited { until, .. } = error else { panic!("{error}") };
    assert!((590..=600).contains(&(until - Utc::now()).num_seconds()));
    assert_eq!(sent(&server).await, 0);
    assert!(walk(&connector, "issues", "7", None).await.is_ok(), "the budget decides anew every time");
}

#[tokio::test]
async fn a_budget_that_never_admits_does_not_hold_a_worker() {
    struct Never;
    #[async_trait::async_trait]
    impl Budget for Never {
        async fn admit(&self, _: &str) -> Result<(), DateTime<Utc>> {
            Err(Utc::now())
        }
        async fn observe(&self, _: &str, _: &RateObservation) {}
    }
    let mut config = config("http://127.0.0.1:9", json!({"projects": ["acme/web"]}));
    config.retry.max_inline_wait = Duration::from_millis(50);
    let connector = Gitlab::open(ConnectorConfig { budget: Arc::new(Never), ..config }).unwrap();
    let error = pull_error(&connector, "issues", "7").await;
    assert!(matches!(error, ConnectorError::RateLimited { .. }), "{error}");
}

#[tokio::test]
async fn answers_tell_the_budget_what_their_headers_say() {
    let server = MockServer::start().await;
    let book = Book::refusing(&[]);
    let reset = Utc::now().timestamp() + 600;
    let page = last_page(json!([]))
        .insert_header("ratelimit-limit", "2000")
        .insert_header("ratelimit-remaining", "1999")
        .insert_header("ratelimit-reset", reset.to_string());
    Mock::given(method("GET")).and(path(ISSUES)).respond_with(page).up_to_n_times(1).mount(&server).await;
    let limited = ResponseTemplate::new(429).set_body_raw("Retry later\n", "text/plain").insert_header("retry-after", "3600");
    serve(&server, ISSUES, limited).await;
    let connector = open(&server, &book);
    walk(&connector, "issues", "7", None).await.unwrap();
    let told = book.told();
    assert_eq!((told.len(), told[0].0.as_str()), (1, "issues"));
    assert_eq!(
        (told[0].1.limit, told[0].1.remaining, told[0].1.not_before, told[0].1.endpoint_only),
        (Some(2_000), Some(1_999), None, false)
    );
    assert!((told[0].1.reset_at.unwrap().timestamp() - reset).abs() <= 1);
    pull_error(&connector, "issues", "7").await;
    let until = book.told()[1].1.not_before.unwrap();
    assert!((3_590..=3_600).contains(&(until - Utc::now()).num_seconds()));
    // This client does not even ask any more.
    let asked = book.asked().len();
    pull_error(&connector, "merge_requests", "7").await;
    assert_eq!((book.asked().len(), sent(&server).await), (asked, 2));
}

#[tokio::test]
async fn a_burst_stops_its_endpoint_only() {
    let server = MockServer::start().await;
    let book = Book::refusing(&[]);
    let burst = ResponseTemplate::new(429).insert_header("retry-after", "3600").insert_header("ratelimit-reason", "jira-burst-based");
    serve(&server, ISSUES, burst).await;
    serve(&server, "/api/v4/projects/7/pipelines", last_page(json!([]))).await;
    let connector = open(&server, &book);
    pull_error(&connector, "issues", "7").await;
    pull_error(&connector, "issues", "7").await;
    assert!(book.told()[0].1.endpoint_only);
    walk(&connector, "pipelines", "7", None).await.unwrap();
    assert_eq!(sent(&server).await, 2);
}

#[tokio::test]
async fn a_429_without_a_word_is_told_as_the_pause_that_is_assumed() {
    let server = MockServer::start().await;
    let book = Book::refusing(&[]);
    serve(&server, ISSUES, ResponseTemplate::new(429)).await;
    pull_error(&open(&server, &book), "issues", "7").await;
    let told = book.told();
    assert_eq!((told.len(), sent(&server).await), (1, 3), "after all tries");
    assert!(told[0].1.not_before.unwrap() > Utc::now() + TimeDelta::seconds(50));
}
