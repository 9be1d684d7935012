//! Faults on request. Deterministic: what happens to the nth matching request depends on the rule and the seed only.

use std::time::Duration;

use chrono::Utc;
use serde::{Deserialize, Serialize};

use super::{Answer, Effect, faults_atlassian};
use crate::company::dice::mix;

/// All rules at once; `Faults::default()` is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Decides rules with a probability.
    pub seed: u64,
    pub rules: Vec<FaultRule>,
}

/// One rule. The first rule that answers wins; delays add up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    pub fault: FaultKind,
    pub when: When,
    /// Only routes whose template contains this; the template ends in `$`, so that `/merge_requests$` is the list alone.
    #[serde(default)]
    pub route: Option<String>,
    /// Only requests whose path contains this, as `/merge_requests/7/notes`.
    #[serde(default)]
    pub path: Option<String>,
    /// At most this often.
    #[serde(default)]
    pub times: Option<u64>,
}

/// Which of a rule's matching requests, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    Always,
    /// Every nth.
    Every(u64),
    /// The first to the last, both included; no last means for good.
    Between {
        first: u64,
        last: Option<u64>,
    },
    /// Each with this probability.
    Probability(f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// 429 with the body `Retry later`, plain text.
    RateLimited {
        /// Seconds; without it there is no `Retry-After`.
        retry_after: Option<u64>,
        /// `Retry-After` as an HTTP date.
        #[serde(default)]
        as_http_date: bool,
    },
    /// This status with a short body: 403, 404, 500, 502, 503 …
    Status(u16),
    /// 200 with an empty list that says it is complete.
    Empty,
    /// The connection closes before the answer.
    Drop,
    /// The body stops after this share of its bytes, in percent; Content-Length names all of them.
    Truncate(u8),
    /// A sign-in page with status 200.
    Html,
    /// The answer comes this many milliseconds later.
    Slow(u64),
    /// 401, as after the token was revoked.
    Unauthorized,
    /// 429 as Atlassian's: a reason, an ISO reset, JSON. Other servers answer it as theirs.
    AtlassianLimit {
        reason: LimitReason,
        /// Seconds; without it there is only the reset.
        retry_after: Option<u64>,
        /// Seconds until `X-RateLimit-Reset`.
        reset_after: Option<u64>,
    },
    /// 400: the page token is not known any more.
    RefuseToken,
    /// A page names the token it was asked with as the next one.
    RepeatToken,
    /// A page without rows that is not the last.
    EmptyPage,
}

/// What a 429 of Atlassian says it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitReason {
    /// This endpoint only.
    Burst,
    QuotaGlobal,
    QuotaTenant,
    /// Seen, and in no document.
    Cost,
    /// From the gateway in front: no reason at all.
    Gateway,
}

/// Whose words a fault is told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Gitlab,
    Jira,
    Confluence,
}

/// What a fault does to an answer that was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rewrite {
    RepeatToken,
    EmptyPage,
}

impl FaultRule {
    /// For every matching request.
    pub fn always(fault: FaultKind) -> Self {
        Self { fault, when: When::Always, route: None, path: None, times: None }
    }

    pub fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }

    pub fn route(mut self, part: impl Into<String>) -> Self {
        self.route = Some(part.into());
        self
    }

    pub fn path(mut self, part: impl Into<String>) -> Self {
        self.path = Some(part.into());
        self
    }

    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }
}

impl From<FaultRule> for Faults {
    fn from(rule: FaultRule) -> Self {
        Self { seed: 0, rules: vec![rule] }
    }
}

/// What a fault does to one request.
pub(crate) enum Injected {
    Answer(Answer),
    Delay(Duration),
    Effect(Effect),
    Rewrite(Rewrite),
}

#[derive(Default)]
pub(crate) struct Injector {
    faults: Faults,
    /// Per rule: matching requests seen, times fired.
    counts: Vec<(u64, u64)>,
}

