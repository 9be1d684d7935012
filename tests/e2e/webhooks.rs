//! Webhooks: an event becomes a targeted pull within moments, whatever else goes on; and an event is never believed.

use std::time::{Duration, Instant};

use chrono::Duration as TimeDelta;
use chrono_tz::Tz;
use hmac::{Hmac, KeyInit, Mac};
use ovia_demo::{CompanySize, DemoServer, FaultKind, Faults};
use ovia_domain::{ConnectionId, ItemRef};
use ovia_store::webhook_deliveries::NewDelivery;
use ovia_tests::{TestApp, TestOptions, eventually, state};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    atlassian::{assert_jira, connect_jira, jira, options, sync, sync_writes_nothing},
    demo,
    demo::every,
    replay::check_workflow,
    small_gitlab::{SmallGitlab, issue},
    truth::assert_synced,
};

const SECRET: &str = "a secret the source was given";
/// From the event to the row. The best of several edits has to keep it: one slow moment of a busy machine is no failure.
const PROMISED: Duration = Duration::from_secs(2);
const EDITS: i64 = 5;
/// No single edit takes longer.
const BOUND: Duration = Duration::from_secs(12);

async fn webhook_set(app: &TestApp, connection: &str) {
    let (status, set) = app.http.send(Method::PUT, &format!("/connections/{connection}/webhook"), Some(json!({"secret": SECRET}))).await;
    assert_eq!(status, StatusCode::OK, "{set}");
}

/// Sends what a source would send.
async fn deliver(app: &TestApp, connection: &str, headers: &[(&str, String)], body: &Value) -> String {
    let mut request = reqwest::Client::new().post(format!("{}/webhooks/{connection}", app.http.base)).body(body.to_string());
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    answer["state"].as_str().unwrap().to_owned()
}

pub async fn deliver_gitlab(app: &TestApp, connection: &str, key: &str, body: &Value) -> String {
    deliver(app, connection, &[("x-gitlab-token", SECRET.into()), ("idempotency-key", key.into())], body).await
}

async fn deliver_jira(app: &TestApp, connection: &str, key: &str, body: &Value) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body.to_string().as_bytes());
    let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    deliver(app, connection, &[("x-hub-signature", signature), ("x-atlassian-webhook-identifier", key.into())], body).await
}

/// Waits until nothing is pending, and answers how the delivery with this key ended.
pub async fn settled(app: &TestApp, key: &str) -> (String, Option<String>) {
    let sql = "select state, note from webhook_deliveries where delivery_id = $1 and state <> 'pending'";
    eventually(&format!("the delivery {key} to be settled"), 60, async || {
        sqlx::query_as::<_, (String, Option<String>)>(sql).bind(key).fetch_optional(app.store.pool()).await.unwrap()
    })
    .await
}

/// Times edits. Each is made and delivered by `edit`, which answers since when, with which key, and which row to wait for.
async fn in_time(app: &TestApp, what: &str, mut edit: impl AsyncFnMut(i64) -> (Instant, String, String)) {
    let mut took = Vec::new();
    for number in 0..EDITS {
        let (since, key, rows) = edit(number).await;
        took.push(arrives(app, what, since, &rows).await);
        assert_eq!(settled(app, &key).await, ("done".into(), None));
    }
    assert!(took.iter().any(|took| *took <= PROMISED), "{what}: none within {PROMISED:?}, but {took:?}");
}

