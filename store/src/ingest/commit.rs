//! `page_commit`: the transaction.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, DeadLetter, DetailRequest, OrgId, Record, RunCounts, RunId, Source, WholeList};
use serde_json::Value;
use sqlx::PgConnection;

use super::{
    counters, entities, raw,
    stages::{Stages, Turn},
    whole_lists::whole_lists_settle,
};
use crate::{
    Store, StoreError, dead_letters,
    detail_queue::{self, FinishedDetails},
    leases,
    run_log::event_announce,
};

/// One page of a list stream, or one batch of a detail stream, ready to be stored.
#[derive(Debug)]
pub struct PageCommit<'a> {
    pub org_id: OrgId,
    pub connection_id: ConnectionId,
    pub source: Source,
    pub run_id: RunId,
    /// From `lease_acquire`.
    pub fence: i64,
    pub stream: &'a str,
    pub records: &'a [Record],
    pub dead_letters: &'a [DeadLetter],
    /// The cursor to store, for list streams.
    pub cursor: Option<Cursor<'a>>,
    /// Detail requests this page answered.
    pub finished: FinishedDetails<'a>,
    /// HTTP requests it took.
    pub requests: i64,
    /// Rows the stream's walk is expected to bring, added up over partitions.
    pub total_hint: Option<i64>,
    /// Why a partition or an item brought nothing.
    pub note: Option<&'a str>,
    /// Details these records ask for are left to background runs.
    pub background: bool,
}

/// Lists that were read whole: rows that are not named are gone.
#[derive(Clone, Copy)]
pub(super) struct WholeLists<'a> {
    pub lists: &'a [WholeList],
    /// By the database's clock, from before they were read: rows written since then are left alone.
    pub read_at: Option<DateTime<Utc>>,
}

/// Where a partition's walk stands.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    pub partition: &'a str,
    pub value: &'a Value,
    pub watermark: Option<DateTime<Utc>>,
    /// The walk is complete for this run.
    pub done: bool,
    /// Of a backfill: the position of the window in its plan. The stream's live cursor is left alone then.
    pub window: Option<i32>,
    /// The source refused the partition, so the walk over it ends without rows.
    pub refused: bool,
}

/// Ids every statement of a commit is scoped by.
#[derive(Clone, Copy)]
pub(super) struct Scope {
    pub org: OrgId,
    pub connection: ConnectionId,
    pub source: Source,
    pub run: RunId,
    pub background: bool,
    /// Written without the lease: records written since then by anyone are not overwritten, and nothing is stored.
    pub read_at: Option<DateTime<Utc>>,
}

/// Where records come from: a stream, and the partition of its list.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub stream: &'a str,
    pub partition: Option<&'a str>,
    /// Details: each record is of the item that its external id begins with.
    pub of_items: bool,
}

/// What to do where Postgres refuses a record.
#[derive(Clone, Copy)]
pub(super) enum OnDataError {
    /// Nothing is stored: savepoints cost every page what hardly any needs.
    Fail,
    /// The record is found and becomes a dead letter, the rest is stored.
    Search,
}

impl Store {
    /// Stores a page. Answers what it did, `StoreError::Fenced` if another attempt holds the lease, or `StoreError::Cancelling` if the
    /// run was asked to stop; in both cases nothing is written.
    pub async fn page_commit(&self, page: &PageCommit<'_>) -> Result<RunCounts, StoreError> {
        self.page_commit_staged(page, &Stages::default()).await
    }

    /// `page_commit` beside the commit of the page before, which went through the same `stages`. The two must hold no record of the
    /// same external id. Commits happen in the order in which the pages entered, and none happens after one that failed.
    pub async fn page_commit_staged(&self, page: &PageCommit<'_>, stages: &Stages) -> Result<RunCounts, StoreError> {
        let mut turn = stages.enter();
        let counts = match self.page_try(page, OnDataError::Fail, &mut turn).await {
            Err(StoreError::Sql(error)) if is_data_error(&error) && !turn.is_in_books() => {
                self.page_try(page, OnDataError::Search, &mut turn).await?
            }
            tried => tried?,
        };
        turn.leave();
        self.page_announce(page.org_id, page.run_id).await;
        Ok(counts)
    }

    async fn page_try(&self, page: &PageCommit<'_>, on_data_error: OnDataError, turn: &mut Turn<'_>) -> Result<RunCounts, StoreError> {
        let mut tx = self.pool.begin().await?;
        let partition = page.cursor.as_ref().map(|cursor| cursor.partition);
        let counts = page_store_in_txn(&mut tx, page, partition, on_data_error, turn).await?;
        tx.commit().await?;
        Ok(counts)
    }

    /// Announces the event of a page that is stored. Not being able to is no reason to say that it is not.
    pub(super) async fn page_announce(&self, org: OrgId, run: RunId) {
        if let Err(error) = event_announce(&self.pool, org, run).await {
            tracing::debug!(%error, "a page was not announced");
        }
    }
}

