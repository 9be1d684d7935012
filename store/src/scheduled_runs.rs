//! Runs that schedules ask for. Each can be created once, however often its creation is repeated; one that may not start is kept as
//! `skipped`, with the reason.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId, RunError, RunId, RunStatus, Source};
use serde_json::json;
use sqlx::PgConnection;

use crate::{
    Store, StoreError,
    run_log::event_insert_in_txn,
    runs::{NewRun, run_create_in_txn},
};

/// What asking for a scheduled run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduledRun {
    /// It is there and to be started, now or by an earlier attempt.
    Open,
    /// An earlier attempt made it and it has ended.
    Over,
    /// This one of its kind has not ended.
    Busy(RunId),
}

impl Store {
    /// Inserts a queued run unless one of its kind is open for its connection, or for the organisation.
    pub async fn scheduled_run_create(&self, new: &NewRun) -> Result<ScheduledRun, StoreError> {
        let mut txn = self.pool.begin().await?;
        // the lock of runs that people ask for: see org_runs
        let lock = format!("ovia/org_run/{}/{}", new.org_id, new.kind);
        sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 0))", lock).fetch_one(&mut *txn).await?;
        if let Some(status) = run_status_in_txn(&mut txn, new).await? {
            return Ok(if status.is_terminal() { ScheduledRun::Over } else { ScheduledRun::Open });
        }
        let open = sqlx::query_scalar!(
            "select id from runs where org_id = $1 and kind = $2 and connection_id is not distinct from $3
                and status in ('queued', 'running', 'waiting', 'paused', 'cancelling')
            order by created_at desc limit 1",
            new.org_id.0,
            new.kind.as_str(),
            new.connection_id.map(|id| id.0)
        );
        if let Some(id) = open.fetch_optional(&mut *txn).await? {
            return Ok(ScheduledRun::Busy(RunId(id)));
        }
        run_create_in_txn(&mut txn, new).await?;
        txn.commit().await?;
        Ok(ScheduledRun::Open)
    }

    /// Keeps that a run was due and did not start. Does nothing if the run is there already.
    pub async fn scheduled_run_skip(&self, new: &NewRun, why: &RunError) -> Result<(), StoreError> {
        let error = serde_json::to_value(why)?;
        let mut txn = self.pool.begin().await?;
        let inserted = sqlx::query!(
            "insert into runs (id, org_id, kind, status, connection_id, source, requested_by, params, workflow_id, started_at, ended_at, error)
            values ($1, $2, $3, 'skipped', $4, $5, $6, $7, $8, now(), now(), $9) on conflict do nothing",
            new.run_id.0,
            new.org_id.0,
            new.kind.as_str(),
            new.connection_id.map(|id| id.0),
            new.source.map(Source::as_str),
            new.requested_by,
            new.params,
            new.workflow_id,
            error
        );
        if inserted.execute(&mut *txn).await?.rows_affected() > 0 {
            let data = json!({"status": RunStatus::Skipped, "error": error});
            event_insert_in_txn(&mut txn, new.org_id, new.run_id, "run_finished", data).await?;
        }
        txn.commit().await?;
        Ok(())
    }

    /// Since when the connection is paused; `None` if it is not.
    pub async fn connection_paused_at(&self, org: OrgId, connection: ConnectionId) -> Result<Option<DateTime<Utc>>, StoreError> {
        let paused = sqlx::query_scalar!("select paused_at from connections where org_id = $1 and id = $2", org.0, connection.0);
        Ok(paused.fetch_optional(&self.pool).await?.flatten())
    }
}

async fn run_status_in_txn(txn: &mut PgConnection, new: &NewRun) -> Result<Option<RunStatus>, StoreError> {
    let status = sqlx::query_scalar!("select status from runs where org_id = $1 and id = $2", new.org_id.0, new.run_id.0);
    Ok(status.fetch_optional(txn).await?.and_then(|text| RunStatus::parse(&text)))
}
