//! An engine dies in mid-run and comes back: the run goes on and ends with the truth.

use ovia_demo::{CompanySize, DemoServer, FaultKind, Faults};
use ovia_tests::{OviaProcess, PrivateEngines, TestApp, TestOptions, eventually, state};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{demo, demo::every, truth::assert_synced};

/// Keeps the sync of the small company going for long enough that an engine dies in the middle of it.
fn slow(demo: &DemoServer) {
    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Slow(20))] });
}

async fn raw_records(app: &TestApp) -> i64 {
    state::count(&app.store, "select count(*) from raw_records").await
}

async fn some_progress(app: &TestApp) {
    eventually("progress", 60, async || (raw_records(app).await > 50).then_some(())).await;
}

/// The API says which part is missing.
async fn not_ready(app: &TestApp, missing: &str, present: &str) {
    let (status, ready) = app.http.send(Method::GET, "/ready", None).await;
    let parts = (&ready[missing]["ok"], &ready[present]["ok"]);
    assert_eq!((status, parts), (StatusCode::SERVICE_UNAVAILABLE, (&json!(false), &json!(true))), "{ready}");
}

/// The run succeeds, everything is as true as if nothing had happened, and what follows the sync happens.
async fn ends_well(app: &TestApp, demo: &DemoServer, run: &str, worker: &mut OviaProcess) {
    assert!(worker.is_alive(), "the worker did not outlive the engine");
    demo.set_faults(Faults::default());
    let ended = app.run_end(run, 180).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    assert_synced(&app.store, &demo.truth()).await;
    assert_eq!(state::count(&app.store, "select count(*) from detail_queue").await, 0);
    let (matching, rollup) = app.follow_ups_end(run).await;
    assert_eq!((matching["status"].as_str(), rollup["status"].as_str()), (Some("succeeded"), Some("succeeded")), "{matching} {rollup}");
    assert!(worker.is_alive());
}

#[tokio::test]
async fn postgres_is_killed_in_mid_run() {
    let mut engines = PrivateEngines::start().await;
    let app = TestApp::start_on(&engines, TestOptions { worker: false, ..TestOptions::default() }).await;
    let demo = demo::server(CompanySize::small()).await;
    slow(&demo);
    let connection = demo::connect(&app, &demo).await;
    let mut worker = app.worker_process();
    let run = app.sync_start(&connection).await;
    some_progress(&app).await;
    let workflow = app.workflow_id(&run).await;

    engines.kill_postgres().await;
    eventually("the slice to fail", 60, async || (app.activity_attempt(&workflow).await > 1).then_some(())).await;
    not_ready(&app, "postgres", "temporal").await;
    let (status, problem) = app.http.send(Method::GET, &format!("/runs/{run}"), None).await;
    assert!(status.is_server_error() && problem["code"].is_string() && problem["hint"].is_string(), "{status} {problem}");
    engines.start_postgres().await;

    let before = app.run(&run).await;
    assert_eq!(before["status"], "running", "the sync ended too early: {before}");
    ends_well(&app, &demo, &run, &mut worker).await;
}

#[tokio::test]
async fn temporal_is_killed_in_mid_run() {
    let mut engines = PrivateEngines::start().await;
    let app = TestApp::start_on(&engines, TestOptions { worker: false, ..TestOptions::default() }).await;
    let demo = demo::server(CompanySize::small()).await;
    slow(&demo);
    let connection = demo::connect(&app, &demo).await;
    let other = app.connect("other", demo.base_url(), demo::TOKEN, demo::settings(&demo)).await;
    let mut worker = app.worker_process();
    let run = app.sync_start(&connection).await;
    some_progress(&app).await;

    engines.kill_temporal().await;
    not_ready(&app, "temporal", "postgres").await;
    // what the page reads is in Postgres; what needs Temporal says so
    assert_eq!(app.run(&run).await["status"], "running");
    let (status, problem) = app.http.send(Method::POST, &format!("/connections/{other}/sync"), None).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::SERVICE_UNAVAILABLE, Some("UPSTREAM_UNREACHABLE")), "{problem}");
    let refused = app.run(problem["run_id"].as_str().unwrap()).await;
    assert_eq!(refused["status"], "failed", "{refused}");
    engines.start_temporal().await;

    let before = app.run(&run).await;
    assert_eq!(before["status"], "running", "the sync ended too early: {before}");
    ends_well(&app, &demo, &run, &mut worker).await;
    // the connection whose sync was refused is free
    let again = app.sync(&other).await;
    assert_eq!(again["status"], "succeeded", "{again}");
}
