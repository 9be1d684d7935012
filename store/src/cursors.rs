//! Cursors and partitions of list streams.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, OrgId, RunId};
use serde_json::Value;

use crate::{Store, StoreError};

/// A partition still to be walked by a run.
#[derive(Clone, Debug)]
pub struct PendingPartition {
    pub partition: String,
    /// What the last committed page returned; `None` before the first.
    pub cursor: Option<Value>,
    pub watermark: Option<DateTime<Utc>>,
}

impl Store {
    /// Of `partitions`, those whose walk `run` has neither completed nor given up, in the order given.
    pub async fn partitions_pending(
        &self,
        org: OrgId,
        connection: ConnectionId,
        run: RunId,
        stream: &str,
        partitions: &[String],
    ) -> Result<Vec<PendingPartition>, StoreError> {
        let rows = sqlx::query!(
            r#"select p.name as "partition!", c.cursor as "cursor?", c.watermark as "watermark?"
               from unnest($4::text[]) with ordinality as p (name, position)
               left join stream_cursors c on c.org_id = $1 and c.connection_id = $2 and c.stream = $3 and c.partition = p.name
               where c.done_by_run is distinct from $5 and not exists (
                   select from run_problems e where e.run_id = $5 and e.stream = $3 and e.partition = p.name and e.given_up)
               order by p.position"#,
            org.0,
            connection.0,
            stream,
            partitions,
            run.0,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows
            .into_iter()
            .map(|row| PendingPartition { partition: row.partition, cursor: row.cursor, watermark: row.watermark })
            .collect())
    }

    /// External ids of the live raw records of `stream`, in a stable order.
    pub async fn raw_ids(&self, org: OrgId, connection: ConnectionId, stream: &str) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query!(
            "select external_id from raw_records where org_id = $1 and connection_id = $2 and stream = $3 and deleted_at is null order by length(external_id), external_id",
            org.0,
            connection.0,
            stream,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| row.external_id).collect())
    }
}
