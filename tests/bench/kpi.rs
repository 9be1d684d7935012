//! KPIs of an organisation with a million merge requests, work items and pipelines in a year: the rollup of the year, of one more day, and
//! reading; beside the same figures from plain SQL.

use std::time::Instant;

use anyhow::Context;
use ovia_tests::TestApp;
use serde_json::{Value, json};

use crate::{
    ovia,
    report::{Figure, Report, percentile},
    system::peak_memory_mb,
};

/// The year ends here.
const AS_OF: &str = "2025-12-31T12:00:00Z";
const NEXT_DAY: &str = "2026-01-01T12:00:00Z";
/// Requests to take a percentile of.
const REQUESTS: usize = 200;

pub async fn measure(report: &mut Report, rows: usize) -> anyhow::Result<()> {
    let app = ovia::app().await;
    let worker = app.worker_process();
    company(&app, rows).await?;
    let plain = plain_sql(&app).await?;

    let (seconds, run) = rollup(&app, json!({"kind": "kpi_rollup", "as_of": AS_OF})).await?;
    report.add(Figure::value(&format!("KPIs: the rollup of a year, {rows} rows"), seconds, &written(&run)).with_target("< 60 s"));
    report.add(Figure::value("KPIs: six of the figures from plain SQL, days, weeks and months", plain, "s"));
    report.add(Figure::ratio("KPIs: all figures with their rows against that", seconds / plain, ""));
    if let Some(peak) = peak_memory_mb(worker.id()) {
        report.add(Figure::value("KPIs: the worker's memory at most", peak, "MB").with_target("< 300 MB"));
    }
    day(&app, rows).await?;
    let (seconds, run) = rollup(&app, json!({"kind": "kpi_rollup", "as_of": NEXT_DAY})).await?;
    anyhow::ensure!(run["result"]["mode"] == "touched", "not incremental: {run}");
    report.add(Figure::value("KPIs: the rollup of one more day", seconds, &written(&run)).with_target("< 2 s"));
    app.database.sql("analyze").await;
    let latest = ["", "&window=month", "&window=week&project=g/p7", "&window=quarter&scope=project", "&window=day&scope=team"];
    let p95 = reads(&app, |n| format!("/team/kpi?limit=50{}", latest[n % latest.len()])).await?;
    report.add(Figure::value("KPIs: GET /team/kpi, p95", p95, "ms").with_target("< 20 ms"));
    let metrics = ["merge_throughput", "time_to_merge", "pipeline_success_rate", "cycle_time"];
    let windows = ["month", "week", "day", "quarter", "trailing_30_days"];
    let p95 = reads(&app, |n| {
        let (metric, window) = (metrics[n % metrics.len()], windows[n % windows.len()]);
        format!("/team/kpi/{metric}/rows?window={window}&at=2025-{:02}-15", n % 11 + 1)
    })
    .await?;
    report.add(Figure::value("KPIs: GET /team/kpi/{metric}/rows, p95", p95, "ms").with_target("< 50 ms"));
    Ok(())
}

fn written(run: &Value) -> String {
    let result = &run["result"];
    format!("s   ({} figures, {} written, {} slices)", result["snapshots"], result["written"], result["slices"])
}

