//! Whether a run may go on: pauses of a run, of its connection and of the organisation, and what it was asked for.

use ovia_domain::{ConnectionId, OrgId, RunId, RunKind, RunStatus};
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::{
    Store, StoreError, audit::audit_in_txn, leases::lease_release_in_txn, run_log::event_insert_in_txn,
    stream_states::backfill_status_in_txn,
};

/// What keeps an open run from going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Someone paused this run.
    Person,
    /// Its connection is paused.
    Connection,
    /// The organisation's kill switch is on, and the run is scheduled or background work.
    KillSwitch,
}

impl Hold {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Connection => "connection",
            Self::KillSwitch => "kill_switch",
        }
    }
}

/// A run as an attempt at its work finds it.
#[derive(Clone, Debug)]
pub struct RunControl {
    pub kind: RunKind,
    pub status: RunStatus,
    pub params: Value,
    /// Nobody waits for it: a backfill, a census, a replay, or anything a schedule asked for.
    pub background: bool,
    pub hold: Option<Hold>,
}

impl RunControl {
    /// Whether the run is open and not asked to stop.
    pub fn is_going(&self) -> bool {
        matches!(self.status, RunStatus::Queued | RunStatus::Running | RunStatus::Waiting | RunStatus::Paused)
    }
}

/// What asking for a pause or its end came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paused {
    /// It is as asked now; the workflow to tell.
    Done {
        workflow_id: String,
    },
    NotFound,
    /// The run is in this state and cannot be paused or resumed.
    No(RunStatus),
}

impl Store {
    /// What an attempt has to know before it begins. `None` if there is no such run.
    pub async fn run_control(&self, org: OrgId, run: RunId) -> Result<Option<RunControl>, StoreError> {
        let row = sqlx::query!(
            r#"select r.kind, r.status, r.params, r.requested_by, r.paused_by, c.paused_at is not null as "connection_paused!",
                      coalesce(k.engaged, false) as "kill_switch!"
               from runs r
               left join connections c on c.id = r.connection_id and c.org_id = r.org_id
               left join kill_switches k on k.org_id = r.org_id
               where r.org_id = $1 and r.id = $2"#,
            org.0,
            run.0
        )
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let (Some(kind), Some(status)) = (RunKind::parse(&row.kind), RunStatus::parse(&row.status)) else { return Ok(None) };
        let scheduled = row.requested_by.starts_with("schedule:");
        let background = scheduled || matches!(kind, RunKind::Backfill | RunKind::Census | RunKind::Replay | RunKind::Retention);
        let by_person = status == RunStatus::Paused && row.paused_by.as_deref() == Some(Hold::Person.as_str());
        let hold = match (by_person, row.connection_paused, row.kill_switch && background) {
            (true, ..) => Some(Hold::Person),
            (_, true, _) => Some(Hold::Connection),
            (.., true) => Some(Hold::KillSwitch),
            _ => None,
        };
        Ok(Some(RunControl { kind, status, params: row.params, background, hold }))
    }

