//! Backfills: what was asked for, and how far its windows are.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId, RunId, TimeWindow};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::{
    Store, StoreError,
    cursors::PendingPartition,
    runs::{NewRun, run_create_in_txn},
    stream_states::backfill_status_in_txn,
};

/// `params` of a backfill run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackfillParams {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// The request named no end: `to` is the time at which it was made.
    #[serde(default)]
    pub until_now: bool,
    /// All that can be walked by time, if empty.
    #[serde(default)]
    pub streams: Vec<String>,
    /// Length of a window.
    pub window_seconds: i64,
    /// Temporal's priority, 1 to 5.
    #[serde(default)]
    pub priority: Option<u32>,
    #[serde(default)]
    pub page_size: Option<u32>,
}

impl BackfillParams {
    /// Whether the same was asked for. Without an end, that is so at another time as well.
    fn is_same(&self, other: &Self) -> bool {
        let to = if self.until_now && other.until_now { self.to } else { other.to };
        *self == Self { to, ..other.clone() }
    }
}

/// One window of one stream, in the order of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedWindow {
    pub position: i32,
    pub stream: String,
    pub window: TimeWindow,
}

/// What asking for a backfill came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackfillCreated {
    Created,
    /// The same was asked for before: this run.
    Same(RunId),
    /// The key was used for another request: this run.
    KeyTaken(RunId),
    /// Another backfill of the connection is open.
    Busy(RunId),
}

impl Store {
    /// Inserts a queued backfill, once per `key`: the same request twice is one run. Two callers at once: one wins.
    pub async fn backfill_create(&self, new: &NewRun, key: &str) -> Result<BackfillCreated, StoreError> {
        let mut tx = self.pool.begin().await?;
        let lock = format!("ovia/backfill/{}", new.org_id);
        sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 0))", lock).fetch_one(&mut *tx).await?;
        let same = sqlx::query!("select id, connection_id, params from runs where org_id = $1 and idempotency_key = $2", new.org_id.0, key);
        if let Some(row) = same.fetch_optional(&mut *tx).await? {
            let (before, now): (BackfillParams, BackfillParams) =
                (serde_json::from_value(row.params)?, serde_json::from_value(new.params.clone())?);
            let equal = row.connection_id == new.connection_id.map(|id| id.0) && before.is_same(&now);
            return Ok(if equal { BackfillCreated::Same(RunId(row.id)) } else { BackfillCreated::KeyTaken(RunId(row.id)) });
        }
        let open = sqlx::query_scalar!(
            r#"select id from runs where org_id = $1 and connection_id = $2 and kind = 'backfill'
               and status in ('queued', 'running', 'waiting', 'paused', 'cancelling')"#,
            new.org_id.0,
            new.connection_id.map(|id| id.0),
        );
        if let Some(id) = open.fetch_optional(&mut *tx).await? {
            return Ok(BackfillCreated::Busy(RunId(id)));
        }
        run_create_in_txn(&mut tx, new).await?;
        let keyed = sqlx::query!("update runs set idempotency_key = $3 where org_id = $1 and id = $2", new.org_id.0, new.run_id.0, key);
        keyed.execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(BackfillCreated::Created)
    }

    /// Stores the plan of a backfill, and shows it as running. What the run it repeats has walked already is marked as such. Twice
    /// changes nothing.
    pub async fn backfill_plan(&self, org: OrgId, run: RunId, windows: &[PlannedWindow]) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        let positions: Vec<i32> = windows.iter().map(|window| window.position).collect();
        let streams: Vec<String> = windows.iter().map(|window| window.stream.clone()).collect();
        let from: Vec<DateTime<Utc>> = windows.iter().map(|window| window.window.from).collect();
        let to: Vec<DateTime<Utc>> = windows.iter().map(|window| window.window.to).collect();
        sqlx::query!(
            r#"insert into backfill_windows (run_id, org_id, position, stream, window_from, window_to)
               select $1, $2, w.position, w.stream, w.window_from, w.window_to
               from unnest($3::int[], $4::text[], $5::timestamptz[], $6::timestamptz[]) as w (position, stream, window_from, window_to)
               on conflict do nothing"#,
            run.0,
            org.0,
            &positions,
            &streams,
            &from,
            &to,
        )
        .execute(&mut *tx)
        .await?;
        plan_continue_in_txn(&mut tx, org, run).await?;
        backfill_status_in_txn(&mut tx, org, run, "RUNNING").await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whether the backfill has a plan.
    pub async fn backfill_is_planned(&self, org: OrgId, run: RunId) -> Result<bool, StoreError> {
        let planned = sqlx::query_scalar!(
            r#"select exists (select from backfill_windows where org_id = $1 and run_id = $2) as "planned!""#,
            org.0,
            run.0
        );
        Ok(planned.fetch_one(&self.pool).await?)
    }

    /// The next window to walk.
    pub async fn backfill_window_next(&self, org: OrgId, run: RunId) -> Result<Option<PlannedWindow>, StoreError> {
        let row = sqlx::query!(
            r#"select position, stream, window_from, window_to from backfill_windows
               where org_id = $1 and run_id = $2 and done_at is null order by position limit 1"#,
            org.0,
            run.0
        )
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| PlannedWindow {
            position: row.position,
            stream: row.stream,
            window: TimeWindow { from: row.window_from, to: row.window_to },
        }))
    }

    /// How many windows of a stream are still to be walked.
    pub async fn backfill_windows_left(&self, org: OrgId, run: RunId, stream: &str) -> Result<i64, StoreError> {
        let left = sqlx::query_scalar!(
            r#"select count(*) as "left!" from backfill_windows where org_id = $1 and run_id = $2 and stream = $3 and done_at is null"#,
            org.0,
            run.0,
            stream
        );
        Ok(left.fetch_one(&self.pool).await?)
    }

    /// A window is walked in every partition; its cursors are no longer needed.
    pub async fn backfill_window_done(&self, org: OrgId, run: RunId, position: i32) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        let done = sqlx::query!(
            "update backfill_windows set done_at = now() where org_id = $1 and run_id = $2 and position = $3 and done_at is null",
            org.0,
            run.0,
            position
        );
        done.execute(&mut *tx).await?;
        let cursors =
            sqlx::query!("delete from backfill_cursors where org_id = $1 and run_id = $2 and position = $3", org.0, run.0, position);
        cursors.execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Of `partitions`, those whose walk over a window is neither complete nor given up, in the order given.
    pub async fn backfill_partitions_pending(
        &self,
        org: OrgId,
        run: RunId,
        window: &PlannedWindow,
        partitions: &[String],
    ) -> Result<Vec<PendingPartition>, StoreError> {
        let rows = sqlx::query!(
            r#"select p.name as "partition!", c.cursor as "cursor?"
               from unnest($4::text[]) with ordinality as p (name, position)
               left join backfill_cursors c on c.org_id = $1 and c.run_id = $2 and c.position = $3 and c.partition = p.name
               where c.done is not true and not exists (
                   select from run_problems e where e.run_id = $2 and e.stream = $5 and e.partition = p.name and e.given_up)
               order by p.position"#,
            org.0,
            run.0,
            window.position,
            partitions,
            window.stream,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| PendingPartition { partition: row.partition, cursor: row.cursor, watermark: None }).collect())
    }

    /// How far a backfill is: windows done, and all.
    pub async fn backfill_progress(&self, org: OrgId, run: RunId) -> Result<(i64, i64), StoreError> {
        let row = sqlx::query!(
            r#"select count(done_at) as "done!", count(*) as "all!" from backfill_windows where org_id = $1 and run_id = $2"#,
            org.0,
            run.0
        )
        .fetch_one(&self.pool)
        .await?;
        Ok((row.done, row.all))
    }

    /// The open run of a kind over a connection.
    pub async fn connection_run_open(
        &self,
        org: OrgId,
        connection: ConnectionId,
        kind: ovia_domain::RunKind,
    ) -> Result<Option<RunId>, StoreError> {
        let id = sqlx::query_scalar!(
            r#"select id from runs where org_id = $1 and connection_id = $2 and kind = $3
               and status in ('queued', 'running', 'waiting', 'paused', 'cancelling')"#,
            org.0,
            connection.0,
            kind.as_str()
        );
        Ok(id.fetch_optional(&self.pool).await?.map(RunId))
    }
}