impl Injector {
    pub(crate) fn new(faults: Faults) -> Self {
        let counts = vec![(0, 0); faults.rules.len()];
        Self { faults, counts }
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The faults for the next request to a route.
    pub(crate) fn next(&mut self, dialect: Dialect, template: &str, path: &str) -> Vec<Injected> {
        let mut injected = Vec::new();
        let marked = format!("{template}$");
        for (index, (rule, (seen, fired))) in self.faults.rules.iter().zip(&mut self.counts).enumerate() {
            if rule.route.as_ref().is_some_and(|part| !marked.contains(part.as_str())) {
                continue;
            }
            if rule.path.as_ref().is_some_and(|part| !path.contains(part.as_str())) {
                continue;
            }
            *seen += 1;
            let due = match rule.when {
                When::Always => true,
                When::Every(n) => n > 0 && seen.is_multiple_of(n),
                When::Between { first, last } => *seen >= first && last.is_none_or(|last| *seen <= last),
                When::Probability(p) => {
                    (mix(mix(self.faults.seed, index as u64), *seen) >> 11) as f64 / (1u64 << 53) as f64 <= p && p > 0.0
                }
            };
            if due && rule.times.is_none_or(|times| *fired < times) {
                *fired += 1;
                injected.push(match dialect {
                    Dialect::Gitlab => inject(rule.fault),
                    _ => faults_atlassian::inject(dialect, rule.fault, template),
                });
            }
        }
        injected
    }
}

/// GitLab's.
pub(super) fn inject(fault: FaultKind) -> Injected {
    match fault {
        FaultKind::RateLimited { retry_after, as_http_date } => {
            let answer = Answer::text(429, "text/plain", "Retry later\n");
            Injected::Answer(match retry_after {
                None => answer,
                Some(seconds) if as_http_date => {
                    let at = Utc::now() + chrono::Duration::seconds(seconds.min(10_000_000) as i64);
                    answer.header("retry-after", at.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
                }
                Some(seconds) => answer.header("retry-after", seconds.to_string()),
            })
        }
        FaultKind::Status(502) => {
            Injected::Answer(Answer::text(502, "text/html", "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"))
        }
        FaultKind::Status(503) => Injected::Answer(Answer::text(503, "text/plain", "GitLab is not responding")),
        FaultKind::Status(403) => Injected::Answer(Answer::message(403, "403 Forbidden")),
        FaultKind::Status(404) => Injected::Answer(Answer::message(404, "404 Not found")),
        FaultKind::Empty => {
            let answer = Answer::json(bytes::Bytes::from_static(b"[]")).header("x-page", "1").header("x-next-page", "");
            Injected::Answer(answer.header("x-per-page", "100").header("x-total", "0").header("x-total-pages", "1"))
        }
        FaultKind::Status(status) => Injected::Answer(Answer::message(status, "500 Internal Server Error")),
        FaultKind::Drop => Injected::Effect(Effect::Drop),
        FaultKind::Truncate(percent) => Injected::Effect(Effect::Truncate(percent)),
        FaultKind::Html => Injected::Answer(Answer::text(
            200,
            "text/html; charset=utf-8",
            "<!DOCTYPE html><html><head><title>Sign in · GitLab</title></head><body></body></html>",
        )),
        FaultKind::Slow(millis) => Injected::Delay(Duration::from_millis(millis)),
        FaultKind::Unauthorized => Injected::Answer(Answer::message(401, "401 Unauthorized")),
        FaultKind::AtlassianLimit { retry_after, .. } => inject(FaultKind::RateLimited { retry_after, as_http_date: false }),
        FaultKind::RefuseToken => Injected::Answer(Answer::error(400, "cursor is invalid")),
        FaultKind::RepeatToken => Injected::Rewrite(Rewrite::RepeatToken),
        FaultKind::EmptyPage => Injected::Rewrite(Rewrite::EmptyPage),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired(rule: FaultRule, requests: usize) -> Vec<bool> {
        let mut injector = Injector::new(rule.into());
        (0..requests).map(|_| !injector.next(Dialect::Gitlab, "/projects/:id/issues", "/api/v4/projects/7/issues").is_empty()).collect()
    }

    #[test]
    fn schedules_are_exact() {
        let rule = FaultRule::always(FaultKind::Drop);
        assert_eq!(fired(rule.clone().when(When::Every(3)), 6), [false, false, true, false, false, true]);
        assert_eq!(fired(rule.clone().when(When::Between { first: 2, last: Some(3) }), 4), [false, true, true, false]);
        assert_eq!(fired(rule.clone().times(1), 3), [true, false, false]);
        assert_eq!(fired(rule.clone().route("/merge_requests"), 2), [false, false]);
        assert_eq!(fired(rule.clone().route("/issues$"), 1), [true]);
        assert_eq!(fired(rule.clone().path("/projects/7/"), 1), [true]);
        assert_eq!(fired(rule.clone().path("/projects/8/"), 1), [false]);
    }

    #[test]
    fn probability_is_the_same_every_time_and_about_right() {
        let rule = FaultRule::always(FaultKind::Drop).when(When::Probability(0.25));
        let once = fired(rule.clone(), 4000);
        assert_eq!(once, fired(rule, 4000));
        let hits = once.iter().filter(|hit| **hit).count();
        assert!((900..1100).contains(&hits), "{hits}");
    }
}
