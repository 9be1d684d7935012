//! Ovia, measured from outside.

use std::time::{Duration, Instant};

use ovia_demo::BenchServer;
use ovia_tests::{OviaProcess, TestApp, TestOptions, state};
use serde_json::{Value, json};
use temporalio_client::{UntypedWorkflow, WorkflowDescribeOptions};

use crate::system::peak_memory_mb;

const LOOK: Duration = Duration::from_millis(20);

pub struct Synced {
    pub rows: u64,
    pub seconds: f64,
    pub worker_peak_mb: f64,
    /// In the workflow's history.
    pub events: usize,
}

impl Synced {
    pub fn rate(&self) -> f64 {
        self.rows as f64 / self.seconds
    }
}

/// An app with one connection to `source`, and a worker that is known to be up.
pub struct Ready {
    pub app: TestApp,
    pub worker: OviaProcess,
    pub connection: String,
}

pub async fn ready(source: &BenchServer, details: bool) -> anyhow::Result<Ready> {
    let app = app().await;
    let worker = app.worker_process();
    let settings = json!({"projects": [source.project()], "details": details});
    let connection = app.connect("bench", source.base_url(), source.token(), settings).await;
    check(&app, &connection).await?;
    Ok(Ready { app, worker, connection })
}

/// An app without a worker.
pub async fn app() -> TestApp {
    TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await
}

/// A worker is up when it has answered a check.
pub async fn check(app: &TestApp, connection: &str) -> anyhow::Result<()> {
    let (_, check) = app.http.post(&format!("/connections/{connection}/test"), json!({})).await;
    anyhow::ensure!(check["ok"] == true, "the connection check failed: {check}");
    Ok(())
}

/// Syncs, and looks for the end where looking costs next to nothing.
pub async fn sync_to_its_end(app: &TestApp, connection: &str) -> anyhow::Result<Value> {
    let run = app.sync_start(connection).await;
    let open = format!("select count(*) from runs where id = '{run}' and ended_at is null");
    while state::count(&app.store, &open).await > 0 {
        tokio::time::sleep(LOOK).await;
    }
    Ok(app.run(&run).await)
}

/// A full sync.
pub async fn sync(source: &BenchServer, details: bool) -> anyhow::Result<Synced> {
    let Ready { app, worker, connection } = ready(source, details).await?;
    let began = Instant::now();
    let run = sync_to_its_end(&app, &connection).await?;
    let seconds = began.elapsed().as_secs_f64();
    anyhow::ensure!(run["status"] == "succeeded", "the sync did not succeed: {run}");
    let worker_peak_mb = peak_memory_mb(worker.id()).unwrap_or(f64::NAN);
    let workflow = app.engine.client().get_workflow_handle::<UntypedWorkflow>(run["workflow_id"].as_str().unwrap_or_default());
    let events = workflow.describe(WorkflowDescribeOptions::default()).await?.history_length();
    Ok(Synced { rows: run["counts"]["inserted"].as_u64().unwrap_or(0), seconds, worker_peak_mb, events })
}
