//! What Postgres has done.

use std::time::Duration;

use anyhow::Context;
use ovia_store::Store;
use sqlx::Row;

/// Sessions that are idle tell what they did after ten seconds.
const STATISTICS_LAG: Duration = Duration::from_secs(11);

/// Totals; differences of two are what was done in between.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    /// Rows inserted, updated and deleted in this database.
    pub rows: i64,
    /// Bytes of write-ahead log, of the whole server.
    pub wal: i64,
    pub transactions: i64,
}

impl std::ops::Sub for Done {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { rows: self.rows - earlier.rows, wal: self.wal - earlier.wal, transactions: self.transactions - earlier.transactions }
    }
}

/// Reads the totals once everything that was done is in them.
pub async fn done(store: &Store) -> anyhow::Result<Done> {
    tokio::time::sleep(STATISTICS_LAG).await;
    now(store).await
}

/// The totals as they are known at this moment.
pub async fn now(store: &Store) -> anyhow::Result<Done> {
    let sql = "select tup_inserted + tup_updated + tup_deleted as rows, xact_commit + xact_rollback as transactions,
                      (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint as wal
               from pg_stat_database where datname = current_database()";
    let row = sqlx::query(sql).fetch_one(store.pool()).await.context("failed to read Postgres' statistics")?;
    Ok(Done { rows: row.try_get("rows")?, wal: row.try_get("wal")?, transactions: row.try_get("transactions")? })
}
