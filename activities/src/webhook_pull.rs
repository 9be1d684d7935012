//! `ovia.webhook_pull`: what deliveries name is read from the source and stored.
//!
//! A delivery is a hint: the item is read again, whatever the event said of it. It gets through while a sync or a backfill holds the
//! connection's lease; `ItemCommit` says how. Repeating a pull is fine: what is the same is not written.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use ovia_connectors::{Connector, ConnectorError, PulledItem};
use ovia_domain::{ConnectionId, ItemRef, OrgId, Partitioning, StreamKind};
use ovia_store::{
    Store, StoreError,
    ingest::ItemCommit,
    webhook_deliveries::{PendingDelivery, Settled},
};
use ovia_workflows::{types::ConnectionRef, webhooks::WebhookPulled};
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{Activities, budget::BudgetClass, connector, failure, pulse};

mod details;

/// Deliveries taken at a time.
const BATCH: i64 = 200;
/// Items of one stream read together.
const TOGETHER: usize = 100;
/// After this an activity hands over to the next, so that nobody waits long for its place.
const TIME: Duration = Duration::from_secs(5);
/// Tries of one delivery that the source does not answer; the next sync reads the item.
const GIVE_UP_AFTER: i32 = 6;

/// This many failures in a row raise the question whether the source is down.
const DOWN_AFTER: usize = 3;
/// How long a source that is down is left alone.
const DOWN: Duration = Duration::from_secs(2);
/// How long an item that a sync wrote while it was being pulled is left alone.
const WRITTEN_MEANWHILE: Duration = Duration::from_millis(50);
/// Why a delivery is ignored.
const NOT_SYNCED: &str = "What it belongs to is not synced.";

/// The deliveries that name each item.
type Named = BTreeMap<ItemRef, Vec<Uuid>>;
/// The same, as a list.
type Group = [(ItemRef, Vec<Uuid>)];

/// One activity's work.
struct Puller<'a> {
    store: &'a Store,
    connector: &'a dyn Connector,
    org: OrgId,
    connection: ConnectionId,
    /// Streams that items may be pulled of, and those that name what these belong to.
    homes: HashMap<&'static str, &'static str>,
    /// When the next activity takes over.
    deadline: Instant,
    /// Items that failed one after the other.
    in_a_row: usize,
}

/// Why a batch stopped.
enum Stop {
    /// Nothing of the connection can be read before.
    Wait(Duration),
    /// Nothing can be read until somebody changes the connection; all its deliveries are settled.
    Refused,
    Store(StoreError),
}

