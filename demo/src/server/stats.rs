//! What was asked and what was served.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::{Effect, Reply};

/// Counts since the start or the last reset; the control API is not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    pub requests: u64,
    /// By route template, as `/projects/:id/merge_requests`.
    pub by_route: BTreeMap<String, u64>,
    /// By status code, as `200`.
    pub by_status: BTreeMap<u16, u64>,
    /// 4xx, 429 included.
    pub client_errors: u64,
    pub server_errors: u64,
    pub rate_limited: u64,
    /// Connections closed without an answer.
    pub dropped: u64,
    pub truncated: u64,
    /// Faults injected, delays included.
    pub faults: u64,
    pub body_bytes: u64,
}

impl Stats {
    /// Requests to routes whose template contains `part`.
    pub fn requests_to(&self, part: &str) -> u64 {
        self.by_route.iter().filter(|(route, _)| route.contains(part)).map(|(_, count)| count).sum()
    }
}

#[derive(Default)]
pub(crate) struct Counter(Mutex<Stats>);

impl Counter {
    fn with(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn begin(&self, template: &str) {
        self.with(|stats| {
            stats.requests += 1;
            match stats.by_route.get_mut(template) {
                Some(count) => *count += 1,
                None => {
                    stats.by_route.insert(template.to_owned(), 1);
                }
            }
        });
    }

    pub(crate) fn faults(&self, injected: usize) {
        self.with(|stats| stats.faults += injected as u64);
    }

    pub(crate) fn end(&self, reply: &Reply) {
        self.with(|stats| {
            if reply.effect == Effect::Drop {
                stats.dropped += 1;
                return;
            }
            stats.truncated += u64::from(matches!(reply.effect, Effect::Truncate(_)));
            *stats.by_status.entry(reply.answer.status).or_default() += 1;
            stats.client_errors += u64::from((400..500).contains(&reply.answer.status));
            stats.server_errors += u64::from(reply.answer.status >= 500);
            stats.rate_limited += u64::from(reply.answer.status == 429);
            stats.body_bytes += reply.answer.body.len() as u64;
        });
    }

    pub(crate) fn snapshot(&self) -> Stats {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn reset(&self) {
        self.with(|stats| *stats = Stats::default());
    }
}
