//! `item_commit`: items that were read one by one, because an event named them.
//!
//! It writes what a page commit writes of them, but takes no lease, so that it gets through while a sync or a backfill holds that. In the
//! lease's place stand two rules, held by each row as it is written: an older state of an item never replaces a newer one (by the source's
//! own time), and nothing is stored where any of the records was written after it was read. There is no cursor, no run and no run event.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, DeadLetter, DetailRequest, OrgId, Record, RunCounts, RunId, Source, WholeList};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    commit::{Origin, Scope, WholeLists, is_data_error, records_store, set_store},
    counters::stream_state_add,
    stages::Stages,
    whole_lists::whole_lists_settle,
};
use crate::{Store, StoreError, dead_letters};

/// Items of one list stream, or the details of some in one detail stream.
#[derive(Debug)]
pub struct ItemCommit<'a> {
    pub org_id: OrgId,
    pub connection_id: ConnectionId,
    pub source: Source,
    /// The delivery that named them; stands where a run stands otherwise.
    pub delivery: Uuid,
    /// By the database's clock, from before they were read.
    pub read_at: DateTime<Utc>,
    pub stream: &'a str,
    /// Of a list stream.
    pub partition: Option<&'a str>,
    pub records: &'a [Record],
    pub dead_letters: &'a [DeadLetter],
    /// Of details: what was read whole.
    pub whole_lists: &'a [WholeList],
    /// Details that were read: they leave the queue, unless they were asked for again since.
    pub finished: &'a [DetailRequest],
}

impl Store {
    /// The database's clock, for `ItemCommit::read_at`.
    pub async fn clock(&self) -> Result<DateTime<Utc>, StoreError> {
        Ok(sqlx::query_scalar!(r#"select now() as "now!""#).fetch_one(&self.pool).await?)
    }

    /// Stores the items. `StoreError::Conflict` if one was written by another since it was read: nothing is stored, read them again.
    pub async fn item_commit(&self, commit: &ItemCommit<'_>) -> Result<RunCounts, StoreError> {
        match self.item_try(commit, false).await {
            Err(StoreError::Sql(error)) if is_data_error(&error) => self.item_try(commit, true).await,
            tried => tried,
        }
    }

    async fn item_try(&self, commit: &ItemCommit<'_>, search: bool) -> Result<RunCounts, StoreError> {
        let scope = Scope {
            org: commit.org_id,
            connection: commit.connection_id,
            source: commit.source,
            run: RunId(commit.delivery),
            background: false,
            read_at: Some(commit.read_at),
        };
        let origin = Origin { stream: commit.stream, partition: commit.partition, of_items: commit.partition.is_none() };
        let mut counts = RunCounts {
            fetched: (commit.records.len() + commit.dead_letters.len()) as i64,
            dead_lettered: commit.dead_letters.len() as i64,
            ..RunCounts::default()
        };
        let mut tx = self.pool.begin().await?;
        let stages = Stages::default();
        let mut turn = stages.enter();
        if search {
            records_store(&mut tx, scope, origin, commit.records, &mut counts, &mut turn).await?;
        } else if !commit.records.is_empty() {
            counts.add(&set_store(&mut tx, scope, origin, commit.records, &mut turn).await?);
        }
        whole_lists_settle(&mut tx, scope, WholeLists { lists: commit.whole_lists, read_at: scope.read_at }).await?;
        dead_letters::dead_letters_insert_in_txn(&mut tx, &scope.into(), origin.stream, origin.partition, commit.dead_letters).await?;
        finish(&mut tx, commit).await?;
        stream_state_add(&mut tx, scope, commit.stream, counts.inserted + counts.updated).await?;
        tx.commit().await?;
        Ok(counts)
    }
}

/// A request that was queued after the reading began asks for something newer.
async fn finish(tx: &mut PgConnection, commit: &ItemCommit<'_>) -> Result<(), StoreError> {
    let ids: Vec<String> = commit.finished.iter().map(|request| request.external_id.clone()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"delete from detail_queue
           where org_id = $1 and connection_id = $2 and stream = $3 and external_id = any($4) and enqueued_at <= $5"#,
        commit.org_id.0,
        commit.connection_id.0,
        commit.stream,
        &ids,
        commit.read_at,
    )
    .execute(tx)
    .await?;
    Ok(())
}
