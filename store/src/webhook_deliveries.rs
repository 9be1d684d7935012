//! Deliveries of webhooks, and what became of them. A delivery stays pending until the item it names has been read from the source and
//! stored: a worker that dies in between leaves it to the next one, which reads the item again. One that the source could not answer is
//! due again later, each time after twice as long.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, ItemRef, OrgId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Store, StoreError};

/// A delivery, proved to be its source's.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    pub org_id: OrgId,
    pub connection_id: ConnectionId,
    /// The source's own id of it, the same when it is delivered again.
    pub delivery_id: String,
    pub kind: String,
    /// `None` where there is nothing to pull: the delivery is only counted.
    pub item: Option<ItemRef>,
    pub event_at: Option<DateTime<Utc>>,
}

/// A delivery that names an item to pull.
#[derive(Clone, Debug)]
pub struct PendingDelivery {
    pub id: Uuid,
    pub item: ItemRef,
    pub attempts: i32,
}

/// How a delivery ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    Done,
    Ignored,
    Failed,
}

impl Settled {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Ignored => "ignored",
            Self::Failed => "failed",
        }
    }
}

/// Ends all of a connection's pending deliveries.
pub(crate) async fn settle_all_in_txn(
    txn: &mut PgConnection,
    org: OrgId,
    connection: ConnectionId,
    settled: Settled,
    note: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"update webhook_deliveries set state = $3, note = $4, settled_at = now()
               where org_id = $1 and connection_id = $2 and state = 'pending'"#,
        org.0,
        connection.0,
        settled.as_str(),
        note
    )
    .execute(txn)
    .await?;
    Ok(())
}

impl Store {
    /// Keeps a delivery. False if it is known already, or its connection has been deleted since the delivery was proved.
    pub async fn delivery_insert(&self, new: &NewDelivery) -> Result<bool, StoreError> {
        let item = new.item.as_ref();
        let inserted = sqlx::query!(
            // a delete holds the connection's row: this one waits for it, and is not left behind
            r#"insert into webhook_deliveries
                   (id, org_id, connection_id, delivery_id, kind, stream, partition, external_id, number, event_at, state, settled_at)
               select $1, org_id, id, $4, $5, $6, $7, $8, $9, $10, case when $6::text is null then 'ignored' else 'pending' end,
                   case when $6::text is null then now() end
               from connections where org_id = $2 and id = $3 and deleted_at is null for key share
               on conflict (connection_id, delivery_id) do nothing"#,
            Uuid::now_v7(),
            new.org_id.0,
            new.connection_id.0,
            new.delivery_id,
            new.kind,
            item.map(|item| item.stream.as_str()),
            item.and_then(|item| item.partition.as_deref()),
            item.map(|item| item.external_id.as_str()),
            item.and_then(|item| item.number),
            new.event_at,
        );
        Ok(inserted.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// The first `limit` deliveries whose items are to be pulled now; those that have not been tried come first.
    pub async fn deliveries_due(&self, org: OrgId, connection: ConnectionId, limit: i64) -> Result<Vec<PendingDelivery>, StoreError> {
        let rows = sqlx::query!(
            r#"select id, stream as "stream!", partition, external_id as "external_id!", number, attempts from webhook_deliveries
               where org_id = $1 and connection_id = $2 and state = 'pending' and due_at <= now()
               order by attempts, due_at limit $3"#,
            org.0,
            connection.0,
            limit
        );
        let rows = rows.fetch_all(&self.pool).await?.into_iter().map(|row| PendingDelivery {
            id: row.id,
            item: ItemRef { stream: row.stream, partition: row.partition, external_id: row.external_id, number: row.number },
            attempts: row.attempts,
        });
        Ok(rows.collect())
    }

    /// How long until the next delivery is due; `None` if none is pending.
    pub async fn deliveries_wait(&self, org: OrgId, connection: ConnectionId) -> Result<Option<Duration>, StoreError> {
        let seconds = sqlx::query_scalar!(
            r#"select extract(epoch from min(due_at) - now())::float8 from webhook_deliveries
               where org_id = $1 and connection_id = $2 and state = 'pending'"#,
            org.0,
            connection.0
        );
        let seconds = seconds.fetch_one(&self.pool).await?;
        Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()))
    }