/// What became of an item that was read.
enum Stored {
    Yes,
    /// A sync has just written it: it is read again.
    WrittenMeanwhile,
    /// Some of its details could not be read.
    Failed(ConnectorError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

pub async fn webhook_pull(activities: &Activities, ctx: &ActivityContext, input: ConnectionRef) -> Result<WebhookPulled, ActivityError> {
    let ConnectionRef { org_id, connection_id } = input;
    let store = &activities.store;
    if activities.kill_switch || store.connection_is_held(org_id, connection_id).await.map_err(failure::store)? {
        return Ok(WebhookPulled::Held { items: 0 });
    }
    let connector = match connector::open(activities, org_id, connection_id, BudgetClass::Live).await? {
        Ok(connector) => connector,
        Err(error) => {
            let settled = store.deliveries_settle_all(org_id, connection_id, Settled::Failed, &error.message).await;
            settled.map_err(failure::store)?;
            return Ok(WebhookPulled::Done { items: 0 });
        }
    };
    let mut puller = Puller {
        store,
        connector: &*connector,
        org: org_id,
        connection: connection_id,
        homes: homes(&*connector),
        deadline: Instant::now() + TIME,
        in_a_row: 0,
    };
    match pulse::with_pulse(ctx, puller.run()).await {
        None => Err(ActivityError::cancelled()),
        Some(pulled) => pulled.map_err(failure::store),
    }
}

/// Lists below an earlier list, by name.
fn homes(connector: &dyn Connector) -> HashMap<&'static str, &'static str> {
    let below = |kind| match kind {
        StreamKind::List(Partitioning::PerRecordOf(parent)) => Some(parent),
        _ => None,
    };
    connector.streams().into_iter().filter_map(|stream| Some((stream.name, below(stream.kind)?))).collect()
}

impl Puller<'_> {
    async fn run(&mut self) -> Result<WebhookPulled, StoreError> {
        let mut items = 0;
        loop {
            let due = self.store.deliveries_due(self.org, self.connection, BATCH).await?;
            if due.is_empty() {
                let wait = self.store.deliveries_wait(self.org, self.connection).await?;
                return Ok(wait.map_or(WebhookPulled::Done { items }, |wait| WebhookPulled::Retrying { items, wait_ms: millis(wait) }));
            }
            match self.batch(due, &mut items).await {
                Ok(()) => {}
                Err(Stop::Wait(wait)) => return Ok(WebhookPulled::Waiting { items, wait_ms: millis(wait) }),
                Err(Stop::Refused) => return Ok(WebhookPulled::Done { items }),
                Err(Stop::Store(error)) => return Err(error),
            }
            if self.time_is_up() {
                return Ok(WebhookPulled::More { items });
            }
        }
    }

    fn time_is_up(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Pulls each item once, however many deliveries name it. Those that failed before come last, and not together with others.
    async fn batch(&mut self, due: Vec<PendingDelivery>, items: &mut u32) -> Result<(), Stop> {
        let mut by_stream: BTreeMap<(bool, String), Named> = BTreeMap::new();
        for delivery in due {
            let stream = (delivery.attempts > 0, delivery.item.stream.clone());
            by_stream.entry(stream).or_default().entry(delivery.item).or_default().push(delivery.id);
        }
        for ((_, stream), named) in by_stream {
            let named = self.synced(&stream, named).await?;
            let all: Vec<(ItemRef, Vec<Uuid>)> = named.into_iter().collect();
            for group in all.chunks(TOGETHER) {
                if self.time_is_up() {
                    return Ok(());
                }
                *items += group.len() as u32;
                self.group(&stream, group).await?;
            }
        }
        Ok(())
    }

    /// Those items whose stream and project are synced; deliveries that name others are ignored.
    async fn synced(&self, stream: &str, named: Named) -> Result<Named, StoreError> {
        let Some(home) = self.homes.get(stream) else {
            self.settle(named.into_values().flatten(), Settled::Ignored, Some("Its stream is not synced.")).await?;
            return Ok(Named::new());
        };
        let partitions: HashSet<String> = named.keys().filter_map(|item| item.partition.clone()).collect();
        let live: HashSet<String> = self.live(home, partitions).await?;
        let is_live = |item: &ItemRef| item.partition.as_ref().is_none_or(|partition| live.contains(partition));
        let (synced, others): (Named, Named) = named.into_iter().partition(|(item, _)| is_live(item));
        self.settle(others.into_values().flatten(), Settled::Ignored, Some(NOT_SYNCED)).await?;
        Ok(synced)
    }

    async fn live(&self, home: &str, partitions: HashSet<String>) -> Result<HashSet<String>, StoreError> {
        let partitions: Vec<String> = partitions.into_iter().collect();
        Ok(self.store.raw_live(self.org, self.connection, home, &partitions).await?.into_iter().collect())
    }

    /// Reads items of one stream together; where the source refuses that, one of them may be why, and they are read one by one.
    async fn group(&mut self, stream: &str, group: &Group) -> Result<(), Stop> {
        let Err(error) = self.read(stream, group).await? else { return Ok(()) };
        if group.len() == 1 || is_about_all(&error) {
            return self.failed(group, &error).await;
        }
        for one in group.chunks(1) {
            if self.time_is_up() {
                break;
            }
            if let Err(error) = self.read(stream, one).await? {
                self.failed(one, &error).await?;
            }
        }
        Ok(())
    }

    /// Reads and stores items. An error is the source's, about all of them, and none is settled then; what goes wrong with one of them
    /// is settled here.
    async fn read(&mut self, stream: &str, group: &Group) -> Result<Result<(), ConnectorError>, Stop> {
        let items: Vec<ItemRef> = group.iter().map(|(item, _)| item.clone()).collect();
        let read_at = self.store.clock().await?;
        let pulled = match self.connector.pull_items(&items).await {
            Ok(pulled) if pulled.len() == items.len() => pulled,
            Ok(pulled) => {
                let message = format!("{} answers about {} items", pulled.len(), items.len());
                return Ok(Err(ConnectorError::Unreachable { request: String::new(), message }));
            }
            Err(error) => return Ok(Err(error)),
        };
        // where the items are now: they may have moved to where nothing is synced
        let home = self.homes.get(stream).copied().unwrap_or_default();
        let live = self.live(home, pulled.iter().map(|item| item.partition.clone()).collect()).await?;
        for (one, item) in group.chunks(1).zip(pulled) {
            let ids = || one.iter().flat_map(|(_, ids)| ids.iter().copied());
            if let Some(gone) = &item.gone {
                let note = format!("{gone} A census finds out what became of it.");
                self.settle(ids(), Settled::Done, Some(&note)).await?;
            } else if !live.contains(&item.partition) {
                self.settle(ids(), Settled::Ignored, Some(NOT_SYNCED)).await?;
            } else {
                match self.store_item(stream, read_at, &item, ids().next().unwrap_or_default()).await? {
                    Stored::Yes => self.settle(ids(), Settled::Done, None).await?,
                    Stored::WrittenMeanwhile => self.put_off(ids()).await?,
                    Stored::Failed(error) => {
                        self.failed(one, &error).await?;
                        continue;
                    }
                }
            }
            self.in_a_row = 0;
        }
        Ok(Ok(()))
    }

    /// The item, then its details.
    async fn store_item(&self, stream: &str, read_at: DateTime<Utc>, item: &PulledItem, delivery: Uuid) -> Result<Stored, StoreError> {
        let commit = ItemCommit {
            partition: Some(&item.partition),
            records: &item.records,
            dead_letters: &item.dead_letters,
            ..self.commit(stream, delivery, read_at)
        };
        match self.store.item_commit(&commit).await {
            Ok(_) => self.details(delivery, &item.records).await,
            Err(StoreError::Conflict(_)) => Ok(Stored::WrittenMeanwhile),
            Err(error) => Err(error),
        }
    }

    fn commit<'c>(&self, stream: &'c str, delivery: Uuid, read_at: DateTime<Utc>) -> ItemCommit<'c> {
        ItemCommit {
            org_id: self.org,
            connection_id: self.connection,
            source: self.connector.source(),
            delivery,
            read_at,
            stream,
            partition: None,
            records: &[],
            dead_letters: &[],
            whole_lists: &[],
            finished: &[],
        }
    }

