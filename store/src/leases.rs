//! The lease of a connection: who may ingest into it now.
//!
//! Every attempt of every slice takes the lease anew and gets a higher fence. An attempt that was frozen past its timeout wakes up
//! with an old fence, and its commit is refused. A live run that meets a background run (a backfill, a census, a replay) leaves word that
//! it wants the lease; the background run gives it up at its next page and does not get it back before the live run is over.

use std::time::Duration;

use ovia_domain::{ConnectionId, OrgId, RunId, RunKind};
use sqlx::PgConnection;

use crate::{Store, StoreError};

/// How long a lease lasts without a commit or a renewal.
pub const LEASE_TTL: Duration = Duration::from_secs(60);
/// How often an attempt that waits for its source renews it.
pub const LEASE_RENEWAL: Duration = Duration::from_secs(15);

/// Who goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IngestClass {
    /// Someone waits for it.
    Live,
    /// Gives way to live runs.
    Background,
}

impl IngestClass {
    pub fn of(kind: RunKind) -> Self {
        if kind == RunKind::Sync { Self::Live } else { Self::Background }
    }
}

impl Store {
    /// Takes or retakes the lease for `run`. Answers the fence, or `LeaseBusy` while another run holds it; a live run then has its wish
    /// noted. A background run also finds it busy while a live one wants it.
    pub async fn lease_acquire(&self, org: OrgId, connection: ConnectionId, run: RunId, class: IngestClass) -> Result<i64, StoreError> {
        let live = class == IngestClass::Live;
        let row = sqlx::query!(
            r#"insert into connection_leases (connection_id, org_id, run_id, fence, expires_at)
               values ($1, $2, $3, 1, now() + make_interval(secs => $4))
               on conflict (connection_id) do update
               set run_id = excluded.run_id, fence = connection_leases.fence + 1, expires_at = excluded.expires_at,
                   wanted_by = nullif(connection_leases.wanted_by, excluded.run_id)
               where (connection_leases.run_id = excluded.run_id or connection_leases.expires_at < now())
                 and ($5 or connection_leases.wanted_by is null or not exists (
                     select from runs w where w.id = connection_leases.wanted_by and w.status in ('queued', 'running')))
               returning fence"#,
            connection.0,
            org.0,
            run.0,
            LEASE_TTL.as_secs_f64(),
            live,
        )
        .fetch_optional(&self.pool)
        .await?;
        if let Some(row) = row {
            return Ok(row.fence);
        }
        if live {
            let wish = sqlx::query!(
                "update connection_leases set wanted_by = $3 where org_id = $1 and connection_id = $2 and run_id <> $3",
                org.0,
                connection.0,
                run.0
            );
            wish.execute(&self.pool).await?;
        } else {
            // its own, which a live run wants: a run that is not let in must not keep the door shut
            let own = sqlx::query!(
                r#"update connection_leases set fence = fence + 1, expires_at = now() - interval '1 second'
                   where org_id = $1 and connection_id = $2 and run_id = $3 and wanted_by is not null and expires_at > now()"#,
                org.0,
                connection.0,
                run.0
            );
            own.execute(&self.pool).await?;
        }
        Err(StoreError::LeaseBusy)
    }

    /// Keeps the lease while no page commits; `Fenced` if another attempt has taken it.
    pub async fn lease_renew(&self, org: OrgId, connection: ConnectionId, run: RunId, fence: i64) -> Result<(), StoreError> {
        let renewed = sqlx::query!(
            r#"update connection_leases set expires_at = now() + make_interval(secs => $5)
               where org_id = $1 and connection_id = $2 and run_id = $3 and fence = $4"#,
            org.0,
            connection.0,
            run.0,
            fence,
            LEASE_TTL.as_secs_f64(),
        );
        match renewed.execute(&self.pool).await?.rows_affected() {
            0 => Err(StoreError::Fenced),
            _ => Ok(()),
        }
    }

    /// Whether a live run waits for the lease `run` holds.
    pub async fn lease_wanted(&self, org: OrgId, connection: ConnectionId, run: RunId) -> Result<bool, StoreError> {
        let wanted = sqlx::query_scalar!(
            r#"select exists (
                   select from connection_leases l join runs w on w.id = l.wanted_by
                   where l.org_id = $1 and l.connection_id = $2 and l.run_id = $3 and w.status in ('queued', 'running')
               ) as "wanted!""#,
            org.0,
            connection.0,
            run.0
        );
        Ok(wanted.fetch_one(&self.pool).await?)
    }

    /// Frees the lease if `run` holds it with `fence`: a run that waits, pauses or gives way holds nothing.
    pub async fn lease_release(&self, org: OrgId, connection: ConnectionId, run: RunId, fence: i64) -> Result<(), StoreError> {
        let released = sqlx::query!(
            r#"update connection_leases set fence = fence + 1, expires_at = now() - interval '1 second'
               where org_id = $1 and connection_id = $2 and run_id = $3 and fence = $4"#,
            org.0,
            connection.0,
            run.0,
            fence
        );
        released.execute(&self.pool).await?;
        Ok(())
    }
}

/// Checks that `run` still holds the lease with `fence` and may go on, renews it, and keeps both so until the transaction ends: who
/// pauses or cancels the run waits for this page, and none is stored after that.
pub(crate) async fn lease_check_in_txn(
    tx: &mut PgConnection,
    org: OrgId,
    connection: ConnectionId,
    run: RunId,
    fence: i64,
) -> Result<(), StoreError> {
    let row = sqlx::query!(
        r#"with held as (
               update connection_leases set expires_at = now() + make_interval(secs => $5)
               where org_id = $1 and connection_id = $2 and run_id = $3 and fence = $4 returning 1
           )
           select exists (select from held) as "held!", (select status from runs where org_id = $1 and id = $3 for no key update) as status"#,
        org.0,
        connection.0,
        run.0,
        fence,
        LEASE_TTL.as_secs_f64(),
    )
    .fetch_one(tx)
    .await?;
    match (row.held, row.status.as_deref()) {
        (true, Some("queued" | "running" | "waiting")) => Ok(()),
        (true, Some("cancelling")) => Err(StoreError::Cancelling),
        (true, Some("paused")) => Err(StoreError::Paused),
        _ => Err(StoreError::Fenced),
    }
}

/// Frees the lease if `run` holds it. The row stays, so that fences never repeat, and the fence is raised, so that a commit that waited
/// for this very row is refused.
pub(crate) async fn lease_release_in_txn(tx: &mut PgConnection, org: OrgId, run: RunId) -> Result<(), StoreError> {
    sqlx::query!(
        r#"update connection_leases set fence = fence + 1, expires_at = now() - interval '1 second'
           where org_id = $1 and run_id = $2"#,
        org.0,
        run.0
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("update connection_leases set wanted_by = null where org_id = $1 and wanted_by = $2", org.0, run.0).execute(tx).await?;
    Ok(())
}