    /// Ends deliveries that are pending. `note` is for people and holds no secret.
    pub async fn deliveries_settle(
        &self,
        org: OrgId,
        connection: ConnectionId,
        ids: &[Uuid],
        settled: Settled,
        note: Option<&str>,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            r#"update webhook_deliveries set state = $4, note = $5, settled_at = now()
               where org_id = $1 and connection_id = $2 and id = any($3) and state = 'pending'"#,
            org.0,
            connection.0,
            ids,
            settled.as_str(),
            note
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Ends all of a connection's pending deliveries: nothing can be pulled.
    pub async fn deliveries_settle_all(
        &self,
        org: OrgId,
        connection: ConnectionId,
        settled: Settled,
        note: &str,
    ) -> Result<(), StoreError> {
        settle_all_in_txn(&mut *self.pool.acquire().await?, org, connection, settled, note).await
    }

    /// Notes that the source did not answer: they are due again after 1, 2, 4 … seconds. Those that have been tried `give_up_after` times
    /// fail.
    pub async fn deliveries_retry(
        &self,
        org: OrgId,
        connection: ConnectionId,
        ids: &[Uuid],
        give_up_after: i32,
        note: &str,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            r#"update webhook_deliveries
               set attempts = attempts + 1, note = $5, due_at = now() + make_interval(secs => power(2, attempts)),
                   state = case when attempts + 1 >= $4 then 'failed' else state end,
                   settled_at = case when attempts + 1 >= $4 then now() end
               where org_id = $1 and connection_id = $2 and id = any($3) and state = 'pending'"#,
            org.0,
            connection.0,
            ids,
            give_up_after,
            note
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Leaves deliveries alone for a moment, for no fault of their source.
    pub async fn deliveries_put_off(&self, org: OrgId, connection: ConnectionId, ids: &[Uuid], wait: Duration) -> Result<(), StoreError> {
        sqlx::query!(
            r#"update webhook_deliveries set due_at = now() + make_interval(secs => $4)
               where org_id = $1 and connection_id = $2 and id = any($3) and state = 'pending'"#,
            org.0,
            connection.0,
            ids,
            wait.as_secs_f64()
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Of all organisations: connections with deliveries that have been due for `seconds`, without those that are held.
    pub async fn deliveries_overdue(&self, seconds: f64) -> Result<Vec<(OrgId, ConnectionId)>, StoreError> {
        let rows = sqlx::query!(
            r#"select c.org_id, c.id from connections c
               where c.deleted_at is null and c.paused_at is null
                   and not exists (select from kill_switches k where k.org_id = c.org_id and k.engaged)
                   and exists (
                       select from webhook_deliveries d
                       where d.connection_id = c.id and d.org_id = c.org_id and d.state = 'pending'
                           and d.due_at < now() - make_interval(secs => $1)
                   )"#,
            seconds
        );
        Ok(rows.fetch_all(&self.pool).await?.into_iter().map(|row| (OrgId(row.org_id), ConnectionId(row.id))).collect())
    }

    /// Which of these external ids are live records of a stream: what is not synced is not pulled because an event names it.
    pub async fn raw_live(
        &self,
        org: OrgId,
        connection: ConnectionId,
        stream: &str,
        external_ids: &[String],
    ) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query_scalar!(
            r#"select external_id from raw_records
               where org_id = $1 and connection_id = $2 and stream = $3 and external_id = any($4) and deleted_at is null"#,
            org.0,
            connection.0,
            stream,
            external_ids
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Whether pulls of a connection are held: it is paused, or the organisation's kill switch is on.
    pub async fn connection_is_held(&self, org: OrgId, connection: ConnectionId) -> Result<bool, StoreError> {
        let held = sqlx::query_scalar!(
            r#"select (exists (select from connections where org_id = $1 and id = $2 and paused_at is not null)
                   or exists (select from kill_switches where org_id = $1 and engaged)) as "held!""#,
            org.0,
            connection.0
        );
        Ok(held.fetch_one(&self.pool).await?)
    }
}
