//! Raw records read again without the network: the difference is shown first, and nothing but the difference is written.

use ovia_demo::CompanySize;
use ovia_tests::{TestApp, TestOptions, state};
use ovia_workflows::types::SyncTuning;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{demo, truth::assert_synced};

async fn replay(app: &TestApp, connection: &str, body: Value) -> Value {
    let (status, run) = app.http.post(&format!("/connections/{connection}/replay"), body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    app.run_end(run["id"].as_str().unwrap(), 120).await
}

/// Rows added and changed, over all streams and tables.
fn changes(run: &Value) -> (i64, i64) {
    let streams = run["result"]["raw"]["streams"].as_object().unwrap();
    let tables = streams.values().flat_map(|stream| stream["tables"].as_object().unwrap().values());
    tables.fold((0, 0), |(added, changed), table| (added + table["added"].as_i64().unwrap(), changed + table["changed"].as_i64().unwrap()))
}

#[tokio::test]
async fn the_difference_is_shown_before_it_is_applied() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    assert_eq!(app.sync(&connection).await["status"], "succeeded");
    let requests = demo.stats().requests;

    let run = replay(&app, &connection, json!({"from": "raw"})).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!(changes(&run), (0, 0), "{}", run["result"]);
    assert_eq!((&run["result"]["raw"]["applied"], &run["counts"]["dead_lettered"]), (&json!(false), &json!(0)));
    let raw = state::count(&app.store, "select count(*) from raw_records where deleted_at is null").await;
    assert_eq!(run["counts"]["fetched"], raw, "every record is read once: {run}");

    let edit = "update issues set title = 'tampered' where id = (select min(id) from issues); \
                delete from merge_requests where id = (select min(id) from merge_requests)";
    app.database.sql(edit).await;
    let before = state::positions(&app.store, "issues").await;
    let streams = json!(["issues", "merge_requests"]);
    let run = replay(&app, &connection, json!({"from": "raw", "streams": streams})).await;
    assert_eq!(changes(&run), (1, 1), "{}", run["result"]);
    let sample = &run["result"]["raw"]["streams"]["issues"]["tables"]["issues"]["samples"][0];
    assert_eq!(sample["fields"]["title"]["before"], "tampered", "{sample}");
    assert_eq!(sample["fields"].as_object().map(serde_json::Map::len), Some(1), "{sample}");
    assert_eq!(state::positions(&app.store, "issues").await, before, "a dry run wrote something");
    assert_eq!((&run["counts"]["inserted"], &run["counts"]["updated"]), (&json!(1), &json!(1)), "{run}");

    let run = replay(&app, &connection, json!({"from": "raw", "apply": true})).await;
    assert_eq!((&run["status"], &run["result"]["raw"]["applied"]), (&json!("succeeded"), &json!(true)), "{run}");
    assert_synced(&app.store, &demo.truth()).await;
    let again = replay(&app, &connection, json!({"from": "raw"})).await;
    assert_eq!(changes(&again), (0, 0), "{}", again["result"]);
    assert_eq!(demo.stats().requests, requests, "the source was asked");
    let acts = app.http.get_all(&format!("/audit-events?action=connection.replay&subject=run:{}", run["id"].as_str().unwrap())).await;
    assert_eq!((acts.len(), &acts[0]["data"]["connection_id"]), (1, &json!(connection)), "{acts:?}");
}

#[tokio::test]
async fn a_replay_goes_on_over_many_slices() {
    let tuning = SyncTuning { slice_pages: 1, slices_per_history: 5, ..SyncTuning::default() };
    let app = TestApp::start_with(TestOptions { tuning, worker: false, ..TestOptions::default() }).await;
    let gitlab = crate::small_gitlab::SmallGitlab::start(Vec::new()).await;
    let connection = gitlab.connect(&app).await;
    let raw = format!(
        "insert into raw_records (connection_id, org_id, stream, external_id, content_hash, payload, run_id, partition)
         select '{connection}', '{}', 'issues', n::text, '', json_build_object('id', n, 'iid', n, 'title', 'issue ' || n, 'state', 'opened',
             'created_at', case when n % 500 = 0 then 'never' else '2026-01-05T10:00:00Z' end), '{connection}', '1'
         from generate_series(1, 2500) n",
        app.org
    );
    app.database.sql(&raw).await;
    let mut app = app;
    app.worker_start();
    let run = replay(&app, &connection, json!({"from": "raw", "apply": true})).await;
    let issues = &run["result"]["raw"]["streams"]["issues"];
    assert_eq!((&issues["records"], &issues["unreadable"]), (&json!(2500), &json!(5)), "{run}");
    assert_eq!((&run["counts"]["inserted"], &run["counts"]["dead_lettered"]), (&json!(2495), &json!(5)), "{run}");
    assert_eq!(state::count(&app.store, "select count(*) from issues").await, 2495);
    let letters = "select count(*) from dead_letters where status = 'open' and partition = '1' and external_id in ('500', '2500')";
    assert_eq!(state::count(&app.store, letters).await, 2);

    let (status, problem) = app.http.post(&format!("/connections/{connection}/replay"), json!({"from": "raw", "streams": ["x"]})).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (StatusCode::BAD_REQUEST, &json!("streams[0]")), "{problem}");
}
