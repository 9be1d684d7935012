//! Full syncs against plain loops.
//!
//! The limit is a plain loop over the same source with the same parsing and the same upserts, one transaction a page, without
//! Temporal, leases, cursors, counters or events. Ovia is measured from the outside: `ovia worker` as a process, runs through the API.

use ovia_demo::{BenchOptions, BenchServer};

use crate::{
    ovia, plain,
    report::{Figure, Report},
};

/// List streams only.
pub async fn lists(report: &mut Report, rows: usize) -> anyhow::Result<()> {
    let source = BenchServer::start(BenchOptions { merge_requests: rows, ..BenchOptions::default() })?;
    let one = plain::lists(&source, 1).await?;
    report.add(Figure::rows("plain loop, one page at a time", one.rows, one.seconds));
    let four = plain::lists(&source, 4).await?;
    report.add(Figure::rows("plain loop, four pages in flight", four.rows, four.seconds));
    let sync = ovia::sync(&source, false).await?;
    report.add(Figure::rows("ovia, full sync through the API", sync.rows, sync.seconds));
    report.add(Figure::value("ovia worker, peak resident memory", sync.worker_peak_mb, "MB"));
    report.add(Figure::value("Temporal events per 100,000 rows", sync.events as f64 * 100_000.0 / sync.rows as f64, "events"));
    report.add(Figure::ratio("ovia ÷ one at a time", sync.rate() / one.rate(), ">= 1.0"));
    report.add(Figure::ratio("ovia ÷ four in flight", sync.rate() / four.rate(), ">= 0.7"));
    source.shutdown().await;
    Ok(())
}

/// With notes, approvals, commits and sizes of every merge request.
pub async fn details(report: &mut Report, rows: usize) -> anyhow::Result<()> {
    let source = BenchServer::start(BenchOptions { merge_requests: rows, details: true, ..BenchOptions::default() })?;
    let plain = plain::details(&source).await?;
    report.add(Figure::rows("details: plain loop, eight requests in flight", plain.rows, plain.seconds));
    let sync = ovia::sync(&source, true).await?;
    report.add(Figure::rows("details: ovia, full sync through the API", sync.rows, sync.seconds));
    report.add(Figure::value("details: ovia worker, peak resident memory", sync.worker_peak_mb, "MB"));
    report.add(Figure::value("details: Temporal events per 100,000 rows", sync.events as f64 * 100_000.0 / sync.rows as f64, "events"));
    report.add(Figure::ratio("details: ovia ÷ plain loop", sync.rate() / plain.rate(), ""));
    source.shutdown().await;
    Ok(())
}
