//! A JSON client of the API under test.

use reqwest::{Method, StatusCode};
use serde_json::Value;

#[derive(Clone, Debug)]
pub struct Http {
    pub base: String,
    pub token: String,
    client: reqwest::Client,
}

impl Http {
    pub fn new(base: String, token: String) -> Self {
        // an error means that another test of this process was first
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { base, token, client: reqwest::Client::new() }
    }

    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        self.send_with(method, path, body, &[]).await
    }

    /// `send` with more headers.
    pub async fn send_with(&self, method: Method, path: &str, body: Option<Value>, headers: &[(&str, &str)]) -> (StatusCode, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap_or_else(|error| panic!("{path}: {error}"));
        let status = answer.status();
        let text = answer.text().await.unwrap_or_else(|error| panic!("{path}: {error}"));
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// GET, expecting 200.
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "GET {path}: {body}");
        body
    }

    /// Every item of a list, over all its pages.
    pub async fn get_all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        let separator = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = match &cursor {
                Some(cursor) => self.get(&format!("{path}{separator}limit=200&cursor={cursor}")).await,
                None => self.get(&format!("{path}{separator}limit=200")).await,
            };
            items.extend(page["items"].as_array().cloned().unwrap_or_default());
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return items;
            }
        }
    }

    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.send(Method::POST, path, Some(body)).await
    }
}
