//! Runs of a whole organisation (matching, KPI rollup) that a person asks for: one of a kind at a time.
//!
//! Follow-ups of syncs do not pass here: two syncs that end together each get their own.

use ovia_domain::{OrgId, RunId};
use serde_json::Value;

use crate::{
    Store, StoreError,
    runs::{NewRun, run_create_in_txn},
};

/// What asking came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrgRunCreated {
    Created,
    /// This one of the same kind has not ended.
    Busy(RunId),
}

impl Store {
    /// Adds `result`'s fields to what the run has found so far; a field that is there is replaced.
    pub async fn run_result_merge(&self, org: OrgId, run: RunId, result: &Value) -> Result<(), StoreError> {
        let merged = sqlx::query!(
            "update runs set result = coalesce(result, '{}') || $3::jsonb where org_id = $1 and id = $2",
            org.0,
            run.0,
            result
        );
        merged.execute(&self.pool).await?;
        Ok(())
    }

    /// Inserts a queued run unless one of its kind is open in the organisation. Two callers at once: one wins.
    pub async fn org_run_create(&self, new: &NewRun) -> Result<OrgRunCreated, StoreError> {
        let mut txn = self.pool.begin().await?;
        let lock = format!("ovia/org_run/{}/{}", new.org_id, new.kind);
        sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 0))", lock).fetch_one(&mut *txn).await?;
        let open = sqlx::query_scalar!(
            "select id from runs where org_id = $1 and kind = $2 and connection_id is null and params -> 'preview' is null
                and status in ('queued', 'running', 'waiting', 'paused', 'cancelling')
            order by created_at desc limit 1",
            new.org_id.0,
            new.kind.as_str()
        );
        if let Some(id) = open.fetch_optional(&mut *txn).await? {
            return Ok(OrgRunCreated::Busy(RunId(id)));
        }
        run_create_in_txn(&mut txn, new).await?;
        txn.commit().await?;
        Ok(OrgRunCreated::Created)
    }
}