/// Everything a page commit does, but the commit. `partition` is where the records come from, where that is known.
pub(super) async fn page_store_in_txn(
    tx: &mut PgConnection,
    page: &PageCommit<'_>,
    partition: Option<&str>,
    on_data_error: OnDataError,
    turn: &mut Turn<'_>,
) -> Result<RunCounts, StoreError> {
    let scope = Scope {
        org: page.org_id,
        connection: page.connection_id,
        source: page.source,
        run: page.run_id,
        background: page.background,
        read_at: None,
    };
    let origin = Origin { stream: page.stream, partition, of_items: !page.finished.requests.is_empty() };
    let mut counts = RunCounts {
        fetched: (page.records.len() + page.dead_letters.len()) as i64,
        requests: page.requests,
        dead_lettered: page.dead_letters.len() as i64,
        ..RunCounts::default()
    };
    match on_data_error {
        OnDataError::Fail if page.records.is_empty() => {}
        OnDataError::Fail => counts.add(&set_store(tx, scope, origin, page.records, turn).await?),
        OnDataError::Search => records_store(tx, scope, origin, page.records, &mut counts, turn).await?,
    }
    let lists = page.finished.whole_lists;
    whole_lists_settle(tx, scope, WholeLists { lists, read_at: Some(page.finished.queued_until) }).await?;
    turn.enter_books().await?;
    leases::lease_check_in_txn(tx, page.org_id, page.connection_id, page.run_id, page.fence).await?;
    dead_letters::dead_letters_insert_in_txn(tx, &scope.into(), origin.stream, origin.partition, page.dead_letters).await?;
    detail_queue::detail_finish_in_txn(tx, page.org_id, page.connection_id, page.finished).await?;
    if let Some(cursor) = &page.cursor {
        counters::cursor_upsert(tx, scope, page.stream, cursor).await?;
    }
    counters::run_stream_add(tx, scope, page, &counts).await?;
    Ok(counts)
}

impl Store {
    /// The writing half of a page commit alone: raw records and domain rows in one transaction, without lease, cursor, counters or
    /// event. For measuring what those cost.
    pub async fn records_upsert(
        &self,
        org: OrgId,
        connection: ConnectionId,
        source: Source,
        run: RunId,
        stream: &str,
        records: &[Record],
    ) -> Result<RunCounts, StoreError> {
        let mut tx = self.pool.begin().await?;
        let mut counts = RunCounts { fetched: records.len() as i64, ..RunCounts::default() };
        let stages = Stages::default();
        let mut turn = stages.enter();
        let scope = Scope { org, connection, source, run, background: false, read_at: None };
        counts.add(&set_store(&mut tx, scope, Origin { stream, partition: None, of_items: false }, records, &mut turn).await?);
        tx.commit().await?;
        Ok(counts)
    }
}

/// Stores records. When Postgres refuses the data of one of them, the set is halved until the one is found; it becomes a dead letter
/// and the rest is stored.
pub(super) async fn records_store(
    tx: &mut PgConnection,
    scope: Scope,
    origin: Origin<'_>,
    records: &[Record],
    counts: &mut RunCounts,
    turn: &mut Turn<'_>,
) -> Result<(), StoreError> {
    let mut pending = vec![records];
    while let Some(set) = pending.pop() {
        if set.is_empty() {
            continue;
        }
        let attempt = savepoint_try(tx, scope, origin, set, turn).await;
        match attempt {
            Ok(stored) => counts.add(&stored),
            Err(StoreError::Sql(error)) if is_data_error(&error) => {
                if let [record] = set {
                    let partition = origin.of_items.then(|| record.external_id.clone());
                    let letter = DeadLetter { partition, ..refused(record, &error) };
                    dead_letters::dead_letters_insert_in_txn(tx, &scope.into(), origin.stream, origin.partition, &[letter]).await?;
                    counts.dead_lettered += 1;
                } else {
                    let (left, right) = set.split_at(set.len() / 2);
                    pending.push(right);
                    pending.push(left);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn savepoint_try(
    tx: &mut PgConnection,
    scope: Scope,
    origin: Origin<'_>,
    set: &[Record],
    turn: &mut Turn<'_>,
) -> Result<RunCounts, StoreError> {
    sqlx::query("savepoint page_records").execute(&mut *tx).await?;
    let result = set_store(tx, scope, origin, set, turn).await;
    let end = if result.is_ok() { "release savepoint page_records" } else { "rollback to savepoint page_records" };
    sqlx::query(end).execute(&mut *tx).await?;
    result
}

pub(super) async fn set_store(
    tx: &mut PgConnection,
    scope: Scope,
    origin: Origin<'_>,
    set: &[Record],
    turn: &mut Turn<'_>,
) -> Result<RunCounts, StoreError> {
    let mut counts = RunCounts::default();
    let changed = raw::raw_upsert(tx, scope, origin, set, &mut counts).await?;
    turn.enter_entities().await?;
    let discovered = entities::entities_upsert(tx, scope, &changed).await?;
    let details: Vec<&DetailRequest> = changed.iter().flat_map(|record| &record.details).chain(discovered).collect();
    detail_queue::detail_enqueue_in_txn(tx, scope.org, scope.connection, scope.background, &details).await?;
    Ok(counts)
}

/// SQLSTATE classes 22 (data exception) and 23 (constraint violation), and 54 (limits): this row will never be accepted.
pub(super) fn is_data_error(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    error.code().is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
}

pub(super) fn refused(record: &Record, error: &sqlx::Error) -> DeadLetter {
    let reason = match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        other => other.to_string(),
    };
    DeadLetter {
        external_id: Some(record.external_id.clone()),
        partition: None,
        payload: dead_letters::cut(record.raw.get()),
        reason: format!("Postgres refused the row: {reason}"),
    }
}

impl From<Scope> for dead_letters::DeadLetterScope {
    fn from(scope: Scope) -> Self {
        Self { org: scope.org, connection: scope.connection, run: scope.run }
    }
}
