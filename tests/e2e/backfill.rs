//! A backfill fetches the past beside the live syncs: completely, without rewriting what is there, and from where it stopped.

use std::time::{Duration, Instant};

use ovia_demo::{CompanySize, DemoServer, FaultKind, Faults};
use ovia_tests::{TestApp, TestOptions, eventually, state};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    cancel::cancel,
    demo,
    demo::every,
    truth::{assert_synced, assert_tables, same},
};

/// What a backfill of everything fills. Environments and releases have no time to go by, and accounts known from those alone are missing.
const TABLES: [&str; 11] = [
    "memberships",
    "groups",
    "projects",
    "issues",
    "merge_requests",
    "merge_request_notes",
    "merge_request_approvals",
    "merge_request_commits",
    "pipelines",
    "jobs",
    "deployments",
];

/// The whole history of the demo company.
pub fn the_year() -> Value {
    json!({"from": "2025-03-01T00:00:00Z", "to": "2026-03-20T00:00:00Z", "window": "30d"})
}

/// Starts a backfill and answers its run.
pub async fn backfill_start(app: &TestApp, connection: &str, body: Value) -> Value {
    let (status, run) = app.http.post(&format!("/connections/{connection}/backfill"), body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    run
}

pub fn id(run: &Value) -> &str {
    run["id"].as_str().unwrap()
}

/// Every request takes this long.
pub fn slow(demo: &DemoServer, millis: u64) {
    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Slow(millis))] });
}

/// Slices so short that a backfill has many.
pub fn short_slices() -> TestOptions {
    let mut options = TestOptions::default();
    options.tuning.slice_seconds = 1;
    options.tuning.paused_look_ms = 500;
    options
}

/// A connection whose syncs leave the past alone.
async fn recent(app: &TestApp, demo: &DemoServer) -> String {
    let mut settings = demo::settings(demo);
    settings["since"] = json!("2026-03-14T00:00:00Z");
    app.connect("recent", demo.base_url(), demo::TOKEN, settings).await
}

async fn windows_done(app: &TestApp, run: &str) -> i64 {
    app.run(run).await["windows"]["done"].as_i64().unwrap_or(0)
}

async fn backfill_statuses(app: &TestApp, connection: &str) -> Vec<(String, String)> {
    let streams = app.http.get(&format!("/connections/{connection}/streams")).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    streams["items"].as_array().unwrap().iter().map(|row| (text(&row["stream"]), text(&row["backfill_status"]))).collect()
}

/// The one status of the streams that are walked by time.
async fn windowed_status(app: &TestApp, connection: &str) -> Option<String> {
    let windowed = ["issues", "merge_requests", "pipelines", "deployments"];
    let mut statuses: Vec<String> = backfill_statuses(app, connection)
        .await
        .into_iter()
        .filter(|(stream, _)| windowed.contains(&stream.as_str()))
        .map(|(_, status)| status)
        .collect();
    statuses.dedup();
    (statuses.len() == 1).then(|| statuses.remove(0))
}

#[tokio::test]
async fn a_year_of_nothing_becomes_the_truth_newest_first() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    let run = backfill_start(&app, &connection, the_year()).await;
    assert_eq!((&run["kind"], &run["windows"]), (&json!("backfill"), &Value::Null), "{run}");
    let run = app.run_end(id(&run), 180).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!((&run["counts"]["dead_lettered"], &run["windows"]["done"]), (&json!(0), &run["windows"]["total"]), "{run}");
    assert_eq!(run["windows"]["total"], 4 * 13, "{run}");
    assert_tables(&app.store, &demo.truth(), &TABLES).await;
    assert_eq!(state::count(&app.store, "select count(*) from detail_queue").await, 0);
    let rising = "select count(*) from backfill_windows a join backfill_windows b on b.position = a.position + 1 and b.done_at < a.done_at";
    assert_eq!(state::count(&app.store, rising).await, 0, "a newer window was walked after an older one");
    assert_eq!(windowed_status(&app, &connection).await.as_deref(), Some("DONE"));
    let stages = run["progress"].as_array().unwrap();
    assert!(stages.iter().all(|stream| stream["status"] == "done"), "{run}");

    // the live cursors know nothing of it: the first sync brings what has no time, and rewrites nothing
    let sync = app.sync(&connection).await;
    assert_eq!(sync["status"], "succeeded", "{sync}");
    assert_synced(&app.store, &demo.truth()).await;
}

#[tokio::test]
async fn over_a_full_sync_it_rewrites_nothing() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    assert_eq!(app.sync(&connection).await["status"], "succeeded");
    assert_eq!(windowed_status(&app, &connection).await.as_deref(), Some("NOT_STARTED"));
    let cursors = "select count(*) from stream_cursors where stream in ('issues', 'merge_requests', 'pipelines', 'deployments') and cursor -> 'walks' = '1'";
    let walked = state::count(&app.store, cursors).await;
    let mut before = Vec::new();
    for table in state::TABLES.into_iter().chain(["raw_records"]) {
        before.push((table, state::positions(&app.store, table).await));
    }

    let run = backfill_start(&app, &connection, the_year()).await;
    let run = app.run_end(id(&run), 180).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    let counts = &run["counts"];
    assert_eq!((&counts["inserted"], &counts["updated"]), (&json!(0), &json!(0)), "{run}");
    assert!(counts["unchanged"].as_i64() > Some(400), "{run}");
    for (table, before) in before {
        assert_eq!(state::positions(&app.store, table).await, before, "{table} was written to");
    }
    assert_eq!(state::count(&app.store, cursors).await, walked, "a backfill moved a live cursor");
}

