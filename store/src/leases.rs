//! The lease of a connection: who may ingest into it now.
//!
//! Every attempt of every slice takes the lease anew and gets a higher fence. An attempt that was frozen past its timeout wakes up
//! with an old fence, and its commit is refused.

use std::time::Duration;

use ovia_domain::{ConnectionId, OrgId, RunId};
use sqlx::PgConnection;

use crate::{Store, StoreError};

/// How long a lease lasts without a commit or a renewal.
pub const LEASE_TTL: Duration = Duration::from_secs(60);

impl Store {
    /// Takes or retakes the lease for `run`. Answers the fence, or `Conflict` while another run holds it.
    pub async fn lease_acquire(&self, org: OrgId, connection: ConnectionId, run: RunId) -> Result<i64, StoreError> {
        let row = sqlx::query!(
            r#"insert into connection_leases (connection_id, org_id, run_id, fence, expires_at)
               values ($1, $2, $3, 1, now() + make_interval(secs => $4))
               on conflict (connection_id) do update
               set run_id = excluded.run_id, fence = connection_leases.fence + 1, expires_at = excluded.expires_at
               where connection_leases.run_id = excluded.run_id or connection_leases.expires_at < now()
               returning fence"#,
            connection.0,
            org.0,
            run.0,
            LEASE_TTL.as_secs_f64(),
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| row.fence).ok_or_else(|| StoreError::Conflict("another run holds the connection's lease".into()))
    }
}

/// Checks that `run` still holds the lease with `fence`, renews it, and keeps it from changing hands until the transaction ends.
pub(crate) async fn lease_check_in_txn(tx: &mut PgConnection, connection: ConnectionId, run: RunId, fence: i64) -> Result<(), StoreError> {
    let row = sqlx::query!(
        r#"with held as (
               update connection_leases set expires_at = now() + make_interval(secs => $4)
               where connection_id = $1 and run_id = $2 and fence = $3 returning 1
           )
           select exists (select from held) as "held!", (select status from runs where id = $2) as status"#,
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
        _ => Err(StoreError::Fenced),
    }
}

/// Frees the lease if `run` holds it. The row stays, so that fences never repeat, and the fence is raised, so that a commit that waited
/// for this very row is refused.
pub(crate) async fn lease_release_in_txn(tx: &mut PgConnection, run: RunId) -> Result<(), StoreError> {
    sqlx::query!("update connection_leases set fence = fence + 1, expires_at = now() - interval '1 second' where run_id = $1", run.0)
        .execute(tx)
        .await?;
    Ok(())
}
