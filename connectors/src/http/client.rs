//! The GET every connector sends, and the POST where a source takes long questions in a body. Both only read, so both can be repeated.
//!
//! A try counts as failed until its body is read whole and parses as the JSON that was asked for: a proxy's HTML page, a cut body
//! and a `200` with an error object look the same to a caller, and all are worth another try. So parsing happens inside the retry.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use backon::Retryable;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::Utc;
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, SemaphorePermit};
use url::Url;

use super::rate_limit::{Gate, after, observation};
use super::redact::request_text_of;
use super::redirect::{MAX_REDIRECTS, Redirect, redirect};
use super::resolver::{PublicOnly, refused_host};
use super::retry::{Failure, backoff, delay};
use super::{HttpError, redacted};
use crate::ConnectorError;
use crate::contract::{Budget, RateObservation, RetryLimits};

/// A body longer than this is refused: no page of any source comes near it.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
/// What is said of one that is longer.
pub const TOO_LONG: &str = "the answer is longer than 64 MiB";
/// Of an error's body; more is never shown.
const MAX_ERROR_BODY_BYTES: usize = 64 * 1024;

/// Between two questions to a budget that says "not yet" with a time that is already over.
const MIN_WAIT: Duration = Duration::from_millis(10);
/// Short waits of one request may add up to this many times the longest one.
const MAX_INLINE_WAITS: u32 = 5;

/// How the token is sent.
#[derive(Clone, Debug)]
pub enum Authorization {
    /// As the value of this header.
    Header(&'static str),
    /// `Authorization: Bearer …`.
    Bearer,
    /// `Authorization: Basic …`, as the password of this user.
    Basic(SecretString),
}

/// One request.
struct Call {
    method: Method,
    url: Url,
    /// JSON.
    body: Option<Vec<u8>>,
}

impl Call {
    fn text(&self) -> String {
        request_text_of(self.method.as_str(), &self.url)
    }
}

/// Requests sent for one pull, retries and redirects included.
#[derive(Debug, Default)]
pub struct RequestCount {
    sent: AtomicI64,
    endpoint: String,
}

impl RequestCount {
    /// `endpoint` names the kind of request to the budget: what the source limits together.
    pub fn to(endpoint: &str) -> Self {
        Self { sent: AtomicI64::new(0), endpoint: endpoint.to_owned() }
    }

    pub fn get(&self) -> i64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// A parsed answer.
#[derive(Debug)]
pub struct Answer<T> {
    pub body: T,
    pub headers: HeaderMap,
}

/// Sends authorised requests to one origin.
pub struct HttpClient {
    inner: reqwest::Client,
    auth: (HeaderName, HeaderValue),
    /// Never to be seen in a text: the token, and what it looks like in the header.
    secrets: Vec<SecretString>,
    limits: RetryLimits,
    in_flight: Semaphore,
    gate: Gate,
    budget: Arc<dyn Budget>,
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl HttpClient {
    /// Needs an installed rustls crypto provider, as every reqwest client in this workspace.
    pub fn new(
        token: &SecretString,
        authorization: Authorization,
        limits: RetryLimits,
        max_in_flight: usize,
        allow_private_addresses: bool,
        budget: Arc<dyn Budget>,
    ) -> Result<Self, ConnectorError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("ovia/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(limits.request_timeout.min(Duration::from_secs(10)))
            .timeout(limits.request_timeout);
        if !allow_private_addresses {
            builder = builder.dns_resolver(Arc::new(PublicOnly));
        }
        let inner = builder.build().map_err(|error| ConnectorError::Configuration {
            field: "base_url".into(),
            message: format!("the HTTP client cannot be set up on this machine: {}", causes(&error.without_url())),
        })?;
        let (name, value, secrets) = auth_header(token, authorization)?;
        let in_flight = Semaphore::new(max_in_flight.max(1));
        Ok(Self { inner, auth: (name, value), secrets, limits, in_flight, gate: Gate::default(), budget })
    }

    /// GETs `url`, retrying within the limits, and parses the body. Every request sent is counted in `requests`.
    pub async fn get<T: DeserializeOwned>(&self, url: &Url, requests: &RequestCount) -> Result<Answer<T>, HttpError> {
        self.answer(&Call { method: Method::GET, url: url.clone(), body: None }, requests).await
    }

    /// POSTs a question as JSON, in the same way. For questions only: it may be sent several times.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        url: &Url,
        question: &serde_json::Value,
        requests: &RequestCount,
    ) -> Result<Answer<T>, HttpError> {
        self.answer(&Call { method: Method::POST, url: url.clone(), body: Some(question.to_string().into_bytes()) }, requests).await
    }

