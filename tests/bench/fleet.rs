//! Many connections that sync at once, on one worker and on two.
//!
//! The source answers after a while, as sources do: a worker's time is mostly waiting, and two wait twice as much at once.

use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use ovia_demo::{Company, CompanyOptions, CompanySize, DemoServer, FaultKind, FaultRule, Faults, ServerOptions};
use ovia_tests::{TestApp, eventually};
use serde_json::json;
use sqlx::Row;

use crate::{
    ovia,
    report::{Figure, Report, percentile},
};

/// Of each request.
const LATENCY_MS: u64 = 40;
/// A day's worth of a small project.
const SIZE: CompanySize = CompanySize { people: 4, projects: 1, merge_requests: 5, pipelines: 5, deployments: 2 };

struct Fleet {
    /// Until the last was done.
    seconds: f64,
    /// Each connection's, from being asked for to its end; ascending.
    each: Vec<f64>,
}

pub async fn measure(report: &mut Report, connections: usize) -> anyhow::Result<()> {
    let one = fleet(connections, 1).await?;
    let two = fleet(connections, 2).await?;
    let named = |workers: &str, what: &str| format!("{connections} connections at once, {workers}: {what}");
    for (workers, fleet) in [("one worker", &one), ("two workers", &two)] {
        report.add(Figure::value(&named(workers, "all done"), fleet.seconds, "s"));
        report.add(Figure::value(&named(workers, "median until done"), percentile(&fleet.each, 50.0), "s"));
        report.add(Figure::value(&named(workers, "p95 until done"), percentile(&fleet.each, 95.0), "s"));
    }
    report.add(Figure::ratio(&named("two workers", "speed-up"), one.seconds / two.seconds, ""));
    let spread = percentile(&two.each, 95.0) / percentile(&two.each, 50.0);
    report.add(Figure::ratio(&named("two workers", "p95 ÷ median"), spread, "<= 2: all queue at once"));
    Ok(())
}

async fn fleet(connections: usize, workers: usize) -> anyhow::Result<Fleet> {
    let as_of: DateTime<Utc> = "2026-06-01T00:00:00Z".parse()?;
    let company = Company::generate(&CompanyOptions { seed: 7, as_of, size: SIZE });
    let source = DemoServer::start(company, ServerOptions::default())?;
    source.set_faults(Faults { seed: 1, rules: vec![FaultRule::always(FaultKind::Slow(LATENCY_MS))] });
    let app = ovia::app().await;
    let settings = json!({"groups": [source.top_group()], "details": false});
    let mut ids = Vec::new();
    for index in 0..connections {
        ids.push(app.connect(&format!("fleet {index}"), source.base_url(), source.token(), settings.clone()).await);
    }
    let _workers: Vec<_> = (0..workers).map(|_| app.worker_process()).collect();
    ovia::check(&app, &ids[0]).await?;
    let runs: Vec<String> = stream::iter(&ids).map(|id| app.sync_start(id)).buffered(16).collect().await;
    let each = ended(&app, runs.len()).await?;
    source.shutdown().await;
    let (seconds, mut each): (Vec<f64>, Vec<f64>) = each.into_iter().unzip();
    each.sort_by(f64::total_cmp);
    Ok(Fleet { seconds: seconds.into_iter().fold(0.0, f64::max), each })
}

/// When each sync ended, in seconds after the first was asked for, and how long it took.
async fn ended(app: &TestApp, syncs: usize) -> anyhow::Result<Vec<(f64, f64)>> {
    let open = "select count(*) from runs where kind = 'sync' and ended_at is null";
    eventually("the syncs to end", 600, || async { (ovia_tests::state::count(&app.store, open).await == 0).then_some(()) }).await;
    let sql = "select status, extract(epoch from ended_at - min(created_at) over ())::float8 as ended,
                      extract(epoch from ended_at - created_at)::float8 as took
               from runs where kind = 'sync' and ended_at is not null";
    let rows: Vec<(String, f64, f64)> =
        sqlx::query(sql).fetch(app.store.pool()).map_ok(|row| (row.get("status"), row.get("ended"), row.get("took"))).try_collect().await?;
    let succeeded = rows.iter().filter(|row| row.0 == "succeeded").count();
    anyhow::ensure!(succeeded == syncs, "{succeeded} of {syncs} syncs succeeded");
    Ok(rows.into_iter().map(|(_, ended, took)| (ended, took)).collect())
}
