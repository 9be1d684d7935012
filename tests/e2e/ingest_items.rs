//! Items that are stored without the lease: beside whoever holds it, and never over what is newer.

use chrono::{DateTime, TimeDelta, Utc};
use ovia_domain::{ConnectionId, DetailRequest, Entity, OrgId, Record, Source};
use ovia_store::{
    Store, StoreError,
    detail_queue::{FinishedDetails, QueuedDetails},
    ingest::{ItemCommit, PageCommit},
};
use ovia_tests::{TestApp, TestOptions, state};
use serde_json::json;
use uuid::Uuid;

use crate::ingest::{Ingest, at, merge_request, record, refused, titled};

/// A merge request of this title, last changed so many seconds after `at`.
fn changed(title: &str, seconds: i64) -> Record {
    let mut row = merge_request("1", title);
    row.updated_at = Some(at() + TimeDelta::seconds(seconds));
    record("1", json!({"id": "1", "title": title}), vec![Entity::MergeRequest(row)])
}

fn item<'a>((org_id, connection_id): (OrgId, ConnectionId), read_at: DateTime<Utc>, records: &'a [Record]) -> ItemCommit<'a> {
    ItemCommit {
        org_id,
        connection_id,
        source: Source::Gitlab,
        delivery: Uuid::now_v7(),
        read_at,
        stream: "merge_requests",
        partition: Some("1"),
        records,
        dead_letters: &[],
        whole_lists: &[],
        finished: &[],
    }
}

async fn titles(store: &Store) -> (String, String) {
    let row = state::rows(store, "merge_requests").await["1"]["title"].as_str().unwrap().to_owned();
    let raw = "select count(*) from raw_records where external_id = '1' and payload ->> 'title' = ".to_owned();
    assert_eq!(state::count(store, &format!("{raw}'{row}'")).await, 1, "payload and row differ");
    let guard: DateTime<Utc> =
        sqlx::query_scalar("select source_updated_at from raw_records where external_id = '1'").fetch_one(store.pool()).await.unwrap();
    (row, (guard - at()).num_seconds().to_string())
}

#[tokio::test]
async fn an_item_gets_through_beside_the_lease_and_newer_states_stay() {
    let ingest = Ingest::start().await;
    let store = &ingest.app.store;
    let place = (ingest.app.org, ingest.connection());
    store.page_commit(&ingest.page(&[changed("at 0", 0)])).await.unwrap();
    // the page's holder keeps the lease
    let newer = [changed("at 10", 10)];
    let counts = store.item_commit(&item(place, store.clock().await.unwrap(), &newer)).await.unwrap();
    assert_eq!((counts.updated, titles(store).await), (1, ("at 10".into(), "10".into())));
    // a page that was read before comes in after
    let counts = store.page_commit(&ingest.page(&[changed("at 5", 5)])).await.unwrap();
    assert_eq!((counts.unchanged, titles(store).await), (1, ("at 10".into(), "10".into())));
    // so does an item
    let older = [changed("at 9", 9)];
    let counts = store.item_commit(&item(place, store.clock().await.unwrap(), &older)).await.unwrap();
    assert_eq!((counts.unchanged, titles(store).await), (1, ("at 10".into(), "10".into())));
    // the same time is no reason to refuse: a push does not raise it
    let same = [changed("at 10, pushed", 10)];
    store.item_commit(&item(place, store.clock().await.unwrap(), &same)).await.unwrap();
    assert_eq!(titles(store).await.0, "at 10, pushed");
    // what was deleted and is back is taken as it comes
    ingest.app.database.sql("update raw_records set deleted_at = now(); update merge_requests set deleted_at = now()").await;
    store.page_commit(&ingest.page(&[changed("at 1", 1)])).await.unwrap();
    assert_eq!(titles(store).await, ("at 1".into(), "1".into()));
}

