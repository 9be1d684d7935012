//! Ovia, measured from outside.

use std::time::Instant;

use ovia_demo::BenchServer;
use ovia_tests::{TestApp, TestOptions};
use serde_json::json;
use temporalio_client::{UntypedWorkflow, WorkflowDescribeOptions};

use crate::system::peak_memory_mb;

pub struct Synced {
    pub rows: u64,
    pub seconds: f64,
    pub worker_peak_mb: f64,
    /// In the workflow's history.
    pub events: usize,
    pub second_seconds: f64,
    pub second_requests: u64,
}

impl Synced {
    pub fn rate(&self) -> f64 {
        self.rows as f64 / self.seconds
    }
}

/// A full sync, then one with nothing to do.
pub async fn sync(source: &BenchServer, details: bool) -> anyhow::Result<Synced> {
    let app = TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await;
    let worker = app.worker_process();
    let settings = json!({"projects": [source.project()], "details": details});
    let connection = app.connect("bench", source.base_url(), source.token(), settings).await;
    // the worker is up when it has answered a check
    let (_, check) = app.http.post(&format!("/connections/{connection}/test"), json!({})).await;
    anyhow::ensure!(check["ok"] == true, "the connection check failed: {check}");

    let began = Instant::now();
    let run = app.sync(&connection).await;
    let seconds = began.elapsed().as_secs_f64();
    anyhow::ensure!(run["status"] == "succeeded", "the sync did not succeed: {run}");
    let worker_peak_mb = peak_memory_mb(worker.id()).unwrap_or(f64::NAN);
    let workflow = app.engine.client().get_workflow_handle::<UntypedWorkflow>(run["workflow_id"].as_str().unwrap_or_default());
    let events = workflow.describe(WorkflowDescribeOptions::default()).await?.history_length();

    let began = Instant::now();
    let second = app.sync(&connection).await;
    Ok(Synced {
        rows: run["counts"]["inserted"].as_u64().unwrap_or(0),
        seconds,
        worker_peak_mb,
        events,
        second_seconds: began.elapsed().as_secs_f64(),
        second_requests: second["counts"]["requests"].as_u64().unwrap_or(0),
    })
}
