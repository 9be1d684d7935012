//! Recorded histories replay: a workflow that changed in a way old runs cannot follow fails here, not in production.
//!
//! `UPDATE_HISTORIES=1 make test` records new ones into workflows/histories.

use std::path::PathBuf;

use EventType::{
    ActivityTaskCancelRequested, ActivityTaskCompleted, ActivityTaskScheduled, ChildWorkflowExecutionCompleted,
    ChildWorkflowExecutionStarted, MarkerRecorded, StartChildWorkflowExecutionInitiated, TimerFired, TimerStarted,
    WorkflowExecutionCancelRequested, WorkflowExecutionCanceled, WorkflowExecutionCompleted, WorkflowExecutionContinuedAsNew,
    WorkflowExecutionFailed, WorkflowExecutionSignaled, WorkflowExecutionStarted,
};
use ovia_demo::{CompanySize, DemoServer, FaultKind, Faults};
use ovia_tests::{TestApp, TestOptions, eventually, state};
use ovia_workflows::{
    BackfillWorkflow, CensusWorkflow, ConnectionCheckWorkflow, Engine, KpiRollupWorkflow, MatchingWorkflow, QualityWorkflow,
    ReconcileWorkflow, ReplayWorkflow, ReportWorkflow, RetentionWorkflow, ScheduledWorkflow, SyncWorkflow, WebhooksWorkflow,
    types::SyncTuning,
};
use serde_json::{Value, json};
use temporalio_client::{UntypedWorkflow, WorkflowExecutionInfo, WorkflowFetchHistoryOptions, WorkflowHistory};
use temporalio_common::protos::temporal::api::{
    enums::v1::EventType,
    history::v1::{History, HistoryEvent, WorkflowExecutionStartedEventAttributes, history_event::Attributes},
};
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};

use crate::{demo, demo::every};

/// What a history must hold to be the one its name says.
struct Shape {
    name: &'static str,
    /// The history of a run that another one continued as.
    continued: bool,
    /// An outcome some activity answered.
    outcome: Option<&'static str>,
    /// In this order, others between them; the last one ends the history.
    events: &'static [EventType],
}

const fn shape(name: &'static str, outcome: Option<&'static str>, events: &'static [EventType]) -> Shape {
    Shape { name, continued: false, outcome, events }
}

const fn continued(name: &'static str, outcome: Option<&'static str>, events: &'static [EventType]) -> Shape {
    Shape { name, continued: true, outcome, events }
}

/// What a run of slices looks like that ends well.
const SLICES: &[EventType] = &[ActivityTaskCompleted, ChildWorkflowExecutionStarted, WorkflowExecutionCompleted];

static SHAPES: [Shape; 23] = [
    shape(
        "sync-succeeded",
        Some("done"),
        &[ActivityTaskCompleted, StartChildWorkflowExecutionInitiated, ChildWorkflowExecutionStarted, WorkflowExecutionCompleted],
    ),
    shape("sync-chained-1", Some("more"), &[ActivityTaskCompleted, WorkflowExecutionContinuedAsNew]),
    continued("sync-chained-2", Some("more"), &[ActivityTaskCompleted, WorkflowExecutionContinuedAsNew]),
    continued("sync-chained-3", Some("done"), &[ActivityTaskCompleted, ChildWorkflowExecutionStarted, WorkflowExecutionCompleted]),
    shape(
        "sync-waiting",
        Some("waiting"),
        &[ActivityTaskCompleted, TimerStarted, TimerFired, ActivityTaskScheduled, ActivityTaskCompleted, WorkflowExecutionCompleted],
    ),
    shape("sync-failed", Some("failed"), &[ActivityTaskCompleted, WorkflowExecutionFailed]),
    shape(
        "sync-cancelled",
        None,
        &[WorkflowExecutionCancelRequested, ActivityTaskCancelRequested, ActivityTaskCompleted, WorkflowExecutionCanceled],
    ),
    shape(
        "sync-source-down",
        Some("source_failed"),
        &[TimerStarted, TimerFired, TimerStarted, TimerFired, ActivityTaskCompleted, WorkflowExecutionFailed],
    ),
    shape(
        "sync-paused",
        Some("paused"),
        &[TimerStarted, WorkflowExecutionSignaled, ActivityTaskScheduled, ActivityTaskCompleted, WorkflowExecutionCompleted],
    ),
    shape("backfill-succeeded", Some("done"), SLICES),
    shape(
        "backfill-yielded",
        Some("yielded"),
        &[
            ActivityTaskCompleted,
            TimerStarted,
            TimerFired,
            ActivityTaskCompleted,
            ChildWorkflowExecutionStarted,
            WorkflowExecutionCompleted,
        ],
    ),
    shape("census-succeeded", Some("done"), SLICES),
    shape("replay-succeeded", Some("done"), SLICES),
    shape("retention-succeeded", Some("done"), &[ActivityTaskCompleted, WorkflowExecutionCompleted]),
    shape(
        "scheduled-sync",
        Some("start"),
        &[ActivityTaskCompleted, ChildWorkflowExecutionStarted, ChildWorkflowExecutionCompleted, WorkflowExecutionCompleted],
    ),
    shape("reconcile", None, &[ActivityTaskCompleted, WorkflowExecutionCompleted]),
    shape("webhooks", Some("done"), &[WorkflowExecutionSignaled, ActivityTaskCompleted, WorkflowExecutionCompleted]),
    shape(
        "webhooks-retrying",
        Some("retrying"),
        &[
            ActivityTaskCompleted,
            TimerStarted,
            TimerFired,
            TimerStarted,
            WorkflowExecutionSignaled,
            ActivityTaskScheduled,
            ActivityTaskCompleted,
            WorkflowExecutionCompleted,
        ],
    ),
    shape("matching-succeeded", Some("done"), &[ActivityTaskCompleted, ChildWorkflowExecutionStarted, WorkflowExecutionCompleted]),
    shape("quality-succeeded", Some("done"), &[ActivityTaskCompleted, ActivityTaskCompleted, WorkflowExecutionCompleted]),
    shape(
        "report-retried",
        Some("waiting"),
        &[ActivityTaskCompleted, ActivityTaskCompleted, TimerStarted, TimerFired, ActivityTaskCompleted, WorkflowExecutionCompleted],
    ),
    // begun before rollups looked for risks
    shape("kpi-rollup-succeeded", Some("done"), &[ActivityTaskCompleted, WorkflowExecutionCompleted]),
    shape("kpi-rollup-risks", Some("done"), &[ActivityTaskCompleted, MarkerRecorded, ActivityTaskCompleted, WorkflowExecutionCompleted]),
];

