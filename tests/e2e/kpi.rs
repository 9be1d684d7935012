//! KPIs equal the demo company's truth, metric for metric, scope for scope, window for window.

use std::collections::{BTreeMap, BTreeSet};

use ovia_demo::CompanySize;
use ovia_store::Store;
use ovia_tests::TestApp;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::Row;

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
    // rollups for today, which follow the sync, have later windows too
    let extra: Vec<&Key> = stored.keys().filter(|key| !wanted.contains(*key) && key.3 <= at && key.2 != "trailing_30_days").collect();
    assert!(extra.is_empty(), "snapshots nobody asked for: {extra:?}");
    for want in &truth.metrics {
        let key = (want.metric.to_owned(), want.scope_id.clone(), want.window.to_owned(), want.start.to_rfc3339());
        let Some(found) = stored.get(&key) else { panic!("no snapshot {key:?}") };
        assert!(same(&found["value"], &json!(want.value)), "{key:?}: stored {found}, truth {want:?}");
        for (name, value) in &want.stats {
            assert!(same(&found["stats"][*name], &json!(value)), "{key:?} {name}: stored {found}, truth {want:?}");
        }
        let rows = found["rows"].as_array().unwrap().len();
        assert_eq!(rows, want.rows.len(), "{key:?}: stored {found}, truth {want:?}");
        assert!(same(&found["rows"], &json!(want.rows)), "{key:?}: rows {} differ from {:?}", found["rows"], want.rows);
    }
}

/// A rollup for the company's own moment.
async fn rollup(app: &TestApp) {
    let (status, run) = app.http.post("/runs", json!({"kind": "kpi_rollup", "as_of": demo::as_of()})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    let run = app.run_end(run["id"].as_str().unwrap(), 60).await;
    assert_eq!(run["status"], "succeeded", "{run}");
}

type Key = (String, String, String, String);

/// Snapshots by metric, project (empty for the organisation), window and start, with their rows' external ids.
async fn snapshots(store: &Store, connection: &str) -> BTreeMap<Key, Value> {
    let sql = r#"
        select s.metric, replace(s.scope_id, $1 || ':', ''), s.window_kind, s.window_start,
               jsonb_build_object('value', s.value, 'stats', s.stats, 'rows', coalesce(case s.row_table
                   when 'merge_requests' then (select jsonb_agg(external_id) from merge_requests where id = any(s.row_ids))
                   when 'pipelines' then (select jsonb_agg(external_id) from pipelines where id = any(s.row_ids))
                   when 'deployments' then (select jsonb_agg(external_id) from deployments where id = any(s.row_ids))
               end, '[]'::jsonb))
        from kpi_snapshots s"#;
    let rows = sqlx::query(sql).bind(connection).fetch_all(store.pool()).await.unwrap();
    rows.iter()
        .map(|row| {
            let start: chrono::DateTime<chrono::Utc> = row.get(3);
            ((row.get(0), row.get(1), row.get(2), start.to_rfc3339()), row.get(4))
        })
        .collect()
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
    let history = app.http.get_all("/team/kpi/history?metric=merge_throughput&window=month").await;
    assert!(history.len() >= 6, "{history:?}");
    let (status, run) = app.http.post("/runs", serde_json::json!({"kind": "quality"})).await;
    assert_eq!(status, reqwest::StatusCode::ACCEPTED, "{run}");
    assert_eq!(app.run_end(run["id"].as_str().unwrap(), 60).await["status"], "succeeded");
    let risks = app.http.get_all("/team/kpi/risks").await;
    assert!(!risks.is_empty());
    assert!(risks.iter().all(|risk| risk["url"].is_string() || risk["kind"] != "stale_merge_request"), "{risks:?}");
}
