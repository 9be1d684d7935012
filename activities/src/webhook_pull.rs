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

/// So many failures in a row mean that the source is down.
const DOWN_AFTER: usize = 3;
/// How long an item that a sync wrote while it was being pulled is left alone.
const WRITTEN_MEANWHILE: Duration = Duration::from_millis(50);
/// Why a delivery is ignored.
const NOT_SYNCED: &str = "What it belongs to is not synced.";

/// The deliveries that name each item.
type Named = BTreeMap<ItemRef, Vec<Uuid>>;

/// One activity's work.
struct Puller<'a> {
    store: &'a Store,
    connector: &'a dyn Connector,
    org: OrgId,
    connection: ConnectionId,
    /// Streams that items may be pulled of, and those that name what these belong to.
    homes: HashMap<&'static str, &'static str>,
}

/// Why a batch stopped.
enum Stop {
    Wait(Duration),
    Store(StoreError),
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
    let puller = Puller { store, connector: &*connector, org: org_id, connection: connection_id, homes: homes(&*connector) };
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
    async fn run(&self) -> Result<WebhookPulled, StoreError> {
        let deadline = Instant::now() + TIME;
        let mut items = 0;
        loop {
            let pending = self.store.deliveries_pending(self.org, self.connection, BATCH).await?;
            if pending.is_empty() {
                return Ok(WebhookPulled::Done { items });
            }
            match self.batch(pending, &mut items).await {
                Ok(()) => {}
                Err(Stop::Wait(wait)) => return Ok(WebhookPulled::Waiting { items, wait_ms: wait.as_millis() as u64 + 1 }),
                Err(Stop::Store(error)) => return Err(error),
            }
            if Instant::now() >= deadline {
                return Ok(WebhookPulled::More { items });
            }
        }
    }

    /// Pulls each item once, however many deliveries name it.
    async fn batch(&self, pending: Vec<PendingDelivery>, items: &mut u32) -> Result<(), Stop> {
        let mut by_stream: BTreeMap<String, Named> = BTreeMap::new();
        for delivery in pending {
            by_stream.entry(delivery.item.stream.clone()).or_default().entry(delivery.item).or_default().push(delivery.id);
        }
        for (stream, named) in by_stream {
            let named = self.synced(&stream, named).await?;
            let all: Vec<(ItemRef, Vec<Uuid>)> = named.into_iter().collect();
            for group in all.chunks(TOGETHER) {
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
    async fn group(&self, stream: &str, group: &[(ItemRef, Vec<Uuid>)]) -> Result<(), Stop> {
        match self.read(stream, group).await? {
            Ok(()) => Ok(()),
            Err(error) if group.len() > 1 && !matches!(error, ConnectorError::RateLimited { .. }) => self.one_by_one(stream, group).await,
            Err(error) => self.failed(group, &error).await,
        }
    }

    /// One that fails does not hold up the others, unless none works.
    async fn one_by_one(&self, stream: &str, group: &[(ItemRef, Vec<Uuid>)]) -> Result<(), Stop> {
        let (mut wait, mut in_a_row) = (None, 0);
        for one in group.chunks(1) {
            let Err(error) = self.read(stream, one).await? else {
                in_a_row = 0;
                continue;
            };
            match self.failed(one, &error).await {
                Err(Stop::Wait(longer)) if !matches!(error, ConnectorError::RateLimited { .. }) => wait = wait.max(Some(longer)),
                other => other?,
            }
            in_a_row += 1;
            if in_a_row >= DOWN_AFTER {
                break;
            }
        }
        wait.map_or(Ok(()), |wait| Err(Stop::Wait(wait)))
    }

    async fn read(&self, stream: &str, group: &[(ItemRef, Vec<Uuid>)]) -> Result<Result<(), ConnectorError>, Stop> {
        let items: Vec<ItemRef> = group.iter().map(|(item, _)| item.clone()).collect();
        let read_at = self.store.clock().await?;
        let pulled = match self.connector.pull_items(&items).await {
            Ok(pulled) => pulled,
            Err(error) => return Ok(Err(error)),
        };
        // where the items are now: they may have moved to where nothing is synced
        let home = self.homes.get(stream).copied().unwrap_or_default();
        let live = self.live(home, pulled.iter().map(|item| item.partition.clone()).collect()).await?;
        for ((_, ids), item) in group.iter().zip(pulled) {
            let (settled, note) = match &item.gone {
                Some(_) => (Settled::Done, item.gone.clone().map(|gone| format!("{gone} A census finds out what became of it."))),
                None if !live.contains(&item.partition) => (Settled::Ignored, Some(NOT_SYNCED.to_owned())),
                None => match self.store_item(stream, read_at, &item, ids).await? {
                    Ok(()) => (Settled::Done, None),
                    Err(error) => return Ok(Err(error)),
                },
            };
            self.settle(ids.iter().copied(), settled, note.as_deref()).await?;
        }
        Ok(Ok(()))
    }

    /// The item, then its details.
    async fn store_item(
        &self,
        stream: &str,
        read_at: DateTime<Utc>,
        item: &PulledItem,
        ids: &[Uuid],
    ) -> Result<Result<(), ConnectorError>, Stop> {
        let delivery = ids.first().copied().unwrap_or_default();
        let commit = ItemCommit {
            partition: Some(&item.partition),
            records: &item.records,
            dead_letters: &item.dead_letters,
            ..self.commit(stream, delivery, read_at)
        };
        match self.store.item_commit(&commit).await {
            Ok(_) => {}
            // the sync has just written it; it stays pending, and is read again
            Err(StoreError::Conflict(_)) => return Err(Stop::Wait(WRITTEN_MEANWHILE)),
            Err(error) => return Err(error.into()),
        }
        self.details(delivery, &item.records).await
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

    /// The source did not answer, or will not: the first is tried again.
    async fn failed(&self, group: &[(ItemRef, Vec<Uuid>)], error: &ConnectorError) -> Result<(), Stop> {
        if let ConnectorError::RateLimited { until, .. } = error {
            return Err(Stop::Wait((*until - Utc::now()).to_std().unwrap_or(Duration::ZERO)));
        }
        let ids: Vec<Uuid> = group.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
        if !error.is_retryable() {
            return Ok(self.settle(ids, Settled::Failed, Some(&error.reason())).await?);
        }
        match self.store.deliveries_retry(self.org, self.connection, &ids, GIVE_UP_AFTER, &error.reason()).await? {
            Some(attempts) => Err(Stop::Wait(Duration::from_millis(500 << attempts.clamp(0, 6)))),
            None => Ok(()),
        }
    }

    async fn settle(&self, ids: impl IntoIterator<Item = Uuid>, settled: Settled, note: Option<&str>) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = ids.into_iter().collect();
        if ids.is_empty() {
            return Ok(());
        }
        self.store.deliveries_settle(self.org, self.connection, &ids, settled, note).await
    }
}
