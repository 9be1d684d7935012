//! Jira: a sync ends with the truth, the next one writes nothing, and changes, moves and deletions arrive.

use chrono::Duration;
use chrono_tz::Tz;
use ovia_demo::{FaultKind, FaultRule, Faults};
use ovia_tests::{TestApp, TestOptions, eventually, state};
use serde_json::json;

use crate::{
    atlassian::{assert_jira, census, connect_jira, connect_jira_keys, jira, options, sync, sync_writes_nothing},
    demo,
    truth::assert_rows,
};

#[tokio::test]
async fn first_sync_equals_the_truth_and_the_second_writes_nothing() {
    let app = TestApp::start().await;
    let site = jira(options(Tz::UTC));
    let connection = connect_jira(&app, &site).await;
    let run = sync(&app, &connection).await;
    assert_jira(&app.store, &site).await;
    let first = site.stats().requests;
    assert_eq!(run["counts"]["requests"], json!(first), "requests counted");
    sync_writes_nothing(&app, &connection, &state::JIRA_TABLES).await;
    println!("{first} requests, then {}", site.stats().requests - first);
}

/// Days on which clocks change and offsets of quarters of an hour, east and west: an offset misread skips as many hours of changes.
#[tokio::test]
async fn edits_arrive_in_any_time_zone() {
    let app = TestApp::start().await;
    for zone in [Tz::Asia__Kathmandu, Tz::America__Los_Angeles] {
        let site = jira(options(zone));
        let connection = connect_jira(&app, &site).await;
        sync(&app, &connection).await;
        let mut edited = Vec::new();
        for minutes in [1, 61, 62] {
            let at = demo::as_of() + Duration::minutes(minutes);
            edited.extend(site.edit(|jira| jira.edit_issues(4, at)));
            edited.extend(site.edit(|jira| jira.add_issues(1, at)));
            sync(&app, &connection).await;
        }
        let truth = site.truth();
        for id in &edited {
            let stored = format!(
                "select count(*) from work_items where connection_id = '{connection}' and external_id = '{id}' and title = '{}'",
                truth.work_items[id].title.replace('\'', "''")
            );
            assert_eq!(state::count(&app.store, &stored).await, 1, "{zone}: {id}");
        }
    }
}

#[tokio::test]
async fn edits_moves_bulk_changes_and_new_keys_arrive() {
    let app = TestApp::start().await;
    let site = jira(options(Tz::Asia__Shanghai));
    let connection = connect_jira(&app, &site).await;
    sync(&app, &connection).await;
    let at = demo::as_of() + Duration::hours(3);
    site.edit(|jira| {
        jira.edit_issues(15, at);
        jira.add_issues(5, at + Duration::minutes(1));
        jira.bulk_label(40, at + Duration::minutes(2), "swept");
        jira.move_issues(3, at + Duration::minutes(3));
        jira.add_worklogs(4, at + Duration::minutes(4));
        jira.add_release(10, 30, at + Duration::minutes(5));
    });
    sync(&app, &connection).await;
    assert_jira(&app.store, &site).await;
    sync_writes_nothing(&app, &connection, &state::JIRA_TABLES).await;
}

/// Work logs and links that are taken away leave nothing behind, neither in rows nor for a replay.
#[tokio::test]
async fn what_is_taken_off_an_issue_goes() {
    let app = TestApp::start().await;
    let site = jira(options(Tz::UTC));
    let connection = connect_jira(&app, &site).await;
    sync(&app, &connection).await;
    let at = demo::as_of() + Duration::hours(1);
    let gone = site.edit(|jira| [jira.delete_worklogs(3, at), jira.remove_links(2, at)].map(|ids| ids.len()));
    assert_eq!(gone, [3, 2]);
    sync(&app, &connection).await;
    assert_jira(&app.store, &site).await;
    // the last one of an issue: it is not asked for its work logs any more
    assert!(!site.edit(|jira| jira.delete_worklogs(usize::MAX, at + Duration::hours(1))).is_empty());
    sync(&app, &connection).await;
    let replay = json!({"from": "raw", "apply": true});
    let (_, run) = app.http.post(&format!("/connections/{connection}/replay"), replay).await;
    assert_eq!(app.run_end(run["id"].as_str().unwrap(), 120).await["status"], "succeeded");
    assert!(site.truth().worklogs.is_empty());
    assert_jira(&app.store, &site).await;
    sync_writes_nothing(&app, &connection, &state::JIRA_TABLES).await;
}

