//! Opens connectors and walks streams to their end.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use ovia_connectors::jira::Jira;
use ovia_connectors::{Connector, ConnectorConfig, ConnectorError, Credentials, Page, PullRequest, RetryLimits};
use ovia_domain::{BaseUrl, DeadLetter, DetailRequest, Entity, Record, Source};
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// Looks like a token and is none.
pub const TOKEN: &str = "ATATT3xInvented0123456789";
pub const EMAIL: &str = "ada@acme.example";

pub fn config(base_url: &str, settings: Value) -> ConnectorConfig {
    // Fails if another test was first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    ConnectorConfig {
        source: Source::Jira,
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

pub fn open(base_url: &str) -> Jira {
    open_with(base_url, json!({"project_keys": ["WEB"]}))
}

pub fn open_with(base_url: &str, settings: Value) -> Jira {
    Jira::open(config(base_url, settings)).unwrap()
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
}

impl Walked {
    pub fn ids(&self) -> Vec<&str> {
        self.records.iter().map(|record| record.external_id.as_str()).collect()
    }

    pub fn entities(&self) -> Vec<Entity> {
        self.records.iter().flat_map(|record| record.entities.clone()).collect()
    }

    pub fn details(&self) -> Vec<DetailRequest> {
        self.records.iter().flat_map(|record| record.details.clone()).collect()
    }
}

/// Walks a partition to its end, through stored cursors as the engine does.
pub async fn walk(jira: &Jira, stream: &str, partition: &str, cursor: Option<&Value>) -> Result<Walked, ConnectorError> {
    let mut walked = Walked { cursor: cursor.cloned().unwrap_or(Value::Null), ..Walked::default() };
    for _ in 0..500 {
        let cursor = Some(walked.cursor.clone()).filter(|cursor| !cursor.is_null());
        let page: Page = jira.pull(PullRequest { stream, partition, cursor: cursor.as_ref(), window: None }).await?;
        walked.records.extend(page.records);
        walked.dead_letters.extend(page.dead_letters);
        walked.pages += 1;
        walked.requests += page.requests;
        walked.cursor = page.cursor;
        walked.not_available = page.not_available.or(walked.not_available);
        if page.done {
            return Ok(walked);
        }
    }
    panic!("{stream} does not end");
}

pub async fn serve(server: &MockServer, at: &str, answer: ResponseTemplate) {
    Mock::given(path(at)).respond_with(answer).mount(server).await;
}

pub async fn get(server: &MockServer, at: &str, body: Value) {
    Mock::given(method("GET")).and(path(at)).respond_with(ok(body)).mount(server).await;
}

pub async fn post(server: &MockServer, at: &str, body: Value) {
    Mock::given(method("POST")).and(path(at)).respond_with(ok(body)).mount(server).await;
}

pub fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

pub fn refused(status: u16, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"errorMessages": [message], "errors": {}}))
}

pub fn parameter(request: &Request, name: &str) -> Option<String> {
    request.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// A page of a list with offsets.
pub fn bean(values: Value, start: u64, total: u64) -> Value {
    let count = values.as_array().map_or(0, |values| values.len() as u64);
    json!({"self": "https://acme.atlassian.net/x", "maxResults": 50, "startAt": start, "total": total, "isLast": start + count >= total, "values": values})
}

/// What the server was asked, as `GET /path`.
pub async fn asked(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(|request| format!("{} {}", request.method, request.url.path())).collect()
}
