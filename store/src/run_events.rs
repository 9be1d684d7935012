//! Run events, read: the append-only log that progress streams are made of, and the listener that says when there is more to read.
//!
//! Notifications say whose events are new and nothing else; what happened is always read from the table. So a lost notification costs
//! latency, never an event: readers look every `POLL_INTERVAL` as well.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ovia_domain::{OrgId, RunId, RunStatus};
use serde_json::Value;
use sqlx::{PgConnection, postgres::PgListener};

use crate::{
    Store, StoreError,
    run_log::{EVENTS_CHANNEL, ID_BITS, flight_key},
};

/// How often a reader looks without having been notified.
pub const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// The kind of a run's last event.
pub const RUN_FINISHED: &str = "run_finished";

/// Whose events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventScope {
    Run(OrgId, RunId),
    /// Of all the organisation's runs.
    Org(OrgId),
}

impl EventScope {
    fn ids(self) -> (OrgId, Option<RunId>) {
        match self {
            Self::Run(org, run) => (org, Some(run)),
            Self::Org(org) => (org, None),
        }
    }
}

/// One thing that happened in a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunEventRow {
    /// Rises within a scope: what is read later has a higher id.
    pub id: i64,
    pub run_id: RunId,
    pub at: DateTime<Utc>,
    /// `run_started`, `page_committed` … `run_finished`.
    pub kind: String,
    pub data: Value,
}

/// What a reader found after the position it had.
#[derive(Debug)]
pub struct EventsRead {
    pub events: Vec<RunEventRow>,
    /// Its position now: no event up to this one will appear any more.
    pub position: i64,
    /// There are more to read now.
    pub more: bool,
    /// Transactions under way keep later events from being told.
    pub held_back: bool,
}

/// What is known of a scope without reading its events.
#[derive(Clone, Copy, Debug)]
pub struct Glance {
    pub scope: EventScope,
    /// Id of its last event; 0 without one.
    pub last: i64,
    /// Of a run: it has ended, and with it its events.
    pub over: bool,
}

impl Store {
    /// Where a reader starts that wants only what is new.
    pub async fn events_end(&self, scope: EventScope) -> Result<i64, StoreError> {
        match scope {
            EventScope::Run(org, run) => {
                let last = sqlx::query_scalar!("select max(id) from run_events where org_id = $1 and run_id = $2", org.0, run.0);
                Ok(last.fetch_one(&self.pool).await?.unwrap_or(0))
            }
            EventScope::Org(org) => Ok(events_horizon(&mut *self.pool.acquire().await?, org).await?.0),
        }
    }

