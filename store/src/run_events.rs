//! Run events: the append-only log that progress streams are made of, and the listener that says when there is more to read.
//!
//! Notifications carry a run id and nothing else; what happened is always read from the table. So a lost notification costs
//! latency, never an event: readers poll every `POLL_INTERVAL` as well.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use ovia_domain::{OrgId, RunId};
use serde_json::Value;
use sqlx::postgres::PgListener;
use tokio::{sync::broadcast, task::JoinSet};

use crate::{Store, StoreError};

/// Committed by whoever writes events: `select pg_notify('ovia_run_events', run_id::text)`.
pub const CHANNEL: &str = "ovia_run_events";
/// How often a reader looks without having been notified.
pub const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Notifications a slow reader may lag behind before it has to look by itself.
const BACKLOG: usize = 1024;

/// The kind of a run's last event.
pub const RUN_FINISHED: &str = "run_finished";

/// One thing that happened in a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEventRow {
    /// Rises within a run.
    pub id: i64,
    pub run_id: RunId,
    pub at: DateTime<Utc>,
    /// `run_started`, `page_committed` … `run_finished`.
    pub kind: String,
    pub data: Value,
}

impl Store {
    /// At most `limit` events of a run after event `after_id`, in order.
    pub async fn run_events_after(&self, org_id: OrgId, run_id: RunId, after_id: i64, limit: i64) -> Result<Vec<RunEventRow>, StoreError> {
        let rows = sqlx::query_as!(
            RunEventRow,
            "select id, run_id, at, kind, data from run_events where org_id = $1 and run_id = $2 and id > $3 order by id limit $4",
            org_id.0,
            run_id.0,
            after_id,
            limit
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }
}

/// Hears, over one Postgres connection, which runs have new events, and tells every subscriber. Stops when the last clone is gone.
#[derive(Clone, Debug)]
pub struct RunEventsListener {
    sender: broadcast::Sender<RunId>,
    _task: Arc<JoinSet<()>>,
}

impl RunEventsListener {
    /// Starts listening on the store's database. Needs a tokio runtime; reconnects for ever.
    pub fn start(store: &Store) -> Self {
        let (sender, _) = broadcast::channel(BACKLOG);
        let mut task = JoinSet::new();
        task.spawn(listen(store.clone(), sender.clone()));
        Self { sender, _task: Arc::new(task) }
    }

    pub fn subscribe(&self) -> RunEventsSubscription {
        RunEventsSubscription { receiver: self.sender.subscribe() }
    }
}

/// One reader's ear.
#[derive(Debug)]
pub struct RunEventsSubscription {
    receiver: broadcast::Receiver<RunId>,
}

impl RunEventsSubscription {
    /// Returns once `run_id` may have new events: notified, lagging behind, or after `POLL_INTERVAL`.
    pub async fn wait(&mut self, run_id: RunId) {
        let heard = async {
            loop {
                match self.receiver.recv().await {
                    Ok(heard) if heard != run_id => {}
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
                    Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        // the timeout is the poll: either way the reader looks
        let _ = tokio::time::timeout(POLL_INTERVAL, heard).await;
    }
}

async fn listen(store: Store, sender: broadcast::Sender<RunId>) {
    loop {
        if let Err(error) = listen_once(&store, &sender).await {
            tracing::warn!(%error, "failed to listen for run events; progress streams poll until this works again");
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

async fn listen_once(store: &Store, sender: &broadcast::Sender<RunId>) -> Result<(), StoreError> {
    let mut listener = PgListener::connect_with(&store.pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        let notification = listener.recv().await?;
        if let Ok(run_id) = notification.payload().parse() {
            // no subscribers is no error
            let _ = sender.send(run_id);
        }
    }
}
