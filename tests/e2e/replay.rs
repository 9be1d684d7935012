//! Recorded histories replay: a workflow that changed in a way old runs cannot follow fails here, not in production.
//!
//! `UPDATE_HISTORIES=1 make test` records new ones into workflows/histories.

use std::path::PathBuf;

use ovia_demo::{CompanySize, FaultKind, Faults};
use ovia_tests::{TestApp, TestOptions, eventually};
use ovia_workflows::{ConnectionCheckWorkflow, Engine, KpiRollupWorkflow, MatchingWorkflow, SyncWorkflow, types::SyncTuning};
use temporalio_client::{UntypedWorkflow, WorkflowFetchHistoryOptions, WorkflowHistory};
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};

use crate::{demo, demo::every};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../workflows/histories")
}

fn replayer() -> WorkflowReplayer {
    let options = WorkflowReplayerOptions::new()
        .register_workflow::<SyncWorkflow>()
        .unwrap()
        .register_workflow::<MatchingWorkflow>()
        .unwrap()
        .register_workflow::<KpiRollupWorkflow>()
        .unwrap()
        .register_workflow::<ConnectionCheckWorkflow>()
        .unwrap()
        .build();
    WorkflowReplayer::new(options).unwrap()
}

#[tokio::test]
async fn recorded_histories_replay() {
    let mut replayed = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let history = WorkflowHistory::from_json(&std::fs::read(&path).unwrap()).unwrap();
            replayer().replay_workflow(history).await.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            replayed += 1;
        }
    }
    assert!(replayed >= 6, "only {replayed} recorded histories");
}

/// What this build writes, this build replays; and with UPDATE_HISTORIES it is what later builds must replay.
#[tokio::test]
async fn fresh_histories_of_every_shape_replay() {
    let tuning = SyncTuning { slice_pages: 3, slices_per_history: 30, source_retry_first_ms: 20, ..SyncTuning::default() };
    let app = TestApp::start_with(TestOptions { tuning, ..TestOptions::default() }).await;
    let demo = demo::server(CompanySize::small()).await;
    let waits = every(150, FaultKind::RateLimited { retry_after: Some(4), as_http_date: false }).times(1);
    demo.set_faults(Faults { seed: 1, rules: vec![waits] });
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    let (matching, rollup) = app.follow_ups_end(run["id"].as_str().unwrap()).await;

    check(&app, "sync-succeeded", &run).await;
    check(&app, "matching-succeeded", &matching).await;
    check(&app, "kpi-rollup-succeeded", &rollup).await;

    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Unauthorized)] });
    check(&app, "sync-failed", &app.sync(&connection).await).await;

    let slow = every(1, FaultKind::Slow(400));
    demo.set_faults(Faults { seed: 1, rules: vec![slow] });
    let cancelled = app.sync_start(&connection).await;
    app.run_status(&cancelled, "running", 30).await;
    app.http.send(reqwest::Method::POST, &format!("/runs/{cancelled}/cancel"), None).await;
    check(&app, "sync-cancelled", &app.run_end(&cancelled, 30).await).await;

    let down = every(1, FaultKind::Status(503));
    demo.set_faults(Faults { seed: 1, rules: vec![down] });
    check(&app, "sync-source-down", &app.sync(&connection).await).await;
}

async fn check(app: &TestApp, name: &str, run: &serde_json::Value) {
    let workflow_id = run["workflow_id"].as_str().unwrap();
    // the workflow closes a moment after its run's row
    eventually("the workflow to close", 20, || async { app.engine.run_has_ended(workflow_id).await.unwrap().then_some(()) }).await;
    let history =
        || app.engine.client().get_workflow_handle::<UntypedWorkflow>(workflow_id).fetch_history(WorkflowFetchHistoryOptions::default());
    replayer().replay_workflow(history()).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    if std::env::var_os("UPDATE_HISTORIES").is_some() {
        std::fs::create_dir_all(folder()).unwrap();
        std::fs::write(folder().join(format!("{name}.json")), history().to_json().await.unwrap()).unwrap();
    }
}
