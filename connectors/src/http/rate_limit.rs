//! What rate-limit headers ask for, and the gate that makes every request of a client respect it at once.
//!
//! Points in time are taken relative to the answer's `Date` where it has one: the source's clock and ours need not agree.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use crate::contract::RateObservation;

/// Holds requests back until the source wants to hear from us again. One per client: what several clients share is the budget.
#[derive(Debug, Default)]
pub struct Gate {
    /// By endpoint; `""` is the whole source.
    closed_until: Mutex<HashMap<String, DateTime<Utc>>>,
}

impl Gate {
    /// Closes the gate of `endpoint` until `until`; a later end that was asked for before stands.
    pub fn close(&self, endpoint: &str, until: DateTime<Utc>) {
        let mut closed = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        let end = closed.entry(endpoint.to_owned()).or_insert(until);
        *end = until.max(*end);
    }

    /// Until when requests to `endpoint` have to wait; `None` if they need not.
    pub fn closed(&self, endpoint: &str) -> Option<DateTime<Utc>> {
        let closed = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        let until = closed.get("").max(closed.get(endpoint)).copied()?;
        (until > Utc::now()).then_some(until)
    }
}

/// What an answer says about the source's limits; `None` if it says nothing.
pub fn observation(status: u16, headers: &HeaderMap) -> Option<RateObservation> {
    let now = Utc::now();
    let points = points(headers);
    let remaining = number(headers, "remaining").or(points.and_then(|points| points.0));
    let reset_at = until_reset(headers).or(points.and_then(|points| points.1)).map(|wait| after(now, wait));
    let used_up = if remaining.is_some_and(|remaining| remaining <= 0) { reset_at.filter(|reset| *reset > now) } else { None };
    // On a success, `Retry-After` is about something else.
    let asked = if status >= 300 { retry_after(headers).map(|wait| after(now, wait)) } else { None };
    let asked = asked.or(if status == 429 { reset_at } else { None });
    let limit = number(headers, "limit");
    let observed = RateObservation { not_before: asked.max(used_up), limit, remaining, reset_at, endpoint_only: is_burst(headers) };
    (observed != RateObservation { endpoint_only: observed.endpoint_only, ..RateObservation::default() }).then_some(observed)
}

/// Whether the limit is one of this endpoint (Jira's bursts and writes per issue) and no quota of the whole source.
pub fn is_burst(headers: &HeaderMap) -> bool {
    let reasons = ["ratelimit-reason", "x-ratelimit-reason"].iter().filter_map(|name| headers.get(*name)?.to_str().ok());
    reasons.into_iter().any(|reason| reason.contains("burst") || reason.contains("per-issue"))
}

/// `Beta-RateLimit: "global-app-quota";r=120;t=600`: what is left of Atlassian's hourly points, and how long they have to last. `r` is
/// only there when most are used up.
fn points(headers: &HeaderMap) -> Option<(Option<i64>, Option<Duration>)> {
    let text = headers.get("beta-ratelimit")?.to_str().ok()?;
    let number = |name: &str| {
        let parameters = text.split([';', ',']).filter_map(|parameter| parameter.split_once('='));
        parameters.into_iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).and_then(|(_, value)| value.trim().parse().ok())
    };
    let left: Option<i64> = number("r");
    let reset = number("t").and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
    Some((left, reset))
}

/// `RateLimit-{name}` or `X-RateLimit-{name}`.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(format!("ratelimit-{name}")).or_else(|| headers.get(format!("x-ratelimit-{name}")))?;
    value.to_str().ok().map(str::trim)
}

/// The number a header begins with: some sources add the window, as `100, 100;w=60`.
fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    let text = text(headers, name)?;
    text[..text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())].parse().ok()
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