#[tokio::test]
async fn a_live_sync_goes_first_and_nothing_is_lost_or_doubled() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = recent(&app, &demo).await;
    assert_eq!(app.sync(&connection).await["status"], "succeeded");
    let slowly = backfill_start(&app, &connection, json!({"from": "2025-03-01", "to": "2026-03-20", "window": "7d"})).await;
    slow(&demo, 60);
    let run = id(&slowly);
    for round in 0..2 {
        let done = windows_done(&app, run).await;
        eventually("a window", 60, async || (windows_done(&app, run).await > done).then_some(())).await;
        let edited = demo.edit_merge_requests(5, demo::as_of() + chrono::Duration::hours(round + 1));
        let asked = Instant::now();
        let sync = app.sync(&connection).await;
        assert_eq!(sync["status"], "succeeded", "{sync}");
        assert!(asked.elapsed() < Duration::from_secs(30), "the sync took {:?}", asked.elapsed());
        let (stored, truth) = (state::rows(&app.store, "merge_requests").await, demo.truth().merge_requests);
        for id in edited {
            assert!(same(&stored[&id]["updated_at"], &json!(truth[&id].updated_at)), "{id} {}", stored[&id]);
        }
        assert_eq!(app.run(run).await["status"], "running", "the sync waited for the backfill's end");
    }
    demo.set_faults(Faults::default());
    let run = app.run_end(run, 180).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_tables(&app.store, &demo.truth(), &TABLES).await;
    // what was edited meanwhile is newer than the backfill's windows, and not lost
    assert_eq!(state::count(&app.store, "select count(*) from detail_queue").await, 0);
    let held = "select count(*) from connection_leases where expires_at > now() or wanted_by is not null";
    assert_eq!(state::count(&app.store, held).await, 0, "the lease was not released");
}

#[tokio::test]
async fn a_cancelled_one_goes_on_where_it_stopped() {
    let app = TestApp::start_with(short_slices()).await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = recent(&app, &demo).await;
    slow(&demo, 15);
    let first = backfill_start(&app, &connection, the_year()).await;
    eventually("some windows", 60, async || (windows_done(&app, id(&first)).await > 8).then_some(())).await;
    let took = cancel(&app, id(&first)).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    let done = windows_done(&app, id(&first)).await;
    assert_ne!(windowed_status(&app, &connection).await.as_deref(), Some("DONE"));

    // details of merge requests that are stored are fetched by whoever comes next
    demo.set_faults(Faults::default());
    assert_eq!(app.sync(&connection).await["status"], "succeeded");
    assert_eq!(state::count(&app.store, "select count(*) from detail_queue").await, 0, "details of a cancelled backfill are left over");

    slow(&demo, 15);
    let (status, second) = app.http.post(&format!("/runs/{}/retry", id(&first)), json!({})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{second}");
    let total =
        &eventually("a plan", 30, async || Some(app.run(id(&second)).await).filter(|run| run["windows"].is_object())).await["windows"];
    assert!(total["done"].as_i64() >= Some(done), "{total} after {done}");
    demo.set_faults(Faults::default());
    let second = app.run_end(id(&second), 180).await;
    assert_eq!((&second["status"], &second["retry_of"]), (&json!("succeeded"), &first["id"]), "{second}");
    assert_eq!(second["windows"]["done"], second["windows"]["total"], "{second}");
    assert!(second["progress"].as_array().unwrap().iter().all(|stream| stream["status"] == "done"), "{second}");
    assert_tables(&app.store, &demo.truth(), &TABLES).await;
}

#[tokio::test]
async fn the_streams_tell_how_it_stands() {
    let app = TestApp::start_with(short_slices()).await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    slow(&demo, 15);
    let run = backfill_start(&app, &connection, json!({"from": "2026-01-01", "to": "2026-03-20", "window": "7d"})).await;
    let becomes = async |status: &str| {
        eventually(status, 60, async || (windowed_status(&app, &connection).await.as_deref() == Some(status)).then_some(())).await;
    };
    becomes("RUNNING").await;
    app.http.post(&format!("/runs/{}/pause", id(&run)), json!({})).await;
    becomes("PAUSED").await;
    app.http.post(&format!("/runs/{}/resume", id(&run)), json!({})).await;
    becomes("RUNNING").await;
    demo.set_faults(Faults::default());
    assert_eq!(app.run_end(id(&run), 120).await["status"], "succeeded");
    becomes("DONE").await;
}
