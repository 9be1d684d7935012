//! A large backfill: its memory, and what it does to live syncs of the same connection.

use std::time::{Duration, Instant};

use ovia_demo::{BenchOptions, BenchServer};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    ovia::{self, Ready},
    report::{Figure, Report, percentile},
    system::memory_mb,
};

/// Live syncs that are timed, alone and beside the backfill.
const LIVE: usize = 5;
const LOOK: Duration = Duration::from_millis(100);
/// At most.
const SECONDS: u64 = 3600;

pub async fn measure(report: &mut Report, rows: usize) -> anyhow::Result<()> {
    let source = BenchServer::start(BenchOptions { merge_requests: rows, ..BenchOptions::default() })?;
    flat_memory(report, &source).await?;
    source.shutdown().await;
    // a tenth is enough to be in the way for a while
    let source = BenchServer::start(BenchOptions { merge_requests: (rows / 10).max(1), ..BenchOptions::default() })?;
    interference(report, &source).await?;
    source.shutdown().await;
    Ok(())
}

async fn flat_memory(report: &mut Report, source: &BenchServer) -> anyhow::Result<()> {
    let ready = ovia::ready(source, false).await?;
    let rows = source.merge_requests() as u64;
    let began = Instant::now();
    let id = start(&ready).await?;
    let (mut early, mut late) = (0.0_f64, 0.0_f64);
    let run = loop {
        let run = ready.app.run(&id).await;
        let memory = memory_mb(ready.worker.id()).unwrap_or(f64::NAN);
        let fetched = run["counts"]["fetched"].as_u64().unwrap_or(0);
        match fetched * 5 {
            // the highest so far once a fifth is done is what it is compared with
            share if share <= rows => early = early.max(memory),
            _ => late = late.max(memory),
        }
        if !run["ended_at"].is_null() {
            break run;
        }
        anyhow::ensure!(began.elapsed().as_secs() < SECONDS, "the backfill is not done: {run}");
        tokio::time::sleep(LOOK).await;
    };
    let seconds = began.elapsed().as_secs_f64();
    anyhow::ensure!(run["status"] == "succeeded", "the backfill did not succeed: {run}");
    report.add(Figure::rows("backfill", run["counts"]["inserted"].as_u64().unwrap_or(0), seconds));
    report.add(Figure::value("backfill: worker memory, highest of the first fifth", early, "MB"));
    report.add(Figure::value("backfill: worker memory, highest after that", late, "MB"));
    report.add(Figure::ratio("backfill: memory after ÷ before a fifth", late / early, "<= 1.2"));
    Ok(())
}

/// Live syncs that find nothing new, on a connection that is being backfilled.
async fn interference(report: &mut Report, source: &BenchServer) -> anyhow::Result<()> {
    let ready = ovia::ready(source, false).await?;
    live(&ready).await?;
    let mut alone = Vec::new();
    for _ in 0..LIVE {
        alone.push(live(&ready).await?);
    }
    let id = start(&ready).await?;
    ready.app.run_status(&id, "running", 60).await;
    let mut beside = Vec::new();
    while beside.len() < LIVE && ready.app.run(&id).await["ended_at"].is_null() {
        beside.push(live(&ready).await?);
    }
    let run = ready.app.run_end(&id, SECONDS).await;
    anyhow::ensure!(run["status"] == "succeeded", "the backfill did not succeed: {run}");
    anyhow::ensure!(!beside.is_empty(), "the backfill was over before a live sync was");
    alone.sort_by(f64::total_cmp);
    beside.sort_by(f64::total_cmp);
    let (alone, beside, times) = (percentile(&alone, 50.0), percentile(&beside, 50.0), beside.len());
    report.add(Figure::value("live sync alone, median", alone, "s"));
    report.add(Figure::value("live sync beside a backfill, median", beside, &format!("s   (of {times})")));
    report.add(Figure::ratio("live sync beside ÷ alone", beside / alone, ""));
    Ok(())
}

async fn live(ready: &Ready) -> anyhow::Result<f64> {
    let began = Instant::now();
    let run = ready.app.sync(&ready.connection).await;
    anyhow::ensure!(run["status"] == "succeeded", "the live sync did not succeed: {run}");
    Ok(began.elapsed().as_secs_f64())
}

/// Backfills everything there is.
async fn start(ready: &Ready) -> anyhow::Result<String> {
    let body = json!({"from": "2026-01-01T00:00:00Z", "to": "2026-06-02T00:00:00Z", "streams": ["merge_requests"]});
    let (status, run): (StatusCode, Value) = ready.app.http.post(&format!("/connections/{}/backfill", ready.connection), body).await;
    anyhow::ensure!(status == StatusCode::ACCEPTED, "the backfill was refused: {run}");
    Ok(run["id"].as_str().unwrap_or_default().to_owned())
}
