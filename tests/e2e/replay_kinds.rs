//! Histories of every other kind of workflow, and of a sync that was paused: see `replay`.

use futures::StreamExt;
use ovia_demo::{FaultKind, Faults};
use ovia_tests::{TestApp, eventually};
use ovia_workflows::types::SyncTuning;
use reqwest::StatusCode;
use serde_json::{Value, json};
use temporalio_common::protos::temporal::api::enums::v1::EventType;

use crate::{
    backfill::{backfill_start, id, slow, the_year},
    demo::every,
    replay::{chain, check, check_workflow, lists_only, started},
    schedules,
};

async fn ended(app: &TestApp, path: &str, body: Value) -> Value {
    let (status, run) = app.http.post(path, body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    let run = app.run_end(id(&run), 120).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    run
}

#[tokio::test]
async fn runs_of_slices_replay() {
    let (app, _demo, connection) = lists_only(SyncTuning::default(), 100).await;
    assert_eq!(app.sync(&connection).await["status"], "succeeded");
    let backfill = ended(&app, &format!("/connections/{connection}/backfill"), json!({"from": "2026-01-01", "to": "2026-03-20"})).await;
    check(&app, &backfill, &["backfill-succeeded"]).await;
    let census = ended(&app, &format!("/connections/{connection}/census"), json!({})).await;
    check(&app, &census, &["census-succeeded"]).await;
    let replay = ended(&app, &format!("/connections/{connection}/replay"), json!({"from": "raw"})).await;
    check(&app, &replay, &["replay-succeeded"]).await;
    check(&app, &ended(&app, "/runs", json!({"kind": "retention"})).await, &["retention-succeeded"]).await;
    check(&app, &ended(&app, "/runs", json!({"kind": "quality"})).await, &["quality-succeeded"]).await;
}

#[tokio::test]
async fn a_backfill_that_gave_way_replays() {
    let (app, demo, connection) = lists_only(SyncTuning::default(), 100).await;
    slow(&demo, 40);
    let backfill = backfill_start(&app, &connection, the_year()).await;
    app.run_status(id(&backfill), "running", 60).await;
    assert_eq!(app.sync(&connection).await["status"], "succeeded");
    demo.set_faults(Faults::default());
    check(&app, &app.run_end(id(&backfill), 120).await, &["backfill-yielded"]).await;
}

#[tokio::test]
async fn a_paused_sync_replays() {
    let (app, demo, connection) = lists_only(SyncTuning::default(), 100).await;
    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Slow(50))] });
    let run = app.sync_start(&connection).await;
    app.run_status(&run, "running", 60).await;
    app.http.post(&format!("/runs/{run}/pause"), json!({})).await;
    // paused in Temporal too, and not only in its row: the workflow waits
    let workflow = app.workflow_id(&run).await;
    eventually("the workflow to wait", 20, async || {
        let histories = chain(&app, &workflow).await;
        let mut events = histories.iter().flat_map(|history| &history.events);
        events.any(|event| event.event_type() == EventType::TimerStarted).then_some(())
    })
    .await;
    app.http.post(&format!("/runs/{run}/resume"), json!({})).await;
    demo.set_faults(Faults::default());
    check(&app, &app.run_end(&run, 120).await, &["sync-paused"]).await;
}

#[tokio::test]
async fn what_schedules_start_replays() {
    let app = schedules::app().await;
    let (demo, connection) = {
        let demo = crate::demo::server(ovia_demo::CompanySize::small()).await;
        let mut settings = crate::demo::settings(&demo);
        settings["details"] = json!(false);
        let connection = app.connect("demo", demo.base_url(), crate::demo::TOKEN, settings).await;
        (demo, connection)
    };
    let path = format!("/connections/{connection}/schedule");
    schedules::put(&app, &path, json!({"interval": "1day"})).await;
    schedules::trigger(&app, &path).await;
    let runs = schedules::runs(&app, &path, 1, 30).await;
    let run = app.run_end(id(&runs[0]), 120).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    drop(demo);
    let histories = chain(&app, run["workflow_id"].as_str().unwrap()).await;
    let parent = started(&histories[0]).parent_workflow_execution.clone().unwrap().workflow_id;
    check_workflow(&app, &parent, &["scheduled-sync"]).await;

    let passes = format!("WorkflowType = 'ovia.reconcile' and TaskQueue = '{}' and ExecutionStatus = 'Completed'", app.engine.task_queue());
    let pass = eventually("a pass of the reconciler", 30, async || {
        let mut found = app.engine.client().list_workflows(&passes, Default::default());
        Some(found.next().await?.ok()?.id().to_owned())
    })
    .await;
    check_workflow(&app, &pass, &["reconcile"]).await;
}