/// How long until `RateLimit-Reset` or `X-RateLimit-Reset`: seconds since 1970 or from now, or an ISO 8601 time, of which some have
/// no seconds (`2026-03-26T16:00Z`).
pub fn until_reset(headers: &HeaderMap) -> Option<Duration> {
    /// Nobody announces a wait of three years.
    const LONGEST: i64 = 100_000_000;
    let text = text(headers, "reset")?;
    if let Ok(seconds) = text.parse::<i64>() {
        return match DateTime::from_timestamp(seconds, 0)? {
            _ if seconds < LONGEST => Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0))),
            at => Some(time_until(at, headers)),
        };
    }
    let to_the_minute = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%MZ").ok().map(|at| at.and_utc());
    let with_offset = || DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M%#z").ok().map(|at| at.to_utc());
    let at = DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc()).or_else(to_the_minute).or_else(with_offset)?;
    Some(time_until(at, headers))
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

    fn seconds_left(at: Option<DateTime<Utc>>) -> i64 {
        (at.unwrap() - Utc::now()).num_milliseconds().div_euclid(500).div_euclid(2) + 1
    }

    #[test]
    fn a_used_up_window_waits_for_its_reset() {
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        for reset in ["784111797", "20", "1994-11-06T08:49:57Z"] {
            let used_up = observation(200, &headers(&[date, ("ratelimit-reset", reset), ("ratelimit-remaining", "0")])).unwrap();
            assert_eq!((seconds_left(used_up.not_before), used_up.reset_at), (20, used_up.not_before), "{reset}");
        }
        let minute = [date, ("x-ratelimit-reset", "1994-11-06T08:50Z"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-limit", "5, 5;w=60")];
        let observed = observation(200, &headers(&minute)).unwrap();
        assert_eq!((seconds_left(observed.not_before), observed.limit, observed.remaining), (23, Some(5), Some(0)));
        let left = observation(200, &headers(&[date, ("ratelimit-reset", "784111797"), ("ratelimit-remaining", "1")])).unwrap();
        assert_eq!((left.not_before, left.remaining), (None, Some(1)));
        assert_eq!(observation(200, &headers(&[date, ("ratelimit-remaining", "0")])).unwrap().not_before, None);
        assert_eq!(observation(200, &headers(&[date])), None);
    }

    #[test]
    fn a_burst_concerns_its_endpoint_and_the_longer_wait_counts() {
        let burst =
            [("retry-after", "30"), ("ratelimit-reason", "jira-burst-based"), ("x-ratelimit-reset", "9"), ("x-ratelimit-remaining", "0")];
        let observed = observation(429, &headers(&burst)).unwrap();
        assert_eq!((seconds_left(observed.not_before), observed.endpoint_only), (30, true));
        let quota = observation(429, &headers(&[("retry-after", "30"), ("ratelimit-reason", "jira-quota-tenant-based")])).unwrap();
        assert!(!quota.endpoint_only);
        assert_eq!(observation(200, &headers(&[("retry-after", "30")])), None, "on a success it is about something else");
    }

    #[test]
    fn jiras_points_and_a_gateways_429() {
        let points = observation(200, &headers(&[("beta-ratelimit", "\"global-app-quota\";r=0;t=600")])).unwrap();
        assert_eq!((points.remaining, seconds_left(points.not_before), points.endpoint_only), (Some(0), 600, false));
        let left = observation(200, &headers(&[("beta-ratelimit", "\"global-app-quota\";r=120;t=600")])).unwrap();
        assert_eq!((left.remaining, left.not_before, seconds_left(left.reset_at)), (Some(120), None, 600));
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        for reset in ["1994-11-06T08:50Z", "1994-11-06T09:50+01:00", "1994-11-06T08:50+0000"] {
            let gateway = observation(429, &headers(&[date, ("x-ratelimit-reset", reset)])).unwrap();
            assert_eq!((seconds_left(gateway.not_before), gateway.endpoint_only), (23, false), "{reset}");
        }
    }

    #[test]
    fn the_gate_keeps_the_later_end() {
        let gate = Gate::default();
        assert!(gate.closed("notes").is_none());
        let now = Utc::now();
        let late = now + TimeDelta::seconds(60);
        gate.close("", late);
        gate.close("", now + TimeDelta::seconds(1));
        assert_eq!(gate.closed("notes"), Some(late));
        let open = Gate::default();
        open.close("", now);
        open.close("notes", late);
        assert_eq!((open.closed("issues"), open.closed("notes")), (None, Some(late)));
    }
}
