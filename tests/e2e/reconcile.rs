//! Runs whose workflow ended without them, or is gone, are found and dealt with within 30 s.

use std::time::{Duration, Instant};

use ovia_demo::{CompanySize, FaultKind, Faults};
use ovia_tests::{PrivateEngines, TestApp, TestOptions, eventually, state};
use ovia_workflows::Engine;
use reqwest::{Method, StatusCode};
use serde_json::json;

use temporalio_client::tonic::Request;
use temporalio_common::protos::temporal::api::{common::v1::WorkflowExecution, workflowservice::v1::ResetWorkflowExecutionRequest};

use crate::{
    demo,
    demo::every,
    schedules::{app, passes},
    truth::assert_synced,
};

#[tokio::test]
async fn a_run_whose_workflow_was_terminated_is_closed_and_its_lease_is_free() {
    let app = app().await;
    let demo = demo::server(CompanySize::small()).await;
    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Slow(30))] });
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync_start(&connection).await;
    eventually("some rows", 60, async || (state::count(&app.store, "select count(*) from raw_records").await > 0).then_some(())).await;
    app.engine.run_terminate(&app.workflow_id(&run).await, "by hand").await.unwrap();
    let asked = Instant::now();
    let ended = app.run_end(&run, 30).await;
    assert!(asked.elapsed() < Duration::from_secs(30));
    assert_eq!(ended["status"], "cancelled", "{ended}");
    assert!(ended["error"]["message"].as_str().unwrap().contains("terminated in Temporal"), "{ended}");
    assert_eq!(state::count(&app.store, "select count(*) from connection_leases where expires_at > now()").await, 0);

    demo.set_faults(Faults::default());
    assert_eq!(app.sync(&connection).await["status"], "succeeded");
    assert_synced(&app.store, &demo.truth()).await;
}

/// Reset from Temporal's side: the first execution is closed, the run is not, and another goes on with it.
#[tokio::test]
async fn a_run_that_is_reset_in_temporal_goes_on() {
    let app = app().await;
    let demo = demo::server(CompanySize::small()).await;
    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Slow(20))] });
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync_start(&connection).await;
    eventually("some rows", 60, async || (state::count(&app.store, "select count(*) from raw_records").await > 0).then_some(())).await;
    let reset = ResetWorkflowExecutionRequest {
        namespace: app.engine.namespace().to_owned(),
        workflow_execution: Some(WorkflowExecution { workflow_id: app.workflow_id(&run).await, run_id: String::new() }),
        reason: "by hand".into(),
        // the end of the first workflow task
        workflow_task_finish_event_id: 4,
        request_id: uuid::Uuid::new_v4().to_string(),
        ..Default::default()
    };
    let mut service = app.engine.client().connection().workflow_service();
    service.reset_workflow_execution(Request::new(reset)).await.unwrap();
    passes(&app, 1).await;
    assert_eq!(app.run(&run).await["status"], "running");
    demo.set_faults(Faults::default());
    let ended = app.run_end(&run, 120).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    assert_synced(&app.store, &demo.truth()).await;
}

/// Without any API that would look for it.
#[tokio::test]
async fn a_run_that_was_never_started_is_started() {
    let mut app = app().await;
    app.api_stop().await;
    let run = uuid::Uuid::now_v7();
    let org = app.org;
    app.database
        .sql(&format!(
            "insert into runs (id, org_id, kind, status, requested_by, workflow_id, created_at)
            values ('{run}', '{org}', 'matching', 'queued', 'token:test', 'matching/{org}/{run}', now() - interval '2 minutes')"
        ))
        .await;
    let succeeded = format!("select count(*) from runs where id = '{run}' and status = 'succeeded'");
    eventually("the run to succeed", 30, async || (state::count(&app.store, &succeeded).await == 1).then_some(())).await;
}

#[tokio::test]
async fn a_run_that_does_not_stop_in_time_is_terminated() {
    let app = TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync_start(&connection).await;
    // no worker takes the cancel up
    let (status, _) = app.http.send(Method::POST, &format!("/runs/{run}/cancel"), None).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    app.database.sql("update runs set terminate_after = now() - interval '1 second'").await;
    // a worker that only reconciles: of another queue, over the same database
    let elsewhere = app.worker_elsewhere(Duration::from_secs(2));
    let ended = app.run_end(&run, 30).await;
    drop(elsewhere);
    assert_eq!(ended["status"], "cancelled", "{ended}");
    assert!(ended["error"]["message"].as_str().unwrap().contains("did not stop in time"), "{ended}");
}

/// Temporal comes back empty: schedules and runs are there again without anyone's doing.
#[tokio::test]
async fn a_temporal_that_lost_its_data_gets_everything_back() {
    let mut engines = PrivateEngines::start().await;
    let app = TestApp::start_on(&engines, TestOptions { worker: false, ..TestOptions::default() }).await;
    let demo = demo::server(CompanySize::small()).await;
    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Slow(20))] });
    let connection = demo::connect(&app, &demo).await;
    let path = format!("/connections/{connection}/schedule");
    let (_, schedule) = app.http.send(Method::PUT, &path, Some(json!({"interval": "1day"}))).await;
    assert_eq!(schedule["in_temporal"], true, "{schedule}");
    let mut worker = app.worker_process();
    let run = app.sync_start(&connection).await;
    eventually("progress", 60, async || (state::count(&app.store, "select count(*) from raw_records").await > 50).then_some(())).await;
    app.database.sql("update runs set created_at = created_at - interval '2 minutes'").await;

    engines.kill_temporal().await;
    engines.forget_temporal();
    engines.start_temporal().await;
    eventually("the schedule to be back", 90, async || (app.http.get(&path).await["in_temporal"] == true).then_some(())).await;
    demo.set_faults(Faults::default());
    let ended = app.run_end(&run, 120).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    assert_synced(&app.store, &demo.truth()).await;
    assert!(worker.is_alive());
}
