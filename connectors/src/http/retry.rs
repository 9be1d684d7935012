//! Which failures are worth another try, and how long to wait before it.
//!
//! `backon` does the waiting; this file classifies. A wait the source asked for is a lower bound on the backoff, never replaced by it.

use std::time::Duration;

use backon::ExponentialBuilder;
use chrono::Utc;
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::rate_limit::{after, is_burst, retry_after, until_reset};
use super::{HttpError, redacted};
use crate::contract::RetryLimits;

/// A wait to assume where a source limits us without saying for how long.
const UNSPECIFIED_WAIT: Duration = Duration::from_secs(60);

/// One failed try.
#[derive(Debug)]
pub struct Failure {
    pub error: HttpError,
    pub retryable: bool,
    /// Not sooner than this.
    pub wait: Option<Duration>,
    /// The limit is one of this endpoint (a burst), not of the whole source.
    pub endpoint_only: bool,
}

impl Failure {
    pub fn fatal(error: HttpError) -> Self {
        Self { error, retryable: false, wait: None, endpoint_only: false }
    }

    /// A failure of transport or format: worth another try, after the usual backoff.
    pub fn unusable(request: String, message: impl Into<String>) -> Self {
        let error = HttpError::Unusable { request, message: message.into() };
        Self { error, retryable: true, wait: None, endpoint_only: false }
    }

    /// An answer with a status that is no success. `body` is its beginning.
    pub fn status(request: String, status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let wait = retry_after(headers).or_else(|| (status == 429).then(|| until_reset(headers)).flatten());
        let endpoint_only = is_burst(headers);
        let (error, said) = api_message(body);
        let from_api = said.is_some();
        let message = said.unwrap_or_else(|| usual_name(status));
        match status {
            429 => {
                let until = after(Utc::now(), wait.unwrap_or(UNSPECIFIED_WAIT));
                Self { error: HttpError::Wait { until, request }, retryable: true, wait, endpoint_only }
            }
            408 | 425 | 500.. => {
                let error = HttpError::Unusable { request, message: format!("{status}: {message}") };
                Self { error, retryable: true, wait, endpoint_only }
            }
            _ => Self::fatal(HttpError::Status { status, request, error, message, from_api }),
        }
    }
}

/// Delays between tries: exponential, with jitter on top.
pub fn backoff(limits: &RetryLimits) -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(limits.min_delay)
        .with_max_delay(limits.max_delay)
        .with_max_times(limits.attempts.saturating_sub(1))
        .with_jitter()
}

/// The delay before the next try; `None` gives up. `planned` is the backoff's, `None` once tries are used up.
pub fn delay(failure: &Failure, planned: Option<Duration>, limits: &RetryLimits) -> Option<Duration> {
    match (planned, failure.wait) {
        (None, _) => None,
        (Some(_), Some(asked)) if asked > limits.max_inline_wait => None,
        (Some(planned), asked) => Some(planned.max(asked.unwrap_or_default())),
    }
}

/// `error` and the sentence of a JSON error body: GitLab writes `{"message":…}`, `{"error":…,"error_description":…}`, or objects in them;
/// Atlassian `{"errorMessages":[…],"errors":{…}}`, `{"errors":[{"title":…}]}` or `{"code":401,"message":…}`.
fn api_message(body: &[u8]) -> (Option<String>, Option<String>) {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return (None, None);
    };
    let text = |field: &str| value.get(field).and_then(text_of);
    let error = text("error");
    let listed = value.get("errorMessages").and_then(Value::as_array).into_iter().flatten().filter_map(text_of);
    let detailed = value.get("errors").into_iter().flat_map(|errors| match errors {
        Value::Array(errors) => errors.iter().filter_map(|error| error.get("title").and_then(text_of).or_else(|| text_of(error))).collect(),
        Value::Object(fields) => fields.iter().filter_map(|(name, error)| Some(format!("{name}: {}", text_of(error)?))).collect(),
        _ => Vec::new(),
    });
    let said = [error.clone(), text("error_description"), text("message")].into_iter().flatten();
    let sentence = said.chain(listed).chain(detailed).collect::<Vec<_>>().join(": ");
    let sentence = if sentence.is_empty() { "no message".to_owned() } else { sentence };
    (error, Some(redacted(&sentence).chars().take(300).collect()))
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