impl Shape {
    fn named(name: &str) -> &'static Self {
        SHAPES.iter().find(|shape| shape.name == name).unwrap_or_else(|| panic!("no shape is described for `{name}`"))
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../workflows/histories").join(format!("{}.json", self.name))
    }

    /// The history holds what its name says, and this build replays it.
    async fn check(&self, history: &History) {
        let name = self.name;
        let mut types = history.events.iter().map(HistoryEvent::event_type);
        assert_eq!(types.next(), Some(WorkflowExecutionStarted), "{name}");
        for wanted in self.events {
            assert!(types.any(|found| found == *wanted), "{name}: no {wanted:?}, or not in the order of {:?}", self.events);
        }
        assert_eq!(types.next(), None, "{name} goes on after its end");
        assert_eq!(!started(history).continued_execution_run_id.is_empty(), self.continued, "{name}: continues another run");
        if let Some(outcome) = self.outcome {
            assert!(outcomes(history).any(|found| found == outcome), "{name}: no activity answered `{outcome}`");
        }
        let replayed = replayer().replay_workflow(WorkflowHistory::from(history.clone())).await;
        replayed.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
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
        .register_workflow::<WebhooksWorkflow>()
        .unwrap()
        .register_workflow::<BackfillWorkflow>()
        .unwrap()
        .register_workflow::<CensusWorkflow>()
        .unwrap()
        .register_workflow::<ReplayWorkflow>()
        .unwrap()
        .register_workflow::<RetentionWorkflow>()
        .unwrap()
        .register_workflow::<QualityWorkflow>()
        .unwrap()
        .register_workflow::<ReportWorkflow>()
        .unwrap()
        .register_workflow::<ScheduledWorkflow>()
        .unwrap()
        .register_workflow::<ReconcileWorkflow>()
        .unwrap()
        .build();
    WorkflowReplayer::new(options).unwrap()
}

pub fn started(history: &History) -> &WorkflowExecutionStartedEventAttributes {
    match history.events.first().and_then(|event| event.attributes.as_ref()) {
        Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) => started,
        other => panic!("a history starts with {other:?}"),
    }
}

/// What the activities answered: the `outcome` of each result.
fn outcomes(history: &History) -> impl Iterator<Item = String> {
    let results = history.events.iter().filter_map(|event| match event.attributes.as_ref() {
        Some(Attributes::ActivityTaskCompletedEventAttributes(completed)) => completed.result.as_ref(),
        _ => None,
    });
    let answers = results.flat_map(|result| &result.payloads).filter_map(|payload| serde_json::from_slice::<Value>(&payload.data).ok());
    answers.filter_map(|answer| answer["outcome"].as_str().map(str::to_owned))
}

fn updating() -> bool {
    std::env::var_os("UPDATE_HISTORIES").is_some()
}

#[tokio::test]
async fn recorded_histories_replay() {
    if updating() {
        return; // the files are being written; each was replayed before
    }
    for shape in &SHAPES {
        let path = shape.path();
        let json = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let events = WorkflowHistory::from_json(&json).unwrap().into_events().await.unwrap();
        shape.check(&History { events }).await;
    }
    for entry in std::fs::read_dir(SHAPES[0].path().parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        Shape::named(path.file_stem().and_then(|name| name.to_str()).unwrap());
    }
}

/// What this build writes, this build replays; and with UPDATE_HISTORIES it is what later builds must replay.
pub async fn check(app: &TestApp, run: &Value, parts: &[&str]) {
    check_workflow(app, run["workflow_id"].as_str().unwrap(), parts).await;
}