/// A retry goes on where the run before it stopped: windows that one walked are done, and so are partitions of the others. Where it gave
/// something up, the stream is walked again.
async fn plan_continue_in_txn(tx: &mut PgConnection, org: OrgId, run: RunId) -> Result<(), StoreError> {
    let before = sqlx::query_scalar!(
        r#"select b.id from runs r join runs b on b.id = r.retry_of and b.org_id = r.org_id
           where r.org_id = $1 and r.id = $2 and b.kind = 'backfill' and b.status in ('failed', 'cancelled', 'degraded')"#,
        org.0,
        run.0
    );
    let Some(before) = before.fetch_optional(&mut *tx).await? else { return Ok(()) };
    sqlx::query!(
        r#"update backfill_windows w set done_at = b.done_at
           from backfill_windows b
           where w.org_id = $1 and w.run_id = $2 and b.org_id = $1 and b.run_id = $3 and b.done_at is not null
           and (b.stream, b.window_from, b.window_to) = (w.stream, w.window_from, w.window_to)
           and not exists (select from run_problems p where p.run_id = $3 and p.stream = w.stream and p.given_up)"#,
        org.0,
        run.0,
        before
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        // only complete walks: the place within one depends on the size of its pages, which a retry may change
        r#"insert into backfill_cursors (run_id, org_id, position, partition, cursor, done)
           select $2, $1, w.position, c.partition, c.cursor, true
           from backfill_windows w
           join backfill_windows b on b.org_id = $1 and b.run_id = $3
               and (b.stream, b.window_from, b.window_to) = (w.stream, w.window_from, w.window_to)
           join backfill_cursors c on c.run_id = b.run_id and c.position = b.position and c.done
           where w.org_id = $1 and w.run_id = $2 and w.done_at is null
           on conflict do nothing"#,
        org.0,
        run.0,
        before
    )
    .execute(tx)
    .await?;
    Ok(())
}
