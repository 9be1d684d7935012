//! The page commit, tried to be broken: twice, fenced, with rows Postgres refuses, with one row twice.

use chrono::{DateTime, Utc};
use ovia_domain::{ConnectionId, DeadLetter, DetailRequest, Entity, IdentityRef, Membership, MergeRequest, Record, RunId, RunKind, Source};
use ovia_store::{
    StoreError,
    detail_queue::FinishedDetails,
    ingest::{Cursor, PageCommit},
    integrity::IntegrityAttempt,
    leases::IngestClass,
    runs::NewRun,
};
use ovia_tests::{TestApp, TestOptions, state};
use serde_json::{Value, json};

/// An app without a worker, and a run whose lease the test holds.
pub struct Ingest {
    pub app: TestApp,
    connection: ConnectionId,
    run: RunId,
    fence: i64,
}

impl Ingest {
    pub async fn start() -> Self {
        let app = TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await;
        let connection = app.connect("c", "http://127.0.0.1:9", "t", json!({"projects": ["a/b"]})).await.parse().unwrap();
        let run = run_new(&app, connection).await;
        let fence = app.store.lease_acquire(app.org, connection, run, IngestClass::Live).await.unwrap();
        Self { app, connection, run, fence }
    }

    pub fn page<'a>(&self, records: &'a [Record]) -> PageCommit<'a> {
        PageCommit {
            org_id: self.app.org,
            connection_id: self.connection,
            source: Source::Gitlab,
            run_id: self.run,
            fence: self.fence,
            stream: "merge_requests",
            records,
            dead_letters: &[],
            cursor: None,
            finished: FinishedDetails::default(),
            requests: 1,
            total_hint: None,
            note: None,
            background: false,
        }
    }

    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// The run, its connection and its fence: what the checks of a run need.
    pub fn attempt(&self) -> IntegrityAttempt {
        IntegrityAttempt { org: self.app.org, connection: self.connection, run: self.run, fence: self.fence }
    }

    pub fn fence(&self) -> i64 {
        self.fence
    }

    pub async fn count(&self, table: &str) -> i64 {
        state::count(&self.app.store, &format!("select count(*) from {table}")).await
    }
}

pub async fn run_new(app: &TestApp, connection: ConnectionId) -> RunId {
    let run_id = RunId::generate();
    let new = NewRun {
        org_id: app.org,
        run_id,
        kind: RunKind::Sync,
        connection_id: Some(connection),
        source: Some(Source::Gitlab),
        requested_by: "test".into(),
        params: json!({}),
        parent_run_id: None,
        retry_of: None,
        workflow_id: format!("test/{run_id}"),
    };
    app.store.run_create(new).await.unwrap();
    app.store.run_begin(app.org, run_id, &["merge_requests"], &[]).await.unwrap();
    run_id
}

pub fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 123_000_000).unwrap()
}

pub fn record(id: &str, payload: Value, entities: Vec<Entity>) -> Record {
    let text = payload.to_string();
    let mut content_hash = [0; 32];
    for (index, byte) in text.bytes().enumerate() {
        content_hash[index % 32] ^= byte.rotate_left(index as u32 % 8);
    }
    Record {
        external_id: id.into(),
        raw: serde_json::value::RawValue::from_string(text).unwrap(),
        content_hash,
        entities,
        details: Vec::new(),
        whole_lists: Vec::new(),
    }
}

pub fn merge_request(id: &str, title: &str) -> MergeRequest {
    MergeRequest {
        external_id: id.into(),
        project_external_id: "1".into(),
        number: 1,
        title: title.into(),
        state: "opened".into(),
        draft: false,
        author_external_id: Some("5".into()),
        merged_by_external_id: None,
        assignee_external_ids: vec!["5".into()],
        reviewer_external_ids: vec![],
        labels: vec!["a \"quoted\" label".into(), "b,{c}".into()],
        milestone: None,
        source_branch: None,
        target_branch: None,
        source_project_external_id: None,
        is_fork: false,
        head_sha: None,
        merge_commit_sha: None,
        squash_commit_sha: None,
        created_at: at(),
        updated_at: Some(at()),
        prepared_at: None,
        merged_at: None,
        closed_at: None,
        url: None,
    }
}

