//! Event streams of one process: whoever watches the same run, or the same organisation, shares one reader.
//!
//! A `Feed` per watched scope reads each new event once, renders it once and keeps the newest; a `Reader` per open stream takes what
//! is new to its client from there. A client that is further behind (it starts at the beginning, comes back after a while or is slow)
//! reads the table itself until it has caught up. Postgres tells one listener of the process which runs have news; in case that was
//! lost, all scopes together are looked at every two seconds, in one or two queries.
//!
//! So an open stream costs a task and no connection to Postgres: reading is for `READS_MAX` at a time, and the rest of the pool is left to
//! other requests. Any process can serve any run, because all there is to know is in the table.

mod feed;
mod reader;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicI64, Ordering},
    },
};

use ovia_domain::{OrgId, RunId};
use ovia_store::{
    Store, StoreError,
    run_events::{EventScope, Glance, POLL_INTERVAL, RunEventRow},
};
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;

use feed::Feed;
pub(crate) use feed::LiveEvent;
pub(crate) use reader::Reader;

/// Streams that read the table at the same time; never more than half of the pool.
const READS_MAX: usize = 4;

/// The process's feeds. Cheap to clone; stops listening when the last clone, and the last stream, is gone.
#[derive(Clone)]
pub(crate) struct Live(Arc<Hub>);

struct Hub {
    store: Store,
    feeds: Mutex<HashMap<EventScope, Weak<Feed>>>,
    reads: Semaphore,
    open: AtomicI64,
    /// Cancelled when the server stops; streams end then.
    stopping: CancellationToken,
    background: Mutex<JoinSet<()>>,
}

impl Live {
    /// Starts listening on the store's database. Needs a tokio runtime.
    pub fn start(store: Store, stopping: CancellationToken) -> Self {
        let half = store.pool().options().get_max_connections() as usize / 2;
        let hub = Arc::new(Hub {
            store: store.clone(),
            feeds: Mutex::default(),
            reads: Semaphore::new(READS_MAX.min(half).max(1)),
            open: AtomicI64::new(0),
            stopping,
            background: Mutex::default(),
        });
        let mut background = hub.background.lock().unwrap_or_else(PoisonError::into_inner);
        // they hold no strong reference: dropping the hub ends them
        let weak = Arc::downgrade(&hub);
        background.spawn(async move {
            store.events_listen(|org, run| weak.upgrade().iter().for_each(|hub| hub.heard(org, run))).await;
        });
        background.spawn(poll(Arc::downgrade(&hub)));
        drop(background);
        Self(hub)
    }

    /// How many streams are open.
    pub fn open(&self) -> i64 {
        self.0.open.load(Ordering::Relaxed)
    }

    /// Where a stream starts that wants only what is new.
    pub async fn end(&self, scope: EventScope) -> Result<i64, StoreError> {
        let _permit = self.0.reads.acquire().await;
        self.0.store.events_end(scope).await
    }

    fn feed(&self, scope: EventScope) -> Arc<Feed> {
        let mut feeds = self.0.feeds();
        if let Some(feed) = feeds.get(&scope).and_then(Weak::upgrade) {
            return feed;
        }
        let feed = Feed::start(scope, Arc::downgrade(&self.0));
        feeds.insert(scope, Arc::downgrade(&feed));
        feed
    }
}

impl Hub {
    fn feeds(&self) -> MutexGuard<'_, HashMap<EventScope, Weak<Feed>>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watched(&self, scope: EventScope) -> Option<Arc<Feed>> {
        self.feeds().get(&scope).and_then(Weak::upgrade)
    }

    fn heard(&self, org: OrgId, run: RunId) {
        for scope in [EventScope::Run(org, run), EventScope::Org(org)] {
            if let Some(feed) = self.watched(scope) {
                feed.wake();
            }
        }
    }

    fn glanced(&self, glances: &[Glance]) {
        for glance in glances {
            if let Some(feed) = self.watched(glance.scope) {
                feed.glanced(glance);
            }
        }
    }

    /// The scopes somebody watches; forgets the others.
    fn scopes(&self) -> Vec<EventScope> {
        let mut feeds = self.feeds();
        feeds.retain(|_, feed| feed.strong_count() > 0);
        feeds.keys().copied().collect()
    }

    /// Events for one stream that is behind.
    async fn catch_up(&self, scope: EventScope, after: i64, up_to: i64, limit: i64) -> Result<Vec<RunEventRow>, StoreError> {
        let _permit = self.reads.acquire().await;
        self.store.events_between(scope, after, up_to, limit).await
    }
}

async fn poll(hub: Weak<Hub>) {
    loop {
        tokio::time::sleep(POLL_INTERVAL).await;
        let Some(hub) = hub.upgrade() else { return };
        let scopes = hub.scopes();
        if scopes.is_empty() {
            continue;
        }
        match hub.store.events_glance(&scopes).await {
            Ok(glances) => hub.glanced(&glances),
            Err(error) => tracing::warn!(%error, "failed to look for run events; progress streams rely on notifications until this works"),
        }
    }
}