/// The same of a workflow that is no run's.
pub async fn check_workflow(app: &TestApp, workflow_id: &str, parts: &[&str]) {
    // the workflow closes a moment after its run's row
    eventually("the workflow to close", 20, || async { app.engine.run_has_ended(workflow_id).await.unwrap().then_some(()) }).await;
    let chain = chain(app, workflow_id).await;
    assert_eq!(chain.len(), parts.len(), "histories of {parts:?}");
    for (history, name) in chain.into_iter().zip(parts) {
        let shape = Shape::named(name);
        shape.check(&history).await;
        if updating() {
            std::fs::write(shape.path(), WorkflowHistory::from(history).to_json().await.unwrap()).unwrap();
        }
    }
}

/// The histories of a workflow's runs: the first, and those it continued as.
pub async fn chain(app: &TestApp, workflow_id: &str) -> Vec<History> {
    let last = app.engine.client().get_workflow_handle::<UntypedWorkflow>(workflow_id);
    let last = last.fetch_history(WorkflowFetchHistoryOptions::default()).into_events().await.unwrap();
    let mut next = Some(started(&History { events: last }).first_execution_run_id.clone());
    let mut chain = Vec::new();
    while let Some(run_id) = next {
        let info = WorkflowExecutionInfo::builder().namespace(app.engine.namespace()).workflow_id(workflow_id).run_id(run_id).build();
        let handle = info.bind_untyped(app.engine.client().clone());
        let events = handle.fetch_history(WorkflowFetchHistoryOptions::default()).into_events().await.unwrap();
        next = match events.last().and_then(|event| event.attributes.as_ref()) {
            Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(ended)) => Some(ended.new_execution_run_id.clone()),
            _ => None,
        };
        chain.push(History { events });
    }
    chain
}

/// An app, and a demo company of which only the lists are synced, `page_size` rows a page: short histories.
pub async fn lists_only(tuning: SyncTuning, page_size: u32) -> (TestApp, DemoServer, String) {
    let app = TestApp::start_with(TestOptions { tuning, ..TestOptions::default() }).await;
    let demo = demo::server(CompanySize::small()).await;
    let mut settings = demo::settings(&demo);
    settings["details"] = json!(false);
    settings["page_size"] = json!(page_size);
    let connection = app.connect("demo", demo.base_url(), demo::TOKEN, settings).await;
    (app, demo, connection)
}

#[tokio::test]
async fn a_sync_and_what_follows_it_replay() {
    let (app, _demo, connection) = lists_only(SyncTuning::default(), 100).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    let (matching, rollup) = app.follow_ups_end(run["id"].as_str().unwrap()).await;
    check(&app, &run, &["sync-succeeded"]).await;
    check(&app, &matching, &["matching-succeeded"]).await;
    check(&app, &rollup, &["kpi-rollup-risks"]).await;
}

/// A sync that continued as new twice: every one of its histories.
#[tokio::test]
async fn every_part_of_a_chain_replays() {
    let tuning = SyncTuning { slice_pages: 4, slices_per_history: 3, ..SyncTuning::default() };
    let (app, _demo, connection) = lists_only(tuning, 30).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    check(&app, &run, &["sync-chained-1", "sync-chained-2", "sync-chained-3"]).await;
}

/// A Retry-After longer than a worker sleeps: a timer in Temporal.
#[tokio::test]
async fn a_wait_for_a_rate_limit_replays() {
    let (app, demo, connection) = lists_only(SyncTuning::default(), 100).await;
    let waits = every(10, FaultKind::RateLimited { retry_after: Some(4), as_http_date: false }).times(1);
    demo.set_faults(Faults { seed: 1, rules: vec![waits] });
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!(state::count(&app.store, "select count(*) from run_events where kind = 'run_waiting'").await, 1);
    check(&app, &run, &["sync-waiting"]).await;
}

#[tokio::test]
async fn ends_other_than_success_replay() {
    let tuning = SyncTuning { source_retry_first_ms: 20, source_failures_max: 2, ..SyncTuning::default() };
    let (app, demo, connection) = lists_only(tuning, 100).await;
    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Unauthorized)] });
    check(&app, &app.sync(&connection).await, &["sync-failed"]).await;

    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Status(503))] });
    check(&app, &app.sync(&connection).await, &["sync-source-down"]).await;

    // cancelled while a slice is pulling: its first answer is still to come
    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Slow(3_000)).route("/merge_requests$")] });
    let cancelled = app.sync_start(&connection).await;
    let pulling = "select count(*) from run_events where kind = 'stream_started' and data ->> 'stream' = 'merge_requests'";
    eventually("a slice of merge requests", 60, || async { (state::count(&app.store, pulling).await > 0).then_some(()) }).await;
    app.http.send(reqwest::Method::POST, &format!("/runs/{cancelled}/cancel"), None).await;
    check(&app, &app.run_end(&cancelled, 30).await, &["sync-cancelled"]).await;
}
