//! KPIs of an organisation with a million merge requests, work items and pipelines in a year: the rollup of the year, of one more day, and
//! reading; beside the same figures from plain SQL.

use std::time::Instant;

use anyhow::Context;
use ovia_tests::TestApp;
use serde_json::{Value, json};

use crate::{
    kpi_company::Company,
    ovia,
    report::{Figure, Report, percentile},
    system::peak_memory_mb,
};

/// Before there was anything.
const NEVER: &str = "2000-01-01T00:00:00Z";
/// The year ends in the middle of a quarter, and a day later it is one day more.
const MID_QUARTER: [&str; 2] = ["2025-11-15T12:00:00Z", "2025-11-16T12:00:00Z"];
/// The last day of a quarter, which has the most rows to read.
const LAST_DAY: [&str; 2] = ["2025-12-30T12:00:00Z", "2025-12-31T12:00:00Z"];
/// And the day after it, which touches two quarters.
const NEXT_QUARTER: &str = "2026-01-01T12:00:00Z";
/// Requests to take a percentile of.
const REQUESTS: usize = 200;

pub async fn measure(report: &mut Report, rows: usize) -> anyhow::Result<()> {
    let app = ovia::app().await;
    let worker = app.worker_process();
    let company = Company::new(&app, rows).await;
    company.until(&app, NEVER, MID_QUARTER[0]).await;
    app.database.sql("vacuum analyze").await;
    let plain = plain_sql(&app).await?;

    let (seconds, run) = rollup(&app, MID_QUARTER[0]).await?;
    report.add(Figure::value(&format!("KPIs: the rollup of a year, {rows} rows"), seconds, &written(&run)).with_target("< 60 s"));
    report.add(Figure::value("KPIs: six of the figures from plain SQL, days, weeks and months", plain, "s"));
    report.add(Figure::ratio("KPIs: all figures with their rows against that", seconds / plain, ""));
    let memory = |report: &mut Report, what: &str| {
        if let Some(peak) = peak_memory_mb(worker.id()) {
            report.add(Figure::value(&format!("KPIs: the worker's memory at most, {what}"), peak, "MB").with_target("< 300 MB"));
        }
    };
    memory(report, "after the year");
    day(report, &app, &company, MID_QUARTER, "in the middle of a quarter").await?;
    company.until(&app, MID_QUARTER[1], LAST_DAY[0]).await;
    let (seconds, run) = rollup(&app, LAST_DAY[0]).await?;
    report.add(Figure::value("KPIs: the rollup of 44 more days at once", seconds, &written(&run)));
    day(report, &app, &company, LAST_DAY, "on a quarter's last day").await?;
    day(report, &app, &company, [LAST_DAY[1], NEXT_QUARTER], "that touches two quarters").await?;
    memory(report, "after all of it");

    app.database.sql("vacuum analyze").await;
    let latest = ["", "&window=month", "&window=week&project=g/p7", "&window=quarter&scope=project", "&window=day&scope=team"];
    let p95 = reads(&app, |n| format!("/team/kpi?limit=50{}", latest[n % latest.len()])).await?;
    let by_hand = latest_by_hand(&app).await?;
    report.add(Figure::value("KPIs: GET /team/kpi, p95", p95, "ms").with_target("< 20 ms"));
    report.add(Figure::value("KPIs: fifty of the newest figures of projects from plain SQL, p95", by_hand, "ms"));
    report.add(Figure::ratio("KPIs: the API against that", p95 / by_hand, ""));
    let metrics = ["merge_throughput", "time_to_merge", "pipeline_success_rate", "cycle_time"];
    let windows = ["month", "week", "day", "quarter", "trailing_30_days"];
    let p95 = reads(&app, |n| {
        let (metric, window) = (metrics[n % metrics.len()], windows[n % windows.len()]);
        format!("/team/kpi/{metric}/rows?window={window}&at=2025-{:02}-15", n % 11 + 1)
    })
    .await?;
    let by_hand = rows_by_hand(&app).await?;
    report.add(Figure::value("KPIs: GET /team/kpi/{metric}/rows, p95", p95, "ms").with_target("< 50 ms"));
    report.add(Figure::value("KPIs: the first fifty merge requests of a window from plain SQL, p95", by_hand, "ms"));
    report.add(Figure::ratio("KPIs: the API against that", p95 / by_hand, ""));
    Ok(())
}

/// One more day.
async fn day(report: &mut Report, app: &TestApp, company: &Company, [before, now]: [&str; 2], what: &str) -> anyhow::Result<()> {
    company.until(app, before, now).await;
    let (seconds, run) = rollup(app, now).await?;
    anyhow::ensure!(run["result"]["mode"] == "touched", "not incremental: {run}");
    report.add(Figure::value(&format!("KPIs: the rollup of one more day {what}"), seconds, &written(&run)).with_target("< 2 s"));
    Ok(())
}

fn written(run: &Value) -> String {
    let result = &run["result"];
    format!("s   ({} figures, {} written, {} slices)", result["snapshots"], result["written"], result["slices"])
}

