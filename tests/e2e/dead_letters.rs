//! Dead letters: kept with their payload, read again, dropped; never lost, and never in the way of something newer.

use std::time::Duration;

use ovia_connectors::contract::RetryLimits;
use ovia_demo::{CompanySize, FaultKind, Faults};
use ovia_tests::{TestApp, TestOptions, state};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    demo,
    demo::every,
    small_gitlab::{SmallGitlab, issue},
    truth::assert_synced,
};

const DAY: &str = "2026-01-05T10:00:00Z";
const LATER: &str = "2026-01-06T10:00:00Z";

/// Forty issues that can be read, and `odd`.
fn issues(odd: Value) -> Vec<Value> {
    (100..140).map(|id| issue(id, "fine", DAY, DAY)).chain([odd]).collect()
}

async fn letters(app: &TestApp, query: &str) -> Vec<Value> {
    app.http.get_all(&format!("/dead-letters?{query}")).await
}

/// Replays what `body` means and answers the only run, ended.
async fn replay(app: &TestApp, body: Value) -> Value {
    let (status, answer) = app.http.post("/dead-letters/replay", body).await;
    assert_eq!((status, answer["items"].as_array().map(Vec::len)), (StatusCode::ACCEPTED, Some(1)), "{answer}");
    app.run_end(answer["items"][0]["id"].as_str().unwrap(), 60).await
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_stored_once_it_can() {
    let app = TestApp::start().await;
    let gitlab = SmallGitlab::start(issues(issue(7, "odd", "not a time", LATER))).await;
    let connection = gitlab.connect(&app).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["counts"]["dead_lettered"], 1, "{run}");
    let open = letters(&app, "status=open").await;
    assert_eq!(open.len(), 1, "{open:?}");
    let id = open[0]["id"].as_i64().unwrap();
    assert_eq!((&open[0]["stream"], &open[0]["external_id"], &open[0]["partition"]), (&json!("issues"), &json!("7"), &json!("1")));
    assert_eq!(open[0]["payload"], Value::Null, "lists are without payloads");
    let letter = app.http.get(&format!("/dead-letters/{id}")).await;
    assert!(letter["payload"].as_str().unwrap().contains("not a time"), "{letter}");

    // nothing has changed: it stays open, with one more try
    let run = replay(&app, json!({"ids": [id]})).await;
    assert_eq!((&run["result"]["letters"]["failed"], &run["counts"]["dead_lettered"]), (&json!(1), &json!(1)), "{run}");
    let letter = app.http.get(&format!("/dead-letters/{id}")).await;
    assert_eq!((&letter["status"], &letter["attempts"]), (&json!("open"), &json!(2)), "{letter}");

    // the code that reads it now is stood in for by a payload that can be read
    app.database.sql(&format!("update dead_letters set payload = replace(payload, 'not a time', '{DAY}')")).await;
    let run = replay(&app, json!({"connection_id": connection, "stream": "issues", "all": true})).await;
    assert_eq!((&run["status"], &run["counts"]["inserted"]), (&json!("succeeded"), &json!(1)), "{run}");
    assert_eq!(run["result"]["letters"], json!({"replayed": 1, "queued": 0, "superseded": 0, "failed": 0}), "{run}");
    let letter = app.http.get(&format!("/dead-letters/{id}")).await;
    assert_eq!((&letter["status"], &letter["resolved_by"]), (&json!("replayed"), &json!(format!("run:{}", run["id"].as_str().unwrap()))));
    assert_eq!(state::rows(&app.store, "issues").await["7"]["title"], "odd");
    assert_eq!(state::count(&app.store, "select count(*) from raw_records where external_id = '7' and partition = '1'").await, 1);
    assert_eq!(state::count(&app.store, "select count(*) from connection_leases where expires_at > now()").await, 0);

    let (status, problem) = app.http.post("/dead-letters/replay", json!({"ids": [id]})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("CONFLICT")), "{problem}");
    let acts = app.http.get_all("/audit-events?action=dead_letter.replay").await;
    assert_eq!(acts.len(), 2, "{acts:?}");
    assert_eq!((&acts[0]["actor"], &acts[0]["subject_id"]), (&json!("token:first"), &run["id"]), "{acts:?}");
}

