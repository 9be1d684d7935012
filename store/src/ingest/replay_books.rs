//! The bookkeeping of replays: what a batch adds to the run's counters and to its result.

use ovia_domain::{OrgId, RunCounts, RunId};
use serde_json::json;
use sqlx::PgConnection;

use crate::{StoreError, replay::ReplayResult, run_log};

/// Letters that could not be read again.
pub(super) async fn failed_add(tx: &mut PgConnection, org: OrgId, run: RunId, stream: &str, letters: i64) -> Result<(), StoreError> {
    sqlx::query!(
        "update run_streams set fetched = fetched + $4, dead_lettered = dead_lettered + $4 where org_id = $1 and run_id = $2 and stream = $3",
        org.0,
        run.0,
        stream,
        letters
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Records read again. They are not counted as ingested: nothing came from the source.
pub(super) async fn counts_add(tx: &mut PgConnection, org: OrgId, run: RunId, stream: &str, counts: &RunCounts) -> Result<(), StoreError> {
    let totals = sqlx::query!(
        r#"update run_streams
           set fetched = fetched + $4, inserted = inserted + $5, updated = updated + $6, unchanged = unchanged + $7,
               dead_lettered = dead_lettered + $8
           where org_id = $1 and run_id = $2 and stream = $3
           returning fetched, inserted, updated, unchanged, deleted, dead_lettered, requests, total_hint"#,
        org.0,
        run.0,
        stream,
        counts.fetched,
        counts.inserted,
        counts.updated,
        counts.unchanged,
        counts.dead_lettered
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(totals) = totals else { return Ok(()) };
    let data = json!({
        "stream": stream,
        "page": counts,
        "totals": {
            "fetched": totals.fetched, "inserted": totals.inserted, "updated": totals.updated, "unchanged": totals.unchanged,
            "deleted": totals.deleted, "dead_lettered": totals.dead_lettered, "requests": totals.requests,
        },
        "total_hint": totals.total_hint,
    });
    run_log::event_insert_in_txn(tx, org, run, "page_committed", data).await
}

/// What is known so far, and where to go on.
pub(super) async fn result_set(tx: &mut PgConnection, org: OrgId, run: RunId, result: &ReplayResult) -> Result<(), StoreError> {
    let result = serde_json::to_value(result)?;
    sqlx::query!("update runs set result = $3 where org_id = $1 and id = $2", org.0, run.0, result).execute(tx).await?;
    Ok(())
}
