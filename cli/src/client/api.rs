//! One request, one JSON answer; everything else is a `CliError` with the right exit code.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::problem;
use crate::exit::{CliError, CliResult, Exit};

/// A connection test may take 20 s on the server's side.
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub struct ApiClient {
    base: Url,
    token: SecretString,
    http: reqwest::Client,
}

impl ApiClient {
    pub fn new(api_url: &str, token: SecretString) -> CliResult<Self> {
        let wrong = || {
            CliError::usage(format!("`{api_url}` is not an API address"))
                .hint("Give it as http://127.0.0.1:8080, with --api-url or OVIA_API_URL.")
        };
        let base = Url::parse(api_url).map_err(|_| wrong())?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(wrong());
        }
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .user_agent(concat!("ovia-cli/", env!("CARGO_PKG_VERSION")))
            // The token is for this address only.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| CliError::failure(format!("failed to set up HTTP: {error}")))?;
        Ok(Self { base, token, http })
    }

    /// `GET path?query`; `path` without a leading slash, its parts already percent-encoded.
    pub async fn get(&self, path: &str, query: &[(&str, String)]) -> CliResult<Value> {
        self.send(self.request(Method::GET, path)?.query(query).timeout(TIMEOUT)).await
    }

    pub async fn post(&self, path: &str, body: Option<&Value>) -> CliResult<Value> {
        self.with_body(Method::POST, path, body).await
    }

    /// A POST that is one request however often it is sent with the same `key`.
    pub async fn post_once(&self, path: &str, body: &Value, key: Option<&str>) -> CliResult<Value> {
        let request = self.request(Method::POST, path)?.timeout(TIMEOUT).json(body);
        self.send(match key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        })
        .await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> CliResult<Value> {
        self.with_body(Method::PATCH, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> CliResult<Value> {
        self.with_body(Method::DELETE, path, None).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> CliResult<Value> {
        self.with_body(Method::PUT, path, Some(body)).await
    }

    /// Any method, with a query.
    pub async fn call(&self, method: Method, path: &str, query: &[(&str, String)], body: Option<&Value>) -> CliResult<Value> {
        let request = self.request(method, path)?.query(query).timeout(TIMEOUT);
        self.send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    /// A file. The caller waits for as long as it comes.
    pub async fn get_bytes(&self, path: &str, query: &[(&str, String)]) -> CliResult<Vec<u8>> {
        let answer = self.answer(self.request(Method::GET, path)?.query(query)).await?;
        Ok(answer.bytes().await.map_err(|error| self.unreachable(&error))?.to_vec())
    }

    /// Sends a file, and answers JSON.
    pub async fn send_bytes(&self, method: Method, path: &str, query: &[(&str, String)], file: Vec<u8>) -> CliResult<Value> {
        let request = self.request(method, path)?.query(query).timeout(TIMEOUT);
        self.send(request.header("content-type", "text/csv").body(file)).await
    }

    /// `GET path?query` of something that is not JSON.
    pub async fn get_text(&self, path: &str, query: &[(&str, String)]) -> CliResult<String> {
        let request = self.request(Method::GET, path)?.query(query).timeout(TIMEOUT);
        self.answer(request).await?.text().await.map_err(|error| self.unreachable(&error))
    }

    /// All pages of a list, as one list.
    pub async fn get_all(&self, path: &str, query: &[(&str, String)]) -> CliResult<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut page_query = query.to_vec();
            page_query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let (page, next) = page_of(self.get(path, &page_query).await?);
            items.extend(page);
            match next {
                Some(next) => cursor = Some(next),
                None => return Ok(items),
            }
        }
    }

    /// A request with the token, not sent yet.
    pub(super) fn request(&self, method: Method, path: &str) -> CliResult<RequestBuilder> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        Ok(self.http.request(method, url).bearer_auth(self.token.expose_secret()))
    }

    /// The answer, if its status is good.
    pub(super) async fn answer(&self, request: RequestBuilder) -> CliResult<Response> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.text().await.unwrap_or_default();
        Err(problem::to_error(status, &body))
    }

    pub(super) fn unreachable(&self, error: &reqwest::Error) -> CliError {
        let why = if error.is_timeout() {
            "it does not answer in time".to_owned()
        } else {
            // The innermost cause is the one that says something: "connection refused".
            let mut cause: &dyn std::error::Error = error;
            while let Some(next) = cause.source() {
                cause = next;
            }
            cause.to_string()
        };
        CliError::new(Exit::Unreachable, format!("failed to reach the API at {}: {why}", self.base))
            .hint("Start it with `ovia dev` (or `ovia api`), or give its address with --api-url or OVIA_API_URL.")
    }

    async fn with_body(&self, method: Method, path: &str, body: Option<&Value>) -> CliResult<Value> {
        let request = self.request(method, path)?.timeout(TIMEOUT);
        self.send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    async fn send(&self, request: RequestBuilder) -> CliResult<Value> {
        let body = self.answer(request).await?.bytes().await.map_err(|error| self.unreachable(&error))?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|_| {
            CliError::failure(format!("{} answered something that is not JSON", self.base)).hint("Check that the address is Ovia's API.")
        })
    }
}

/// The items of a list answer and the cursor of its next page.
pub fn page_of(mut page: Value) -> (Vec<Value>, Option<String>) {
    let items = match page.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    };
    (items, page.get("next_cursor").and_then(Value::as_str).map(str::to_owned))
}
