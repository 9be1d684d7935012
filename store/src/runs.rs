//! Runs, written. Every change of state is one transaction with its event; each can be repeated without a second effect.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId, RunCounts, RunError, RunId, RunKind, RunStatus, Source};
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::{
    Store, StoreError, audit, leases,
    run_log::event_insert_in_txn,
    run_verdict::{Thresholds, verdict_in_txn},
    stream_states,
};

/// A run to be created, `queued`.
#[derive(Clone, Debug)]
pub struct NewRun {
    pub org_id: OrgId,
    pub run_id: RunId,
    pub kind: RunKind,
    pub connection_id: Option<ConnectionId>,
    pub source: Option<Source>,
    /// `token:first`, `run:…`, `schedule:…`.
    pub requested_by: String,
    pub params: Value,
    pub parent_run_id: Option<RunId>,
    pub retry_of: Option<RunId>,
    pub workflow_id: String,
}

/// A run that is asked to stop and has not ended after this long has its workflow terminated.
pub const CANCEL_GRACE: Duration = Duration::from_secs(60);

/// How `run_begin` found the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunBegun {
    Running,
    /// Asked to stop before it began, or over already.
    Stop,
    /// Paused.
    Paused,
}

impl Store {
    /// Inserts a queued run. A unique violation on `runs_one_ingest` means another ingest of the connection is open.
    pub async fn run_create(&self, new: NewRun) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        run_create_in_txn(&mut tx, &new).await?;
        tx.commit().await?;
        Ok(())
    }

    /// queued → running, with `streams` as its plan. Those in `complete` bring all rows with every walk: their counts can be compared
    /// with earlier runs'.
    pub async fn run_begin(&self, org: OrgId, run: RunId, streams: &[&str], complete: &[&str]) -> Result<RunBegun, StoreError> {
        let mut tx = self.pool.begin().await?;
        let row =
            sqlx::query!("select status from runs where org_id = $1 and id = $2 for update", org.0, run.0).fetch_optional(&mut *tx).await?;
        match row.as_ref().map(|row| row.status.as_str()) {
            Some("queued") => {
                sqlx::query!("update runs set status = 'running', started_at = now() where id = $1", run.0).execute(&mut *tx).await?;
                event_insert_in_txn(&mut tx, org, run, "run_started", json!({"streams": streams})).await?;
            }
            Some("running" | "waiting") => {}
            Some("paused") => return Ok(RunBegun::Paused),
            _ => return Ok(RunBegun::Stop),
        }
        let owned = |names: &[&str]| -> Vec<String> { names.iter().map(|&name| name.to_owned()).collect() };
        sqlx::query!(
            r#"insert into run_streams (run_id, org_id, stream, position, complete)
               select $1, $2, s.name, s.position, s.name = any($4) from unnest($3::text[]) with ordinality as s (name, position)
               on conflict do nothing"#,
            run.0,
            org.0,
            &owned(streams),
            &owned(complete),
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(RunBegun::Running)
    }

    /// Streams the run has walked to their end.
    pub async fn run_streams_done(&self, org: OrgId, run: RunId) -> Result<Vec<String>, StoreError> {
        let done = sqlx::query_scalar!(
            "select stream from run_streams where org_id = $1 and run_id = $2 and status not in ('pending', 'running')",
            org.0,
            run.0
        );
        Ok(done.fetch_all(&self.pool).await?)
    }

    /// A slice of `stream` starts: the stream is running, and a waiting run is running again.
    pub async fn run_stream_begin(&self, org: OrgId, run: RunId, stream: &str, total_hint: Option<i64>) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        let resumed = sqlx::query!(
            "update runs set status = 'running', waiting_until = null where org_id = $1 and id = $2 and status = 'waiting'",
            org.0,
            run.0
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if resumed > 0 {
            event_insert_in_txn(&mut tx, org, run, "run_resumed", json!({"stream": stream})).await?;
        }
        let started = sqlx::query!(
            // a walk that another run began brings only the rest: nothing to compare other runs with
            r#"update run_streams s set status = 'running', started_at = now(), total_hint = $3,
                      complete = s.complete and not exists (
                          select from runs r join stream_cursors c on c.connection_id = r.connection_id
                          where r.id = s.run_id and c.stream = s.stream and c.done_by_run is null)
               where s.run_id = $1 and s.stream = $2 and s.status = 'pending'"#,
            run.0,
            stream,
            total_hint,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if started > 0 {
            event_insert_in_txn(&mut tx, org, run, "stream_started", json!({"stream": stream, "total_hint": total_hint})).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The stream is complete for this run: `done`, `incomplete` where partitions were given up, `not_available` where the source refused a
    /// sync all of it (every partition of a list, every item of a stream of details).
    pub async fn run_stream_done(&self, org: OrgId, run: RunId, stream: &str) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        let row = sqlx::query!(
            r#"update run_streams s set started_at = coalesce(started_at, now()), ended_at = now(),
                      status = case when exists (
                          select from run_problems p where p.run_id = s.run_id and p.stream = s.stream and p.given_up
                      ) then 'incomplete'
                      when w.kind = 'sync' and s.refused > 0 and s.refused >= w.partitions then 'not_available'
                      when w.kind = 'sync' and s.note is not null and s.fetched = 0 and w.partitions = 0 then 'not_available'
                      else 'done' end
               from (
                   select r.kind, (
                       select count(*) from stream_cursors c where c.connection_id = r.connection_id and c.stream = $2 and c.done_by_run = $1
                   ) as partitions
                   from runs r where r.org_id = $3 and r.id = $1
               ) w
               where org_id = $3 and run_id = $1 and stream = $2 and status in ('pending', 'running')
               returning status, fetched, inserted, updated, unchanged, deleted, dead_lettered, requests"#,
            run.0,
            stream,
            org.0,
        )
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(row) = row {
            stream_states::stream_done_in_txn(&mut tx, org, run, stream, row.status == "done").await?;
            let data = json!({
                "stream": stream,
                "totals": {
                    "fetched": row.fetched, "inserted": row.inserted, "updated": row.updated, "unchanged": row.unchanged,
                    "deleted": row.deleted, "dead_lettered": row.dead_lettered, "requests": row.requests,
                },
            });
            event_insert_in_txn(&mut tx, org, run, "stream_finished", data).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// running → waiting, until the source allows more.
    pub async fn run_wait(&self, org: OrgId, run: RunId, until: DateTime<Utc>, reason: &str) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        let changed = sqlx::query!(
            "update runs set status = 'waiting', waiting_until = $3 where org_id = $1 and id = $2 and status in ('running', 'waiting')",
            org.0,
            run.0,
            until,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if changed > 0 {
            event_insert_in_txn(&mut tx, org, run, "run_waiting", json!({"until": until, "reason": reason})).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// An open run → cancelling. Answers the status it has afterwards, `None` if there is no such run.
    pub async fn run_cancel_request(&self, org: OrgId, run: RunId) -> Result<Option<RunStatus>, StoreError> {
        let mut tx = self.pool.begin().await?;
        let changed = sqlx::query!(
            r#"update runs set status = 'cancelling', waiting_until = null, paused_by = null, terminate_after = now() + make_interval(secs => $3)
               where org_id = $1 and id = $2 and status in ('queued', 'running', 'waiting', 'paused')"#,
            org.0,
            run.0,
            CANCEL_GRACE.as_secs_f64(),
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if changed > 0 {
            event_insert_in_txn(&mut tx, org, run, "run_cancelling", json!({})).await?;
        }
        tx.commit().await?;
        if changed > 0 {
            // it may be over by now: that is not what was asked
            return Ok(Some(RunStatus::Cancelling));
        }
        self.run_status(org, run).await
    }

    /// A run whose workflow could not be started is over.
    pub async fn run_failed_to_start(&self, org: OrgId, run: RunId, error: &RunError) -> Result<(), StoreError> {
        self.run_finish(org, run, RunStatus::Failed, Some(error), None).await.map(|_| ())
    }

    /// Ends the run: status, error, event, lease, and the follow-up run where asked for. Repeating it changes nothing. Answers the
    /// status the run really has and the follow-up, if there is one.
    pub async fn run_finish(
        &self,
        org: OrgId,
        run: RunId,
        status: RunStatus,
        error: Option<&RunError>,
        follow_up: Option<NewRun>,
    ) -> Result<(RunStatus, Option<NewRun>), StoreError> {
        let mut tx = self.pool.begin().await?;
        // the lease before the run, as page commits lock them
        leases::lease_release_in_txn(&mut tx, org, run).await?;
        let row =
            sqlx::query!("select status from runs where org_id = $1 and id = $2 for update", org.0, run.0).fetch_optional(&mut *tx).await?;
        let current = row.and_then(|row| RunStatus::parse(&row.status)).unwrap_or(RunStatus::Failed);
        // what failed because it was being cancelled is cancelled
        let (status, error) = match (current, status) {
            (RunStatus::Cancelling, RunStatus::Failed) => (RunStatus::Cancelled, None),
            (_, RunStatus::Succeeded) if !current.is_terminal() => verdict_in_txn(&mut tx, org, run, Thresholds::default()).await?,
            _ => (status, error.cloned()),
        };
        let ended = if current.is_terminal() { current } else { status };
        if !current.is_terminal() {
            run_close_in_txn(&mut tx, org, run, ended, error.as_ref()).await?;
        }
        let next = match follow_up {
            Some(new) if matches!(ended, RunStatus::Succeeded | RunStatus::Degraded) => Some(follow_up_in_txn(&mut tx, new).await?),
            _ => None,
        };
        tx.commit().await?;
        Ok((ended, next))
    }

    /// A run's parameters and when it began.
    pub async fn run_params(&self, org: OrgId, run: RunId) -> Result<Option<(Value, Option<DateTime<Utc>>)>, StoreError> {
        let row = sqlx::query_as("select params, started_at from runs where org_id = $1 and id = $2").bind(org.0).bind(run.0);
        Ok(row.fetch_optional(&self.pool).await?)
    }

    /// `as_of` of a run's parameters: the moment it looks at. `None`: now.
    pub async fn run_as_of(&self, org: OrgId, run: RunId) -> Result<Option<DateTime<Utc>>, StoreError> {
        let params = self.run_params(org, run).await?.map(|(params, _)| params);
        let as_of = params.and_then(|params| params.get("as_of").cloned()).filter(|value| !value.is_null());
        Ok(as_of.map(serde_json::from_value).transpose()?)
    }

    /// Adds an event to the run's log.
    pub async fn run_event(&self, org: OrgId, run: RunId, kind: &str, data: Value) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        event_insert_in_txn(&mut tx, org, run, kind, data).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Keeps what a matching or rollup run found.
    pub async fn run_result_set(&self, org: OrgId, run: RunId, result: &Value) -> Result<(), StoreError> {
        sqlx::query!("update runs set result = $3 where org_id = $1 and id = $2", org.0, run.0, result).execute(&self.pool).await?;
        Ok(())
    }
}

async fn run_close_in_txn(
    tx: &mut PgConnection,
    org: OrgId,
    run: RunId,
    status: RunStatus,
    error: Option<&RunError>,
) -> Result<(), StoreError> {
    let error = error.map(serde_json::to_value).transpose()?;
    sqlx::query!(
        // a request that came to nothing may be made again
        r#"update runs set status = $3, ended_at = now(), waiting_until = null, paused_by = null, error = $4,
                  started_at = coalesce(started_at, now()),
                  idempotency_key = case when $3 in ('failed', 'cancelled') and idempotency_key like 'request:%' then null else idempotency_key end
           where org_id = $1 and id = $2"#,
        org.0,
        run.0,
        status.as_str(),
        error,
    )
    .execute(&mut *tx)
    .await?;
    stream_states::run_ended_in_txn(tx, org, run, status).await?;
    let counts = run_counts_in_txn(tx, run).await?;
    event_insert_in_txn(tx, org, run, "run_finished", json!({"status": status, "counts": counts, "error": error})).await
}

async fn run_counts_in_txn(tx: &mut PgConnection, run: RunId) -> Result<RunCounts, StoreError> {
    let row = sqlx::query!(
        r#"select coalesce(sum(fetched), 0)::bigint as "fetched!", coalesce(sum(inserted), 0)::bigint as "inserted!",
                  coalesce(sum(updated), 0)::bigint as "updated!", coalesce(sum(unchanged), 0)::bigint as "unchanged!",
                  coalesce(sum(deleted), 0)::bigint as "deleted!", coalesce(sum(dead_lettered), 0)::bigint as "dead_lettered!",
                  coalesce(sum(requests), 0)::bigint as "requests!"
           from run_streams where run_id = $1"#,
        run.0
    )
    .fetch_one(tx)
    .await?;
    Ok(RunCounts {
        fetched: row.fetched,
        inserted: row.inserted,
        updated: row.updated,
        unchanged: row.unchanged,
        deleted: row.deleted,
        dead_lettered: row.dead_lettered,
        requests: row.requests,
    })
}

/// The follow-up of a run, once: a repeated `run_finish` finds the one it made before.
async fn follow_up_in_txn(tx: &mut PgConnection, new: NewRun) -> Result<NewRun, StoreError> {
    let existing = sqlx::query!(
        "select id, workflow_id from runs where org_id = $1 and parent_run_id = $2 and kind = $3",
        new.org_id.0,
        new.parent_run_id.map(|id| id.0),
        new.kind.as_str(),
    )
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(row) = existing {
        return Ok(NewRun { run_id: RunId(row.id), workflow_id: row.workflow_id, ..new });
    }
    run_create_in_txn(tx, &new).await?;
    Ok(new)
}

pub(crate) async fn run_create_in_txn(tx: &mut PgConnection, new: &NewRun) -> Result<(), StoreError> {
    sqlx::query!(
        r#"insert into runs (id, org_id, kind, status, connection_id, source, requested_by, params, parent_run_id, retry_of, workflow_id)
           values ($1, $2, $3, 'queued', $4, $5, $6, $7, $8, $9, $10)"#,
        new.run_id.0,
        new.org_id.0,
        new.kind.as_str(),
        new.connection_id.map(|id| id.0),
        new.source.map(Source::as_str),
        new.requested_by,
        new.params,
        new.parent_run_id.map(|id| id.0),
        new.retry_of.map(|id| id.0),
        new.workflow_id,
    )
    .execute(&mut *tx)
    .await?;
    audit::run_asked_in_txn(tx, new).await?;
    event_insert_in_txn(tx, new.org_id, new.run_id, "run_queued", json!({"kind": new.kind, "requested_by": new.requested_by})).await
}