async fn rollup(app: &TestApp, as_of: &str) -> anyhow::Result<(f64, Value)> {
    let began = Instant::now();
    let (_, run) = app.http.post("/runs", json!({"kind": "kpi_rollup", "as_of": as_of})).await;
    let run = app.run_end(run["id"].as_str().context("no run")?, 900).await;
    let seconds = began.elapsed().as_secs_f64();
    anyhow::ensure!(run["status"] == "succeeded", "the rollup did not succeed: {run}");
    Ok((seconds, run))
}

async fn reads(app: &TestApp, path: impl Fn(usize) -> String) -> anyhow::Result<f64> {
    let mut took = Vec::with_capacity(REQUESTS);
    for n in 0..REQUESTS {
        let began = Instant::now();
        let answer = app.http.get(&path(n)).await;
        took.push(began.elapsed().as_secs_f64() * 1_000.0);
        anyhow::ensure!(answer["items"].is_array(), "{}: {answer}", path(n));
    }
    took.sort_by(f64::total_cmp);
    Ok(percentile(&took, 95.0))
}

/// The newest figures of projects, as somebody would ask the table for them: the limit of `/team/kpi`. Milliseconds, p95.
async fn latest_by_hand(app: &TestApp) -> anyhow::Result<f64> {
    timed(async |n| {
        let kind = ["trailing_30_days", "month", "week", "quarter", "day"][n % 5];
        let sql = "select metric, scope_id, value, stats::text, coverage::text from kpi_snapshots
            where org_id = $1 and scope_kind = 'project' and window_kind = $2
                and window_start = (select max(window_start) from kpi_snapshots where org_id = $1 and window_kind = $2)
            order by scope_id, metric limit 50";
        Ok(sqlx::query(sql).bind(app.org.0).bind(kind).fetch_all(app.store.pool()).await?.len())
    })
    .await
}

/// The first merge requests merged in a window, from their own table: the limit of `/team/kpi/{metric}/rows`. Milliseconds, p95.
async fn rows_by_hand(app: &TestApp) -> anyhow::Result<f64> {
    timed(async |n| {
        let days = [30, 7, 1, 91, 30][n % 5];
        let sql = "select id, title, url, extract(epoch from merged_at - created_at)::double precision from merge_requests
            where org_id = $1 and deleted_at is null and merged_at >= $2 and merged_at < $2 + $3 * interval '1 day' order by merged_at, id limit 50";
        let month = format!("2025-{:02}-01T00:00:00Z", n % 11 + 1).parse::<chrono::DateTime<chrono::Utc>>()?;
        Ok(sqlx::query(sql).bind(app.org.0).bind(month).bind(days).fetch_all(app.store.pool()).await?.len())
    })
    .await
}

async fn timed(query: impl AsyncFn(usize) -> anyhow::Result<usize>) -> anyhow::Result<f64> {
    let mut took = Vec::with_capacity(REQUESTS);
    for n in 0..REQUESTS {
        let began = Instant::now();
        let rows = query(n).await?;
        took.push(began.elapsed().as_secs_f64() * 1_000.0);
        anyhow::ensure!(rows > 0, "plain SQL found nothing");
    }
    took.sort_by(f64::total_cmp);
    Ok(percentile(&took, 95.0))
}

/// Merge throughput, time to merge with percentiles, pipeline success and duration, merge request size and bug ratio, of the organisation
/// and every project, over days, weeks and months: as somebody would write it by hand. Seconds.
async fn plain_sql(app: &TestApp) -> anyhow::Result<f64> {
    let began = Instant::now();
    for unit in ["day", "week", "month"] {
        for statement in [
            "select count(*) from (select date_trunc('{unit}', merged_at), project_external_id, count(*),
                percentile_cont(array[0.5, 0.75, 0.9]) within group (order by extract(epoch from merged_at - m.created_at)),
                percentile_cont(0.5) within group (order by additions + deletions)
             from merge_requests m join identities i on i.connection_id = m.connection_id and i.external_id = m.author_external_id and not i.is_bot
             where merged_at is not null group by grouping sets ((1, 2), (1))) x",
            "select count(*) from (select date_trunc('{unit}', finished_at), project_external_id, avg((status = 'success')::int),
                percentile_cont(0.5) within group (order by duration_seconds)
             from pipelines where status in ('success', 'failed') group by grouping sets ((1, 2), (1))) x",
            "select count(*) from (select date_trunc('{unit}', created_at), project_external_id, avg((kind = 'bug')::int)
             from work_items group by grouping sets ((1, 2), (1))) x",
        ] {
            let counted: i64 =
                sqlx::query_scalar(sqlx::AssertSqlSafe(statement.replace("{unit}", unit))).fetch_one(app.store.pool()).await?;
            anyhow::ensure!(counted > 0, "plain SQL found nothing");
        }
    }
    Ok(began.elapsed().as_secs_f64())
}
