//! One project's trouble is not the others': what can be read is read, and the run says what is missing.

use ovia_demo::{CompanySize, FaultKind, FaultRule, Faults, Truth};
use ovia_tests::{TestApp, TestOptions, eventually, state};
use serde_json::{Value, json};

use crate::{demo, demo::every, truth::assert_synced};

/// A client that gives up soon, so that the engine's own patience is what is tried.
fn impatient() -> TestOptions {
    let mut options = TestOptions::default();
    options.retry.attempts = 2;
    options
}

fn always(status: u16) -> FaultRule {
    FaultRule::always(FaultKind::Status(status))
}

fn project(truth: &Truth) -> String {
    truth.projects.keys().next().unwrap().clone()
}

fn message(run: &Value) -> &str {
    run["error"]["message"].as_str().unwrap()
}

/// `count` rows of `table`, of the project or of the others.
async fn rows_of(app: &TestApp, table: &str, is: &str, project: &str) -> i64 {
    state::count(&app.store, &format!("select count(*) from {table} where project_external_id {is} '{project}'")).await
}

#[tokio::test]
async fn a_project_that_always_fails_holds_up_no_other() {
    let app = TestApp::start_with(impatient()).await;
    let demo = demo::server(CompanySize::small()).await;
    let truth = demo.truth();
    let bad = project(&truth);
    demo.set_faults(always(500).path(format!("/projects/{bad}/")).into());
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync(&connection).await;
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("degraded"), &json!("UPSTREAM_UNREACHABLE")), "{run}");
    assert!(message(&run).contains(&format!("deployments of {bad} and 6 more")), "{run}");
    assert!(run["error"]["request"].as_str().unwrap().contains(&format!("/projects/{bad}/")), "{run}");
    let of = |stream: &str| run["progress"].as_array().unwrap().iter().find(|row| row["stream"] == stream).unwrap().clone();
    assert_eq!((&of("issues")["status"], &of("members")["status"]), (&json!("incomplete"), &json!("done")), "{run}");
    for table in ["merge_requests", "issues", "pipelines", "deployments", "environments", "tag_releases"] {
        let all = serde_json::to_value(&truth).unwrap()[table].as_object().unwrap().clone();
        let others = all.values().filter(|row| row["project_external_id"] != json!(bad)).count();
        assert_eq!(rows_of(&app, table, "<>", &bad).await, others as i64, "{table}");
        assert_eq!(rows_of(&app, table, "=", &bad).await, 0, "{table}");
    }
    // what there is, is matched and measured
    let (matching, rollup) = app.follow_ups_end(run["id"].as_str().unwrap()).await;
    assert_eq!((&matching["status"], &rollup["status"]), (&json!("succeeded"), &json!("succeeded")), "{matching} {rollup}");

    demo.set_faults(Faults::default());
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_synced(&app.store, &demo.truth()).await;
}

#[tokio::test]
async fn a_backfill_goes_round_a_project_that_fails() {
    let app = TestApp::start_with(impatient()).await;
    let demo = demo::server(CompanySize::small()).await;
    let bad = project(&demo.truth());
    demo.set_faults(always(500).path(format!("/projects/{bad}/issues")).into());
    let connection = demo::connect(&app, &demo).await;
    let run = crate::backfill::backfill_start(&app, &connection, crate::backfill::the_year()).await;
    let run = app.run_end(crate::backfill::id(&run), 120).await;
    assert_eq!(run["status"], "degraded", "{run}");
    assert!(message(&run).contains(&format!("issues of {bad}. ")), "{run}");
    assert_eq!((rows_of(&app, "issues", "=", &bad).await, rows_of(&app, "merge_requests", "=", &bad).await > 0), (0, true));
    assert!(rows_of(&app, "issues", "<>", &bad).await > 0);
    // a retry walks the stream again, in all its windows
    demo.set_faults(Faults::default());
    let (_, retry) = app.http.post(&format!("/runs/{}/retry", crate::backfill::id(&run)), json!({})).await;
    let retry = app.run_end(crate::backfill::id(&retry), 120).await;
    assert_eq!(retry["status"], "succeeded", "{retry}");
    crate::truth::assert_tables(&app.store, &demo.truth(), &["issues", "merge_requests", "pipelines"]).await;
}

/// A group that settings name and the token cannot see.
#[tokio::test]
async fn a_scope_that_is_gone_is_named() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let settings = json!({"groups": [demo.top_group(), "no/such-group"]});
    let connection = app.connect("demo", demo.base_url(), demo::TOKEN, settings).await;
    let run = app.sync(&connection).await;
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("degraded"), &json!("NOT_FOUND")), "{run}");
    assert!(message(&run).contains("groups of group:no/such-group") && message(&run).contains("does not exist"), "{run}");
    assert_synced(&app.store, &demo.truth()).await;
}

