//! Detail requests still to be made. Rows arrive and leave in page commits, so a crash forgets none and repeats at most the batch in
//! flight.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, DetailRequest, OrgId, WholeList};
use sqlx::PgConnection;

use crate::{Store, StoreError};

/// Requests that were read from the queue.
#[derive(Clone, Debug, Default)]
pub struct QueuedDetails {
    pub requests: Vec<DetailRequest>,
    /// When the youngest of them was queued.
    pub queued_until: DateTime<Utc>,
}

/// Requests that were answered: they leave the queue.
#[derive(Clone, Copy, Debug, Default)]
pub struct FinishedDetails<'a> {
    pub requests: &'a [DetailRequest],
    /// From `QueuedDetails`: what was queued again since asks for something newer, and stays.
    pub queued_until: DateTime<Utc>,
    /// What the answers brought whole.
    pub whole_lists: &'a [WholeList],
}

impl Store {
    /// The oldest `limit` requests of a stream; those a backfill asked for only with `background`.
    pub async fn detail_next(
        &self,
        org: OrgId,
        connection: ConnectionId,
        stream: &str,
        background: bool,
        limit: i64,
    ) -> Result<QueuedDetails, StoreError> {
        let rows = sqlx::query!(
            r#"select external_id, args, enqueued_at from detail_queue
               where org_id = $1 and connection_id = $2 and stream = $3 and (not background or $4) order by id limit $5"#,
            org.0,
            connection.0,
            stream,
            background,
            limit,
        )
        .fetch_all(&self.pool)
        .await?;
        let queued_until = rows.iter().map(|row| row.enqueued_at).max().unwrap_or_default();
        let request = |external_id, args| DetailRequest { stream: stream.to_owned(), external_id, args };
        Ok(QueuedDetails { requests: rows.into_iter().map(|row| request(row.external_id, row.args)).collect(), queued_until })
    }

    /// Notes that the source could not serve these items although it works. Answers those that have failed `give_up_after` times.
    pub async fn detail_failed(
        &self,
        org: OrgId,
        connection: ConnectionId,
        stream: &str,
        external_ids: &[String],
        give_up_after: i32,
    ) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query!(
            r#"with failed as (
                   update detail_queue set attempts = attempts + 1
                   where org_id = $1 and connection_id = $2 and stream = $3 and external_id = any($4)
                   returning external_id, attempts
               )
               select external_id as "external_id!" from failed where attempts >= $5"#,
            org.0,
            connection.0,
            stream,
            external_ids,
            give_up_after,
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| row.external_id).collect())
    }

    /// How many requests of a stream wait.
    pub async fn detail_count(&self, org: OrgId, connection: ConnectionId, stream: &str, background: bool) -> Result<i64, StoreError> {
        let row = sqlx::query!(
            r#"select count(*) as "count!" from detail_queue
               where org_id = $1 and connection_id = $2 and stream = $3 and (not background or $4)"#,
            org.0,
            connection.0,
            stream,
            background
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(row.count)
    }
}

pub(crate) async fn detail_enqueue_in_txn(
    tx: &mut PgConnection,
    org: OrgId,
    connection: ConnectionId,
    background: bool,
    details: &[&DetailRequest],
) -> Result<(), StoreError> {
    if details.is_empty() {
        return Ok(());
    }
    let streams: Vec<&str> = details.iter().map(|detail| detail.stream.as_str()).collect();
    let ids: Vec<&str> = details.iter().map(|detail| detail.external_id.as_str()).collect();
    let args: Vec<String> = details.iter().map(|detail| detail.args.to_string()).collect();
    sqlx::query!(
        r#"insert into detail_queue (org_id, connection_id, stream, external_id, args, background)
           select distinct on (r.stream, r.external_id) $1, $2::uuid, r.stream, r.external_id, r.args::jsonb, $6::boolean
           from unnest($3::text[], $4::text[], $5::text[]) as r (stream, external_id, args)
           on conflict (connection_id, stream, external_id) do update
           set args = excluded.args, enqueued_at = now(), background = detail_queue.background and excluded.background"#,
        org.0,
        connection.0,
        &streams as &[&str],
        &ids as &[&str],
        &args,
        background,
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub(crate) async fn detail_finish_in_txn(
    tx: &mut PgConnection,
    org: OrgId,
    connection: ConnectionId,
    finished: FinishedDetails<'_>,
) -> Result<(), StoreError> {
    if finished.requests.is_empty() {
        return Ok(());
    }
    let streams: Vec<&str> = finished.requests.iter().map(|detail| detail.stream.as_str()).collect();
    let ids: Vec<&str> = finished.requests.iter().map(|detail| detail.external_id.as_str()).collect();
    sqlx::query!(
        // laterally, with a limit: without statistics a join is planned as a walk over the whole queue
        r#"delete from detail_queue where ctid = any (array(
               select q.ctid from unnest($3::text[], $4::text[]) as r (stream, external_id)
               cross join lateral (
                   select ctid from detail_queue
                   where org_id = $1 and connection_id = $2 and stream = r.stream and external_id = r.external_id
                       and enqueued_at <= $5
                   limit 1
               ) q
           ))"#,
        org.0,
        connection.0,
        &streams as &[&str],
        &ids as &[&str],
        finished.queued_until,
    )
    .execute(tx)
    .await?;
    Ok(())
}