    async fn answer<T: DeserializeOwned>(&self, call: &Call, requests: &RequestCount) -> Result<Answer<T>, HttpError> {
        let tried = (|| self.attempt::<T>(call, requests))
            .retry(backoff(&self.limits))
            .when(|failure| failure.retryable)
            .adjust(|failure, planned| delay(failure, planned, &self.limits))
            .notify(
                |failure, wait| tracing::debug!(error = %failure.error, wait_ms = wait.as_millis() as u64, "request failed; trying again"),
            )
            .await;
        match tried {
            Ok(answer) => Ok(answer),
            Err(failure) => Err(self.give_up(call, failure, &requests.endpoint).await),
        }
    }

    async fn give_up(&self, call: &Call, failure: Failure, endpoint: &str) -> HttpError {
        let endpoint_only = failure.endpoint_only;
        match (failure.wait, failure.error) {
            (Some(wait), _) if failure.retryable && wait > self.limits.max_inline_wait => {
                HttpError::Wait { until: after(Utc::now(), wait), request: call.text() }
            }
            // Limited again and again without a word for how long: the other workers should hear of the pause that is assumed.
            (None, HttpError::Wait { until, request }) if failure.retryable => {
                self.gate.close(if endpoint_only { endpoint } else { "" }, until);
                let observed = RateObservation { not_before: Some(until), endpoint_only, ..RateObservation::default() };
                self.budget.observe(endpoint, &observed).await;
                HttpError::Wait { until, request }
            }
            (_, error) => error,
        }
    }

    async fn attempt<T: DeserializeOwned>(&self, call: &Call, requests: &RequestCount) -> Result<Answer<T>, Failure> {
        let mut call = Call { method: call.method.clone(), url: call.url.clone(), body: call.body.clone() };
        for _ in 0..=MAX_REDIRECTS {
            let _permit = self.admitted(&call, &requests.endpoint).await?;
            let mut response = self.send(&call, requests).await?;
            let status = response.status();
            let headers = std::mem::take(response.headers_mut());
            self.observe(status.as_u16(), &headers, &requests.endpoint).await;
            match redirect(&call.url, status.as_u16(), &headers) {
                None => return self.read(&call, response, headers).await,
                Some(Redirect::Follow(target)) => call.url = target,
                Some(broken) => return Err(not_followed(&call, status.as_u16(), &broken)),
            }
        }
        let message = format!("the source redirects more than {MAX_REDIRECTS} times");
        Err(Failure::fatal(HttpError::Redirect { status: 302, request: call.text(), message }))
    }

    /// Waits for a free slot, for the rate limit's gate and for the budget. A wait that is longer than a client should sleep, at once or
    /// in sum, is handed on: it must not hold a worker.
    async fn admitted(&self, call: &Call, endpoint: &str) -> Result<SemaphorePermit<'_>, Failure> {
        let began = Instant::now();
        loop {
            let permit = self.in_flight.acquire().await.map_err(|_| Failure::unusable(call.text(), "the client is closed"))?;
            // Asked with the slot in hand: both may have closed while this request stood in the queue.
            let until = match self.gate.closed(endpoint) {
                Some(until) => until,
                None => match self.budget.admit(endpoint).await {
                    Ok(()) => return Ok(permit),
                    Err(until) => until,
                },
            };
            drop(permit);
            let left = (until - Utc::now()).to_std().unwrap_or_default();
            if left > self.limits.max_inline_wait || began.elapsed() > MAX_INLINE_WAITS * self.limits.max_inline_wait {
                return Err(Failure::fatal(HttpError::Wait { until, request: call.text() }));
            }
            tokio::time::sleep(left.max(MIN_WAIT)).await;
        }
    }

    /// Tells the budget what an answer says about the limits, and stops this client's other requests at once if it says so.
    async fn observe(&self, status: u16, headers: &HeaderMap, endpoint: &str) {
        let Some(observed) = observation(status, headers) else { return };
        if let Some(until) = observed.not_before {
            self.gate.close(if observed.endpoint_only { endpoint } else { "" }, until);
        }
        self.budget.observe(endpoint, &observed).await;
    }

