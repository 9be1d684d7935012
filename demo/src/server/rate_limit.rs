//! Rate limiting as GitLab's: a fixed window, counted in headers on every answer, refused with plain text.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Answer;

/// At most `requests` in each window of `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    pub requests: u32,
    pub per: Duration,
}

pub(crate) struct RateMeter {
    limit: RateLimit,
    enforced: bool,
    window: Mutex<(DateTime<Utc>, u32)>,
}

/// The meter after one more request.
pub(crate) struct Reading {
    limit: u32,
    observed: u32,
    reset: DateTime<Utc>,
    exceeded: bool,
}

impl RateMeter {
    pub(crate) fn new(limit: Option<RateLimit>) -> Self {
        // high enough that a client that honours the headers never has to wait, as on a self-managed server without limits
        let usual = RateLimit { requests: 1_000_000, per: Duration::from_secs(60) };
        Self { limit: limit.unwrap_or(usual), enforced: limit.is_some(), window: Mutex::new((DateTime::UNIX_EPOCH, 0)) }
    }

    pub(crate) fn count(&self) -> Reading {
        let now = Utc::now();
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= window.0 {
            *window = (now + self.limit.per, 0);
        }
        window.1 += 1;
        let exceeded = self.enforced && window.1 > self.limit.requests;
        Reading { limit: self.limit.requests, observed: window.1, reset: window.0, exceeded }
    }
}

impl Reading {
    /// The 429, if this request was one too many.
    pub(crate) fn refusal(&self) -> Option<Answer> {
        if !self.exceeded {
            return None;
        }
        let wait = (self.reset - Utc::now()).num_milliseconds().max(1).unsigned_abs().div_ceil(1000);
        let mut answer = Answer::text(429, "text/plain", "Retry later\n").header("retry-after", wait.to_string());
        self.add_headers(&mut answer);
        Some(answer)
    }

    pub(crate) fn add_headers(&self, answer: &mut Answer) {
        answer.headers.extend([
            ("ratelimit-limit", self.limit.to_string()),
            ("ratelimit-name", "throttle_authenticated_api".to_owned()),
            ("ratelimit-observed", self.observed.to_string()),
            ("ratelimit-remaining", self.limit.saturating_sub(self.observed).to_string()),
            ("ratelimit-reset", self.reset.timestamp().to_string()),
        ]);
    }
}
