//! KPIs over the API: latest, history, rows, definitions and risks.

use ovia_demo::CompanySize;
use ovia_tests::TestApp;
use reqwest::StatusCode;
use serde_json::json;

use crate::demo;

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