    /// The source did not answer, or will not: the first is tried again, later. One that fails does not hold up the others, unless none
    /// works.
    async fn failed(&mut self, group: &Group, error: &ConnectorError) -> Result<(), Stop> {
        self.stop_if_about_all(error).await?;
        let ids: Vec<Uuid> = group.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
        if !error.is_retryable() {
            return Ok(self.settle(ids, Settled::Failed, Some(&error.reason())).await?);
        }
        self.store.deliveries_retry(self.org, self.connection, &ids, GIVE_UP_AFTER, &error.reason()).await?;
        self.in_a_row += 1;
        if self.in_a_row < DOWN_AFTER {
            return Ok(());
        }
        self.in_a_row = 0;
        let Err(error) = self.connector.check().await else { return Ok(()) };
        self.stop_if_about_all(&error).await?;
        Err(Stop::Wait(DOWN))
    }

    /// Stops where the source serves nothing of this connection for now.
    async fn stop_if_about_all(&self, error: &ConnectorError) -> Result<(), Stop> {
        match error {
            ConnectorError::RateLimited { until, .. } => Err(Stop::Wait((*until - Utc::now()).to_std().unwrap_or_default())),
            // a source locks out who goes on asking with a token that it revoked
            ConnectorError::Unauthenticated { .. } => {
                self.store.deliveries_settle_all(self.org, self.connection, Settled::Failed, &error.reason()).await?;
                Err(Stop::Refused)
            }
            _ => Ok(()),
        }
    }

    async fn put_off(&self, ids: impl IntoIterator<Item = Uuid>) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = ids.into_iter().collect();
        self.store.deliveries_put_off(self.org, self.connection, &ids, WRITTEN_MEANWHILE).await
    }

    async fn settle(&self, ids: impl IntoIterator<Item = Uuid>, settled: Settled, note: Option<&str>) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = ids.into_iter().collect();
        if ids.is_empty() {
            return Ok(());
        }
        self.store.deliveries_settle(self.org, self.connection, &ids, settled, note).await
    }
}

/// Whether it says something of the whole connection, and nothing of an item.
fn is_about_all(error: &ConnectorError) -> bool {
    matches!(error, ConnectorError::RateLimited { .. } | ConnectorError::Unauthenticated { .. })
}

/// Rounded up: who comes too early finds nothing.
fn millis(wait: Duration) -> u64 {
    wait.as_millis() as u64 + 1
}
