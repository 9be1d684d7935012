//! An organisation's ceiling, in requests a minute: taken from Postgres a few at a time, so that all workers together keep it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use ovia_domain::OrgId;
use ovia_store::{Store, budgets::OrgRequests};
use tokio::sync::Mutex;

use super::{POSTGRES_WAIT, known::BudgetClass};

/// Share of the ceiling that background work may use, in percent.
const BACKGROUND_SHARE: u32 = 80;
/// For how long "there is no ceiling" is believed, and how long Postgres is left alone when it does not answer.
const UNLIMITED_FOR: Duration = Duration::from_secs(2);

/// What this worker has taken for one organisation and one class.
#[derive(Clone, Debug)]
pub struct Ceiling {
    store: Store,
    org: OrgId,
    share: u32,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    requests: u32,
    /// `requests` counts until then; `None` before the first look.
    until: Option<Instant>,
    /// No ceiling, or no Postgres to ask: everything is admitted until then.
    open: bool,
    failing: bool,
}

impl Ceiling {
    pub fn new(store: Store, org: OrgId, class: BudgetClass) -> Self {
        let share = if class == BudgetClass::Background { BACKGROUND_SHARE } else { 100 };
        Self { store, org, share, held: Arc::default() }
    }

    /// Takes one request; the error is when the minute ends.
    pub async fn take(&self) -> Result<(), DateTime<Utc>> {
        let mut held = self.held.lock().await;
        let valid = held.until.is_some_and(|until| Instant::now() < until);
        if !valid || (!held.open && held.requests == 0) {
            self.refill(&mut held).await;
        }
        if held.open {
            return Ok(());
        }
        if held.requests == 0 {
            let left = held.until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
            return Err(Utc::now() + TimeDelta::from_std(left).unwrap_or_default());
        }
        held.requests -= 1;
        Ok(())
    }

    /// A request that was taken is not sent after all.
    pub async fn give_back(&self) {
        let mut held = self.held.lock().await;
        if !held.open {
            held.requests += 1;
        }
    }

    async fn refill(&self, held: &mut Held) {
        let taken = tokio::time::timeout(POSTGRES_WAIT, self.store.org_requests_take(self.org, self.share)).await;
        let answered = matches!(taken, Ok(Ok(_)));
        let (open, requests, valid_for) = match taken {
            Ok(Ok(OrgRequests::Granted { requests, minute_left })) => (false, requests, minute_left),
            _ => (true, 0, UNLIMITED_FOR),
        };
        if !answered && !held.failing {
            tracing::warn!(org = %self.org, "Postgres does not say what the organisation's ceiling allows; requests go on without it");
        }
        *held = Held { requests, until: Some(Instant::now() + valid_for), open, failing: !answered };
    }
}
