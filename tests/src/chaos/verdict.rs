//! The end: everything up, one last sync, and the state compared with the truth.

use std::{collections::BTreeMap, fs, path::Path, time::Duration, time::Instant};

use ovia_store::Store;
use ovia_workflows::{TemporalEngine, types::SyncTuning};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    books,
    cluster::TASK_QUEUE,
    compare::{Wanted, cursors_ahead, differences},
    run::{Connected, Scene, TELL_EVERY},
};
use crate::app::temporal_config;

const TICK: Duration = Duration::from_millis(300);
/// Workflows end a moment after their runs, and events arrive a moment after they happen.
const MOMENT: Duration = Duration::from_secs(20);
/// Tables that explain a violation.
const BOOKS: [&str; 9] = [
    "runs",
    "run_streams",
    "run_problems",
    "connection_leases",
    "stream_cursors",
    "stream_states",
    "backfill_windows",
    "dead_letters",
    "source_budgets",
];

#[derive(Default)]
pub(super) struct Verdict {
    pub violations: Vec<String>,
    pub runs: BTreeMap<String, i64>,
    pub rows: usize,
    pub raw_records: i64,
    pub events: usize,
}

/// Everything up again, every run over, the cursors looked at, one last sync. Answers what went wrong.
pub(super) async fn settle(scene: &mut Scene, deadline: Instant) -> Vec<String> {
    let mut violations = Vec::new();
    violations.extend(runs_end(scene, deadline).await);
    for connected in &scene.connections {
        let found = cursors_look(&scene.store, connected).await;
        violations.extend(found.unwrap_or_else(|error| vec![format!("the cursors could not be looked at: {error}")]));
    }
    if violations.is_empty() {
        scene.say("every run is over; the last syncs begin");
        for connected in &scene.connections {
            scene.api.sync(&connected.id).await;
        }
        violations.extend(runs_end(scene, deadline).await);
    }
    violations
}

/// Waits until no run is open and everything is up.
async fn runs_end(scene: &mut Scene, deadline: Instant) -> Option<String> {
    let mut told = Instant::now();
    loop {
        if told.elapsed() > TELL_EVERY {
            told = Instant::now();
            scene.tell_progress().await;
        }
        scene.cluster.tick().await;
        let open = if scene.cluster.is_up() { books::open_runs(&scene.store).await.ok() } else { None };
        if open.as_ref().is_some_and(Vec::is_empty) {
            return None;
        }
        if Instant::now() > deadline {
            return Some(format!("not over {} s after the chaos: {open:?}", scene.options.settle.as_secs()));
        }
        sleep(TICK).await;
    }
}

async fn cursors_look(store: &Store, connected: &Connected) -> anyhow::Result<Vec<String>> {
    let wanted = wanted(connected).await?;
    cursors_ahead(store, connected.id.parse()?, connected.source.since, &wanted).await
}

async fn wanted(connected: &Connected) -> anyhow::Result<Wanted> {
    let source = std::sync::Arc::clone(&connected.source);
    Ok(tokio::task::spawn_blocking(move || Wanted::new(&source.truth(), source.details)).await?)
}

pub(super) async fn judge(scene: &mut Scene, settled: Vec<String>, logs: &Path) -> Verdict {
    scene.say("comparing with the truth");
    let mut verdict = Verdict { violations: settled, ..Verdict::default() };
    if let Err(error) = compare(scene, &mut verdict).await {
        verdict.violations.push(format!("the end state could not be read: {error:#}"));
    }
    verdict.violations.extend(scene.api.violations());
    for (name, times) in scene.cluster.ends().1 {
        verdict.violations.push(format!("{name} ended by itself {times} times while it was working"));
    }
    if (!verdict.violations.is_empty() || scene.options.logs.is_some())
        && let Err(error) = books_keep(&scene.store, logs).await
    {
        verdict.violations.push(format!("the books could not be kept: {error:#}"));
    }
    verdict
}

async fn compare(scene: &Scene, verdict: &mut Verdict) -> anyhow::Result<()> {
    let store = &scene.store;
    for connected in &scene.connections {
        let wanted = wanted(connected).await?;
        verdict.rows += wanted.rows();
        let found = differences(store, connected.id.parse::<Uuid>()?, &wanted).await?;
        verdict.violations.extend(found.into_iter().map(|text| format!("{}: {text}", connected.source.name)));
        let (_, run) = scene.api.insist(Method::GET, &format!("/runs/{}", connected.backfill), None, None, &[200]).await;
        if run["status"] != "succeeded" {
            verdict.violations.push(format!("{}: the backfill is {}: {}", connected.source.name, run["status"], run["error"]));
        }
    }
    verdict.violations.extend(books::wrong_books(store).await?);
    verdict.runs = books::runs_by_status(store).await?;
    verdict.raw_records = sqlx::query_scalar("select count(*) from raw_records").fetch_one(store.pool()).await?;
    verdict.violations.extend(workflows(scene).await?);
    let (events, wrong) = events(scene).await?;
    verdict.events = events;
    verdict.violations.extend(wrong);
    Ok(())
}

/// Temporal and Postgres agree on what is running: nothing.
async fn workflows(scene: &Scene) -> anyhow::Result<Option<String>> {
    let config = temporal_config(&scene.cluster.engines.temporal_address, TASK_QUEUE, SyncTuning::default());
    let engine = TemporalEngine::connect(config).await?;
    let deadline = Instant::now() + MOMENT;
    loop {
        let mut running = books::running_workflows(&engine).await?;
        running.extend(books::runs_outlived(&scene.store, &engine).await?);
        if running.is_empty() {
            return Ok(None);
        }
        if Instant::now() > deadline {
            return Ok(Some(format!("workflows run although their runs are over: {running:?}")));
        }
        sleep(TICK).await;
    }
}

/// Who watched has seen every event once, in order.
async fn events(scene: &Scene) -> anyhow::Result<(usize, Option<String>)> {
    let all = books::event_ids(&scene.store).await?;
    let deadline = Instant::now() + MOMENT;
    while scene.seen.borrow().ids.last() < all.last() && Instant::now() < deadline {
        sleep(TICK).await;
    }
    let seen = scene.seen.borrow().ids.clone();
    let wrong = (seen != all).then(|| {
        let at = seen.iter().zip(&all).position(|(seen, there)| seen != there).unwrap_or(seen.len().min(all.len()));
        let around = |ids: &[i64]| ids[at.saturating_sub(2).min(ids.len())..(at + 3).min(ids.len())].to_vec();
        format!(
            "{} events are there and {} were seen; they part at {:?} there, {:?} seen",
            all.len(),
            seen.len(),
            around(&all),
            around(&seen)
        )
    });
    Ok((all.len(), wrong))
}

/// Writes the tables that explain what went wrong beside the logs.
async fn books_keep(store: &Store, logs: &Path) -> anyhow::Result<()> {
    let mut tables = serde_json::Map::new();
    for table in BOOKS {
        let sql = format!("select coalesce(jsonb_agg(to_jsonb(t)), '[]') from {table} t");
        let rows: Value = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(store.pool()).await?;
        tables.insert(table.to_owned(), rows);
    }
    let sql = "select coalesce(jsonb_agg(to_jsonb(t) order by id), '[]') from (
                   select id, at, run_id, kind, data from run_events where kind <> 'page_committed') t";
    tables.insert("run_events".to_owned(), sqlx::query_scalar(sql).fetch_one(store.pool()).await?);
    fs::write(logs.join("books.json"), json!(tables).to_string())?;
    Ok(())
}