/// A record with a row that Postgres has no place for.
pub fn refused() -> Record {
    let membership = Membership {
        external_id: "bad".into(),
        scope: "s".into(),
        identity_external_id: "x".repeat(4000),
        access_level: None,
        state: None,
        expires_at: Some(chrono::NaiveDate::MAX),
    };
    record("bad", json!({"id": "bad"}), vec![Entity::Membership(membership)])
}

pub fn titled(id: &str, title: &str) -> Record {
    record(id, json!({"id": id, "title": title}), vec![Entity::MergeRequest(merge_request(id, title))])
}

#[tokio::test]
async fn a_page_twice_is_a_page_once() {
    let ingest = Ingest::start().await;
    let records = [titled("1", "one"), titled("2", "two")];
    let store = &ingest.app.store;
    let first = store.page_commit(&ingest.page(&records)).await.unwrap();
    assert_eq!((first.inserted, first.unchanged), (2, 0));
    let before = state::positions(store, "merge_requests").await;
    let again = store.page_commit(&ingest.page(&records)).await.unwrap();
    assert_eq!((again.inserted, again.updated, again.unchanged), (0, 0, 2));
    assert_eq!(state::positions(store, "merge_requests").await, before, "an unchanged row was rewritten");
}

#[tokio::test]
async fn a_change_updates_one_row() {
    let ingest = Ingest::start().await;
    let store = &ingest.app.store;
    store.page_commit(&ingest.page(&[titled("1", "one"), titled("2", "two")])).await.unwrap();
    let counts = store.page_commit(&ingest.page(&[titled("1", "uno"), titled("2", "two")])).await.unwrap();
    assert_eq!((counts.updated, counts.unchanged), (1, 1));
    let rows = state::rows(store, "merge_requests").await;
    assert_eq!((&rows["1"]["title"], &rows["2"]["title"]), (&json!("uno"), &json!("two")));
    assert_eq!(rows["1"]["labels"], json!(["a \"quoted\" label", "b,{c}"]));
}

#[tokio::test]
async fn one_record_twice_in_a_page_keeps_the_later() {
    let ingest = Ingest::start().await;
    let counts = ingest.app.store.page_commit(&ingest.page(&[titled("1", "old"), titled("1", "new")])).await.unwrap();
    assert_eq!((counts.fetched, counts.inserted, counts.unchanged), (2, 1, 1));
    assert_eq!(state::rows(&ingest.app.store, "merge_requests").await["1"]["title"], "new");
}

/// The zombie: an attempt that lost its lease writes nothing, whatever it holds.
#[tokio::test]
async fn an_older_fence_is_refused() {
    let ingest = Ingest::start().await;
    let store = &ingest.app.store;
    let newer = store.lease_acquire(ingest.app.org, ingest.connection, ingest.run, IngestClass::Live).await.unwrap();
    assert!(newer > ingest.fence);
    let refused = store.page_commit(&ingest.page(&[titled("1", "late")])).await;
    assert!(matches!(refused, Err(StoreError::Fenced)), "{refused:?}");
    assert_eq!(ingest.count("raw_records").await, 0);
    assert_eq!(ingest.count("run_events where kind = 'page_committed'").await, 0);
}

#[tokio::test]
async fn another_run_cannot_take_a_living_lease() {
    let ingest = Ingest::start().await;
    let other = RunId::generate();
    let taken = ingest.app.store.lease_acquire(ingest.app.org, ingest.connection, other, IngestClass::Live).await;
    assert!(matches!(taken, Err(StoreError::LeaseBusy)), "{taken:?}");
    ingest.app.database.sql("update connection_leases set expires_at = now() - interval '1 second'").await;
    assert!(ingest.app.store.lease_acquire(ingest.app.org, ingest.connection, other, IngestClass::Live).await.unwrap() > ingest.fence);
}