    /// An open run → paused, because it, its connection or its organisation is on hold. It keeps nobody out meanwhile. Twice does nothing.
    pub async fn run_hold(&self, org: OrgId, run: RunId, hold: Hold) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        // the lease before the run, as page commits lock them
        lease_release_in_txn(&mut tx, org, run).await?;
        run_pause_in_txn(&mut tx, org, run, hold).await?;
        tx.commit().await?;
        Ok(())
    }

    /// A run that was on hold → running, once nothing holds it any more.
    pub async fn run_unhold(&self, org: OrgId, run: RunId) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        run_unpause_in_txn(&mut tx, org, run).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Someone pauses a run. Its slice stops at the next page.
    pub async fn run_pause_request(&self, org: OrgId, run: RunId, actor: &str) -> Result<Paused, StoreError> {
        let mut tx = self.pool.begin().await?;
        let Some((workflow_id, status)) = run_lock(&mut tx, org, run).await? else { return Ok(Paused::NotFound) };
        if status.is_terminal() || status == RunStatus::Cancelling {
            return Ok(Paused::No(status));
        }
        // one that is on hold for another reason stays so when that reason goes
        sqlx::query!("update runs set paused_by = $3 where org_id = $1 and id = $2", org.0, run.0, Hold::Person.as_str())
            .execute(&mut *tx)
            .await?;
        run_pause_in_txn(&mut tx, org, run, Hold::Person).await?;
        audit_in_txn(&mut tx, org, actor, "run.pause", ("run", &run.to_string()), json!({})).await?;
        tx.commit().await?;
        Ok(Paused::Done { workflow_id })
    }

    /// Someone lets a paused run go on. One whose connection is paused is paused again by its next slice.
    pub async fn run_resume_request(&self, org: OrgId, run: RunId, actor: &str) -> Result<Paused, StoreError> {
        let mut tx = self.pool.begin().await?;
        let Some((workflow_id, status)) = run_lock(&mut tx, org, run).await? else { return Ok(Paused::NotFound) };
        if status != RunStatus::Paused {
            return Ok(Paused::No(status));
        }
        run_unpause_in_txn(&mut tx, org, run).await?;
        audit_in_txn(&mut tx, org, actor, "run.resume", ("run", &run.to_string()), json!({})).await?;
        tx.commit().await?;
        Ok(Paused::Done { workflow_id })
    }

    /// Pauses a connection, or lifts the pause. Open runs of it follow; answers their workflows, to be told. `None` if there is no such
    /// connection.
    pub async fn connection_pause_set(
        &self,
        org: OrgId,
        connection: ConnectionId,
        paused: bool,
        actor: &str,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let mut tx = self.pool.begin().await?;
        let changed = sqlx::query!(
            r#"update connections set paused_at = case when $3 then coalesce(paused_at, now()) end, paused_by = case when $3 then $4 end
               where org_id = $1 and id = $2 and deleted_at is null"#,
            org.0,
            connection.0,
            paused,
            actor,
        );
        if changed.execute(&mut *tx).await?.rows_affected() == 0 {
            return Ok(None);
        }
        let open = sqlx::query!(
            r#"select id, workflow_id from runs
               where org_id = $1 and connection_id = $2 and status in ('queued', 'running', 'waiting', 'paused')
               and (status <> 'paused' or paused_by = 'connection') order by id for no key update"#,
            org.0,
            connection.0,
        )
        .fetch_all(&mut *tx)
        .await?;
        for run in &open {
            if paused {
                run_pause_in_txn(&mut tx, org, RunId(run.id), Hold::Connection).await?;
            } else {
                run_unpause_in_txn(&mut tx, org, RunId(run.id)).await?;
            }
        }
        let action = if paused { "connection.pause" } else { "connection.resume" };
        audit_in_txn(&mut tx, org, actor, action, ("connection", &connection.to_string()), json!({})).await?;
        tx.commit().await?;
        Ok(Some(open.into_iter().map(|run| run.workflow_id).collect()))
    }

    /// Workflows of runs that the kill switch holds, to be told that it is off.
    pub async fn runs_held_by_kill_switch(&self, org: OrgId) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query_scalar!(
            "select workflow_id from runs where org_id = $1 and status = 'paused' and paused_by = 'kill_switch'",
            org.0
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }
}

async fn run_lock(tx: &mut PgConnection, org: OrgId, run: RunId) -> Result<Option<(String, RunStatus)>, StoreError> {
    let row = sqlx::query!("select workflow_id, status from runs where org_id = $1 and id = $2 for update", org.0, run.0)
        .fetch_optional(tx)
        .await?;
    Ok(row.map(|row| (row.workflow_id, RunStatus::parse(&row.status).unwrap_or(RunStatus::Failed))))
}

async fn run_pause_in_txn(tx: &mut PgConnection, org: OrgId, run: RunId, hold: Hold) -> Result<(), StoreError> {
    let changed = sqlx::query!(
        r#"update runs set status = 'paused', paused_by = $3, waiting_until = null
           where org_id = $1 and id = $2 and status in ('queued', 'running', 'waiting')"#,
        org.0,
        run.0,
        hold.as_str(),
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if changed > 0 {
        backfill_status_in_txn(tx, org, run, "PAUSED").await?;
        event_insert_in_txn(tx, org, run, "run_paused", json!({"by": hold.as_str()})).await?;
    }
    Ok(())
}

/// A run that had not begun goes back to the queue: its first activity has still to plan it.
async fn run_unpause_in_txn(tx: &mut PgConnection, org: OrgId, run: RunId) -> Result<(), StoreError> {
    let changed = sqlx::query!(
        r#"update runs set status = case when started_at is null then 'queued' else 'running' end, paused_by = null
           where org_id = $1 and id = $2 and status = 'paused'"#,
        org.0,
        run.0,
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if changed > 0 {
        backfill_status_in_txn(tx, org, run, "RUNNING").await?;
        event_insert_in_txn(tx, org, run, "run_resumed", json!({})).await?;
    }
    Ok(())
}