/// Waits for a row, and asserts that it took no longer than it may.
async fn arrives(app: &TestApp, what: &str, since: Instant, rows: &str) -> Duration {
    let sql = format!("select count(*) from {rows}");
    while state::count(&app.store, &sql).await == 0 {
        assert!(since.elapsed() < BOUND, "waited {BOUND:?} in vain for {what}: {rows}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took = since.elapsed();
    println!("{what}: {} ms", took.as_millis());
    took
}

pub fn merge_request_event(demo: &DemoServer, id: &str) -> Value {
    let row = &demo.truth().merge_requests[id];
    let number = |text: &str| text.parse::<u64>().unwrap();
    json!({
        "object_kind": "merge_request", "project": {"id": number(&row.project_external_id)},
        "object_attributes": {"id": number(id), "iid": row.number, "target_project_id": number(&row.project_external_id),
            "title": "not the title", "updated_at": "2026-03-18 01:00:00 UTC"},
    })
}

fn deployment_event(demo: &DemoServer, id: &str) -> Value {
    let project: u64 = demo.truth().deployments[id].project_external_id.parse().unwrap();
    json!({"object_kind": "deployment", "project": {"id": project}, "deployment_id": id.parse::<u64>().unwrap()})
}

fn jira_event(kind: &str, id: &str) -> Value {
    json!({"webhookEvent": kind, "timestamp": 1_773_795_600_000_i64, "issue": {"id": id, "key": "NOT-1", "fields": {"summary": "not it"}}})
}

pub async fn synced_gitlab(app: &TestApp) -> (DemoServer, String) {
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(app, &demo).await;
    sync(app, &connection).await;
    webhook_set(app, &connection).await;
    (demo, connection)
}

#[tokio::test]
async fn an_edit_at_gitlab_is_there_within_two_seconds() {
    let app = TestApp::start().await;
    let (demo, connection) = synced_gitlab(&app).await;
    let at = |edit: i64| demo::as_of() + TimeDelta::minutes(60 + edit);
    in_time(&app, "a merge request", async |edit| {
        let id = demo.edit_merge_requests(1, at(edit)).remove(0);
        let title = demo.truth().merge_requests[&id].title.replace('\'', "''");
        let (since, key) = (Instant::now(), format!("mr {edit}"));
        assert_eq!(deliver_gitlab(&app, &connection, &key, &merge_request_event(&demo, &id)).await, "pending");
        (since, key, format!("merge_requests where external_id = '{id}' and title = '{title}'"))
    })
    .await;
    // and what hangs on it: each edit made a comment
    let notes = serde_json::to_value(demo.truth()).unwrap()["merge_request_notes"].as_object().unwrap().len() as i64;
    assert_eq!(state::count(&app.store, "select count(*) from merge_request_notes").await, notes);

    in_time(&app, "a pipeline", async |edit| {
        let id = demo.edit(|company| company.add_pipelines(1, at(edit))).remove(0);
        let project: u64 = demo.truth().pipelines[&id].project_external_id.parse().unwrap();
        let (since, key) = (Instant::now(), format!("pipeline {edit}"));
        let event = json!({"object_kind": "pipeline", "project": {"id": project}, "object_attributes": {"id": id.parse::<u64>().unwrap()}});
        deliver_gitlab(&app, &connection, &key, &event).await;
        (since, key, format!("pipelines where external_id = '{id}'"))
    })
    .await;

    in_time(&app, "a deployment", async |edit| {
        let id = demo.edit(|company| company.add_deployments(1, at(edit))).remove(0);
        let since = Instant::now();
        let key = format!("deployment {edit}");
        deliver_gitlab(&app, &connection, &key, &deployment_event(&demo, &id)).await;
        (since, key, format!("deployments where external_id = '{id}'"))
    })
    .await;
    assert_synced(&app.store, &demo.truth()).await;
    // rows that were read alone are as the lists show them
    sync_writes_nothing(&app, &connection, &state::TABLES).await;
}

#[tokio::test]
async fn an_edit_at_jira_is_there_within_two_seconds() {
    let app = TestApp::start().await;
    let site = jira(options(Tz::Asia__Kathmandu));
    let connection = connect_jira(&app, &site).await;
    sync(&app, &connection).await;
    webhook_set(&app, &connection).await;
    let at = |edit: i64| demo::as_of() + TimeDelta::minutes(60 + edit);
    in_time(&app, "an issue", async |edit| {
        let id = site.edit(|jira| jira.edit_issues(1, at(edit))).remove(0);
        let title = site.truth().work_items[&id].title.replace('\'', "''");
        let (since, key) = (Instant::now(), format!("edit {edit}"));
        assert_eq!(deliver_jira(&app, &connection, &key, &jira_event("jira:issue_updated", &id)).await, "pending");
        (since, key, format!("work_items where external_id = '{id}' and title = '{title}'"))
    })
    .await;
    in_time(&app, "a new issue", async |edit| {
        let id = site.edit(|jira| jira.add_issues(1, at(EDITS + edit))).remove(0);
        let (since, key) = (Instant::now(), format!("new {edit}"));
        deliver_jira(&app, &connection, &key, &jira_event("jira:issue_created", &id)).await;
        (since, key, format!("work_items where external_id = '{id}'"))
    })
    .await;
    // changelogs too
    assert_jira(&app.store, &site).await;
    // rows that were read alone are as the lists show them; whether they need review is found at the end of a sync
    let items = async || {
        let mut rows = state::rows(&app.store, "work_items").await;
        rows.values_mut().for_each(|row| drop(row.as_object_mut().unwrap().remove("needs_review").unwrap()));
        rows
    };
    let before = items().await;
    let counts = sync(&app, &connection).await["counts"].clone();
    assert_eq!((&counts["inserted"], &counts["updated"], &counts["deleted"]), (&json!(0), &json!(0), &json!(0)), "{counts}");
    assert_eq!(items().await, before);
    sync_writes_nothing(&app, &connection, &state::JIRA_TABLES).await;
}

/// A deletion is the census's to find; an issue where nothing is synced stays out.
#[tokio::test]
async fn what_is_gone_or_not_synced_changes_nothing() {
    let app = TestApp::start().await;
    let site = jira(options(Tz::UTC));
    let keys = site.project_keys();
    let connection = crate::atlassian::connect_jira_keys(&app, &site, &keys[..1]).await;
    sync(&app, &connection).await;
    webhook_set(&app, &connection).await;
    let before = state::rows(&app.store, "work_items").await;
    let other = site.truth().work_items.keys().find(|id| !before.contains_key(*id)).unwrap().clone();
    deliver_jira(&app, &connection, "other", &jira_event("jira:issue_updated", &other)).await;
    assert_eq!(settled(&app, "other").await.0, "ignored");
    let gone = site.edit(|jira| jira.delete_issues(40)).into_iter().find(|id| before.contains_key(id)).unwrap();
    deliver_jira(&app, &connection, "gone", &jira_event("jira:issue_deleted", &gone)).await;
    let (ended, note) = settled(&app, "gone").await;
    assert!(ended == "done" && note.unwrap().contains("census"), "{ended}");
    deliver_jira(&app, &connection, "sprint", &json!({"webhookEvent": "sprint_closed", "sprint": {"id": 1}})).await;
    assert_eq!(state::rows(&app.store, "work_items").await, before);
    let shown = app.http.get(&format!("/connections/{connection}/webhook")).await;
    let ignored: Vec<&Value> = shown["deliveries"].as_array().unwrap().iter().filter(|one| one["state"] == "ignored").collect();
    assert_eq!(ignored.len(), 2, "{shown}");
    assert!(ignored.iter().any(|one| one["kind"] == "sprint_closed" && one["deliveries"] == 1), "{shown}");
}

#[tokio::test]
async fn the_same_delivery_twice_is_one_pull() {
    let app = TestApp::start().await;
    let (demo, connection) = synced_gitlab(&app).await;
    let id = demo.edit_merge_requests(1, demo::as_of() + TimeDelta::hours(1)).remove(0);
    let event = merge_request_event(&demo, &id);
    let asked = || demo.stats().by_route.get("/projects/:id/merge_requests").copied().unwrap_or_default();
    let before = asked();
    assert_eq!(deliver_gitlab(&app, &connection, "one", &event).await, "pending");
    settled(&app, "one").await;
    assert_eq!(asked() - before, 1);
    for _ in 0..3 {
        assert_eq!(deliver_gitlab(&app, &connection, "one", &event).await, "known");
    }
    // the next one is worked on after them
    assert_eq!(deliver_gitlab(&app, &connection, "two", &event).await, "pending");
    settled(&app, "two").await;
    assert_eq!(asked() - before, 2);
    check_workflow(&app, &format!("webhooks/{connection}"), &["webhooks"]).await;
}

/// Whatever comes in late, from a webhook or a sync: the newer state stays.
#[tokio::test]
async fn an_older_state_does_not_overwrite() {
    let app = TestApp::start().await;
    let old = issue(7, "as it was", "2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z");
    let new = issue(7, "as it is", "2026-01-01T00:00:00Z", "2026-03-02T00:00:00Z");
    let gitlab = SmallGitlab::start(vec![new]).await;
    let connection = gitlab.connect(&app).await;
    sync(&app, &connection).await;
    webhook_set(&app, &connection).await;
    // as a replica of the source that lags behind would answer
    gitlab.issues_set(vec![old]);
    let event = json!({"object_kind": "issue", "project": {"id": 1}, "object_attributes": {"id": 7, "iid": 7}});
    deliver_gitlab(&app, &connection, "late", &event).await;
    assert_eq!(settled(&app, "late").await.0, "done");
    let title = async || state::rows(&app.store, "issues").await["7"]["title"].clone();
    let raw = "select count(*) from raw_records where stream = 'issues' and payload ->> 'title' = 'as it is'";
    assert_eq!((title().await, state::count(&app.store, raw).await), (json!("as it is"), 1));
    let run = sync(&app, &connection).await;
    assert_eq!((title().await, &run["counts"]["updated"]), (json!("as it is"), &json!(0)), "{run}");
    gitlab.issues_set(vec![issue(7, "newer still", "2026-01-01T00:00:00Z", "2026-03-02T00:00:00.001Z")]);
    deliver_gitlab(&app, &connection, "newer", &event).await;
    settled(&app, "newer").await;
    assert_eq!(title().await, json!("newer still"));
}

#[tokio::test]
async fn a_pull_gets_through_while_a_sync_holds_the_connection() {
    let app = TestApp::start().await;
    let (demo, connection) = synced_gitlab(&app).await;
    let at = demo::as_of() + TimeDelta::hours(1);
    demo.edit_merge_requests(20, at);
    demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Slow(150))] });
    let run = app.sync_start(&connection).await;
    app.run_status(&run, "running", 60).await;
    // the sync comes to deployments late
    let id = demo.edit(|company| company.add_deployments(1, at + TimeDelta::hours(1))).remove(0);
    let began = Instant::now();
    deliver_gitlab(&app, &connection, "beside", &deployment_event(&demo, &id)).await;
    let by_webhook = "select from raw_records r join webhook_deliveries d on d.id = r.run_id where r.external_id = deployments.external_id";
    let rows = format!("deployments where external_id = '{id}' and exists ({by_webhook})");
    arrives(&app, "a deployment beside a sync, at 150 ms an answer", began, &rows).await;
    settled(&app, "beside").await;
    assert_eq!(app.run(&run).await["status"], "running", "the sync was over: nothing was beside anything");
    demo.set_faults(Faults::default());
    assert_eq!(app.run_end(&run, 120).await["status"], "succeeded");
    sync(&app, &connection).await;
    assert_synced(&app.store, &demo.truth()).await;
}

