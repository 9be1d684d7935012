//! What rate-limit headers ask for, and the gate that makes every request of a client respect it.
//!
//! Points in time are taken relative to the answer's `Date` where it has one: the source's clock and ours need not agree.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// Holds requests back until the source wants to hear from us again. One per connection.
#[derive(Debug, Default)]
pub struct Gate {
    closed_until: Mutex<Option<DateTime<Utc>>>,
}

impl Gate {
    /// Closes the gate for `wait` from now; a later end that was asked for before stands.
    pub fn close_for(&self, wait: Duration) -> DateTime<Utc> {
        let until = after(Utc::now(), wait);
        let mut closed = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        if closed.is_none_or(|current| current < until) {
            *closed = Some(until);
        }
        until
    }

    /// Until when the gate is closed, and for how long that is; `None` if it is open.
    pub fn closed(&self) -> Option<(DateTime<Utc>, Duration)> {
        let until = (*self.closed_until.lock().unwrap_or_else(PoisonError::into_inner))?;
        let left = (until - Utc::now()).to_std().ok()?;
        (!left.is_zero()).then_some((until, left))
    }
}

/// `from` + `wait`, at most a year ahead.
pub fn after(from: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    from + TimeDelta::from_std(wait).unwrap_or(TimeDelta::days(365)).min(TimeDelta::days(365))
}

/// The answer's `Date`.
pub fn server_time(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(date.into())
}

/// How long `Retry-After` asks to wait: seconds (fractions tolerated) or an HTTP date.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds.clamp(0.0, 365.0 * 86_400.0)).ok();
    }
    let at: DateTime<Utc> = httpdate::parse_http_date(text).ok()?.into();
    Some(time_until(at, headers))
}

/// How long until `RateLimit-Reset` (epoch seconds).
pub fn until_reset(headers: &HeaderMap) -> Option<Duration> {
    let epoch = headers.get("ratelimit-reset")?.to_str().ok()?.trim().parse::<i64>().ok()?;
    Some(time_until(DateTime::from_timestamp(epoch, 0)?, headers))
}

/// How long to wait because this answer used the budget up: `RateLimit-Remaining: 0` with a reset in the future.
pub fn exhausted(headers: &HeaderMap) -> Option<Duration> {
    let remaining = headers.get("ratelimit-remaining")?.to_str().ok()?.trim().parse::<i64>().ok()?;
    if remaining > 0 {
        return None;
    }
    until_reset(headers).filter(|wait| !wait.is_zero())
}

/// `Date` has whole seconds, cut down, so the difference is never shorter than what was asked.
fn time_until(at: DateTime<Utc>, headers: &HeaderMap) -> Duration {
    let now = server_time(headers).unwrap_or_else(Utc::now);
    (at - now).to_std().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn retry_after_reads_seconds_and_dates() {
        assert_eq!(retry_after(&headers(&[("retry-after", "7")])), Some(Duration::from_secs(7)));
        assert_eq!(retry_after(&headers(&[("retry-after", "-7")])), Some(Duration::ZERO));
        let date = [("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")];
        assert_eq!(retry_after(&headers(&date)), Some(Duration::from_secs(30)), "relative to the server's own clock");
        assert_eq!(retry_after(&headers(&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")])), Some(Duration::ZERO), "in the past");
        assert_eq!(retry_after(&headers(&[("retry-after", "soon")])), None);
        assert!(retry_after(&headers(&[("retry-after", "1e300")])).unwrap() <= Duration::from_secs(365 * 86_400));
    }

    #[test]
    fn an_exhausted_budget_waits_for_its_reset() {
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let reset = ("ratelimit-reset", "784111797");
        assert_eq!(exhausted(&headers(&[date, reset, ("ratelimit-remaining", "0")])), Some(Duration::from_secs(20)));
        assert_eq!(exhausted(&headers(&[date, reset, ("ratelimit-remaining", "1")])), None);
        assert_eq!(exhausted(&headers(&[date, ("ratelimit-remaining", "0")])), None);
    }

    #[test]
    fn the_gate_keeps_the_later_end() {
        let gate = Gate::default();
        assert!(gate.closed().is_none());
        let late = gate.close_for(Duration::from_secs(60));
        gate.close_for(Duration::from_secs(1));
        assert_eq!(gate.closed().unwrap().0, late);
        let open = Gate::default();
        open.close_for(Duration::ZERO);
        assert!(open.closed().is_none());
    }
}
