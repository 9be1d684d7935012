//! Cancel means cancelled: within five seconds, work so far kept, and the next sync completes it.

use std::time::{Duration, Instant};

use ovia_demo::{CompanySize, FaultKind, Faults};
use ovia_tests::{TestApp, TestOptions, eventually, state};
use reqwest::{Method, StatusCode};
use serde_json::json;
use temporalio_client::{UntypedWorkflow, WorkflowTerminateOptions};

use crate::{demo, demo::every, truth::assert_synced};

/// Cancels, waits for the end, and answers how long it took.
pub async fn cancel(app: &TestApp, run: &str) -> Duration {
    let asked = Instant::now();
    let (status, body) = app.http.send(Method::POST, &format!("/runs/{run}/cancel"), None).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    let run = app.run_end(run, 20).await;
    assert_eq!(run["status"], "cancelled", "{run}");
    asked.elapsed()
}

#[tokio::test]
async fn cancel_in_mid_sync_stops_within_seconds_and_the_next_sync_completes() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Slow(30))] });
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync_start(&connection).await;
    eventually("some rows", 60, || async { (state::count(&app.store, "select count(*) from merge_requests").await > 0).then_some(()) })
        .await;
    let took = cancel(&app, &run).await;
    assert!(took < Duration::from_secs(5), "{took:?}");

    // nothing is written after the end
    let rows = state::count(&app.store, "select count(*) from raw_records").await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(state::count(&app.store, "select count(*) from raw_records").await, rows);

    let (status, problem) = app.http.send(Method::POST, &format!("/runs/{run}/cancel"), None).await;
    assert_eq!((status, problem["code"].as_str()), (StatusCode::CONFLICT, Some("CONFLICT")), "{problem}");

    demo.set_faults(Faults::default());
    assert_eq!(app.sync(&connection).await["status"], "succeeded");
    assert_synced(&app.store, &demo.truth()).await;
}

#[tokio::test]
async fn cancel_while_waiting_for_a_rate_limit() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let rule = every(30, FaultKind::RateLimited { retry_after: Some(3600), as_http_date: false });
    demo.set_faults(Faults { seed: 1, rules: vec![rule] });
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync_start(&connection).await;
    app.run_status(&run, "waiting", 60).await;
    let took = cancel(&app, &run).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn cancel_before_any_worker_saw_the_run() {
    let mut app = TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync_start(&connection).await;
    let (status, _) = app.http.send(Method::POST, &format!("/runs/{run}/cancel"), None).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    app.worker_start();
    assert_eq!(app.run_end(&run, 30).await["status"], "cancelled");
    assert_eq!(demo.stats().requests, 0);
}

/// Terminated from Temporal's side: the run cannot close itself, and cancelling it does.
#[tokio::test]
async fn cancel_after_the_workflow_was_terminated() {
    let app = TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync_start(&connection).await;
    let workflow = app.run(&run).await["workflow_id"].as_str().unwrap().to_owned();
    let handle = app.engine.client().get_workflow_handle::<UntypedWorkflow>(workflow);
    handle.terminate(WorkflowTerminateOptions::default()).await.unwrap();
    cancel(&app, &run).await;
    app.sync_start(&connection).await;
}

/// Cancelled from Temporal's side: the run follows.
#[tokio::test]
async fn cancel_from_the_temporal_ui() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Slow(30))] });
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync_start(&connection).await;
    app.run_status(&run, "running", 30).await;
    let workflow = app.run(&run).await["workflow_id"].as_str().unwrap().to_owned();
    ovia_workflows::Engine::run_cancel(&app.engine, &workflow, "by hand").await.unwrap();
    let asked = Instant::now();
    assert_eq!(app.run_end(&run, 20).await["status"], "cancelled");
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

/// Nobody is there to stop the run: it says `cancelling`, and is cancelled once there is a worker again, without another request.
#[tokio::test]
async fn cancel_after_the_only_worker_was_killed() {
    let app = TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await;
    let demo = demo::server(CompanySize::small()).await;
    // so that the worker dies within a slice
    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Slow(20_000)).path("/notes")] });
    let connection = demo::connect(&app, &demo).await;
    let mut worker = app.worker_process();
    let run = app.sync_start(&connection).await;
    eventually("a slow request", 60, async || (demo.stats().requests_to("/notes") > 0).then_some(())).await;
    worker.kill();

    let (status, body) = app.http.send(Method::POST, &format!("/runs/{run}/cancel"), None).await;
    assert_eq!((status, &body["status"]), (StatusCode::ACCEPTED, &json!("cancelling")), "{body}");
    let workflow = app.workflow_id(&run).await;
    eventually("Temporal to miss the worker", 30, async || (app.activity_attempt(&workflow).await > 1).then_some(())).await;
    assert_eq!(app.run(&run).await["status"], "cancelling");
    // asking again is fine, and a sync that is not over is in the way of the next one
    let (status, _) = app.http.send(Method::POST, &format!("/runs/{run}/cancel"), None).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let (status, problem) = app.http.send(Method::POST, &format!("/connections/{connection}/sync"), None).await;
    assert_eq!((status, &problem["run_id"]), (StatusCode::CONFLICT, &json!(run)), "{problem}");

    let rows = async || state::count(&app.store, "select count(*) from raw_records").await;
    let before = (rows().await, demo.stats().requests);
    assert!(before.0 > 50, "{before:?}");
    let _worker = app.worker_process();
    let back = Instant::now();
    assert_eq!(app.run_end(&run, 60).await["status"], "cancelled");
    assert!(back.elapsed() < Duration::from_secs(20), "{:?}", back.elapsed());
    assert_eq!((rows().await, demo.stats().requests), before);

    demo.set_faults(Faults::default());
    assert_eq!(app.sync(&connection).await["status"], "succeeded");
    assert_synced(&app.store, &demo.truth()).await;
}