#[tokio::test]
async fn a_cancelling_run_writes_nothing_more() {
    let ingest = Ingest::start().await;
    let store = &ingest.app.store;
    store.run_cancel_request(ingest.app.org, ingest.run).await.unwrap();
    let refused = store.page_commit(&ingest.page(&[titled("1", "late")])).await;
    assert!(matches!(refused, Err(StoreError::Cancelling)), "{refused:?}");
    assert_eq!(ingest.count("raw_records").await, 0);
}

/// A row Postgres refuses (a number that does not fit) becomes a dead letter; its neighbours and the cursor are stored.
#[tokio::test]
async fn a_row_postgres_refuses_is_a_dead_letter() {
    let ingest = Ingest::start().await;
    let mut records: Vec<Record> = (0..20).map(|n| titled(&n.to_string(), "fine")).collect();
    records.insert(7, refused());
    let cursor = json!({"page": 2});
    let page = PageCommit {
        cursor: Some(Cursor { partition: "1", value: &cursor, watermark: Some(at()), done: false, window: None, refused: false }),
        ..ingest.page(&records)
    };
    let counts = ingest.app.store.page_commit(&page).await.unwrap();
    assert_eq!((counts.fetched, counts.inserted, counts.dead_lettered), (21, 20, 1));
    assert_eq!(ingest.count("merge_requests").await, 20);
    assert_eq!(ingest.count("raw_records").await, 20);
    assert_eq!(ingest.count("dead_letters where external_id = 'bad' and reason like 'Postgres refused%'").await, 1);
    assert_eq!(ingest.count("stream_cursors").await, 1);
}

#[tokio::test]
async fn nul_characters_are_kept_raw_and_dropped_from_columns() {
    let ingest = Ingest::start().await;
    let records = [record("1", json!({"title": "a\0b"}), vec![Entity::MergeRequest(merge_request("1", "a\0b\\u0000"))])];
    let counts = ingest.app.store.page_commit(&ingest.page(&records)).await.unwrap();
    assert_eq!((counts.inserted, counts.dead_lettered), (1, 0));
    assert_eq!(state::rows(&ingest.app.store, "merge_requests").await["1"]["title"], "ab\\u0000");
    assert_eq!(ingest.count(r"raw_records where payload::text like '%a\\u0000b%'").await, 1);
}

#[tokio::test]
async fn the_same_dead_letter_is_kept_once() {
    let ingest = Ingest::start().await;
    let letters = [DeadLetter { external_id: None, partition: None, payload: "not json\0".into(), reason: "unreadable".into() }];
    for _ in 0..2 {
        ingest.app.store.page_commit(&PageCommit { dead_letters: &letters, ..ingest.page(&[]) }).await.unwrap();
    }
    assert_eq!(ingest.count("dead_letters where attempts = 2").await, 1);
}

#[tokio::test]
async fn detail_requests_come_and_go_with_pages() {
    let ingest = Ingest::start().await;
    let store = &ingest.app.store;
    let detail = |id: &str| DetailRequest { stream: "notes".into(), external_id: id.into(), args: json!({"iid": 1}) };
    let mut with_detail = titled("1", "one");
    with_detail.details = vec![detail("1"), detail("1")];
    let reference = IdentityRef { external_id: "9".into(), detail: Some(detail("user-9")), ..IdentityRef::default() };
    with_detail.entities.push(Entity::IdentityRef(reference));
    let records = [with_detail];
    store.page_commit(&ingest.page(&records)).await.unwrap();
    assert_eq!(ingest.count("detail_queue").await, 2);
    // unchanged: nothing is queued again once it is done
    let queued = store.detail_next(ingest.app.org, ingest.connection, "notes", false, 10).await.unwrap();
    let finished = FinishedDetails { requests: &queued.requests, queued_until: queued.queued_until, whole_lists: &[] };
    store.page_commit(&PageCommit { finished, ..ingest.page(&[]) }).await.unwrap();
    store.page_commit(&ingest.page(&records)).await.unwrap();
    assert_eq!(ingest.count("detail_queue").await, 0);
}
