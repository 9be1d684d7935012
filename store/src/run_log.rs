//! Writing run events. Every event is announced, so that a stream of events need not poll: with the transaction that writes it, or, where
//! that would cost too much, after it.

use ovia_domain::{OrgId, RunId};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};

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

/// Inserts an event of `run`, and announces it when the transaction commits.
///
/// For what happens now and then: Postgres lets transactions that announce something commit one after the other, whatever they are of.
pub(crate) async fn event_insert_in_txn(tx: &mut PgConnection, org: OrgId, run: RunId, kind: &str, data: Value) -> Result<(), StoreError> {
    event_write_in_txn(tx, org, run, kind, data).await?;
    event_announce(tx, org, run).await
}

/// Says that `run` has new events. A reader that misses it finds them at its next poll.
pub(crate) async fn event_announce(connection: impl PgExecutor<'_>, org: OrgId, run: RunId) -> Result<(), StoreError> {
    sqlx::query!("select pg_notify($1, $2)", EVENTS_CHANNEL, format!("{org} {run}")).fetch_one(connection).await?;
    Ok(())
}

/// Inserts an event of `run`. The caller announces it after the commit.
///
/// The run's row is locked first, so that events of one run get their ids in the order in which they become visible: a reader that goes
/// by rising ids misses none. Over a whole organisation that would be one lock for all its runs, held until the commit is on disk.
/// Instead the transaction says, before it takes an id, which ids it can only take later ones than: it locks (shared, so nobody waits
/// for it) a key made of the organisation and the last id given out. Who reads the organisation's events looks at these keys and stops
/// short of the lowest (`events_horizon`). The lock goes when the transaction's end is visible, or with the connection.
pub(crate) async fn event_write_in_txn(tx: &mut PgConnection, org: OrgId, run: RunId, kind: &str, data: Value) -> Result<(), StoreError> {
    sqlx::query!(
        r#"with run as materialized (select id from runs where org_id = $1 and id = $2 for no key update),
                flight as materialized (
                    select pg_advisory_xact_lock_shared($5 | case when is_called then last_value else 0 end) from run_events_id_seq
                )
           -- both are there before the row, and so its id, is made
           insert into run_events (org_id, run_id, kind, data) select $1, run.id, $3, $4 from run cross join flight"#,
        org.0,
        run.0,
        kind,
        data,
        flight_key(org),
    )
    .execute(tx)
    .await?;
    Ok(())
}