fn usual_name(status: u16) -> String {
    let reason = reqwest::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.unwrap_or("an unknown status").to_owned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn failure(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Failure {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Failure::status("GET https://git.example/x".into(), status, &headers, body.as_bytes())
    }

    #[test]
    fn only_what_may_pass_is_retried() {
        for status in [408, 425, 429, 500, 502, 503, 504, 599] {
            assert!(failure(status, &[], "").retryable, "{status}");
        }
        for status in [400, 401, 403, 404, 405, 409, 410, 422, 304] {
            assert!(!failure(status, &[], "").retryable, "{status}");
        }
    }

    #[test]
    fn a_plain_text_429_is_a_wait() {
        let failure = failure(429, &[("retry-after", "3600"), ("content-type", "text/plain")], "Retry later\n");
        assert_eq!(failure.wait, Some(Duration::from_secs(3600)));
        assert!(matches!(failure.error, HttpError::Wait { until, .. } if (until - Utc::now()).num_seconds() > 3590));
    }

    #[test]
    fn the_error_field_is_kept_apart_from_the_sentence() {
        let body = r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges","scope":"api"}"#;
        let HttpError::Status { error, message, from_api, .. } = failure(403, &[], body).error else { unreachable!("a status") };
        assert_eq!(error.as_deref(), Some("insufficient_scope"));
        assert_eq!(message, "insufficient_scope: The request requires higher privileges");
        assert!(from_api);
        let html = failure(403, &[], "<html>blocked</html>").error;
        assert!(matches!(html, HttpError::Status { from_api: false, message, .. } if message == "Forbidden"));
    }

    #[test]
    fn atlassians_ways_of_saying_what_is_wrong() {
        for (body, said) in [
            (r#"{"errorMessages":["The value 'X' does not exist for the field 'project'."],"errors":{}}"#, "The value 'X' does not exist"),
            (r#"{"errorMessages":[],"errors":{"jql":"it is too wide"}}"#, "jql: it is too wide"),
            (r#"{"errors":[{"status":400,"code":"INVALID","title":"limit is too large","detail":null}]}"#, "limit is too large"),
            (r#"{"code":401,"message":"Unauthorized; scope does not match"}"#, "Unauthorized; scope does not match"),
        ] {
            let HttpError::Status { message, from_api, .. } = failure(400, &[], body).error else { unreachable!("a status") };
            assert!(message.starts_with(said) && from_api, "{message}");
        }
    }

    #[test]
    fn asked_waits_are_lower_bounds_and_long_ones_end_the_tries() {
        let limits = RetryLimits::default();
        let asked = failure(503, &[("retry-after", "1")], "");
        assert_eq!(delay(&asked, Some(Duration::from_millis(200)), &limits), Some(Duration::from_secs(1)));
        assert_eq!(delay(&asked, Some(Duration::from_secs(4)), &limits), Some(Duration::from_secs(4)));
        assert_eq!(delay(&asked, None, &limits), None);
        assert_eq!(delay(&failure(429, &[("retry-after", "3")], ""), Some(Duration::from_secs(9)), &limits), None);
    }

    #[test]
    fn backoff_grows_and_is_jittered() {
        use backon::BackoffBuilder;
        let delays: Vec<_> = backoff(&RetryLimits::default()).build().collect();
        assert_eq!(delays.len(), 4);
        for (index, delay) in delays.iter().enumerate() {
            let floor = Duration::from_millis(200 << index);
            assert!(*delay >= floor && *delay <= floor * 2, "{delay:?}");
        }
    }
}
