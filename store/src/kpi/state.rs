//! How far an organisation's figures are, and who may write them: one attempt at a time, and never one that was overtaken.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use ovia_domain::{OrgId, RunId};
use serde_json::Value;
use sqlx::{FromRow, PgConnection, Postgres, Transaction, types::Json};
use tokio::sync::oneshot;

use super::{
    incidents::{NewAttribution, attributions_store},
    touched::TouchedSpan,
    write::ComputedWindow,
};
use crate::{Store, StoreError};

/// The lock's connection says this often that its process is alive. One that is frozen loses the lock a few of these later.
const PING: Duration = Duration::from_secs(3);

/// What the figures that are stored were made from. Columns are documented in the migration.
#[derive(Clone, Debug, Default, FromRow)]
pub struct RollupState {
    pub fence: i64,
    pub watermark: Option<DateTime<Utc>>,
    pub as_of: Option<DateTime<Utc>>,
    pub changed_people_id: i64,
    pub identity_epoch: i64,
    pub settings_version: i32,
    pub definitions: Value,
    pub basis: String,
    pub first_day: Option<NaiveDate>,
    pub firsts: Value,
    pub inputs_at: Option<DateTime<Utc>>,
    /// What the rows that are kept of days are as new as.
    pub day_rows_watermark: Option<DateTime<Utc>>,
    /// Where figures may be newer than the watermark.
    pub begun: Json<Vec<TouchedSpan>>,
}

/// Of [`RollupState`] what readers of figures ask.
#[derive(Clone, Copy, Debug, Default, FromRow)]
pub struct RolledUp {
    pub as_of: Option<DateTime<Utc>>,
    pub first_day: Option<NaiveDate>,
}

/// What is stored at the end of a rollup besides its state.
#[derive(Clone, Copy, Debug, Default)]
pub struct RollupEnd<'a> {
    /// What the figures were made with. `None`: as they were.
    pub attributions: Option<&'a [NewAttribution]>,
    /// Windows there are: what is stored of others is gone. `None`: nothing goes.
    pub windows: Option<&'a [ComputedWindow]>,
}

/// A slice that is stored. Columns are documented in the migration.
#[derive(Clone, Debug, FromRow)]
pub struct SliceDone {
    pub slice: String,
    pub snapshots: i64,
    pub written: i64,
    pub changes: i64,
    pub watermark: DateTime<Utc>,
    pub changed_people_id: i64,
}

/// The organisation's rollup lock. Let go of when dropped, and by Postgres when the process freezes.
pub struct RollupLock {
    /// Its end is the holder's: never in the middle of a query, which would leave the connection in disorder for whoever gets it next.
    _held: oneshot::Sender<()>,
    /// Of the attempt; what is stored with an older one is refused.
    pub fence: i64,
    /// The state the attempt begins with.
    pub state: RollupState,
}

