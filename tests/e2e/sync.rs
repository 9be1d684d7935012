//! A sync ends with the truth; the next one writes nothing; changes arrive.

use chrono::Duration;
use ovia_demo::CompanySize;
use ovia_tests::{TestApp, state};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{demo, truth::assert_synced};

#[tokio::test]
async fn first_sync_equals_the_truth_and_the_second_writes_nothing() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;

    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_synced(&app.store, &demo.truth()).await;
    assert_eq!(run["counts"]["dead_lettered"], 0, "{run}");
    let first_requests = demo.stats().requests;
    assert_eq!(run["counts"]["requests"].as_u64(), Some(first_requests), "every request is counted");

    let before = positions(&app).await;
    let second = app.sync(&connection).await;
    assert_eq!(second["status"], "succeeded", "{second}");
    for (table, before) in before {
        assert_eq!(state::positions(&app.store, table).await, before, "{table} was written to");
    }
    let counts = &second["counts"];
    assert_eq!((&counts["inserted"], &counts["updated"], &counts["deleted"]), (&json!(0), &json!(0), &json!(0)), "{second}");
    let requests = demo.stats().requests - first_requests;
    assert!(requests * 10 <= first_requests, "{requests} requests after {first_requests}");
}

async fn positions(app: &TestApp) -> Vec<(&'static str, Vec<(String, String)>)> {
    let mut all = Vec::new();
    for table in state::TABLES.into_iter().chain(["raw_records"]) {
        all.push((table, state::positions(&app.store, table).await));
    }
    all
}

#[tokio::test]
async fn edits_additions_and_silent_pushes_arrive() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    assert_eq!(app.sync(&connection).await["status"], "succeeded");

    let at = demo::as_of() + Duration::hours(3);
    demo.edit_merge_requests(15, at);
    // a push changes the head commit and leaves updated_at alone
    demo.push_merge_requests(4, at + Duration::minutes(1));
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert!(run["counts"]["updated"].as_i64() >= Some(15), "{run}");
    assert_synced(&app.store, &demo.truth()).await;
}

#[tokio::test]
async fn a_path_prefix_a_proxys_links_and_bearer_tokens_work() {
    let app = TestApp::start().await;
    let options = ovia_demo::ServerOptions {
        token: demo::TOKEN.into(),
        path_prefix: Some("/git/lab".into()),
        link_origin: Some("http://inner.invalid:8080".into()),
        ..ovia_demo::ServerOptions::default()
    };
    let server = ovia_demo::DemoServer::start(demo::company(CompanySize::small()), options).unwrap();
    let mut settings = demo::settings(&server);
    settings["auth"] = json!("bearer");
    let connection = app.connect("prefixed", server.base_url(), demo::TOKEN, settings).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_synced(&app.store, &server.truth()).await;
}

#[tokio::test]
async fn a_second_sync_while_one_runs_is_refused_and_names_it() {
    let app = TestApp::start_with(ovia_tests::TestOptions { worker: false, ..Default::default() }).await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    // both at once: one is accepted, the other told which
    let path = format!("/connections/{connection}/sync");
    let (one, other) = tokio::join!(app.http.send(Method::POST, &path, None), app.http.send(Method::POST, &path, None));
    let (accepted, (status, problem)) = if one.0 == StatusCode::ACCEPTED { (one, other) } else { (other, one) };
    assert_eq!((accepted.0, status), (StatusCode::ACCEPTED, StatusCode::CONFLICT), "{} {problem}", accepted.1);
    let running = accepted.1["id"].as_str().unwrap().to_owned();
    assert_eq!(problem["code"], "CONFLICT");
    assert!(problem.to_string().contains(&running), "{problem}");

    let mut app = app;
    app.worker_start();
    assert_eq!(app.run_end(&running, 120).await["status"], "succeeded");
    assert_synced(&app.store, &demo.truth()).await;
}

#[tokio::test]
async fn connections_sync_side_by_side() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let one = app.connect("one", demo.base_url(), demo::TOKEN, demo::settings(&demo)).await;
    let two = app.connect("two", demo.base_url(), demo::TOKEN, demo::settings(&demo)).await;
    let (first, second) = tokio::join!(app.sync(&one), app.sync(&two));
    assert_eq!((&first["status"], &second["status"]), (&json!("succeeded"), &json!("succeeded")), "{first} {second}");
    let rows = |table: &str| format!("select count(*) from {table}");
    let truth = demo.truth();
    assert_eq!(state::count(&app.store, &rows("merge_requests")).await, 2 * truth.counts.merge_requests as i64);
    assert_eq!(state::count(&app.store, &rows("pipelines")).await, 2 * truth.counts.pipelines as i64);
}
