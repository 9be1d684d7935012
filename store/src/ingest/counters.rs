//! The bookkeeping half of a page commit: cursor, counters, event.

use ovia_domain::RunCounts;
use serde_json::json;
use sqlx::PgConnection;

use super::commit::{Cursor, PageCommit, Scope};
use crate::{StoreError, run_log};

pub(super) async fn cursor_upsert(tx: &mut PgConnection, scope: Scope, stream: &str, cursor: &Cursor<'_>) -> Result<(), StoreError> {
    if let Some(position) = cursor.window {
        return window_cursor_upsert(tx, scope, position, cursor).await;
    }
    sqlx::query!(
        r#"insert into stream_cursors (org_id, connection_id, stream, partition, cursor, watermark, done_by_run)
           values ($1, $2, $3, $4, $5, $6, $7)
           on conflict (connection_id, stream, partition) do update
           set cursor = excluded.cursor, watermark = coalesce(excluded.watermark, stream_cursors.watermark),
               done_by_run = excluded.done_by_run, updated_at = now()"#,
        scope.org.0,
        scope.connection.0,
        stream,
        cursor.partition,
        cursor.value,
        cursor.watermark,
        cursor.done.then_some(scope.run.0),
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn window_cursor_upsert(tx: &mut PgConnection, scope: Scope, position: i32, cursor: &Cursor<'_>) -> Result<(), StoreError> {
    sqlx::query!(
        r#"insert into backfill_cursors (org_id, run_id, position, partition, cursor, done) values ($1, $2, $3, $4, $5, $6)
           on conflict (run_id, position, partition) do update set cursor = excluded.cursor, done = excluded.done"#,
        scope.org.0,
        scope.run.0,
        position,
        cursor.partition,
        cursor.value,
        cursor.done,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Items written, added to what is known of the stream over all runs.
pub(super) async fn stream_state_add(tx: &mut PgConnection, scope: Scope, stream: &str, items: i64) -> Result<(), StoreError> {
    if items == 0 {
        return Ok(());
    }
    sqlx::query!(
        r#"with total as (
               insert into stream_states (org_id, connection_id, stream, items_ingested_total) values ($1, $2, $3, $4)
               on conflict (connection_id, stream) do update
               set items_ingested_total = stream_states.items_ingested_total + excluded.items_ingested_total
           )
           insert into stream_ingest_hours (org_id, connection_id, stream, hour, items) values ($1, $2, $3, date_trunc('hour', now()), $4)
           on conflict (connection_id, stream, hour) do update set items = stream_ingest_hours.items + excluded.items"#,
        scope.org.0,
        scope.connection.0,
        stream,
        items,
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn run_stream_add(
    tx: &mut PgConnection,
    scope: Scope,
    page: &PageCommit<'_>,
    counts: &RunCounts,
) -> Result<(), StoreError> {
    stream_state_add(tx, scope, page.stream, counts.inserted + counts.updated).await?;
    let totals = sqlx::query!(
        r#"update run_streams
           set fetched = fetched + $3, inserted = inserted + $4, updated = updated + $5, unchanged = unchanged + $6,
               deleted = deleted + $7, dead_lettered = dead_lettered + $8, requests = requests + $9,
               total_hint = case when $10::bigint is null then total_hint else coalesce(total_hint, 0) + $10 end,
               note = coalesce($11, note), refused = refused + $13
           where run_id = $1 and stream = $2 and org_id = $12
           returning fetched, inserted, updated, unchanged, deleted, dead_lettered, requests, total_hint"#,
        scope.run.0,
        page.stream,
        counts.fetched,
        counts.inserted,
        counts.updated,
        counts.unchanged,
        counts.deleted,
        counts.dead_lettered,
        counts.requests,
        page.total_hint,
        page.note,
        scope.org.0,
        i32::from(page.cursor.is_some_and(|cursor| cursor.refused)),
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(totals) = totals else { return Ok(()) };
    let data = json!({
        "stream": page.stream,
        "partition": page.cursor.as_ref().map(|cursor| cursor.partition),
        "page": counts,
        "totals": {
            "fetched": totals.fetched, "inserted": totals.inserted, "updated": totals.updated, "unchanged": totals.unchanged,
            "deleted": totals.deleted, "dead_lettered": totals.dead_lettered, "requests": totals.requests,
        },
        "total_hint": totals.total_hint,
    });
    // announced after the commit: pages of many connections are committed side by side
    run_log::event_write_in_txn(tx, scope.org, scope.run, "page_committed", data).await
}
