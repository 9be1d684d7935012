//! Writing run events. Every event is announced, so that a stream of events need not poll.

use ovia_domain::{OrgId, RunId};
use serde_json::Value;
use sqlx::PgConnection;

use crate::StoreError;

/// The Postgres notification channel; the payload is `<organisation> <run>`.
pub const EVENTS_CHANNEL: &str = "ovia_run_events";

/// Bits of an announcing lock's key that hold an event id: a trillion events.
pub(crate) const ID_BITS: u32 = 40;

/// The organisation's part of the keys under which transactions announce that they hold event ids. Two organisations that share one
/// wait for each other's transactions, and nothing worse.
pub(crate) fn flight_key(org: OrgId) -> i64 {
    const MASK: u128 = (1 << (63 - ID_BITS)) - 1;
    let low = (org.0.as_u128() & MASK) as i64;
    low << ID_BITS
}

/// Inserts an event of `run`.
///
/// The run's row is locked first, so that events of one run get their ids in the order in which they become visible: a reader that goes
/// by rising ids misses none. Over a whole organisation that would be one lock for all its runs, held until the commit is on disk.
/// Instead the transaction says, before it takes an id, which ids it can only take later ones than: it locks (shared, so nobody waits
/// for it) a key made of the organisation and the last id given out. Who reads the organisation's events looks at these keys and stops
/// short of the lowest (`events_horizon`). The lock goes when the transaction's end is visible, or with the connection.
pub(crate) async fn event_insert_in_txn(tx: &mut PgConnection, org: OrgId, run: RunId, kind: &str, data: Value) -> Result<(), StoreError> {
    sqlx::query!(
        r#"with run as materialized (select id from runs where org_id = $1 and id = $2 for no key update),
                flight as materialized (
                    select pg_advisory_xact_lock_shared($7 | case when is_called then last_value else 0 end) from run_events_id_seq
                ),
                -- both are there before the row, and so its id, is made
                event as (insert into run_events (org_id, run_id, kind, data) select $1, run.id, $3, $4 from run cross join flight)
           select pg_notify($5, $6)"#,
        org.0,
        run.0,
        kind,
        data,
        EVENTS_CHANNEL,
        format!("{org} {run}"),
        flight_key(org),
    )
    .fetch_one(tx)
    .await?;
    Ok(())
}