/// Deletions leave no trace in what a sync reads: a census finds them, with what hung on them.
#[tokio::test]
async fn a_census_finds_what_was_deleted() {
    let app = TestApp::start().await;
    let site = jira(options(Tz::UTC));
    let connection = connect_jira(&app, &site).await;
    sync(&app, &connection).await;
    let gone = site.edit(|jira| jira.delete_issues(4));
    let run = sync(&app, &connection).await;
    assert_eq!(run["counts"]["deleted"], 0, "{run}");
    let run = census(&app, &connection).await;
    assert!(run["counts"]["deleted"].as_u64() >= Some(gone.len() as u64), "{run}");
    let truth = serde_json::to_value(site.truth()).unwrap();
    let tables = ["work_item_changes", "work_item_links", "worklogs", "projects", "versions", "sprints", "boards"];
    assert_rows(&app.store, &truth, &tables).await;
    // parents of what is left are only read when it changes
    let left = state::rows(&app.store, "work_items").await;
    assert!(left.keys().eq(site.truth().work_items.keys()), "work items");
    let alive = "select count(*) from raw_records r where stream in ('changelogs', 'worklogs') and deleted_at is null
        and not exists (select from work_item_changes c where c.external_id like r.external_id || ':%' and c.deleted_at is null)
        and not exists (select from worklogs w where w.external_id = r.external_id and w.deleted_at is null)";
    assert_eq!(state::count(&app.store, alive).await, 0, "payloads of details that a replay would bring back");
}

#[tokio::test]
async fn a_hidden_project_is_not_visible_and_comes_back() {
    let app = TestApp::start().await;
    let site = jira(options(Tz::UTC));
    let connection = connect_jira(&app, &site).await;
    sync(&app, &connection).await;
    let key = site.project_keys().pop().unwrap();
    assert!(site.edit(|jira| jira.hide_project(&key)));
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "degraded", "{run}");
    assert!(run.to_string().contains(&key), "the project is not named: {run}");
    let (_, run) = app.http.post(&format!("/connections/{connection}/census"), json!({})).await;
    app.run_end(run["id"].as_str().unwrap(), 180).await;
    assert!(site.edit(|jira| jira.show_project(&key)));
    sync(&app, &connection).await;
    sync(&app, &connection).await;
    assert_jira(&app.store, &site).await;
}

/// One unknown key fails a whole query in Jira; here it fails its own project, and is named.
#[tokio::test]
async fn an_unknown_project_is_named_while_the_others_sync() {
    let app = TestApp::start().await;
    let site = jira(options(Tz::UTC));
    let mut keys = site.project_keys();
    keys.insert(1, "NOSUCH".into());
    let connection = connect_jira_keys(&app, &site, &keys).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "degraded", "{run}");
    assert!(run.to_string().contains("NOSUCH"), "{run}");
    assert_jira(&app.store, &site).await;
}

#[tokio::test]
async fn a_renamed_project_keeps_its_issues() {
    let app = TestApp::start().await;
    let site = jira(options(Tz::UTC));
    let connection = connect_jira(&app, &site).await;
    sync(&app, &connection).await;
    let key = site.project_keys().remove(0);
    assert!(site.edit(|jira| jira.rename_project(&key, "RENAMED")));
    sync(&app, &connection).await;
    assert_rows(&app.store, &serde_json::to_value(site.truth()).unwrap(), &["projects"]).await;
}

#[tokio::test]
async fn a_killed_worker_changes_nothing() {
    let app = TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await;
    let site = jira(options(Tz::UTC));
    site.set_faults(Faults { seed: 1, rules: vec![FaultRule::always(FaultKind::Slow(40))] });
    let connection = connect_jira(&app, &site).await;
    let mut worker = app.worker_process();
    let run = app.sync_start(&connection).await;
    eventually("progress", 60, || async {
        let now = state::count(&app.store, "select count(*) from work_items").await;
        (now > 20).then_some(now)
    })
    .await;
    assert_eq!(app.run(&run).await["status"], "running", "the sync ended before the worker died");
    worker.kill();
    let _worker = app.worker_process();
    site.set_faults(Faults::default());
    let run = app.run_end(&run, 180).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_jira(&app.store, &site).await;
    assert_eq!(state::count(&app.store, "select count(*) from detail_queue").await, 0);
}
