//! One scope's reader, shared by everyone who watches it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ovia_store::{
    StoreError,
    run_events::{EventScope, Glance, RUN_FINISHED, RunEventRow},
};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Hub;
use crate::run_events::render;

/// Events read at once.
const BATCH: i64 = 500;
/// Events kept for readers that lag a little. A run commits some tens of pages in a second, so this is some seconds.
const KEPT: usize = 128;
/// Between reads while events pour in: a burst becomes one read and one write per stream.
const PAUSE: Duration = Duration::from_millis(20);
/// Until the next look when a transaction under way holds later events back.
const HELD_BACK: Duration = Duration::from_millis(50);
/// After a failed read.
const RETRY: Duration = Duration::from_millis(500);

/// An event, ready to be sent.
#[derive(Debug)]
pub(crate) struct LiveEvent {
    pub id: i64,
    pub kind: String,
    /// The `data` of the server-sent event.
    pub data: String,
}

impl LiveEvent {
    pub fn new(row: RunEventRow) -> Arc<Self> {
        let data = render(&row);
        Arc::new(Self { id: row.id, kind: row.kind, data })
    }

    /// Says where a stream begins.
    pub fn opened(id: i64) -> Arc<Self> {
        Arc::new(Self { id, kind: "stream_opened".into(), data: "{}".into() })
    }

    /// Nothing comes after it in its run's log.
    pub fn is_last(&self) -> bool {
        self.kind == RUN_FINISHED
    }
}

/// What a feed has for a reader.
pub(super) enum Look {
    Events(VecDeque<Arc<LiveEvent>>),
    /// Older events, up to this id, have to be read from the table.
    Behind(i64),
    /// Nothing yet.
    Wait,
    /// Nothing any more.
    Over,
}

/// Ends its task when the last reader lets go of it.
pub(super) struct Feed {
    inner: Arc<Inner>,
    _task: DropGuard,
}

struct Inner {
    scope: EventScope,
    hub: Weak<Hub>,
    recent: Mutex<Recent>,
    /// Told after each change of `recent`.
    changed: watch::Sender<()>,
    wake: Notify,
    /// The run was seen to have ended; what it wrote may not have been read.
    ended: AtomicBool,
}

#[derive(Default)]
struct Recent {
    /// Every event after `complete_after` up to `position`.
    events: VecDeque<Arc<LiveEvent>>,
    complete_after: i64,
    /// `None` until the feed knows where it begins.
    position: Option<i64>,
    over: bool,
}

impl Feed {
    /// Starts reading what is new.
    pub fn start(scope: EventScope, hub: Weak<Hub>) -> Arc<Self> {
        let inner = Arc::new(Inner {
            scope,
            hub,
            recent: Mutex::default(),
            changed: watch::Sender::new(()),
            wake: Notify::new(),
            ended: AtomicBool::new(false),
        });
        let gone = CancellationToken::new();
        let task = inner.clone();
        tokio::spawn(gone.clone().run_until_cancelled_owned(async move { task.follow().await }));
        Arc::new(Self { inner, _task: gone.drop_guard() })
    }

    /// There may be something to read.
    pub fn wake(&self) {
        self.inner.wake.notify_one();
    }

    /// What a poll saw.
    pub fn glanced(&self, glance: &Glance) {
        let (position, over) = {
            let recent = self.inner.recent();
            (recent.position.unwrap_or(0), recent.over)
        };
        if glance.over && !over {
            self.inner.ended.store(true, Ordering::Release);
            self.wake();
        } else if glance.last > position {
            self.wake();
        }
    }

    /// Hears of every change from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.inner.changed.subscribe()
    }

    /// What there is after event `last`.
    pub fn look(&self, last: i64) -> Look {
        let recent = self.inner.recent();
        let Some(position) = recent.position else { return Look::Wait };
        if last < recent.complete_after {
            return Look::Behind(recent.complete_after);
        }
        if last < position {
            let from = recent.events.partition_point(|event| event.id <= last);
            let events: VecDeque<_> = recent.events.range(from..).cloned().collect();
            if !events.is_empty() {
                return Look::Events(events);
            }
        }
        if recent.over { Look::Over } else { Look::Wait }
    }
}

impl Inner {
    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads for as long as there is someone to read for, and something to come.
    async fn follow(&self) {
        let mut begun = false;
        loop {
            // before the read: a run that was over by then has nothing to add to what the read finds
            let ended = self.ended.load(Ordering::Acquire);
            let Some(hub) = self.hub.upgrade() else { return };
            let done = if begun { self.read(&hub).await } else { self.begin(&hub).await };
            drop(hub);
            let read_at = Instant::now();
            match done {
                Ok(Next::Over) => return self.finish(),
                Ok(Next::More) => begun = true,
                Ok(Next::HeldBack) => tokio::time::sleep(HELD_BACK).await,
                Ok(Next::Idle) if ended => return self.finish(),
                Ok(Next::Idle) => {
                    begun = true;
                    self.wake.notified().await;
                    tokio::time::sleep_until(read_at + PAUSE).await;
                }
                Err(error) => {
                    tracing::warn!(scope = ?self.scope, %error, "failed to read run events; trying again");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    /// Begins at the end: what was before it is read by those who want it.
    async fn begin(&self, hub: &Hub) -> Result<Next, StoreError> {
        let _permit = hub.reads.acquire().await;
        let (end, over) = match self.scope {
            EventScope::Org(_) => (hub.store.events_end(self.scope).await?, false),
            EventScope::Run(..) => {
                let glance = hub.store.events_glance(&[self.scope]).await?.pop();
                // a run that does not exist any more has no more events either
                glance.map_or((0, true), |glance| (glance.last, glance.over))
            }
        };
        let mut recent = self.recent();
        recent.complete_after = end;
        recent.position = Some(end);
        drop(recent);
        self.changed.send_replace(());
        Ok(if over { Next::Over } else { Next::Idle })
    }

    async fn read(&self, hub: &Hub) -> Result<Next, StoreError> {
        let position = self.recent().position.unwrap_or(0);
        let permit = hub.reads.acquire().await;
        let read = hub.store.events_read(self.scope, position, BATCH).await?;
        drop(permit);
        let next = match () {
            () if read.more => Next::More,
            () if read.held_back => Next::HeldBack,
            () => Next::Idle,
        };
        let events: Vec<_> = read.events.into_iter().map(LiveEvent::new).collect();
        let last = matches!(self.scope, EventScope::Run(..)) && events.iter().any(|event| event.is_last());
        let news = !events.is_empty();
        self.recent().add(events, read.position);
        if news {
            self.changed.send_replace(());
        }
        Ok(if last { Next::Over } else { next })
    }

    fn finish(&self) {
        self.recent().over = true;
        self.changed.send_replace(());
    }
}

impl Recent {
    fn add(&mut self, events: Vec<Arc<LiveEvent>>, position: i64) {
        self.events.extend(events);
        self.position = Some(position);
        while self.events.len() > KEPT {
            if let Some(oldest) = self.events.pop_front() {
                self.complete_after = oldest.id;
            }
        }
    }
}

/// What to do after a read.
enum Next {
    /// Read on.
    More,
    /// Look again soon.
    HeldBack,
    /// Wait until there is news.
    Idle,
    /// Nothing will come any more.
    Over,
}
