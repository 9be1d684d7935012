//! What needs attention is looked for after every rollup, so it is as young as the figures.

use ovia_tests::{TestApp, state};
use reqwest::StatusCode;
use serde_json::{Value, json};

async fn rollup(app: &TestApp, mut body: Value) -> Value {
    body["kind"] = json!("kpi_rollup");
    let (status, run) = app.http.post("/runs", body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    app.run_end(run["id"].as_str().unwrap(), 60).await
}

#[tokio::test]
async fn a_rollup_opens_and_resolves_risks() {
    let app = TestApp::start().await;
    let connection = app.connect("c", "http://127.0.0.1:9", "t", json!({"projects": ["a/b"]})).await;
    app.database
        .sql(&format!(
            "insert into projects (org_id, connection_id, external_id, name, full_path, archived) values ('{org}', '{connection}', '1', 'b', 'a/b', false);
             insert into merge_requests (org_id, connection_id, external_id, project_external_id, number, title, state, draft, assignee_external_ids,
                reviewer_external_ids, labels, is_fork, created_at)
                values ('{org}', '{connection}', '1', '1', 1, 'Waits', 'opened', false, '{{}}', '{{}}', '{{}}', false, now() - interval '20 days')",
            org = app.org
        ))
        .await;
    let first = rollup(&app, json!({})).await;
    assert_eq!((&first["status"], &first["result"]["risks"]["opened"]), (&json!("succeeded"), &json!(1)), "{first}");
    assert!(first["result"]["snapshots"].as_u64().unwrap() > 0, "beside what the rollup says: {first}");
    let risks = app.http.get_all("/team/kpi/risks").await;
    assert_eq!((risks.len(), &risks[0]["kind"], &risks[0]["first_run_id"]), (1, &json!("stale_merge_request"), &first["id"]));

    app.database.sql("update merge_requests set state = 'closed', closed_at = now(), changed_at = now()").await;
    // figures as of an earlier time say nothing about what needs attention now
    let past = rollup(&app, json!({"as_of": "2026-01-01T00:00:00Z"})).await;
    assert_eq!((&past["status"], &past["result"]["risks"]), (&json!("succeeded"), &Value::Null), "{past}");
    assert_eq!(state::count(&app.store, "select count(*) from risk_items where status = 'open'").await, 1);
    assert_eq!(rollup(&app, json!({})).await["result"]["risks"]["resolved"], 1);
    assert!(app.http.get_all("/team/kpi/risks").await.is_empty());
}
