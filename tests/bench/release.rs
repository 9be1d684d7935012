//! A release of Jira with all its history: without limits, and at the vendor's.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};
use ovia_demo::{Company, CompanyOptions, CompanySize, JiraServer, PointsLimit, SiteOptions};
use ovia_tests::state;
use serde_json::json;

use crate::{
    ovia,
    report::{Figure, Report},
};

/// Changelog entries of an item.
const ENTRIES: usize = 20;
/// Of one tenant, as the vendor states it: points an hour, requests a second to one endpoint.
const POINTS: PointsLimit = PointsLimit { points: 65_000, per: Duration::from_secs(3600) };
const BURST: u32 = 100;
/// Of one answer, where there are limits: a real site's.
const LATENCY: Duration = Duration::from_millis(150);

pub async fn measure(report: &mut Report, items: usize) -> anyhow::Result<()> {
    let limited = SiteOptions { points: Some(POINTS), burst: Some(BURST), latency: Some(LATENCY), ..SiteOptions::default() };
    for (name, options, target) in [("without limits", SiteOptions::default(), "< 20 s"), ("at the vendor's limits", limited, "< 300 s")] {
        let (seconds, requests) = ingest(options, items).await?;
        let value = Figure::value(&format!("a release of {items} items, {name}"), seconds, &format!("s   ({requests} requests)"));
        report.add(value.with_target(target));
    }
    Ok(())
}

/// Seconds and requests of the sync that brings the release.
async fn ingest(options: SiteOptions, items: usize) -> anyhow::Result<(f64, i64)> {
    let as_of = DateTime::from_timestamp(1_893_456_000, 0).unwrap_or_default();
    let company = Company::generate(&CompanyOptions { seed: 7, as_of, size: CompanySize::small() });
    let site = JiraServer::start(&company, options)?;
    let app = ovia::app().await;
    let _worker = app.worker_process();
    let settings = json!({"project_keys": site.project_keys()});
    let connection = app.connect_to("jira", "bench", site.base_url(), site.credentials(), settings).await;
    ovia::check(&app, &connection).await?;
    let first = ovia::sync_to_its_end(&app, &connection).await?;
    anyhow::ensure!(first["status"] == "succeeded", "the first sync did not succeed: {first}");
    app.follow_ups_end(first["id"].as_str().unwrap_or_default()).await;

    let entries = "select count(*) from work_item_changes";
    let before = state::count(&app.store, entries).await;
    site.edit(|jira| jira.add_release(items, ENTRIES, as_of + TimeDelta::hours(1)));
    let began = Instant::now();
    let run = ovia::sync_to_its_end(&app, &connection).await?;
    let seconds = began.elapsed().as_secs_f64();
    anyhow::ensure!(run["status"] == "succeeded", "the sync did not succeed: {run}");
    let brought = state::count(&app.store, entries).await - before;
    anyhow::ensure!(brought == (items * ENTRIES) as i64, "{brought} changelog entries were stored");
    Ok((seconds, run["counts"]["requests"].as_i64().unwrap_or_default()))
}