/// The delivery was stored, and nobody was told: its process died, or Temporal was away.
#[tokio::test]
async fn what_nobody_was_told_of_is_pulled_by_and_by() {
    let app = TestApp::start_with(TestOptions { reconcile_every: Some(Duration::from_secs(2)), ..TestOptions::default() }).await;
    let (demo, connection) = synced_gitlab(&app).await;
    let id = demo.edit_merge_requests(1, demo::as_of() + TimeDelta::hours(1)).remove(0);
    let row = demo.truth().merge_requests[&id].clone();
    let delivery = NewDelivery {
        org_id: app.org,
        connection_id: connection.parse::<ConnectionId>().unwrap(),
        delivery_id: "untold".into(),
        kind: "merge_request".into(),
        item: Some(ItemRef {
            stream: "merge_requests".into(),
            partition: Some(row.project_external_id),
            external_id: id.clone(),
            number: Some(row.number),
        }),
        event_at: None,
    };
    assert!(app.store.delivery_insert(&delivery).await.unwrap());
    assert_eq!(settled(&app, "untold").await, ("done".into(), None));
    let stored = state::rows(&app.store, "merge_requests").await[&id]["title"].clone();
    assert_eq!(stored, json!(row.title));
}

/// A paused connection is left alone; what came in meanwhile is pulled when it goes on.
#[tokio::test]
async fn a_paused_connection_pulls_when_it_goes_on() {
    let app = TestApp::start_with(TestOptions { reconcile_every: Some(Duration::from_secs(2)), ..TestOptions::default() }).await;
    let (demo, connection) = synced_gitlab(&app).await;
    app.http.post(&format!("/connections/{connection}/pause"), json!({})).await;
    let id = demo.edit_merge_requests(1, demo::as_of() + TimeDelta::hours(1)).remove(0);
    let before = demo.stats().requests;
    deliver_gitlab(&app, &connection, "held", &merge_request_event(&demo, &id)).await;
    // its workflow has looked, and ended
    let workflow = format!("webhooks/{connection}");
    eventually("the workflow to end", 30, async || {
        use ovia_workflows::Engine;
        app.engine.run_has_ended(&workflow).await.unwrap().then_some(())
    })
    .await;
    assert_eq!(demo.stats().requests, before, "a paused connection was read");
    app.http.post(&format!("/connections/{connection}/resume"), json!({})).await;
    assert_eq!(settled(&app, "held").await, ("done".into(), None));
}
