//! Each way a source can misbehave: the end state is the truth all the same, or the run says what to do.

use std::time::Duration;

use ovia_connectors::contract::RetryLimits;
use ovia_demo::{CompanySize, FaultKind, FaultRule, Faults, When};
use ovia_tests::{TestApp, TestOptions};
use serde_json::{Value, json};

use crate::{demo, demo::every, truth::assert_synced};

async fn sync_under(rule: FaultRule) -> Value {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    demo.set_faults(Faults { seed: 11, rules: vec![rule] });
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_synced(&app.store, &demo.truth()).await;
    assert!(demo.stats().faults > 0, "the fault was never served");
    run
}

#[tokio::test]
async fn too_many_requests_with_seconds() {
    sync_under(every(40, FaultKind::RateLimited { retry_after: Some(1), as_http_date: false }).times(4)).await;
}

#[tokio::test]
async fn too_many_requests_with_a_date() {
    sync_under(every(60, FaultKind::RateLimited { retry_after: Some(1), as_http_date: true }).times(3)).await;
}

#[tokio::test]
async fn server_errors() {
    sync_under(every(7, FaultKind::Status(503))).await;
}

#[tokio::test]
async fn dropped_connections() {
    sync_under(every(9, FaultKind::Drop)).await;
}

#[tokio::test]
async fn truncated_bodies() {
    sync_under(every(9, FaultKind::Truncate(60))).await;
}

#[tokio::test]
async fn html_in_a_200() {
    sync_under(every(9, FaultKind::Html)).await;
}

#[tokio::test]
async fn slowness() {
    sync_under(every(50, FaultKind::Slow(300))).await;
}

/// A Retry-After longer than a worker should sleep: the run waits in Temporal, says until when, and goes on.
#[tokio::test]
async fn a_long_rate_limit_is_a_waiting_run() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let rule = every(100, FaultKind::RateLimited { retry_after: Some(6), as_http_date: false }).times(1);
    demo.set_faults(Faults { seed: 1, rules: vec![rule] });
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync_start(&connection).await;
    let waiting = app.run_status(&run, "waiting", 60).await;
    assert!(waiting["waiting_until"].is_string(), "{waiting}");
    let run = app.run_end(&run, 120).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!(run["waiting_until"], Value::Null);
    assert_synced(&app.store, &demo.truth()).await;
}

#[tokio::test]
async fn a_wrong_token_fails_at_once_and_says_reconnect() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = app.connect("wrong", demo.base_url(), "glpat-not-the-token", demo::settings(&demo)).await;
    let run = app.sync(&connection).await;
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("UNAUTHENTICATED")), "{run}");
    assert!(run["error"]["hint"].as_str().unwrap().contains("Reconnect"), "{run}");
    assert!(run["error"]["request"].is_string(), "{run}");
    assert!(!run.to_string().contains("glpat-"), "the token leaked: {run}");
    assert!(demo.stats().requests <= 2, "a refused token is not tried again and again");
}

#[tokio::test]
async fn a_token_revoked_in_mid_sync_fails_the_run_and_keeps_its_work() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    demo.set_faults(Faults {
        seed: 1,
        rules: vec![FaultRule::always(FaultKind::Unauthorized).when(When::Between { first: 200, last: None })],
    });
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync(&connection).await;
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("UNAUTHENTICATED")), "{run}");
    assert!(run["counts"]["inserted"].as_i64() > Some(50), "{run}");

    demo.set_faults(Faults::default());
    let (status, retry) = app.http.post(&format!("/runs/{}/retry", run["id"].as_str().unwrap()), json!({})).await;
    assert_eq!(status, 202, "{retry}");
    let retry = app.run_end(retry["id"].as_str().unwrap(), 120).await;
    assert_eq!(retry["status"], "succeeded", "{retry}");
    assert_eq!(retry["retry_of"], run["id"]);
    assert_synced(&app.store, &demo.truth()).await;
}

/// A source that is down: tried again for a while, then a failed run that names the request.
#[tokio::test]
async fn a_source_that_stays_down_fails_the_run() {
    let retry =
        RetryLimits { attempts: 2, min_delay: Duration::from_millis(1), max_delay: Duration::from_millis(2), ..RetryLimits::default() };
    let app = TestApp::start_with(TestOptions { retry, ..TestOptions::default() }).await;
    let demo = demo::server(CompanySize::small()).await;
    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Status(502))] });
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync(&connection).await;
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("UPSTREAM_UNREACHABLE")), "{run}");
    assert!(run["error"]["request"].as_str().unwrap().starts_with("GET http"), "{run}");
}

/// A login page with status 200 instead of the API, for good: an error, never an empty company.
#[tokio::test]
async fn a_login_page_for_good_is_not_an_empty_company() {
    let retry =
        RetryLimits { attempts: 2, min_delay: Duration::from_millis(1), max_delay: Duration::from_millis(2), ..RetryLimits::default() };
    let app = TestApp::start_with(TestOptions { retry, ..TestOptions::default() }).await;
    let demo = demo::server(CompanySize::small()).await;
    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Html)] });
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync(&connection).await;
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("UPSTREAM_UNREACHABLE")), "{run}");
}

/// One item the source cannot serve holds up nothing else; it becomes a dead letter.
#[tokio::test]
async fn an_item_that_always_fails_becomes_a_dead_letter() {
    let retry =
        RetryLimits { attempts: 2, min_delay: Duration::from_millis(1), max_delay: Duration::from_millis(2), ..RetryLimits::default() };
    let app = TestApp::start_with(TestOptions { retry, ..TestOptions::default() }).await;
    let demo = demo::server(CompanySize::small()).await;
    let rule = every(1, FaultKind::Status(500)).path("/merge_requests/7/notes");
    demo.set_faults(Faults { seed: 1, rules: vec![rule] });
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert!(run["counts"]["dead_lettered"].as_i64() >= Some(1), "{run}");
    let left = ovia_tests::state::count(&app.store, "select count(*) from detail_queue").await;
    assert_eq!(left, 0);
}