impl Store {
    /// Takes the lock and raises the fence; `None` while another attempt has the lock.
    pub async fn kpi_rollup_lock(&self, org: OrgId) -> Result<Option<RollupLock>, StoreError> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("set local idle_in_transaction_session_timeout = '15s'").execute(&mut *tx).await?;
        let locked: bool = sqlx::query_scalar("select pg_try_advisory_xact_lock(hashtextextended('kpi_rollup:' || $1::text, 0))")
            .bind(org.to_string())
            .fetch_one(&mut *tx)
            .await?;
        if !locked {
            return Ok(None);
        }
        // by itself, so that it is seen at once and the row is not locked for as long as the rollup takes
        let state: RollupState = sqlx::query_as(
            "insert into kpi_rollup_state (org_id, fence) values ($1, 1)
             on conflict (org_id) do update set fence = kpi_rollup_state.fence + 1
             returning fence, watermark, as_of, changed_people_id, identity_epoch, settings_version, definitions, basis, first_day, firsts,
                inputs_at, day_rows_watermark, begun",
        )
        .bind(org.0)
        .fetch_one(&self.pool)
        .await?;
        let fence = state.fence;
        let (held, let_go) = oneshot::channel();
        tokio::spawn(hold(tx, let_go));
        Ok(Some(RollupLock { _held: held, fence, state }))
    }

    /// How far the figures are; the default where there are none.
    pub async fn kpi_rolled_up(&self, org: OrgId) -> Result<RolledUp, StoreError> {
        let sql = "select as_of, first_day from kpi_rollup_state where org_id = $1";
        Ok(sqlx::query_as(sql).bind(org.0).fetch_optional(&self.pool).await?.unwrap_or_default())
    }

    /// Says what the attempt is about to compute, before it stores any of it: [`RollupState::begun`].
    pub async fn kpi_rollup_begin(&self, org: OrgId, fence: i64, begun: &[TouchedSpan]) -> Result<(), StoreError> {
        let sql = "update kpi_rollup_state set begun = $3 where org_id = $1 and fence = $2";
        let done = sqlx::query(sql).bind(org.0).bind(fence).bind(Json(begun)).execute(&self.pool).await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Fenced) }
    }

    /// Says that the figures are `state` now, under the attempt's fence.
    pub async fn kpi_rollup_finish(
        &self,
        org: OrgId,
        run: RunId,
        fence: i64,
        state: &RollupState,
        end: RollupEnd<'_>,
    ) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        fence_check(&mut tx, org, fence).await?;
        if let Some(attributions) = end.attributions {
            attributions_store(&mut tx, org, attributions).await?;
        }
        if let Some(windows) = end.windows {
            let (kinds, starts): (Vec<&str>, Vec<DateTime<Utc>>) = windows.iter().map(|window| (window.kind, window.start)).unzip();
            let sql = "delete from kpi_snapshots k where k.org_id = $1 and not exists (
                select from unnest($2::text[], $3::timestamptz[]) w (kind, start) where w.kind = k.window_kind and w.start = k.window_start)";
            sqlx::query(sql).bind(org.0).bind(kinds).bind(starts).execute(&mut *tx).await?;
        }
        sqlx::query(
            "update kpi_rollup_state set watermark = $2, as_of = $3, changed_people_id = $4, identity_epoch = $5, settings_version = $6,
                definitions = $7, basis = $8, first_day = $9, firsts = $10, run_id = $11, inputs_at = $12, day_rows_watermark = $13,
                begun = $14, finished_at = now()
             where org_id = $1",
        )
        .bind(org.0)
        .bind(state.watermark)
        .bind(state.as_of)
        .bind(state.changed_people_id)
        .bind(state.identity_epoch)
        .bind(state.settings_version)
        .bind(&state.definitions)
        .bind(&state.basis)
        .bind(state.first_day)
        .bind(&state.firsts)
        .bind(run.0)
        .bind(state.inputs_at)
        .bind(state.day_rows_watermark)
        .bind(&state.begun)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// A moment before which nothing is still to be committed: rows of transactions that commit later have a later `changed_at`.
    /// Taken before the rows are read. Autovacuum, which may take an hour, commits no rows.
    pub async fn kpi_watermark(&self) -> Result<DateTime<Utc>, StoreError> {
        let sql = "select coalesce(min(xact_start), now()) from pg_stat_activity
            where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()
                and backend_type is distinct from 'autovacuum worker'";
        Ok(sqlx::query_scalar(sql).fetch_one(&self.pool).await?)
    }

    /// Slices of the run that are stored already.
    pub async fn kpi_slices_done(&self, org: OrgId, run: RunId) -> Result<Vec<SliceDone>, StoreError> {
        let sql = "select slice, snapshots, written, changes, watermark, changed_people_id from kpi_rollup_slices
            where org_id = $1 and run_id = $2";
        Ok(sqlx::query_as(sql).bind(org.0).bind(run.0).fetch_all(&self.pool).await?)
    }
}

/// Refuses an attempt that was overtaken. Whoever passes keeps the next attempt waiting until the transaction ends, and no other slice of
/// this one.
pub(super) async fn fence_check(tx: &mut PgConnection, org: OrgId, fence: i64) -> Result<(), StoreError> {
    let current: Option<i64> =
        sqlx::query_scalar("select fence from kpi_rollup_state where org_id = $1 for share").bind(org.0).fetch_optional(tx).await?;
    if current == Some(fence) { Ok(()) } else { Err(StoreError::Fenced) }
}

async fn hold(mut tx: Transaction<'static, Postgres>, mut let_go: oneshot::Receiver<()>) {
    while tokio::time::timeout(PING, &mut let_go).await.is_err() {
        if sqlx::query("select 1").execute(&mut *tx).await.is_err() {
            return;
        }
    }
    // a connection that is gone has let go already
    let _ = tx.rollback().await;
}
