//! One open stream.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
};

use ovia_store::{StoreError, run_events::EventScope};
use tokio::sync::watch;

use super::{Live, LiveEvent, feed::Feed, feed::Look};

/// Events that a stream that is behind reads at once.
const BATCH: i64 = 200;

/// Where one client is in one scope's events. Counted as open for as long as it lives.
pub(crate) struct Reader {
    live: Live,
    scope: EventScope,
    feed: Arc<Feed>,
    changes: watch::Receiver<()>,
    last: i64,
    ready: VecDeque<Arc<LiveEvent>>,
    /// The last event of a run has been told.
    over: bool,
}

impl Reader {
    /// Tells the events after `last`.
    pub fn new(live: &Live, scope: EventScope, last: i64) -> Self {
        live.0.open.fetch_add(1, Ordering::Relaxed);
        let feed = live.feed(scope);
        // before the first look: what is new after that is heard of
        let changes = feed.changes();
        Self { live: live.clone(), scope, feed, changes, last, ready: VecDeque::new(), over: false }
    }

    /// The next event; `None` after a run's last one, when the server stops, or when Postgres fails a client that is behind (it comes
    /// back by itself).
    pub async fn next(mut self) -> Option<(Arc<LiveEvent>, Self)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.last = event.id;
                self.over = matches!(self.scope, EventScope::Run(..)) && event.is_last();
                return Some((event, self));
            }
            if self.over || self.live.0.stopping.is_cancelled() {
                return None;
            }
            self.changes.mark_unchanged();
            match self.feed.look(self.last) {
                Look::Events(events) => self.ready = events,
                Look::Behind(up_to) => {
                    if let Err(error) = self.catch_up(up_to).await {
                        tracing::warn!(scope = ?self.scope, %error, "failed to read run events; the stream ends");
                        return None;
                    }
                }
                Look::Over => return None,
                Look::Wait => {
                    tokio::select! {
                        changed = self.changes.changed() => changed.ok()?,
                        () = self.live.0.stopping.cancelled() => return None,
                    }
                }
            }
        }
    }

    async fn catch_up(&mut self, up_to: i64) -> Result<(), StoreError> {
        let rows = self.live.0.catch_up(self.scope, self.last, up_to, BATCH).await?;
        if rows.is_empty() {
            // what was there has been deleted since
            self.last = up_to;
        }
        self.ready = rows.into_iter().map(LiveEvent::new).collect();
        Ok(())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.live.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
