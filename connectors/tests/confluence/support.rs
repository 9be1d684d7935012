//! Opens connectors and walks streams to their end.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use ovia_connectors::confluence::Confluence;
use ovia_connectors::{CensusPage, CensusRequest, Connector, ConnectorConfig, ConnectorError, Credentials, PullRequest, RetryLimits};
use ovia_domain::{BaseUrl, DeadLetter, DetailRequest, Entity, Record, Source};
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Looks like a token and is none.
pub const TOKEN: &str = "ATATT3xFfInvented-0123456789";
pub const EMAIL: &str = "sync@acme.example";

pub fn config(base_url: &str, settings: Value) -> ConnectorConfig {
    // Fails if another test was first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    ConnectorConfig {
        source: Source::Confluence,
        base_url: BaseUrl::parse(base_url, true).unwrap(),
        credentials: Credentials::parse(&json!({"email": EMAIL, "api_token": TOKEN}).to_string().into()),
        settings,
        allow_private_addresses: true,
        retry: RetryLimits {
            attempts: 3,
            min_delay: Duration::from_millis(5),
            max_delay: Duration::from_millis(20),
            max_inline_wait: Duration::from_secs(2),
            request_timeout: Duration::from_secs(5),
        },
        budget: std::sync::Arc::new(ovia_connectors::Unlimited),
    }
}

pub fn open(base_url: &str) -> Confluence {
    open_with(base_url, json!({}))
}

pub fn open_with(base_url: &str, settings: Value) -> Confluence {
    Confluence::open(config(base_url, settings)).unwrap()
}

/// What a walk brought.
#[derive(Debug, Default)]
pub struct Walked {
    pub records: Vec<Record>,
    pub dead_letters: Vec<DeadLetter>,
    pub pages: usize,
    pub requests: i64,
    pub cursor: Value,
    pub not_available: Option<String>,
    pub note: Option<String>,
    /// After every page.
    pub cursors: Vec<Value>,
}

impl Walked {
    pub fn ids(&self) -> Vec<&str> {
        self.records.iter().map(|record| record.external_id.as_str()).collect()
    }

    pub fn entities(&self) -> impl Iterator<Item = &Entity> {
        self.records.iter().flat_map(|record| &record.entities)
    }
}

pub async fn walk(connector: &Confluence, stream: &str, partition: &str, cursor: Option<Value>) -> Result<Walked, ConnectorError> {
    let mut walked = Walked::default();
    let mut cursor = cursor;
    loop {
        let page = connector.pull(PullRequest { stream, partition, cursor: cursor.as_ref(), window: None }).await?;
        walked.records.extend(page.records);
        walked.dead_letters.extend(page.dead_letters);
        walked.pages += 1;
        walked.requests += page.requests;
        walked.not_available = walked.not_available.or(page.not_available);
        walked.note = walked.note.or(page.note);
        walked.cursor = page.cursor.clone();
        walked.cursors.push(page.cursor.clone());
        if page.done {
            return Ok(walked);
        }
        assert!(walked.pages < 1_000, "the walk does not end");
        cursor = Some(page.cursor);
    }
}

pub async fn pull_error(connector: &Confluence, stream: &str, partition: &str) -> ConnectorError {
    connector.pull(PullRequest { stream, partition, cursor: None, window: None }).await.unwrap_err()
}

/// The census of a partition.
pub async fn census(connector: &Confluence, stream: &str, partition: &str) -> Result<CensusPage, ConnectorError> {
    let mut all = CensusPage::default();
    for _ in 0..1_000 {
        let cursor = (!all.cursor.is_null()).then(|| all.cursor.clone());
        let page = connector.census(CensusRequest { stream, partition, cursor: cursor.as_ref() }).await?;
        all.external_ids.extend(page.external_ids);
        all.requests += page.requests;
        (all.cursor, all.done, all.not_available) = (page.cursor, page.done, page.not_available);
        if all.done || all.not_available.is_some() {
            return Ok(all);
        }
    }
    panic!("the census does not end");
}

pub fn detail(stream: &str, external_id: &str) -> DetailRequest {
    DetailRequest { stream: stream.into(), external_id: external_id.into(), args: json!({}) }
}

/// Answers GETs of `at` with `template`.
pub async fn serve(server: &MockServer, at: &str, template: ResponseTemplate) {
    Mock::given(method("GET")).and(path(at)).respond_with(template).mount(server).await;
}

pub fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// An error as v2 words it.
pub fn error(status: u16, title: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"errors": [{"status": status, "code": "X", "title": title, "detail": null}]}))
}

/// The query parameter of a received request.
pub fn parameter(request: &wiremock::Request, name: &str) -> Option<String> {
    request.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Requests received at a path, in their order.
pub async fn received(server: &MockServer, at: &str) -> Vec<wiremock::Request> {
    server.received_requests().await.unwrap().into_iter().filter(|request| request.url.path() == at).collect()
}