    async fn send(&self, call: &Call, requests: &RequestCount) -> Result<reqwest::Response, Failure> {
        requests.sent.fetch_add(1, Ordering::Relaxed);
        let (name, value) = &self.auth;
        let mut request = self.inner.request(call.method.clone(), call.url.clone()).header(name, value);
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body.clone());
        }
        let sent = request.send().await;
        sent.map_err(|error| match refused_host(&error) {
            Some(host) => Failure::fatal(HttpError::PrivateAddress { host }),
            None => Failure::unusable(call.text(), self.without_secrets(&causes(&error.without_url()))),
        })
    }

    async fn read<T: DeserializeOwned>(
        &self,
        call: &Call,
        mut response: reqwest::Response,
        headers: HeaderMap,
    ) -> Result<Answer<T>, Failure> {
        let status = response.status();
        if !status.is_success() {
            let body = match body_of(&mut response, MAX_ERROR_BODY_BYTES).await {
                Ok(body) => body,
                // What a refusal says decides what becomes of it, and half of it may say something else. A 401 and a 429 say all by
                // themselves.
                Err(BodyError::Transport(error)) if status.is_client_error() && !matches!(status.as_u16(), 401 | 429) => {
                    return Err(self.broke_off(call, error));
                }
                Err(_) => Vec::new(),
            };
            let body = self.without_secrets(&String::from_utf8_lossy(&body));
            return Err(Failure::status(call.text(), status.as_u16(), &headers, body.as_bytes()));
        }
        let body = match body_of(&mut response, MAX_BODY_BYTES).await {
            Ok(body) => body,
            // The next try would be as long.
            Err(BodyError::TooLong) => {
                return Err(Failure { retryable: false, ..Failure::unusable(call.text(), TOO_LONG) });
            }
            Err(BodyError::Transport(error)) => return Err(self.broke_off(call, error)),
        };
        match serde_json::from_slice(&body) {
            Ok(body) => Ok(Answer { body, headers }),
            Err(error) => Err(Failure::unusable(call.text(), not_the_json(status.as_u16(), &headers, body.len(), &error))),
        }
    }

    fn broke_off(&self, call: &Call, error: reqwest::Error) -> Failure {
        Failure::unusable(call.text(), self.without_secrets(&format!("the answer broke off: {}", causes(&error.without_url()))))
    }

    /// `text` without this client's token and other visible secrets.
    fn without_secrets(&self, text: &str) -> String {
        let hide = |text: String, secret: &SecretString| text.replace(secret.expose_secret(), "[redacted]");
        redacted(&self.secrets.iter().fold(text.to_owned(), hide)).into_owned()
    }
}

type AuthHeader = (HeaderName, HeaderValue, Vec<SecretString>);

fn auth_header(token: &SecretString, authorization: Authorization) -> Result<AuthHeader, ConnectorError> {
    let token = token.expose_secret().trim();
    let mut secrets = vec![SecretString::from(token)];
    let (name, value) = match authorization {
        Authorization::Header(name) => (HeaderName::from_static(name), HeaderValue::try_from(token)),
        Authorization::Bearer => (AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}"))),
        Authorization::Basic(user) => {
            let encoded = STANDARD.encode(format!("{}:{token}", user.expose_secret().trim()));
            let value = HeaderValue::try_from(format!("Basic {encoded}"));
            secrets.push(encoded.into());
            (AUTHORIZATION, value)
        }
    };
    let unusable = || ConnectorError::Configuration {
        field: "credentials.token".into(),
        message: "the token is empty or holds characters that no token has".into(),
    };
    let mut value = value.map_err(|_| unusable())?;
    if token.is_empty() {
        return Err(unusable());
    }
    value.set_sensitive(true);
    Ok((name, value, secrets))
}

/// A redirect that credentials cannot go along with.
fn not_followed(call: &Call, status: u16, redirect: &Redirect) -> Failure {
    let message = match redirect {
        Redirect::Foreign(origin) => format!(
            "the source redirects to {origin}; credentials are sent to the base URL's host only, so set that as base URL if it is right"
        ),
        _ => "the source redirects to nowhere".to_owned(),
    };
    Failure::fatal(HttpError::Redirect { status, request: call.text(), message })
}

enum BodyError {
    TooLong,
    Transport(reqwest::Error),
}

async fn body_of(response: &mut reqwest::Response, limit: usize) -> Result<Vec<u8>, BodyError> {
    let announced = response.content_length().unwrap_or(0).min(1024 * 1024);
    let mut body = Vec::with_capacity(announced as usize);
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Transport)? {
        if body.len() + chunk.len() > limit {
            return Err(BodyError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What is wrong with a body that did not parse. Its text is not shown: it may be anything.
fn not_the_json(status: u16, headers: &HeaderMap, length: usize, error: &serde_json::Error) -> String {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("no content type");
    let kind: String = kind.chars().take(80).collect();
    let place = format!("line {} column {}", error.line(), error.column());
    match error.classify() {
        serde_json::error::Category::Data => format!("a {status} with JSON of another shape than expected ({length} bytes, at {place})"),
        _ => format!("a {status} that is not JSON ({kind}, {length} bytes, at {place})"),
    }
}

/// An error with its causes: reqwest's own text stops at `error sending request`.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        let next = current.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = current.source();
    }
    text.chars().take(300).collect()
}
