//! The bookkeeping after the chaos: runs, counters, leases, cursors, and what Temporal says.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use ovia_store::Store;
use ovia_workflows::{Engine, TemporalEngine, delivery::WorkflowLook, names::RUN_ID};
use sqlx::{AssertSqlSafe, Row};
use temporalio_client::WorkflowListOptions;

/// Each finds what must not be, as one text per row.
const NEVER: [(&str, &str); 11] = [
    (
        "a run ended in a way that nothing explains",
        "select kind || ' ' || id || ' is ' || status || ' ' || coalesce(error::text, '') from runs
         where status not in ('succeeded', 'failed')
            or status = 'failed' and (error ->> 'code' <> 'UPSTREAM_UNREACHABLE' or error ->> 'message' not like 'The run could not be started:%')",
    ),
    ("a lease is held", "select connection_id || ' by ' || run_id from connection_leases where expires_at > now()"),
    ("a lease is wanted", "select connection_id || ' by ' || wanted_by from connection_leases where wanted_by is not null"),
    ("a detail is queued", "select stream || ' ' || external_id from detail_queue"),
    ("there is a dead letter", "select stream || ' ' || coalesce(external_id, '') || ': ' || reason from dead_letters"),
    ("a window was not walked", "select run_id || ' ' || position from backfill_windows where done_at is null"),
    (
        "a stream of a run that succeeded is not done",
        "select s.run_id || ' ' || s.stream || ' ' || s.status from run_streams s join runs r on r.id = s.run_id
         where r.status = 'succeeded' and s.status not in ('done', 'not_available')",
    ),
    (
        "records were inserted more or less often than they are there",
        "select x.stream || ': ' || x.there || ' there, ' || x.inserted || ' inserted' from (
             select r.stream, count(*) as there, coalesce((
                 select sum(s.inserted) from run_streams s join runs u on u.id = s.run_id
                 where u.connection_id = r.connection_id and s.stream = r.stream), 0) as inserted
             from raw_records r group by r.connection_id, r.stream) x
         where x.there <> x.inserted",
    ),
    (
        "a stream's total is not what its runs wrote",
        "select t.stream || ': ' || t.items_ingested_total || ', written ' || w.written from stream_states t cross join lateral (
             select coalesce(sum(s.inserted + s.updated), 0) as written from run_streams s join runs u on u.id = s.run_id
             where u.connection_id = t.connection_id and s.stream = t.stream) w
         where t.items_ingested_total <> w.written",
    ),
    (
        "a run's counters do not add up",
        "select run_id || ' ' || stream from run_streams where fetched <> inserted + updated + unchanged + dead_lettered",
    ),
    (
        "a run's counters are not the sum of its pages",
        "select s.run_id || ' ' || s.stream from run_streams s left join (
             select run_id, data ->> 'stream' as stream, sum((data #>> '{page,fetched}')::bigint) as fetched,
                    sum((data #>> '{page,inserted}')::bigint) as inserted, sum((data #>> '{page,updated}')::bigint) as updated,
                    sum((data #>> '{page,requests}')::bigint) as requests
             from run_events where kind = 'page_committed' group by 1, 2) e on e.run_id = s.run_id and e.stream = s.stream
         where (s.fetched, s.inserted, s.updated, s.requests)
            is distinct from (coalesce(e.fetched, 0), coalesce(e.inserted, 0), coalesce(e.updated, 0), coalesce(e.requests, 0))",
    ),
];
const OPEN: &str = "('queued', 'running', 'waiting', 'paused', 'cancelling')";
const TOLD: usize = 4;

/// What the books have that must not be.
pub(super) async fn wrong_books(store: &Store) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for (what, sql) in NEVER {
        let found = texts(store, sql).await?;
        if !found.is_empty() {
            wrong.push(format!("{what}: {} times, as {}", found.len(), found[..found.len().min(TOLD)].join("; ")));
        }
    }
    Ok(wrong)
}

/// Runs that have not ended, each in a few words.
pub(super) async fn open_runs(store: &Store) -> anyhow::Result<Vec<String>> {
    texts(store, &format!("select kind || ' ' || id || ' ' || status from runs where status in {OPEN} order by created_at")).await
}

/// Records stored, windows walked, and runs that are open.
pub(super) async fn progress(store: &Store) -> anyhow::Result<String> {
    let sql = format!(
        "select (select count(*) from raw_records) || ' records, ' || (select count(done_at) || ' of ' || count(*) from backfill_windows)
             || ' windows, ' || (select count(*) from detail_queue) || ' details queued; '
             || coalesce((select string_agg(kind || ' ' || status, ', ') from runs where status in {OPEN}), 'no run') || ' open'"
    );
    Ok(texts(store, &sql).await?.join(""))
}

/// Runs by kind and status.
pub(super) async fn runs_by_status(store: &Store) -> anyhow::Result<BTreeMap<String, i64>> {
    let rows = sqlx::query("select kind || ' ' || status, count(*) from runs group by 1 order by 1").fetch_all(store.pool()).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Ids of all events, in their order.
pub(super) async fn event_ids(store: &Store) -> anyhow::Result<Vec<i64>> {
    Ok(sqlx::query_scalar("select id from run_events order by id").fetch_all(store.pool()).await?)
}

/// Workflows of runs that Temporal still runs, by run; no run is open any more. Looks at each: lists are some seconds old.
pub(super) async fn running_workflows(engine: &TemporalEngine) -> anyhow::Result<Vec<String>> {
    let list = engine.client().list_workflows("ExecutionStatus = 'Running'", WorkflowListOptions::default());
    let listed: Vec<_> = list.try_collect().await?;
    let mut running = Vec::new();
    for workflow in listed {
        let is_run = workflow.search_attributes().get(&RUN_ID).is_some();
        if is_run && engine.run_look(workflow.id()).await? == WorkflowLook::Running {
            running.push(workflow.id().to_owned());
        }
    }
    Ok(running)
}

/// Runs whose workflow is open although they have ended, looked up by their own workflow id.
pub(super) async fn runs_outlived(store: &Store, engine: &TemporalEngine) -> anyhow::Result<Vec<String>> {
    let mut outlived = Vec::new();
    for id in texts(store, &format!("select workflow_id from runs where status not in {OPEN} order by created_at")).await? {
        if engine.run_look(&id).await? == WorkflowLook::Running {
            outlived.push(id);
        }
    }
    Ok(outlived)
}

async fn texts(store: &Store, sql: &str) -> anyhow::Result<Vec<String>> {
    let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(store.pool()).await?;
    Ok(rows.iter().map(|row| row.get::<Option<String>, _>(0).unwrap_or_default()).collect())
}
