//! Writing run events. Every event is announced, so that a stream of events need not poll.

use ovia_domain::{OrgId, RunId};
use serde_json::Value;
use sqlx::PgConnection;

use crate::StoreError;

/// The Postgres notification channel; the payload is the run's id.
pub const EVENTS_CHANNEL: &str = "ovia_run_events";

/// Inserts an event of `run`. The run's row is locked first, so that events of one run get their ids in the order in which they become
/// visible: a reader that goes by rising ids misses none.
pub(crate) async fn event_insert_in_txn(tx: &mut PgConnection, org: OrgId, run: RunId, kind: &str, data: Value) -> Result<(), StoreError> {
    sqlx::query!(
        r#"with run as (select id from runs where org_id = $1 and id = $2 for no key update),
                event as (insert into run_events (org_id, run_id, kind, data) select $1, id, $3, $4 from run)
           select pg_notify($5, $6)"#,
        org.0,
        run.0,
        kind,
        data,
        EVENTS_CHANNEL,
        run.to_string(),
    )
    .fetch_one(tx)
    .await?;
    Ok(())
}
