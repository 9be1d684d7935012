//! One at a time in an organisation, for work that reads and then stores what it has found.

use ovia_domain::OrgId;
use sqlx::{Postgres, Transaction};

use crate::{Store, StoreError};

/// Held until it is dropped, or its process is gone.
#[derive(Debug)]
pub struct OrgLock {
    _txn: Transaction<'static, Postgres>,
}

impl Store {
    /// Waits until nobody else does `what` in the organisation. Takes a connection of the pool for as long as it is held.
    pub async fn org_lock(&self, org: OrgId, what: &'static str) -> Result<OrgLock, StoreError> {
        let mut txn = self.pool.begin().await?;
        let lock = format!("ovia/{what}/{org}");
        sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 0))", lock).fetch_one(&mut *txn).await?;
        Ok(OrgLock { _txn: txn })
    }
}
