//! Atlassian's limits: points in a window over everything, requests a second per endpoint.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{PointsLimit, SiteOptions};
use crate::server::{Answer, Dialect, LimitReason, iso, limited};

/// A header routes put on an answer to say what it costs beyond the request itself; never sent.
pub(crate) const COST: &str = "x-demo-cost";

pub(super) struct Limits {
    dialect: Dialect,
    points: Option<PointsLimit>,
    burst: Option<u32>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Start of the window, points used in it.
    points: Option<(Instant, u64)>,
    /// Per endpoint: start of the second, requests in it.
    bursts: HashMap<String, (Instant, u32)>,
}

impl Limits {
    pub(super) fn new(dialect: Dialect, options: &SiteOptions) -> Self {
        Self { dialect, points: options.points, burst: options.burst, state: Mutex::default() }
    }

    /// The 429, if this request is one too many.
    pub(super) fn refusal(&self, template: &str) -> Option<Answer> {
        if self.points.is_none() && self.burst.is_none() {
            return None;
        }
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(burst) = self.burst {
            let window = state.bursts.entry(template.to_owned()).or_insert((now, 0));
            if now.duration_since(window.0) >= Duration::from_secs(1) {
                *window = (now, 0);
            }
            window.1 += 1;
            if window.1 > burst {
                return Some(limited(self.dialect, LimitReason::Burst, Some(1), Some(1)).header("x-ratelimit-limit", burst.to_string()));
            }
        }
        let quota = self.points?;
        let (start, used) = *state.points.get_or_insert((now, 0));
        let left = quota.per.saturating_sub(now.duration_since(start));
        if left.is_zero() {
            state.points = Some((now, 0));
        } else if used >= quota.points {
            let seconds = left.as_secs() + 1;
            return Some(limited(self.dialect, LimitReason::QuotaTenant, Some(seconds), Some(seconds)));
        }
        None
    }

    /// Takes the points of an answer and says what is left.
    pub(super) fn charge(&self, answer: &mut Answer) {
        let mut cost = 1;
        answer.headers.retain(|(name, value)| {
            if *name == COST {
                cost += value.parse().unwrap_or(0);
            }
            *name != COST
        });
        let Some(quota) = self.points else { return };
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let window = state.points.get_or_insert((now, 0));
        window.1 += cost;
        let remaining = quota.points.saturating_sub(window.1);
        let reset = quota.per.saturating_sub(now.duration_since(window.0)).as_secs() + 1;
        answer.headers.extend([
            ("x-ratelimit-limit", quota.points.to_string()),
            ("x-ratelimit-remaining", remaining.to_string()),
            ("x-ratelimit-reset", iso(reset, self.dialect)),
        ]);
        if remaining * 5 < quota.points {
            answer.headers.push(("x-ratelimit-nearlimit", "true".to_owned()));
        }
    }
}