/// A project whose features the token may not use brings nothing, and is no failure; the stream says so.
#[tokio::test]
async fn a_feature_that_is_switched_off_is_a_note() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let bad = project(&demo.truth());
    demo.set_faults(always(403).path(format!("/projects/{bad}/issues")).into());
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    let issues = run["progress"].as_array().unwrap().iter().find(|row| row["stream"] == "issues").unwrap();
    assert!(issues["note"].as_str().unwrap().contains("403"), "{issues}");
    assert!(rows_of(&app, "issues", "<>", &bad).await > 0);
    // it is switched on again
    demo.set_faults(Faults::default());
    assert_eq!(app.sync(&connection).await["status"], "succeeded");
    assert_synced(&app.store, &demo.truth()).await;
}

#[tokio::test]
async fn where_every_project_fails_the_run_fails() {
    let app = TestApp::start_with(impatient()).await;
    let demo = demo::server(CompanySize::small()).await;
    demo.set_faults(always(500).route("/projects/:id/merge_requests$").into());
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync(&connection).await;
    assert_eq!((&run["status"], &run["error"]["code"]), (&json!("failed"), &json!("UPSTREAM_UNREACHABLE")), "{run}");
    assert!(run["error"]["request"].as_str().unwrap().contains("/merge_requests"), "{run}");
    let streams = app.http.get(&format!("/connections/{connection}/streams")).await;
    let stream = streams["items"].as_array().unwrap().iter().find(|row| row["stream"] == "merge_requests").unwrap().clone();
    assert_eq!((&stream["live_status"], &stream["last_error_code"]), (&json!("ERROR"), &json!("UPSTREAM_UNREACHABLE")), "{stream}");

    demo.set_faults(Faults::default());
    assert_eq!(app.sync(&connection).await["status"], "succeeded");
    assert_synced(&app.store, &demo.truth()).await;
}

/// Nothing answers for a while: no project is blamed for it.
#[tokio::test]
async fn a_source_that_comes_back_costs_nothing() {
    let mut options = impatient();
    options.tuning.source_failures_max = 50;
    let app = TestApp::start_with(options).await;
    let demo = demo::server(CompanySize::small()).await;
    crate::backfill::slow(&demo, 10);
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync_start(&connection).await;
    eventually("issues", 60, async || (state::count(&app.store, "select count(*) from issues").await > 0).then_some(())).await;
    demo.set_faults(every(1, FaultKind::Status(503)).into());
    let failures = "select count(*) from run_events where kind = 'source_failed'";
    eventually("the source to fail", 60, async || (state::count(&app.store, failures).await >= 6).then_some(())).await;
    demo.set_faults(Faults::default());
    let run = app.run_end(&run, 120).await;
    assert_eq!((&run["status"], &run["error"]), (&json!("succeeded"), &Value::Null), "{run}");
    assert_eq!(state::count(&app.store, "select count(*) from run_problems").await, 0);
    assert_synced(&app.store, &demo.truth()).await;
}

#[tokio::test]
async fn dead_letters_beyond_a_share_are_told() {
    let notes = vec![always(400).route("/merge_requests/:iid/notes$")];
    // more than half of what there is, without the long list of jobs
    let most = [(400, "/merge_requests/:iid/"), (400, "/pipelines/:pipeline_id"), (403, "/projects/:id/jobs$")];
    let most = most.into_iter().map(|(status, route)| always(status).route(route)).collect();
    for (rules, status) in [(notes, "degraded"), (most, "failed")] {
        let app = TestApp::start().await;
        let demo = demo::server(CompanySize::small()).await;
        demo.set_faults(Faults { seed: 1, rules });
        let connection = demo::connect(&app, &demo).await;
        let run = app.sync(&connection).await;
        assert_eq!((&run["status"], &run["error"]["code"]), (&json!(status), &json!("VALIDATION_ERROR")), "{run}");
        let letters = run["counts"]["dead_lettered"].as_i64().unwrap();
        assert!(message(&run).starts_with(&format!("{letters} of ")) && message(&run).contains("dead letters"), "{run}");
        assert_eq!(state::count(&app.store, "select count(*) from merge_requests").await, demo.truth().counts.merge_requests as i64);
    }
}

/// A list that is read whole every time and is suddenly short: rows may be hidden from the token.
#[tokio::test]
async fn a_list_that_shrinks_is_told() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    assert_eq!(app.sync(&connection).await["status"], "succeeded");
    let before = demo.truth().releases.len();
    let gone = demo.delete_releases(before * 2 / 3).len();
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "degraded", "{run}");
    assert_eq!(message(&run), format!("releases brought {} records where it brought {before} before.", before - gone), "{run}");
    // what was there before is still compared with, until a census says that it was deleted
    assert_eq!(app.sync(&connection).await["status"], "degraded");
    let (_, census) = app.http.post(&format!("/connections/{connection}/census"), json!({"max_missing_percent": 100})).await;
    let census = app.run_end(census["id"].as_str().unwrap(), 120).await;
    assert_eq!((&census["status"], &census["counts"]["deleted"]), (&json!("succeeded"), &json!(gone)), "{census}");
    assert_eq!(app.sync(&connection).await["status"], "succeeded");
}
