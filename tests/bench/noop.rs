//! What a sync costs that finds nothing new, as a share of the first.

use std::time::Instant;

use ovia_demo::{BenchOptions, BenchServer};
use serde_json::Value;

use crate::{
    ovia::{self, Ready},
    postgres::{self, Done},
    report::{Figure, Report},
};

struct Cost {
    seconds: f64,
    requests: f64,
    done: Done,
}

pub async fn measure(report: &mut Report, rows: usize) -> anyhow::Result<()> {
    let source = BenchServer::start(BenchOptions { merge_requests: rows, ..BenchOptions::default() })?;
    let ready = ovia::ready(&source, false).await?;
    let (first, run) = cost(&ready).await?;
    anyhow::ensure!(run["counts"]["inserted"].as_u64() >= Some(rows as u64), "the first sync brought too little: {run}");
    let (second, run) = cost(&ready).await?;
    anyhow::ensure!(run["counts"]["inserted"] == 0 && run["counts"]["updated"] == 0, "the second sync found something: {run}");
    let share = |name: &str, of: &dyn Fn(&Cost) -> f64, target: &str| {
        let percent = 100.0 * of(&second) / of(&first);
        Figure::share(&format!("no-op sync, {name}"), percent, &format!("{:.1} of {:.1}", of(&second), of(&first)), target)
    };
    report.add(share("seconds", &|cost| cost.seconds, "<= 10 %"));
    report.add(share("requests", &|cost| cost.requests, ""));
    report.add(share("rows written", &|cost| cost.done.rows as f64, "<= 2 %"));
    report.add(share("kilobytes of write-ahead log", &|cost| cost.done.wal as f64 / 1024.0, "<= 2 %"));
    source.shutdown().await;
    Ok(())
}

/// A sync; what follows it (matching, rollup) is over before anything is counted, and is not in the seconds.
async fn cost(ready: &Ready) -> anyhow::Result<(Cost, Value)> {
    let app = &ready.app;
    let before = postgres::done(&app.store).await?;
    let began = Instant::now();
    let run = ovia::sync_to_its_end(app, &ready.connection).await?;
    let seconds = began.elapsed().as_secs_f64();
    anyhow::ensure!(run["status"] == "succeeded", "the sync did not succeed: {run}");
    app.follow_ups_end(run["id"].as_str().unwrap_or_default()).await;
    let done = postgres::done(&app.store).await? - before;
    Ok((Cost { seconds, requests: run["counts"]["requests"].as_f64().unwrap_or(f64::NAN), done }, run))
}
