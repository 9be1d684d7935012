//! The GET every connector sends.
//!
//! A try counts as failed until its body is read whole and parses as the JSON that was asked for: a proxy's HTML page, a cut body
//! and a `200` with an error object look the same to a caller, and all are worth another try. So parsing happens inside the retry.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use backon::Retryable;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use url::Url;

use super::rate_limit::{Gate, after, exhausted};
use super::redirect::{MAX_REDIRECTS, Redirect, redirect};
use super::resolver::{PublicOnly, refused_host};
use super::retry::{Failure, backoff, delay};
use super::{HttpError, redacted, request_text};
use crate::ConnectorError;
use crate::contract::RetryLimits;

/// A body longer than this is refused: no page of any source comes near it.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
/// Of an error's body; more is never shown.
const MAX_ERROR_BODY_BYTES: usize = 64 * 1024;

/// How the token is sent.
#[derive(Clone, Copy, Debug)]
pub enum Authorization {
    /// As the value of this header.
    Header(&'static str),
    /// `Authorization: Bearer …`.
    Bearer,
}

/// Requests sent for one pull, retries and redirects included.
#[derive(Debug, Default)]
pub struct RequestCount(AtomicI64);

impl RequestCount {
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A parsed answer.
#[derive(Debug)]
pub struct Answer<T> {
    pub body: T,
    pub headers: HeaderMap,
}

/// Sends authorised GETs to one origin.
pub struct HttpClient {
    inner: reqwest::Client,
    auth: (HeaderName, HeaderValue),
    token: SecretString,
    limits: RetryLimits,
    in_flight: Semaphore,
    gate: Gate,
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
        let auth = auth_header(token, authorization)?;
        Ok(Self { inner, auth, token: token.clone(), limits, in_flight: Semaphore::new(max_in_flight.max(1)), gate: Gate::default() })
    }

    /// GETs `url`, retrying within the limits, and parses the body. Every request sent is counted in `requests`.
    pub async fn get<T: DeserializeOwned>(&self, url: &Url, requests: &RequestCount) -> Result<Answer<T>, HttpError> {
        let tried = (|| self.attempt::<T>(url, requests))
            .retry(backoff(&self.limits))
            .when(|failure| failure.retryable)
            .adjust(|failure, planned| delay(failure, planned, &self.limits))
            .notify(
                |failure, wait| tracing::debug!(error = %failure.error, wait_ms = wait.as_millis() as u64, "request failed; trying again"),
            )
            .await;
        tried.map_err(|failure| self.give_up(url, failure))
    }

    fn give_up(&self, url: &Url, failure: Failure) -> HttpError {
        match failure.wait {
            Some(wait) if failure.retryable && wait > self.limits.max_inline_wait => {
                HttpError::Wait { until: after(chrono::Utc::now(), wait), request: request_text(url) }
            }
            _ => failure.error,
        }
    }

    async fn attempt<T: DeserializeOwned>(&self, url: &Url, requests: &RequestCount) -> Result<Answer<T>, Failure> {
        let _permit = self.admitted(url).await?;
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(&url, requests).await?;
            let status = response.status().as_u16();
            match redirect(&url, status, response.headers()) {
                None => return self.read(&url, response).await,
                Some(Redirect::Follow(target)) => url = target,
                Some(Redirect::Foreign(origin)) => {
                    let message = format!(
                        "the source redirects to {origin}; credentials are sent to the base URL's host only, so set that as base URL if it is right"
                    );
                    return Err(Failure::fatal(HttpError::Redirect { status, request: request_text(&url), message }));
                }
                Some(Redirect::Broken) => {
                    let message = "the source redirects to nowhere".to_owned();
                    return Err(Failure::fatal(HttpError::Redirect { status, request: request_text(&url), message }));
                }
            }
        }
        let message = format!("the source redirects more than {MAX_REDIRECTS} times");
        Err(Failure::fatal(HttpError::Redirect { status: 302, request: request_text(&url), message }))
    }

    /// Waits for the rate limit's gate and for a free slot.
    async fn admitted(&self, url: &Url) -> Result<tokio::sync::SemaphorePermit<'_>, Failure> {
        loop {
            if let Some((until, left)) = self.gate.closed() {
                if left > self.limits.max_inline_wait {
                    return Err(Failure::fatal(HttpError::Wait { until, request: request_text(url) }));
                }
                tokio::time::sleep(left).await;
            }
            let permit = self.in_flight.acquire().await.map_err(|_| Failure::unusable(url, "the client is closed"))?;
            // The gate may have closed while this request stood in the queue.
            if self.gate.closed().is_none() {
                return Ok(permit);
            }
        }
    }

    async fn send(&self, url: &Url, requests: &RequestCount) -> Result<reqwest::Response, Failure> {
        requests.0.fetch_add(1, Ordering::Relaxed);
        let (name, value) = &self.auth;
        let sent = self.inner.get(url.clone()).header(name, value).send().await;
        sent.map_err(|error| match refused_host(&error) {
            Some(host) => Failure::fatal(HttpError::PrivateAddress { host }),
            None => Failure::unusable(url, self.without_secrets(&causes(&error.without_url()))),
        })
    }

    async fn read<T: DeserializeOwned>(&self, url: &Url, mut response: reqwest::Response) -> Result<Answer<T>, Failure> {
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        if !status.is_success() {
            // An error whose body cannot be read is still that error.
            let body = body_of(&mut response, MAX_ERROR_BODY_BYTES).await.unwrap_or_default();
            let mut failure =
                Failure::status(url, status.as_u16(), &headers, self.without_secrets(&String::from_utf8_lossy(&body)).as_bytes());
            failure.wait = failure.wait.inspect(|wait| {
                self.gate.close_for(*wait);
            });
            return Err(failure);
        }
        if let Some(wait) = exhausted(&headers) {
            self.gate.close_for(wait);
        }
        let body = match body_of(&mut response, MAX_BODY_BYTES).await {
            Ok(body) => body,
            // The next try would be as long.
            Err(BodyError::TooLong) => {
                return Err(Failure { retryable: false, ..Failure::unusable(url, "the answer is longer than 64 MiB") });
            }
            Err(BodyError::Transport(error)) => {
                return Err(Failure::unusable(
                    url,
                    self.without_secrets(&format!("the answer broke off: {}", causes(&error.without_url()))),
                ));
            }
        };
        match serde_json::from_slice(&body) {
            Ok(body) => Ok(Answer { body, headers }),
            Err(error) => Err(Failure::unusable(url, not_the_json(status.as_u16(), &headers, body.len(), &error))),
        }
    }

    /// `text` without this client's token and other visible secrets.
    fn without_secrets(&self, text: &str) -> String {
        redacted(&text.replace(self.token.expose_secret().trim(), "[redacted]")).into_owned()
    }
}

fn auth_header(token: &SecretString, authorization: Authorization) -> Result<(HeaderName, HeaderValue), ConnectorError> {
    let token = token.expose_secret().trim();
    let (name, value) = match authorization {
        Authorization::Header(name) => (HeaderName::from_static(name), HeaderValue::try_from(token)),
        Authorization::Bearer => (AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}"))),
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
    Ok((name, value))
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
