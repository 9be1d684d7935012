//! Reports are written once and delivered once, signed, however often the receiver fails; what a stopped run leaves, the next one delivers.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use ovia_tests::{TestApp, eventually, state};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::Sha256;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::method};

use crate::{
    cancel::cancel,
    demo,
    kpi_bounded::{company, rollup},
    replay::check,
};

/// The week of 2026-01-05.
fn weekly() -> Value {
    json!({"kind": "report", "period": "weekly", "as_of": "2026-01-14T00:00:00Z"})
}

async fn start(app: &TestApp, body: &Value) -> String {
    let (status, run) = app.http.post("/runs", body.clone()).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    run["id"].as_str().unwrap().to_owned()
}

async fn run(app: &TestApp, body: &Value) -> Value {
    app.run_end(&start(app, body).await, 120).await
}

/// A receiver that fails the first `failures` times, and its secret.
async fn receiver(app: &TestApp, failures: u64) -> (MockServer, String) {
    let server = MockServer::start().await;
    if failures > 0 {
        Mock::given(method("POST")).respond_with(ResponseTemplate::new(500)).up_to_n_times(failures).with_priority(1).mount(&server).await;
    }
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(204)).with_priority(2).mount(&server).await;
    let body = json!({"kind": "webhook", "name": "hook", "url": format!("{}/hook", server.uri())});
    let (status, made) = app.http.post("/report-destinations", body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    (server, made["secret"].as_str().unwrap().to_owned())
}

fn header<'a>(request: &'a Request, name: &str) -> &'a str {
    request.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

/// As a receiver checks it.
fn assert_signed(request: &Request, secret: &str) {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    for part in [header(request, "webhook-id").as_bytes(), b".", header(request, "webhook-timestamp").as_bytes(), b".", &request.body] {
        mac.update(part);
    }
    let signature = STANDARD.decode(header(request, "webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
    mac.verify_slice(&signature).unwrap_or_else(|error| panic!("{error}"));
    let sent: i64 = header(request, "webhook-timestamp").parse().unwrap();
    assert!((chrono::Utc::now().timestamp() - sent).abs() < 120);
}

async fn seed(app: &TestApp) {
    let org = app.org;
    app.database
        .sql(&format!(
            "insert into kpi_snapshots (org_id, metric, definition_version, scope_kind, window_kind, window_start, window_end, value, unit,
                row_table, identity_epoch, run_id)
                select '{org}', 'merge_throughput', 1, 'organisation', 'week', timestamptz '2025-12-22Z' + n * interval '7 days',
                    timestamptz '2025-12-29Z' + n * interval '7 days', 10 + n, 'count', 'merge_requests', 0, gen_random_uuid()
                from generate_series(0, 5) n;
            insert into risk_items (org_id, kind, subject_table, subject_id, severity, summary, evidence, first_run_id, last_run_id)
                values ('{org}', 'stale_merge_request', 'merge_requests', '1', 'high', 'a!1 <b>waits</b>', '{{}}', gen_random_uuid(), gen_random_uuid())"
        ))
        .await;
}

#[tokio::test]
async fn a_report_is_delivered_once_after_a_failure() {
    let app = TestApp::start().await;
    seed(&app).await;
    let (server, secret) = receiver(&app, 1).await;
    let first = run(&app, &weekly()).await;
    assert_eq!(first["status"], "succeeded", "{first}");
    assert_eq!(first["result"]["reports"]["written"].as_array().unwrap().len(), 1, "{first}");

    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 2, "one failed, one did not");
    requests.iter().for_each(|request| assert_signed(request, &secret));
    assert_eq!(requests[0].body, requests[1].body);
    for name in ["webhook-id", "idempotency-key"] {
        assert_eq!(header(&requests[0], name), header(&requests[1], name), "{name}");
    }
    let body: Value = serde_json::from_slice(&requests[1].body).unwrap();
    assert_eq!((&body["type"], &body["data"]["kind"]), (&json!("report.created"), &json!("weekly")));
    assert_eq!(body["data"]["period"], json!({"start": "2026-01-05T00:00:00Z", "end": "2026-01-12T00:00:00Z"}));
    let html = body["data"]["html"].as_str().unwrap();
    assert!(html.contains("<td>Merge throughput</td><td>12</td><td>+9 %</td>"), "the week that is over: {html}");
    assert!(html.contains("<svg ") && html.contains("a!1 &lt;b&gt;waits&lt;/b&gt;"), "{html}");
    let deliveries = app.http.get_all("/report-deliveries").await;
    assert_eq!((deliveries.len(), &deliveries[0]["status"], &deliveries[0]["attempts"]), (1, &json!("delivered"), &json!(2)));
    check(&app, &first, &["report-retried"]).await;

    // again: nothing is written, nothing is sent
    let again = run(&app, &weekly()).await;
    assert_eq!((&again["status"], &again["result"]["reports"]), (&json!("succeeded"), &json!({"written": [], "known": 1})));
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
    assert_eq!(app.http.get_all("/reports").await.len(), 1);
}

#[tokio::test]
async fn what_a_stopped_run_leaves_the_next_one_delivers() {
    let app = TestApp::start().await;
    let (server, secret) = receiver(&app, 2).await;
    let id = start(&app, &weekly()).await;
    let tried = "select count(*) from outbox where status = 'pending' and attempts >= 1";
    eventually("a first attempt", 60, async || (state::count(&app.store, tried).await == 1).then_some(())).await;
    cancel(&app, &id).await;
    assert_eq!(app.run_end(&id, 30).await["status"], "cancelled");
    assert_eq!(state::count(&app.store, "select count(*) from outbox where status = 'pending'").await, 1, "nothing is lost");
    assert_eq!(app.http.get_all("/reports").await.len(), 1, "what was written stays");

    let next = run(&app, &weekly()).await;
    assert_eq!((&next["status"], &next["result"]["reports"]["known"]), (&json!("succeeded"), &json!(1)), "{next}");
    let requests = server.received_requests().await.unwrap();
    let ids: std::collections::BTreeSet<&str> = requests.iter().map(|request| header(request, "webhook-id")).collect();
    assert_eq!((requests.len(), ids.len()), (3, 1));
    requests.iter().for_each(|request| assert_signed(request, &secret));
    assert_eq!(state::count(&app.store, "select count(*) from outbox where status = 'delivered'").await, 1);
}

/// On the day on which Ovia is installed: nobody computed figures of the day before on that day.
#[tokio::test]
async fn the_first_daily_report_has_figures() {
    let app = company().await;
    app.database.sql("delete from kpi_snapshots; delete from kpi_rollup_state").await;
    rollup(&app, demo::as_of()).await;
    let told = run(&app, &json!({"kind": "report", "period": "daily", "as_of": demo::as_of()})).await;
    assert_eq!(told["status"], "succeeded", "{told}");
    let content = format!("/reports/{}/content?format=html", told["result"]["reports"]["written"][0].as_str().unwrap());
    let html = app.http.get(&content).await;
    let html = html.as_str().unwrap();
    assert!(html.contains("<td>Merge throughput</td>") && html.contains("<td>Delivery health</td>"), "{html}");
}
