//! One budget per credential and host, shared by all workers through Postgres.
//!
//! Every worker remembers what it has seen and reads the rest from Postgres a few times a second. "Not before" is passed on at once: it is
//! written before the answer that said it goes on, and the other workers are notified. If Postgres does not answer, what is
//! known here decides.

mod ceiling;
mod known;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ovia_connectors::contract::{Budget, RateObservation};
use ovia_domain::OrgId;
use ovia_store::Store;
use tokio_util::task::AbortOnDropHandle;

pub use known::BudgetClass;
use {ceiling::Ceiling, known::Known};

/// What Postgres has is read, and what this worker knows is written, no more often than this.
const SYNC_INTERVAL: Duration = Duration::from_millis(250);
/// How long a request waits for Postgres before it goes on without, and how long Postgres is then left alone.
const POSTGRES_WAIT: Duration = Duration::from_secs(2);
/// Budgets nobody uses are forgotten when there are more than this; Postgres knows them.
const KEPT: usize = 1_000;

/// The budgets of one worker process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Budgets(Arc<Mutex<Registry>>);

#[derive(Debug, Default)]
struct Registry {
    shared: HashMap<String, Arc<Shared>>,
    ceilings: HashMap<(OrgId, BudgetClass), Ceiling>,
    listening: Option<AbortOnDropHandle<()>>,
}

impl Budgets {
    /// The budget with this key, for requests of `org`. Needs a tokio runtime.
    pub fn open(&self, store: &Store, key: &str, org: OrgId, class: BudgetClass) -> SharedBudget {
        let mut registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if registry.listening.is_none() {
            registry.listening = Some(AbortOnDropHandle::new(tokio::spawn(listen(store.clone(), Arc::downgrade(&self.0)))));
        }
        if registry.shared.len() > KEPT {
            registry.shared.retain(|_, shared| Arc::strong_count(shared) > 1);
        }
        if registry.ceilings.len() > KEPT {
            registry.ceilings.clear();
        }
        let shared = registry.shared.entry(key.to_owned()).or_insert_with(|| Arc::new(Shared::new(store.clone(), key)));
        let shared = Arc::clone(shared);
        let ceiling = registry.ceilings.entry((org, class)).or_insert_with(|| Ceiling::new(store.clone(), org, class)).clone();
        SharedBudget { shared, ceiling, class }
    }
}

/// Marks budgets that another worker was told to stop for, so that they are read before the next request.
async fn listen(store: Store, registry: Weak<Mutex<Registry>>) {
    loop {
        let heard = store.budgets_listen(|key| {
            let Some(registry) = registry.upgrade() else { return };
            if let Some(shared) = registry.lock().unwrap_or_else(PoisonError::into_inner).shared.get(key) {
                shared.stale.store(true, Ordering::Release);
            }
        });
        if let Err(error) = heard.await {
            tracing::debug!(%error, "budgets are read on time only, until Postgres can be listened to again");
        }
        tokio::time::sleep(POSTGRES_WAIT).await;
    }
}

/// A budget, as one run's requests see it.
#[derive(Clone, Debug)]
pub struct SharedBudget {
    shared: Arc<Shared>,
    ceiling: Ceiling,
    class: BudgetClass,
}

impl SharedBudget {
    async fn admit_now(&self, endpoint: &str) -> Result<(), DateTime<Utc>> {
        self.shared.refresh().await;
        if let Some(until) = self.shared.known(|known| known.refusal(endpoint, self.class, Utc::now())) {
            return Err(until);
        }
        self.ceiling.take().await?;
        // looked at again: another request may have been told to stop, or have used up what was left
        let refused = self.shared.known(|known| {
            let refusal = known.refusal(endpoint, self.class, Utc::now());
            if refusal.is_none() {
                known.spend(endpoint);
            }
            refusal
        });
        match refused {
            None => Ok(()),
            Some(until) => {
                self.ceiling.give_back().await;
                Err(until)
            }
        }
    }
}

#[async_trait]
impl Budget for SharedBudget {
    /// In a task of its own: a request that nobody polls for a while holds what all share no longer than it takes.
    async fn admit(&self, endpoint: &str) -> Result<(), DateTime<Utc>> {
        let (budget, endpoint) = (self.clone(), endpoint.to_owned());
        let admitted = tokio::spawn(async move { budget.admit_now(&endpoint).await });
        match admitted.await {
            Ok(admitted) => admitted,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // a task that did not end is one of a runtime that does
            Err(_) => Ok(()),
        }
    }

    async fn observe(&self, endpoint: &str, observed: &RateObservation) {
        let told = self.shared.known(|known| known.observe(endpoint, observed, Utc::now()));
        if told {
            self.shared.write(true).await;
        } else {
            self.shared.write_soon();
        }
    }
}

/// What the requests of this worker share.
#[derive(Debug)]
struct Shared {
    store: Store,
    key: String,
    known: Mutex<Known>,
    /// When Postgres was last read, or tried; one reads, the others wait for it.
    read: tokio::sync::Mutex<Option<Instant>>,
    /// Another worker has written something that must be known before the next request.
    stale: AtomicBool,
    writing: AtomicBool,
    failing: AtomicBool,
}

impl Shared {
    fn new(store: Store, key: &str) -> Self {
        Self {
            store,
            key: key.to_owned(),
            known: Mutex::default(),
            read: tokio::sync::Mutex::default(),
            stale: AtomicBool::new(true),
            writing: AtomicBool::new(false),
            failing: AtomicBool::new(false),
        }
    }

    fn known<T>(&self, with: impl FnOnce(&mut Known) -> T) -> T {
        with(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads Postgres, if that is due.
    async fn refresh(self: &Arc<Self>) {
        let mut read = self.read.lock().await;
        let failing = self.failing.load(Ordering::Acquire);
        let due = read.is_none_or(|at| at.elapsed() >= if failing { POSTGRES_WAIT } else { SYNC_INTERVAL });
        if !due && (failing || !self.stale.load(Ordering::Acquire)) {
            return;
        }
        self.stale.store(false, Ordering::Release);
        let rows = tokio::time::timeout(POSTGRES_WAIT, self.store.budget_read(&self.key)).await;
        *read = Some(Instant::now());
        match rows {
            Ok(Ok(rows)) => {
                self.known(|known| known.merge(rows));
                self.answered(true);
                self.write_soon();
            }
            Ok(Err(_)) | Err(_) => self.answered(false),
        }
    }

    /// Writes what Postgres does not know yet.
    async fn write(&self, announce: bool) {
        let rows = self.known(Known::take_unsaved);
        let written = tokio::time::timeout(POSTGRES_WAIT, self.store.budget_write(&self.key, &rows, announce)).await;
        let written = matches!(written, Ok(Ok(())));
        if !written {
            self.known(|known| known.unsaved(rows));
        }
        self.answered(written);
    }

    /// Writes after a moment, once for everything observed until then.
    fn write_soon(self: &Arc<Self>) {
        if self.known(|known| known.is_saved()) || self.writing.swap(true, Ordering::AcqRel) {
            return;
        }
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(SYNC_INTERVAL).await;
            shared.writing.store(false, Ordering::Release);
            shared.write(false).await;
        });
    }

    /// Says once when Postgres stops answering, and once when it is back.
    fn answered(&self, well: bool) {
        match (self.failing.swap(!well, Ordering::AcqRel), well) {
            (false, false) => tracing::warn!("Postgres does not say what the source allows; what this worker knows decides"),
            (true, true) => tracing::info!("Postgres says again what the source allows"),
            _ => {}
        }
    }
}