    /// At most `limit` events after event `after`, in order, none of them before one that is still to come.
    pub async fn events_read(&self, scope: EventScope, after: i64, limit: i64) -> Result<EventsRead, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let (up_to, held_back) = match scope {
            // one run's events become visible in the order of their ids
            EventScope::Run(..) => (i64::MAX, false),
            EventScope::Org(org) => events_horizon(&mut connection, org).await?,
        };
        let events = events_select(&mut connection, scope, after, up_to, limit).await?;
        let more = events.len() as i64 == limit;
        let last = events.last().map_or(after, |event| event.id);
        let position = if more || up_to == i64::MAX { last } else { up_to.max(last) };
        Ok(EventsRead { events, position, more, held_back })
    }

    /// At most `limit` events after event `after` up to event `up_to`, which a reader has come to before.
    pub async fn events_between(&self, scope: EventScope, after: i64, up_to: i64, limit: i64) -> Result<Vec<RunEventRow>, StoreError> {
        events_select(&mut *self.pool.acquire().await?, scope, after, up_to, limit).await
    }

    /// A look at all of `scopes` in two queries, however many they are. Runs that do not exist are left out.
    pub async fn events_glance(&self, scopes: &[EventScope]) -> Result<Vec<Glance>, StoreError> {
        let (mut run_orgs, mut runs, mut orgs) = (Vec::new(), Vec::new(), Vec::new());
        for scope in scopes {
            match scope.ids() {
                (org, Some(run)) => {
                    run_orgs.push(org.0);
                    runs.push(run.0);
                }
                (org, None) => orgs.push(org.0),
            }
        }
        let mut glances = Vec::with_capacity(scopes.len());
        if !runs.is_empty() {
            // the status is as old as the events or older: a run that was over then has written them all
            let rows = sqlx::query!(
                r#"select r.org_id, r.id, r.status,
                          (select e.id from run_events e where e.run_id = r.id order by e.id desc limit 1) as "last"
                   from unnest($1::uuid[], $2::uuid[]) as w (org_id, id) join runs r on r.id = w.id and r.org_id = w.org_id"#,
                &run_orgs,
                &runs,
            )
            .fetch_all(&self.pool)
            .await?;
            glances.extend(rows.into_iter().map(|row| Glance {
                scope: EventScope::Run(OrgId(row.org_id), RunId(row.id)),
                last: row.last.unwrap_or(0),
                over: RunStatus::parse(&row.status).is_some_and(RunStatus::is_terminal),
            }));
        }
        if !orgs.is_empty() {
            let rows = sqlx::query!(
                r#"select w.org_id as "org_id!", (select e.id from run_events e where e.org_id = w.org_id order by e.id desc limit 1) as "last"
                   from unnest($1::uuid[]) as w (org_id)"#,
                &orgs,
            )
            .fetch_all(&self.pool)
            .await?;
            let glance =
                |org: uuid::Uuid, last: Option<i64>| Glance { scope: EventScope::Org(OrgId(org)), last: last.unwrap_or(0), over: false };
            glances.extend(rows.into_iter().map(|row| glance(row.org_id, row.last)));
        }
        Ok(glances)
    }

    /// Hears, over one Postgres connection of its own, whose events are new, and tells `heard`. Goes on for ever, through every
    /// loss of the connection; what is said in between is lost.
    pub async fn events_listen(&self, heard: impl Fn(OrgId, RunId)) {
        loop {
            if let Err(error) = listen_once(self, &heard).await {
                tracing::warn!(%error, "failed to listen for run events; progress streams poll until this works again");
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

/// The last event id below which no event of the organisation can appear any more, and whether later ones are there already.
///
/// Three steps in this order, each with what it needs from the one before: the last id given out; the lowest id that a transaction
/// under way may hold (see `event_insert_in_txn`); then, by the caller, the rows. A transaction that took an id before the first step
/// had its lock by then. So it is either seen in the second, or it ended before that and its rows are seen in the third.
async fn events_horizon(connection: &mut PgConnection, org: OrgId) -> Result<(i64, bool), StoreError> {
    let given = sqlx::query_scalar!(r#"select case when is_called then last_value else 0 end as "last!" from run_events_id_seq"#)
        .fetch_one(&mut *connection)
        .await?;
    let flight = sqlx::query_scalar!(
        r#"select min(((l.classid::bigint << 32) | l.objid::bigint) & ((1::bigint << $2) - 1))
           from pg_locks l
           where l.locktype = 'advisory' and l.objsubid = 1
             and l.database = (select oid from pg_database where datname = current_database())
             and ((l.classid::bigint << 32) | l.objid::bigint) >> $2 = $1"#,
        flight_key(org) >> ID_BITS,
        ID_BITS as i32,
    )
    .fetch_one(&mut *connection)
    .await?;
    Ok(flight.map_or((given, false), |below| (given.min(below), below < given)))
}

async fn events_select(
    connection: &mut PgConnection,
    scope: EventScope,
    after: i64,
    up_to: i64,
    limit: i64,
) -> Result<Vec<RunEventRow>, StoreError> {
    let (org, run) = scope.ids();
    let rows = match run {
        Some(run) => {
            sqlx::query_as!(
                RunEventRow,
                "select id, run_id, at, kind, data from run_events where org_id = $1 and run_id = $2 and id > $3 and id <= $4 order by id limit $5",
                org.0,
                run.0,
                after,
                up_to,
                limit
            )
            .fetch_all(connection)
            .await?
        }
        None => {
            sqlx::query_as!(
                RunEventRow,
                "select id, run_id, at, kind, data from run_events where org_id = $1 and id > $2 and id <= $3 order by id limit $4",
                org.0,
                after,
                up_to,
                limit
            )
            .fetch_all(connection)
            .await?
        }
    };
    Ok(rows)
}

async fn listen_once(store: &Store, heard: &impl Fn(OrgId, RunId)) -> Result<(), StoreError> {
    let mut listener = PgListener::connect_with(&store.pool).await?;
    listener.listen(EVENTS_CHANNEL).await?;
    loop {
        let notification = listener.recv().await?;
        if let Some((org, run)) = notification.payload().split_once(' ')
            && let (Ok(org), Ok(run)) = (org.parse(), run.parse())
        {
            heard(org, run);
        }
    }
}
