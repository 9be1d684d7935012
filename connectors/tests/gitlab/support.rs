//! Opens connectors and walks streams to their end.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use ovia_connectors::gitlab::Gitlab;
use ovia_connectors::{Connector, ConnectorConfig, ConnectorError, Credentials, PullRequest, RetryLimits};
use ovia_domain::{BaseUrl, DeadLetter, DetailRequest, Entity, Record, Source};
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Looks like a token and is none.
pub const TOKEN: &str = "glpat-invented-0123456789";

pub fn limits() -> RetryLimits {
    RetryLimits {
        attempts: 3,
        min_delay: Duration::from_millis(5),
        max_delay: Duration::from_millis(20),
        max_inline_wait: Duration::from_secs(2),
        request_timeout: Duration::from_secs(5),
    }
}

pub fn config(base_url: &str, settings: Value) -> ConnectorConfig {
    // Fails if another test was first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    ConnectorConfig {
        source: Source::Gitlab,
        base_url: BaseUrl::parse(base_url, true).unwrap(),
        credentials: Credentials::token(TOKEN.to_owned().into()),
        settings,
        allow_private_addresses: true,
        retry: limits(),
        budget: std::sync::Arc::new(ovia_connectors::Unlimited),
    }
}

pub fn open(base_url: &str) -> Gitlab {
    open_with(base_url, json!({"projects": ["acme/web"]}))
}

pub fn open_with(base_url: &str, settings: Value) -> Gitlab {
    Gitlab::open(config(base_url, settings)).unwrap()
}

/// What a walk brought.
#[derive(Debug, Default)]
pub struct Walked {
    pub records: Vec<Record>,
    pub dead_letters: Vec<DeadLetter>,
    pub pages: usize,
    pub requests: i64,
    pub cursor: Value,
    pub total_hint: Option<i64>,
    pub not_available: Option<String>,
    pub watermark: Option<chrono::DateTime<chrono::Utc>>,
}

impl Walked {
    pub fn ids(&self) -> Vec<&str> {
        self.records.iter().map(|record| record.external_id.as_str()).collect()
    }

    pub fn entities(&self) -> impl Iterator<Item = &Entity> {
        self.records.iter().flat_map(|record| &record.entities)
    }
}

pub async fn walk(connector: &Gitlab, stream: &str, partition: &str, cursor: Option<Value>) -> Result<Walked, ConnectorError> {
    let mut walked = Walked::default();
    let mut cursor = cursor;
    loop {
        let page = connector.pull(PullRequest { stream, partition, cursor: cursor.as_ref(), window: None }).await?;
        walked.records.extend(page.records);
        walked.dead_letters.extend(page.dead_letters);
        walked.pages += 1;
        walked.requests += page.requests;
        walked.total_hint = walked.total_hint.or(page.total_hint);
        walked.not_available = walked.not_available.or(page.not_available);
        walked.watermark = page.watermark;
        walked.cursor = page.cursor.clone();
        if page.done {
            return Ok(walked);
        }
        assert!(walked.pages < 1_000, "the walk does not end");
        cursor = Some(page.cursor);
    }
}

pub async fn pull_error(connector: &Gitlab, stream: &str, partition: &str) -> ConnectorError {
    connector.pull(PullRequest { stream, partition, cursor: None, window: None }).await.unwrap_err()
}

pub fn detail(stream: &str, external_id: &str, args: Value) -> DetailRequest {
    DetailRequest { stream: stream.into(), external_id: external_id.into(), args }
}

/// Answers GETs of `at` with `template`.
pub async fn serve(server: &MockServer, at: &str, template: ResponseTemplate) {
    Mock::given(method("GET")).and(path(at)).respond_with(template).mount(server).await;
}

/// A list page that says it is the last one.
pub fn last_page(rows: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(rows).insert_header("x-next-page", "").insert_header("x-page", "1")
}

pub fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

pub fn error(status: u16, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"message": message}))
}

/// The query parameter of a received request.
pub fn parameter(request: &wiremock::Request, name: &str) -> Option<String> {
    request.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
