//! Paused means paused: nothing is written, nobody is kept out, and it goes on at once when told to.

use std::time::{Duration, Instant};

use ovia_demo::{CompanySize, DemoServer, FaultKind, FaultRule, Faults, When};
use ovia_tests::{TestApp, TestOptions, eventually, state};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    backfill::{backfill_start, id, short_slices, slow, the_year},
    cancel::cancel,
    demo,
    truth::assert_synced,
};

const PAGES: &str = "select count(*) from run_events where kind = 'page_committed'";
const HELD: &str = "select count(*) from connection_leases where expires_at > now()";

async fn act(app: &TestApp, path: &str) -> Value {
    let (status, body) = app.http.send(Method::POST, path, None).await;
    assert!(status.is_success(), "{path}: {status} {body}");
    body
}

async fn pages(app: &TestApp) -> i64 {
    state::count(&app.store, PAGES).await
}

/// A sync in the middle of its work.
async fn under_way(app: &TestApp, demo: &DemoServer, connection: &str) -> String {
    slow(demo, 20);
    let run = app.sync_start(connection).await;
    eventually("some pages", 60, async || (pages(app).await > 10).then_some(())).await;
    run
}

/// Nothing is written for a while, and the lease is free.
async fn assert_still(app: &TestApp, pages_then: i64) {
    eventually("the lease to be free", 5, async || (state::count(&app.store, HELD).await == 0).then_some(())).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(pages(app).await, pages_then, "a page was committed after the pause");
}

async fn assert_moves(app: &TestApp, resumed: Instant, pages_then: i64) {
    eventually("a page", 10, async || (pages(app).await > pages_then).then_some(())).await;
    assert!(resumed.elapsed() < Duration::from_secs(2), "{:?}", resumed.elapsed());
}

#[tokio::test]
async fn a_paused_sync_writes_nothing_and_goes_on_at_once() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    let run = under_way(&app, &demo, &connection).await;
    let paused = act(&app, &format!("/runs/{run}/pause")).await;
    let then = pages(&app).await;
    assert_eq!((&paused["status"], &paused["paused_by"]), (&json!("paused"), &json!("person")), "{paused}");
    assert_still(&app, then).await;
    // twice is fine, and the run is still in the way of another sync
    act(&app, &format!("/runs/{run}/pause")).await;
    let (status, problem) = app.http.send(Method::POST, &format!("/connections/{connection}/sync"), None).await;
    assert_eq!((status, &problem["run_id"]), (StatusCode::CONFLICT, &json!(run)), "{problem}");

    let resumed = Instant::now();
    assert_eq!(act(&app, &format!("/runs/{run}/resume")).await["status"], "running");
    assert_moves(&app, resumed, then).await;
    demo.set_faults(Faults::default());
    assert_eq!(app.run_end(&run, 120).await["status"], "succeeded");
    assert_synced(&app.store, &demo.truth()).await;
    for verb in ["pause", "resume"] {
        let (status, problem) = app.http.send(Method::POST, &format!("/runs/{run}/{verb}"), None).await;
        assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("CONFLICT")), "{problem}");
    }
}

#[tokio::test]
async fn a_run_paused_while_it_waits_for_the_source_looks_again_when_resumed() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let limited = demo::every(20, FaultKind::RateLimited { retry_after: Some(3_600), as_http_date: false }).times(1);
    demo.set_faults(Faults { seed: 1, rules: vec![limited] });
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync_start(&connection).await;
    app.run_status(&run, "waiting", 60).await;
    let paused = act(&app, &format!("/runs/{run}/pause")).await;
    assert_eq!((&paused["status"], &paused["waiting_until"]), (&json!("paused"), &Value::Null), "{paused}");
    act(&app, &format!("/runs/{run}/resume")).await;
    // it was told an hour, and says so again instead of claiming to run
    let waiting = app.run_status(&run, "waiting", 10).await;
    assert!(waiting["waiting_until"].is_string(), "{waiting}");
    cancel(&app, &run).await;
}

#[tokio::test]
async fn a_run_paused_before_any_worker_saw_it_does_not_begin() {
    let mut app = TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    let sync = app.sync_start(&connection).await;
    let backfill = backfill_start(&app, &connection, the_year()).await;
    for run in [&sync, id(&backfill)] {
        assert_eq!(act(&app, &format!("/runs/{run}/pause")).await["status"], "paused");
    }
    app.worker_start();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!((demo.stats().requests, &app.run(&sync).await["status"]), (0, &json!("paused")));
    for run in [&sync, id(&backfill)] {
        assert_eq!(act(&app, &format!("/runs/{run}/resume")).await["status"], "queued");
    }
    assert_eq!(app.run_end(&sync, 120).await["status"], "succeeded");
    let backfill = app.run_end(id(&backfill), 120).await;
    assert_eq!(backfill["status"], "succeeded", "{backfill}");
    assert_eq!(backfill["counts"]["dead_lettered"], 0, "{backfill}");
    assert_synced(&app.store, &demo.truth()).await;
}

