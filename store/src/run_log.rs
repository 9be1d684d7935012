//! Writing run events. Every event is announced, so that a stream of events need not poll.

use ovia_domain::{OrgId, RunId};
use serde_json::Value;
use sqlx::PgConnection;

use crate::StoreError;

/// The Postgres notification channel; the payload is the run's id.
pub const EVENTS_CHANNEL: &str = "ovia_run_events";

pub(crate) async fn event_insert_in_txn(tx: &mut PgConnection, org: OrgId, run: RunId, kind: &str, data: Value) -> Result<(), StoreError> {
    sqlx::query!(
        r#"with event as (insert into run_events (org_id, run_id, kind, data) values ($1, $2, $3, $4))
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
