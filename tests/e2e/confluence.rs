//! Confluence: a sync ends with the truth, the next one writes nothing, and edits, comments, the trash and purges arrive.

use chrono::Utc;
use chrono_tz::Tz;
use ovia_demo::{FaultKind, FaultRule, Faults};
use ovia_tests::{TestApp, TestOptions, eventually, state};
use serde_json::json;

use crate::atlassian::{assert_confluence, census, confluence, connect_confluence, options, sync, sync_writes_nothing};

#[tokio::test]
async fn first_sync_equals_the_truth_and_the_second_writes_nothing() {
    let app = TestApp::start().await;
    let site = confluence(options(Tz::UTC));
    let connection = connect_confluence(&app, &site).await;
    let run = sync(&app, &connection).await;
    assert_confluence(&app.store, &site.truth()).await;
    let first = site.stats().requests;
    assert_eq!(run["counts"]["requests"], json!(first), "requests counted");
    sync_writes_nothing(&app, &connection, &state::CONFLUENCE_TABLES).await;
    println!("{first} requests, then {}", site.stats().requests - first);
}

#[tokio::test]
async fn without_settings_personal_and_archived_spaces_are_left_out() {
    let app = TestApp::start().await;
    let site = confluence(options(Tz::UTC));
    let connection = app.connect_to("confluence", "wiki", site.base_url(), site.credentials(), json!({})).await;
    sync(&app, &connection).await;
    assert_confluence(&app.store, &site.truth().of_current_spaces()).await;
}

/// Searches are read in the account's time zone: an offset misread skips as many hours of changes.
#[tokio::test]
async fn edits_additions_and_comments_arrive_in_any_time_zone() {
    let app = TestApp::start().await;
    for zone in [Tz::Asia__Kathmandu, Tz::America__Los_Angeles] {
        let site = confluence(options(zone));
        let connection = connect_confluence(&app, &site).await;
        sync(&app, &connection).await;
        let (edited, added, comments) =
            site.edit(|wiki| (wiki.edit_pages(5, Utc::now()), wiki.add_pages(3, Utc::now()), wiki.add_comments(4, Utc::now())));
        sync(&app, &connection).await;
        let truth = site.truth();
        for id in edited.iter().chain(&added) {
            let title = truth.documents[id].title.replace('\'', "''");
            let stored = format!(
                "select count(*) from documents where connection_id = '{connection}' and external_id = '{id}' and title = '{title}'"
            );
            assert_eq!(state::count(&app.store, &stored).await, 1, "{zone}: {id}");
        }
        let ids = comments.join("','");
        let stored = format!("select count(*) from document_comments where connection_id = '{connection}' and external_id in ('{ids}')");
        assert_eq!(state::count(&app.store, &stored).await, 4, "{zone}: comments");
    }
}

#[tokio::test]
async fn edits_and_what_is_archived_trashed_restored_and_purged_arrive() {
    let app = TestApp::start().await;
    let site = confluence(options(Tz::UTC));
    let connection = connect_confluence(&app, &site).await;
    sync(&app, &connection).await;
    site.edit(|wiki| {
        wiki.edit_pages(6, Utc::now());
        wiki.add_pages(2, Utc::now());
        wiki.add_comments(3, Utc::now());
    });
    sync(&app, &connection).await;
    assert_confluence(&app.store, &site.truth()).await;

    site.edit(|wiki| {
        wiki.archive_pages(2);
        wiki.trash_pages(3);
    });
    sync(&app, &connection).await;
    census(&app, &connection).await;
    let documents = state::rows(&app.store, "documents").await;
    for (id, want) in site.truth().documents {
        assert_eq!(documents[&id]["status"], json!(want.status), "{id}");
    }
    let gone = site.edit(|wiki| wiki.purge_pages(2));
    sync(&app, &connection).await;
    let run = census(&app, &connection).await;
    assert!(run["counts"]["deleted"].as_u64() >= Some(gone.len() as u64), "{run}");
    let documents = state::rows(&app.store, "documents").await;
    assert!(documents.keys().eq(site.truth().documents.keys()), "documents");
    let ids = gone.join("','");
    for table in ["document_versions", "document_comments"] {
        let left = format!("select count(*) from {table} where document_external_id in ('{ids}') and deleted_at is null");
        assert_eq!(state::count(&app.store, &left).await, 0, "{table} of purged documents");
    }
    sync_writes_nothing(&app, &connection, &state::CONFLUENCE_TABLES).await;
}

#[tokio::test]
async fn a_killed_worker_changes_nothing() {
    let app = TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await;
    let site = confluence(options(Tz::UTC));
    site.set_faults(Faults { seed: 1, rules: vec![FaultRule::always(FaultKind::Slow(40))] });
    let connection = connect_confluence(&app, &site).await;
    let mut worker = app.worker_process();
    let run = app.sync_start(&connection).await;
    eventually("progress", 60, || async {
        let now = state::count(&app.store, "select count(*) from documents").await;
        (now > 10).then_some(now)
    })
    .await;
    assert_eq!(app.run(&run).await["status"], "running", "the sync ended before the worker died");
    worker.kill();
    let _worker = app.worker_process();
    site.set_faults(Faults::default());
    let run = app.run_end(&run, 180).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_confluence(&app.store, &site.truth()).await;
    assert_eq!(state::count(&app.store, "select count(*) from detail_queue").await, 0);
}
