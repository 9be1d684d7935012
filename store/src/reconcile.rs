//! What the reconciler asks of all organisations at once: runs that are open, and whether they should be.

use chrono::{DateTime, Utc};
use ovia_domain::{OrgId, RunId};

use crate::{Store, StoreError, runs_read::RunDispatch};

/// A run that has not ended.
#[derive(Clone, Debug)]
pub struct RunOpen {
    pub dispatch: RunDispatch,
    pub created_at: DateTime<Utc>,
    /// Older than a minute, by the database's clock.
    pub is_settled: bool,
    /// Its graceful cancel has had its time.
    pub is_overdue: bool,
}

impl Store {
    /// Of all organisations: up to `limit` runs that have not ended, after the key of the page before, oldest first.
    pub async fn runs_open(&self, after: Option<(DateTime<Utc>, RunId)>, limit: i64) -> Result<Vec<RunOpen>, StoreError> {
        let rows = sqlx::query!(
            r#"select r.id, r.org_id, r.kind, r.status, r.connection_id, c.name as "connection_name?", r.source, r.requested_by, r.workflow_id, r.params,
                r.created_at, r.created_at < now() - interval '1 minute' as "is_settled!",
                coalesce(r.status = 'cancelling' and r.terminate_after < now(), false) as "is_overdue!"
            from runs r left join connections c on c.id = r.connection_id
            where r.status in ('queued', 'running', 'waiting', 'paused', 'cancelling')
                and ($1::timestamptz is null or (r.created_at, r.id) > ($1, $2::uuid))
            order by r.created_at, r.id limit $3"#,
            after.map(|key| key.0),
            after.map(|key| key.1.0),
            limit
        );
        let rows = rows.fetch_all(&self.pool).await?.into_iter().map(|row| RunOpen {
            created_at: row.created_at,
            is_settled: row.is_settled,
            is_overdue: row.is_overdue,
            dispatch: RunDispatch {
                id: RunId(row.id),
                org_id: OrgId(row.org_id),
                kind: row.kind,
                status: row.status,
                connection_id: row.connection_id,
                connection_name: row.connection_name,
                source: row.source,
                requested_by: row.requested_by,
                workflow_id: row.workflow_id,
                params: row.params,
            },
        });
        Ok(rows.collect())
    }
}