#[tokio::test]
async fn what_was_written_since_it_was_read_is_not_overwritten() {
    let ingest = Ingest::start().await;
    let store = &ingest.app.store;
    let place = (ingest.app.org, ingest.connection());
    let read_at = store.clock().await.unwrap();
    store.page_commit(&ingest.page(&[changed("by a sync", 0)])).await.unwrap();
    // the same time, so that only the order of writing can tell
    let late = [changed("read before", 0), titled("2", "beside it")];
    let refused = store.item_commit(&item(place, read_at, &late)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    assert_eq!(titles(store).await.0, "by a sync");
    assert_eq!(ingest.count("raw_records").await, 1, "all or nothing");
    store.item_commit(&item(place, store.clock().await.unwrap(), &late)).await.unwrap();
    assert_eq!(titles(store).await.0, "read before");
}

/// A census that finds an item gone after it was read knows better.
#[tokio::test]
async fn what_was_buried_since_it_was_read_stays_buried() {
    let ingest = Ingest::start().await;
    let store = &ingest.app.store;
    let place = (ingest.app.org, ingest.connection());
    let records = [changed("there", 0)];
    store.page_commit(&ingest.page(&records)).await.unwrap();
    let read_at = store.clock().await.unwrap();
    ingest.app.database.sql("update raw_records set deleted_at = now(); update merge_requests set deleted_at = now()").await;
    let refused = store.item_commit(&item(place, read_at, &records)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    assert_eq!(ingest.count("merge_requests where deleted_at is not null").await, 1);
    // read after that, it is back
    store.item_commit(&item(place, store.clock().await.unwrap(), &records)).await.unwrap();
    assert_eq!(ingest.count("merge_requests where deleted_at is null").await, 1);
}

/// A sync reads an item's notes while a webhook has newer ones asked for.
#[tokio::test]
async fn a_page_leaves_what_was_asked_for_since_in_the_queue() {
    let ingest = Ingest::start().await;
    let store = &ingest.app.store;
    let place = (ingest.app.org, ingest.connection());
    let request = DetailRequest { stream: "merge_request_notes".into(), external_id: "1".into(), args: json!({}) };
    let with_details = |title, seconds| Record { details: vec![request.clone()], ..changed(title, seconds) };
    let next = async || store.detail_next(place.0, place.1, "merge_request_notes", false, 10).await.unwrap();
    let finish = async |queued: QueuedDetails| {
        let finished = FinishedDetails { requests: &queued.requests, queued_until: queued.queued_until, whole_lists: &[] };
        store.page_commit(&PageCommit { stream: "merge_request_notes", finished, ..ingest.page(&[]) }).await.unwrap();
        ingest.count("detail_queue").await
    };
    store.page_commit(&ingest.page(&[with_details("one", 1)])).await.unwrap();
    let queued = next().await;
    store.item_commit(&item(place, store.clock().await.unwrap(), &[with_details("two", 2)])).await.unwrap();
    assert_eq!(finish(queued).await, 1, "the newer note was lost");
    assert_eq!(finish(next().await).await, 0);
}

#[tokio::test]
async fn a_detail_that_was_asked_for_again_stays_in_the_queue() {
    let ingest = Ingest::start().await;
    let store = &ingest.app.store;
    let place = (ingest.app.org, ingest.connection());
    let request = DetailRequest { stream: "merge_request_notes".into(), external_id: "1".into(), args: json!({}) };
    let with_details = |title, seconds| Record { details: vec![request.clone()], ..changed(title, seconds) };
    store.item_commit(&item(place, store.clock().await.unwrap(), &[with_details("one", 1)])).await.unwrap();
    let read_at = store.clock().await.unwrap();
    // a sync sees a newer state while the details are read
    store.page_commit(&ingest.page(&[with_details("two", 2)])).await.unwrap();
    let finished = [request];
    let details = |read_at| ItemCommit { stream: "merge_request_notes", partition: None, finished: &finished, ..item(place, read_at, &[]) };
    store.item_commit(&details(read_at)).await.unwrap();
    assert_eq!(ingest.count("detail_queue").await, 1, "the newer note was lost");
    store.item_commit(&details(store.clock().await.unwrap())).await.unwrap();
    assert_eq!(ingest.count("detail_queue").await, 0);
}

#[tokio::test]
async fn an_item_that_postgres_refuses_becomes_a_dead_letter() {
    let app = TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await;
    let connection = app.connect("c", "http://127.0.0.1:9", "t", json!({"projects": ["a/b"]})).await.parse().unwrap();
    let records = [refused(), changed("good", 0)];
    let counts = app.store.item_commit(&item((app.org, connection), app.store.clock().await.unwrap(), &records)).await.unwrap();
    assert_eq!((counts.inserted, counts.dead_lettered), (1, 1));
    assert_eq!(titles(&app.store).await.0, "good");
    assert_eq!(state::count(&app.store, "select count(*) from dead_letters where external_id = 'bad'").await, 1);
}