#[tokio::test]
async fn a_paused_connection_holds_its_runs_and_new_ones() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    let run = under_way(&app, &demo, &connection).await;
    let set = act(&app, &format!("/connections/{connection}/pause")).await;
    let then = pages(&app).await;
    assert_eq!((&set["paused"], &set["runs"]), (&json!(true), &json!(1)), "{set}");
    let held = app.run(&run).await;
    assert_eq!((&held["status"], &held["paused_by"]), (&json!("paused"), &json!("connection")), "{held}");
    for shown in [app.http.get(&format!("/connections/{connection}")).await, app.http.get("/connections").await["items"][0].clone()] {
        assert!(shown["paused_at"].is_string() && shown["paused_by"].as_str().unwrap().starts_with("token:"), "{shown}");
    }
    assert_still(&app, then).await;
    // letting the run alone go on does not help while the connection is paused
    act(&app, &format!("/runs/{run}/resume")).await;
    app.run_status(&run, "paused", 20).await;
    assert_eq!(pages(&app).await, then);

    cancel(&app, &run).await;
    let next = app.sync_start(&connection).await;
    let next = app.run_status(&next, "paused", 20).await;
    assert_eq!(next["paused_by"], "connection", "{next}");

    demo.set_faults(Faults::default());
    let resumed = Instant::now();
    let set = act(&app, &format!("/connections/{connection}/resume")).await;
    assert_eq!((&set["paused"], &set["runs"]), (&json!(false), &json!(1)), "{set}");
    assert_moves(&app, resumed, then).await;
    assert_eq!(app.run_end(id(&next), 120).await["status"], "succeeded");
    assert_synced(&app.store, &demo.truth()).await;
    let shown = app.http.get(&format!("/connections/{connection}")).await;
    assert_eq!((&shown["paused_at"], &shown["paused_by"]), (&Value::Null, &Value::Null), "{shown}");
}

#[tokio::test]
async fn a_paused_run_is_cancelled_within_seconds() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    let run = under_way(&app, &demo, &connection).await;
    act(&app, &format!("/runs/{run}/pause")).await;
    assert_still(&app, pages(&app).await).await;
    let took = cancel(&app, &run).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(app.run(&run).await["paused_by"], Value::Null);
}

#[tokio::test]
async fn the_kill_switch_holds_a_backfill_and_lets_a_person_sync() {
    let app = TestApp::start_with(short_slices()).await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    slow(&demo, 20);
    let run = backfill_start(&app, &connection, the_year()).await;
    eventually("some pages", 60, async || (pages(&app).await > 10).then_some(())).await;
    let switch = async |engaged: bool| {
        let body = json!({"engaged": engaged, "reason": "a test"});
        let (status, set) = app.http.send(Method::PUT, "/admin/kill-switch", Some(body)).await;
        assert_eq!(status, StatusCode::OK, "{set}");
    };
    switch(true).await;
    let held = app.run_status(id(&run), "paused", 10).await;
    assert_eq!(held["paused_by"], "kill_switch", "{held}");
    assert_still(&app, pages(&app).await).await;

    demo.set_faults(Faults::default());
    assert_eq!(app.sync(&connection).await["status"], "succeeded");
    assert_eq!(app.run(id(&run)).await["status"], "paused");
    let (resumed, then) = (Instant::now(), pages(&app).await);
    switch(false).await;
    assert_moves(&app, resumed, then).await;
    let run = app.run_end(id(&run), 120).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_synced(&app.store, &demo.truth()).await;
}

#[tokio::test]
async fn a_retry_can_be_otherwise() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    // in the middle of a list of several pages
    let unauthorized = FaultRule::always(FaultKind::Unauthorized).when(When::Between { first: 2, last: None }).route("/members/all$");
    demo.set_faults(unauthorized.into());
    let (status, settings) =
        app.http.send(Method::PATCH, &format!("/connections/{connection}"), Some(json!({"settings": small_pages(&demo)}))).await;
    assert_eq!(status, StatusCode::OK, "{settings}");
    let failed = app.sync(&connection).await;
    assert_eq!(failed["status"], "failed", "{failed}");
    demo.set_faults(Faults::default());

    let retry = async |body: Value| {
        let (status, run) = app.http.post(&format!("/runs/{}/retry", id(&failed)), body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{run}");
        app.run_end(id(&run), 120).await
    };
    let some = retry(json!({"streams": ["groups", "projects", "members", "issues"], "page_size": 7})).await;
    assert_eq!((&some["status"], &some["retry_of"]), (&json!("succeeded"), &failed["id"]), "{some}");
    let walked: Vec<&str> = some["progress"].as_array().unwrap().iter().map(|stream| stream["stream"].as_str().unwrap()).collect();
    assert_eq!(walked, ["groups", "projects", "members", "issues"]);
    crate::truth::assert_tables(&app.store, &demo.truth(), &["groups", "projects", "memberships", "issues"]).await;
    assert_eq!(state::count(&app.store, "select count(*) from merge_requests").await, 0);

    let window = json!({"window": {"from": "2026-01-01T00:00:00Z", "to": "2026-03-20T00:00:00Z"}, "streams": ["merge_requests"]});
    let past = retry(window).await;
    assert_eq!((&past["status"], &past["kind"]), (&json!("succeeded"), &json!("backfill")), "{past}");
    assert!(state::count(&app.store, "select count(*) from merge_requests").await > 0);
    let older = "select count(*) from merge_requests where updated_at < '2026-01-01'";
    assert_eq!(state::count(&app.store, older).await, 0);
    assert_eq!(retry(json!({})).await["status"], "succeeded");
    assert_synced(&app.store, &demo.truth()).await;

    for (body, says) in [
        (json!({"page_size": 0}), "page_size"),
        (json!({"window": {"from": "2026-02-01", "to": "2026-01-01"}}), "window.from"),
        (json!({"pages": 3}), "pages"),
    ] {
        let (status, problem) = app.http.post(&format!("/runs/{}/retry", id(&failed)), body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    }
    let unknown = retry(json!({"streams": ["nonsense"]})).await;
    assert_eq!(unknown["status"], "failed");
    assert!(unknown["error"]["message"].as_str().unwrap().starts_with("There is no stream `nonsense`"), "{unknown}");
}

fn small_pages(demo: &DemoServer) -> Value {
    let mut settings = demo::settings(demo);
    settings["page_size"] = json!(10);
    settings
}