#[tokio::test]
async fn something_newer_is_not_overwritten_by_an_old_letter() {
    let app = TestApp::start().await;
    let gitlab = SmallGitlab::start(issues(issue(7, "old", "not a time", DAY))).await;
    let connection = gitlab.connect(&app).await;
    app.sync(&connection).await;
    gitlab.issues_set(issues(issue(7, "new", DAY, LATER)));
    app.sync(&connection).await;
    assert_eq!(state::rows(&app.store, "issues").await["7"]["title"], "new");

    app.database.sql(&format!("update dead_letters set payload = replace(payload, 'not a time', '{DAY}')")).await;
    let run = replay(&app, json!({"all": true})).await;
    assert_eq!(run["result"]["letters"]["superseded"], 1, "{run}");
    assert_eq!(state::rows(&app.store, "issues").await["7"]["title"], "new");
    assert_eq!(letters(&app, "status=open").await.len(), 0);
}

#[tokio::test]
async fn of_two_letters_about_one_item_the_later_counts() {
    let app = TestApp::start().await;
    let gitlab = SmallGitlab::start(issues(issue(7, "first", "not a time", DAY))).await;
    let connection = gitlab.connect(&app).await;
    app.sync(&connection).await;
    gitlab.issues_set(issues(issue(7, "second", "not a time", LATER)));
    app.sync(&connection).await;
    assert_eq!(letters(&app, "status=open").await.len(), 2);

    app.database.sql(&format!("update dead_letters set payload = replace(payload, 'not a time', '{DAY}')")).await;
    let run = replay(&app, json!({"all": true})).await;
    assert_eq!((&run["result"]["letters"]["replayed"], &run["result"]["letters"]["superseded"]), (&json!(1), &json!(1)), "{run}");
    assert_eq!(state::rows(&app.store, "issues").await["7"]["title"], "second");
}

#[tokio::test]
async fn what_is_dropped_stays_dropped() {
    let app = TestApp::start().await;
    let gitlab = SmallGitlab::start(issues(issue(7, "odd", "not a time", LATER))).await;
    let connection = gitlab.connect(&app).await;
    app.sync(&connection).await;
    let reason = letters(&app, "status=open").await[0]["reason"].as_str().unwrap().to_owned();
    let beginning = format!("{}*", &reason[..5]);
    assert_eq!(app.http.get("/dead-letters/counts").await["items"][0]["reason"], json!(reason));
    let (status, dropped) = app.http.post("/dead-letters/drop", json!({"reason": beginning, "why": "Test data."})).await;
    assert_eq!((status, &dropped), (StatusCode::OK, &json!({"dropped": 1, "more": false})));

    // its neighbour moved, so that the page is read again and the same payload seen
    gitlab.issues_set(issues(issue(7, "odd", "not a time", LATER)).into_iter().chain([issue(8, "new", LATER, LATER)]).collect());
    app.sync(&connection).await;
    let letter = &letters(&app, "").await[0];
    assert_eq!(
        (&letter["status"], &letter["resolved_by"], &letter["resolution"]),
        (&json!("dropped"), &json!("token:first"), &json!("Test data."))
    );
    assert_eq!(letters(&app, "status=open").await.len(), 0);
    let acts = app.http.get_all("/audit-events?action=dead_letter.drop").await;
    assert_eq!((acts.len(), &acts[0]["data"]["letters"], &acts[0]["data"]["why"]), (1, &json!(1), &json!("Test data.")), "{acts:?}");
}

/// A request the source would not serve is made again by the sync after the replay.
#[tokio::test]
async fn a_letter_about_a_request_is_asked_again() {
    let retry =
        RetryLimits { attempts: 2, min_delay: Duration::from_millis(1), max_delay: Duration::from_millis(2), ..RetryLimits::default() };
    let app = TestApp::start_with(TestOptions { retry, ..TestOptions::default() }).await;
    let demo = demo::server(CompanySize::small()).await;
    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Status(500)).path("/merge_requests/7/notes")] });
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync(&connection).await;
    let lost = run["counts"]["dead_lettered"].as_i64().unwrap();
    assert!(lost >= 1, "{run}");
    demo.set_faults(Faults::default());

    let run = replay(&app, json!({"connection_id": connection, "all": true})).await;
    assert_eq!((&run["status"], &run["result"]["letters"]["queued"]), (&json!("succeeded"), &json!(lost)), "{run}");
    assert_eq!(state::count(&app.store, "select count(*) from detail_queue").await, lost);
    let run = app.sync(&connection).await;
    assert_eq!(run["counts"]["dead_lettered"], 0, "{run}");
    assert_synced(&app.store, &demo.truth()).await;
    assert_eq!(letters(&app, "status=open").await.len(), 0);
}