async fn rollup(app: &TestApp, asked: Value) -> anyhow::Result<(f64, Value)> {
    let began = Instant::now();
    let (_, run) = app.http.post("/runs", asked).await;
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

/// A third merge requests, a third work items, a third pipelines, of a hundred projects and two hundred people in ten teams.
async fn company(app: &TestApp, rows: usize) -> anyhow::Result<()> {
    let (org, third) = (app.org, rows / 3);
    let connection = app.connect("bench", "https://gitlab.example.com", "t", json!({"projects": ["g/p1"]})).await;
    let at = "timestamptz '2025-01-01Z' + (n * 365.0 * 86400 / {third}) * interval '1 second'".replace("{third}", &third.to_string());
    app.database
        .sql(&format!(
            "insert into identities (org_id, connection_id, source, external_id, username, is_bot)
                select '{org}', '{connection}', 'gitlab', n::text, 'u' || n, n % 20 = 0 from generate_series(1, 200) n;
             insert into people (id, org_id, display_name, is_bot)
                select md5('p' || n)::uuid, '{org}', 'Person ' || n, n % 20 = 0 from generate_series(1, 200) n;
             insert into person_identity_links (identity_id, org_id, person_id, status, confidence, rule, trace, rule_set_version)
                select i.id, '{org}', md5('p' || i.external_id)::uuid, 'auto', 1, 'exact_email', '[]', 1 from identities i;
             insert into teams (id, org_id, name) select md5('t' || n)::uuid, '{org}', 'Team ' || n from generate_series(1, 10) n;
             insert into team_memberships (org_id, team_id, person_id, from_date, created_by)
                select '{org}', md5('t' || (1 + n % 10))::uuid, md5('p' || n)::uuid, '2024-01-01', 'bench' from generate_series(1, 200) n;
             insert into projects (org_id, connection_id, external_id, name, full_path, archived, default_branch)
                select '{org}', '{connection}', n::text, 'p' || n, 'g/p' || n, false, 'main' from generate_series(1, 100) n;
             insert into work_item_statuses (org_id, connection_id, external_id, name, category)
                values ('{org}', '{connection}', '1', 'To do', 'todo'), ('{org}', '{connection}', '2', 'Doing', 'in_progress'),
                    ('{org}', '{connection}', '3', 'Done', 'done');"
        ))
        .await;
    app.database
        .sql(&format!(
            "insert into merge_requests (org_id, connection_id, external_id, project_external_id, number, title, state, draft, author_external_id,
                assignee_external_ids, reviewer_external_ids, labels, is_fork, created_at, updated_at, merged_at, additions, deletions, url)
                select '{org}', '{connection}', n::text, (1 + n % 100)::text, n, 'Change ' || n,
                    case when n % 50 = 0 then 'opened' when n % 17 = 0 then 'closed' else 'merged' end, false, (1 + n % 200)::text,
                    '{{}}', '{{}}', '{{}}', false, {at}, {at} + (n % 90) * interval '1 hour',
                    case when n % 50 <> 0 and n % 17 <> 0 then {at} + (n % 90) * interval '1 hour' end, n % 500, n % 300,
                    'https://gitlab.example.com/mr/' || n
                from generate_series(1, {third}) n;
             insert into merge_request_notes (org_id, connection_id, external_id, merge_request_external_id, author_external_id, system, created_at)
                select '{org}', '{connection}', n::text, n::text, (1 + (n + 7) % 200)::text, false, {at} + (n % 20) * interval '1 hour'
                from generate_series(1, {third}) n;
             insert into merge_request_commits (org_id, connection_id, external_id, merge_request_external_id, sha, authored_at, committed_at)
                select '{org}', '{connection}', n || ':a', n::text, md5(n::text), {at} - interval '1 hour', {at} - interval '1 hour'
                from generate_series(1, {third}) n;
             insert into pipelines (org_id, connection_id, external_id, project_external_id, status, git_ref, identity_external_id, created_at,
                updated_at, started_at, finished_at, duration_seconds)
                select '{org}', '{connection}', n::text, (1 + n % 100)::text, case when n % 7 = 0 then 'failed' else 'success' end, 'main',
                    (1 + n % 200)::text, {at}, {at} + interval '10 minutes', {at}, {at} + interval '10 minutes', 600
                from generate_series(1, {third}) n;
             insert into deployments (org_id, connection_id, external_id, project_external_id, status, environment_tier, sha, created_at, updated_at, finished_at)
                select '{org}', '{connection}', n::text, (1 + n % 100)::text, 'success', 'production', md5(n::text), {at}, {at}, {at}
                from generate_series(20, {third}, 20) n;
             insert into work_items (org_id, connection_id, external_id, key, project_external_id, title, kind, type_name, status, status_category,
                assignee_external_id, labels, components, fix_version_external_ids, sprint_external_ids, created_at, updated_at, resolved_at)
                select '{org}', '{connection}', n::text, 'W-' || n, (1 + n % 100)::text, 'Item ' || n, case when n % 4 = 0 then 'bug' else 'story' end,
                    'Story', 'x', case when n % 30 = 0 then 'in_progress' else 'done' end, (1 + n % 200)::text, '{{}}', '{{}}', '{{}}', '{{}}',
                    {at}, {at} + interval '3 days', case when n % 30 <> 0 then {at} + (24 + n % 48) * interval '1 hour' end
                from generate_series(1, {third}) n;
             insert into work_item_changes (org_id, connection_id, external_id, work_item_external_id, created_at, field, from_value, to_value)
                select '{org}', '{connection}', n || ':a', n::text, {at} + interval '4 hours', 'status', '1', '2' from generate_series(1, {third}) n
                union all
                select '{org}', '{connection}', n || ':b', n::text, {at} + (24 + n % 48) * interval '1 hour', 'status', '2', '3'
                from generate_series(1, {third}) n where n % 30 <> 0;
             analyze"
        ))
        .await;
    Ok(())
}

/// A day's worth of new rows.
async fn day(app: &TestApp, rows: usize) -> anyhow::Result<()> {
    let (org, count) = (app.org, (rows / 3 / 365).max(1));
    app.database
        .sql(&format!(
            "insert into merge_requests (org_id, connection_id, external_id, project_external_id, number, title, state, draft, author_external_id,
                assignee_external_ids, reviewer_external_ids, labels, is_fork, created_at, updated_at, merged_at, additions, deletions)
                select '{org}', (select id from connections), 'd' || n, (1 + n % 100)::text, 10000000 + n, 'Change', 'merged', false, (1 + n % 200)::text,
                    '{{}}', '{{}}', '{{}}', false, timestamptz '2025-12-31T18:00Z' + n * interval '1 second', timestamptz '2026-01-01T08:00Z',
                    timestamptz '2026-01-01T08:00Z', 10, 10
                from generate_series(1, {count}) n;
             insert into pipelines (org_id, connection_id, external_id, project_external_id, status, git_ref, created_at, updated_at, finished_at)
                select '{org}', (select id from connections), 'd' || n, (1 + n % 100)::text, 'success', 'main', timestamptz '2026-01-01T07:00Z',
                    timestamptz '2026-01-01T07:10Z', timestamptz '2026-01-01T07:10Z'
                from generate_series(1, {count}) n"
        ))
        .await;
    Ok(())
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
