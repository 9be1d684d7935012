//! KPIs over the API: latest, history, rows, definitions and risks.

use ovia_demo::CompanySize;
use ovia_tests::TestApp;
use reqwest::StatusCode;
use serde_json::json;

<<<<<<< HEAD
use crate::demo;
=======
use crate::{demo, truth::same};

#[tokio::test]
async fn every_metric_is_exact() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    app.follow_ups_end(run["id"].as_str().unwrap()).await;
    rollup(&app).await;

    let stored = snapshots(&app.store, &connection).await;
    let truth = demo.truth();
    assert!(truth.metrics.len() > 100);
    let at = demo::as_of().to_rfc3339();
    let wanted: BTreeSet<Key> =
        truth.metrics.iter().map(|m| (m.metric.into(), m.scope_id.clone(), m.window.into(), m.start.to_rfc3339())).collect();
    let metrics: BTreeSet<&str> = truth.metrics.iter().map(|m| m.metric).collect();
    // of the metrics, scopes and windows that the truth has; rollups for today, which follow the sync, have later windows too
    let known = |key: &&Key| metrics.contains(key.0.as_str()) && matches!(key.2.as_str(), "week" | "month");
    let extra: Vec<&Key> = stored.keys().filter(known).filter(|key| !wanted.contains(*key) && key.3 <= at).collect();
    assert!(extra.is_empty(), "snapshots nobody asked for: {extra:?}");
    for want in &truth.metrics {
        let key = (want.metric.to_owned(), want.scope_id.clone(), want.window.to_owned(), want.start.to_rfc3339());
        let Some(found) = stored.get(&key) else {
            // no data needs no row, and nothing else may do without
            assert!(want.value.is_none() && want.rows.is_empty(), "no snapshot {key:?}: {want:?}");
            continue;
        };
        assert!(same(&found["value"], &json!(want.value)), "{key:?}: stored {found}, truth {want:?}");
        for (name, value) in &want.stats {
            assert!(same(&found["stats"][*name], &json!(value)), "{key:?} {name}: stored {found}, truth {want:?}");
        }
        let rows = found["rows"].as_array().unwrap().len();
        assert_eq!(rows, want.rows.len(), "{key:?}: stored {found}, truth {want:?}");
        assert!(same(&found["rows"], &json!(want.rows)), "{key:?}: rows {} differ from {:?}", found["rows"], want.rows);
    }
    numbers_are_made_of_their_rows(&app).await;
}

/// Of every stored number, as many rows as it says; where rows are summed, their sum is the number.
async fn numbers_are_made_of_their_rows(app: &TestApp) {
    let counted = "select count(*) from kpi_snapshots k where k.row_count <> (select count(*) from kpi_rows(k.org_id, k.id))";
    assert_eq!(state::count(&app.store, counted).await, 0, "numbers whose rows are not as many as they say");
    let summed = "select count(*) from kpi_snapshots k
        where k.metric in ('merge_throughput', 'throughput', 'stale_merge_requests', 'work_in_progress', 'deployment_frequency')
            and (k.value is null or abs(k.value - coalesce((select sum(row_value) from kpi_rows(k.org_id, k.id)), 0)) > 1e-9)";
    assert_eq!(state::count(&app.store, summed).await, 0, "sums that are not the sum of their rows");
    let medians = "select count(*) from kpi_snapshots k
        where k.metric in ('time_to_merge', 'time_to_first_review', 'lead_time_for_changes', 'cycle_time') and k.value is not null
            and abs(k.value - (select percentile_cont(0.5) within group (order by row_value) from kpi_rows(k.org_id, k.id))) > 1e-6";
    assert_eq!(state::count(&app.store, medians).await, 0, "medians that are not the median of their rows");
}
>>>>>>> kfix

/// A rollup for the company's own moment.
async fn rollup(app: &TestApp) {
    let (status, run) = app.http.post("/runs", json!({"kind": "kpi_rollup", "as_of": demo::as_of()})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    let run = app.run_end(run["id"].as_str().unwrap(), 60).await;
    assert_eq!(run["status"], "succeeded", "{run}");
}

#[tokio::test]
async fn kpis_are_served_with_history_and_risks() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync(&connection).await;
    app.follow_ups_end(run["id"].as_str().unwrap()).await;
    rollup(&app).await;

    let latest = app.http.get("/team/kpi").await;
    let metrics: Vec<&str> = latest["items"].as_array().unwrap().iter().map(|item| item["metric"].as_str().unwrap()).collect();
    for metric in [
        "merge_throughput",
        "time_to_merge",
        "time_to_first_review",
        "pipeline_success_rate",
        "stale_merge_requests",
        "deployment_frequency",
    ] {
        assert!(metrics.contains(&metric), "{latest}");
    }
    assert_eq!(metrics.len(), ovia_domain::MetricKey::ALL.len(), "every metric, with or without data");
    let history = app.http.get_all("/team/kpi/history?metric=merge_throughput&window=month").await;
    assert!(history.len() >= 6, "{history:?}");
    let compared = history.iter().filter(|item| item["change"].is_f64()).count();
    assert!(compared >= 4, "windows are compared with those before them: {history:?}");
    for window in ["day", "quarter"] {
        assert!(!app.http.get_all(&format!("/team/kpi/history?metric=merge_throughput&window={window}")).await.is_empty(), "{window}");
    }

    // from a number to its rows, each with its page
    let item = latest["items"].as_array().unwrap().iter().find(|item| item["metric"] == "merge_throughput").unwrap();
    let path = item["rows_path"].as_str().unwrap();
    let rows = app.http.get(&format!("{path}&limit=200")).await;
    assert_eq!((&rows["value"], &rows["aggregate"]), (&item["value"], &json!("sum")), "{rows}");
    let items = rows["items"].as_array().unwrap();
    assert_eq!(items.iter().filter_map(|row| row["value"].as_f64()).sum::<f64>(), item["value"].as_f64().unwrap(), "{rows}");
    assert!(items.iter().all(|row| row["url"].is_string()), "{rows}");
    let definition = app.http.get("/team/kpi/merge_throughput/definition").await;
    assert!(definition["formula"].as_str().is_some_and(|words| !words.is_empty()), "{definition}");

    let (status, run) = app.http.post("/runs", serde_json::json!({"kind": "quality"})).await;
    assert_eq!(status, reqwest::StatusCode::ACCEPTED, "{run}");
    assert_eq!(app.run_end(run["id"].as_str().unwrap(), 60).await["status"], "succeeded");
    let risks = app.http.get_all("/team/kpi/risks").await;
    assert!(!risks.is_empty());
    assert!(risks.iter().all(|risk| risk["url"].is_string() || risk["kind"] != "stale_merge_request"), "{risks:?}");
}
