//! The page commit, tried to be broken: twice, fenced, with rows Postgres refuses, with one row twice.

use chrono::{DateTime, Utc};
use ovia_domain::{
    ConnectionId, DeadLetter, Deployment, DetailRequest, Entity, Environment, Group, Identity, IdentityRef, Issue, Job, Membership,
    MergeRequest, MergeRequestApproval, MergeRequestCommit, MergeRequestNote, MergeRequestSize, NoteEvent, Pipeline, PipelineTimes,
    Project, Record, Release, RunId, RunKind, Source,
};
use ovia_store::{
    StoreError,
    ingest::{Cursor, PageCommit},
    runs::NewRun,
};
use ovia_tests::{TestApp, TestOptions, state};
use serde_json::{Value, json};

struct Ingest {
    app: TestApp,
    connection: ConnectionId,
    run: RunId,
    fence: i64,
}

impl Ingest {
    async fn start() -> Self {
        let app = TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await;
        let connection = app.connect("c", "http://127.0.0.1:9", "t", json!({"projects": ["a/b"]})).await.parse().unwrap();
        let run = run_new(&app, connection).await;
        let fence = app.store.lease_acquire(app.org, connection, run).await.unwrap();
        Self { app, connection, run, fence }
    }

    fn page<'a>(&self, records: &'a [Record]) -> PageCommit<'a> {
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
            finished: &[],
            requests: 1,
            total_hint: None,
            note: None,
        }
    }

    async fn count(&self, table: &str) -> i64 {
        state::count(&self.app.store, &format!("select count(*) from {table}")).await
    }
}

async fn run_new(app: &TestApp, connection: ConnectionId) -> RunId {
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
    app.store.run_begin(app.org, run_id, &["merge_requests"]).await.unwrap();
    run_id
}

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 123_000_000).unwrap()
}

fn record(id: &str, payload: Value, entities: Vec<Entity>) -> Record {
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
    }
}

fn merge_request(id: &str, title: &str) -> MergeRequest {
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

fn titled(id: &str, title: &str) -> Record {
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
    let newer = store.lease_acquire(ingest.app.org, ingest.connection, ingest.run).await.unwrap();
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
    let taken = ingest.app.store.lease_acquire(ingest.app.org, ingest.connection, other).await;
    assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
    ingest.app.database.sql("update connection_leases set expires_at = now() - interval '1 second'").await;
    assert!(ingest.app.store.lease_acquire(ingest.app.org, ingest.connection, other).await.unwrap() > ingest.fence);
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
    let membership = Membership {
        external_id: "bad".into(),
        scope: "s".into(),
        identity_external_id: "x".repeat(4000),
        access_level: None,
        state: None,
        expires_at: Some(chrono::NaiveDate::MAX),
    };
    records.insert(7, record("bad", json!({"id": "bad"}), vec![Entity::Membership(membership)]));
    let cursor = json!({"page": 2});
    let page =
        PageCommit { cursor: Some(Cursor { partition: "1", value: &cursor, watermark: Some(at()), done: false }), ..ingest.page(&records) };
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
    let letters = [DeadLetter { external_id: None, payload: "not json\0".into(), reason: "unreadable".into() }];
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
    let finished = [detail("1"), detail("user-9")];
    store.page_commit(&PageCommit { finished: &finished, ..ingest.page(&[]) }).await.unwrap();
    store.page_commit(&ingest.page(&records)).await.unwrap();
    assert_eq!(ingest.count("detail_queue").await, 0);
}

#[tokio::test]
async fn known_facts_about_an_account_are_not_forgotten_and_first_approvals_are_kept() {
    let ingest = Ingest::start().await;
    let store = &ingest.app.store;
    let identity = |email: Option<&str>, name: Option<&str>| {
        Entity::Identity(Identity {
            external_id: "5".into(),
            email: email.map(Into::into),
            display_name: name.map(Into::into),
            ..Identity::default()
        })
    };
    let approval = |at: Option<DateTime<Utc>>| {
        Entity::MergeRequestApproval(MergeRequestApproval {
            external_id: "1:5".into(),
            merge_request_external_id: "1".into(),
            identity_external_id: "5".into(),
            approved_at: at,
        })
    };
    let later = at() + chrono::Duration::days(1);
    for (n, (entity, other)) in
        [(identity(Some("a@b.example"), None), approval(Some(at()))), (identity(None, Some("Ada")), approval(Some(later)))]
            .into_iter()
            .enumerate()
    {
        store.page_commit(&ingest.page(&[record("x", json!({"n": n}), vec![entity, other])])).await.unwrap();
    }
    let identity = &state::rows(store, "identities").await["5"];
    assert_eq!((&identity["email"], &identity["display_name"]), (&json!("a@b.example"), &json!("Ada")));
    let approved = state::rows(store, "merge_request_approvals").await["1:5"]["approved_at"].clone();
    assert!(crate::truth::same(&approved, &json!(at().to_rfc3339())), "{approved}");
}

/// One of each: every statement fits its table.
#[tokio::test]
async fn every_kind_of_entity_is_stored() {
    let ingest = Ingest::start().await;
    let time = Some(at());
    let s = |text: &str| Some(text.to_owned());
    let entities = vec![
        Entity::Identity(Identity { external_id: "5".into(), is_bot: Some(true), source_created_at: time, ..Identity::default() }),
        Entity::IdentityRef(IdentityRef { external_id: "6".into(), username: s("u"), ..IdentityRef::default() }),
        Entity::Membership(Membership {
            external_id: "g:5".into(),
            scope: "g".into(),
            identity_external_id: "5".into(),
            access_level: Some(30),
            state: None,
            expires_at: chrono::NaiveDate::from_ymd_opt(2030, 1, 2),
        }),
        Entity::Group(Group { external_id: "2".into(), name: "g".into(), full_path: "g".into(), parent_external_id: None, url: None }),
        Entity::Project(Project {
            external_id: "1".into(),
            name: "p".into(),
            full_path: "g/p".into(),
            default_branch: s("main"),
            archived: false,
            visibility: None,
            forked_from_external_id: None,
            namespace_external_id: s("2"),
            url: None,
            created_at: time,
            last_activity_at: time,
        }),
        Entity::Issue(Issue {
            external_id: "3".into(),
            project_external_id: "1".into(),
            number: 1,
            title: "t".into(),
            state: "opened".into(),
            issue_type: s("issue"),
            author_external_id: s("5"),
            assignee_external_ids: vec![],
            labels: vec![],
            milestone: None,
            confidential: true,
            weight: Some(3),
            due_on: chrono::NaiveDate::from_ymd_opt(2030, 1, 2),
            created_at: at(),
            updated_at: time,
            closed_at: None,
            url: None,
        }),
        Entity::MergeRequest(merge_request("4", "t")),
        Entity::MergeRequestSize(MergeRequestSize {
            external_id: "4".into(),
            additions: 10,
            deletions: 2,
            changed_files: 1,
            size_is_partial: true,
        }),
        Entity::MergeRequestNote(MergeRequestNote {
            external_id: "7".into(),
            merge_request_external_id: "4".into(),
            author_external_id: s("5"),
            system: true,
            event: Some(NoteEvent::MarkedReady),
            created_at: at(),
            updated_at: time,
        }),
        Entity::MergeRequestApproval(MergeRequestApproval {
            external_id: "4:5".into(),
            merge_request_external_id: "4".into(),
            identity_external_id: "5".into(),
            approved_at: None,
        }),
        Entity::MergeRequestCommit(MergeRequestCommit {
            external_id: "4:abc".into(),
            merge_request_external_id: "4".into(),
            sha: "abc".into(),
            title: None,
            author_name: None,
            author_email: None,
            authored_at: time,
            committed_at: time,
        }),
        Entity::Pipeline(Pipeline {
            external_id: "8".into(),
            project_external_id: "1".into(),
            number: None,
            status: "success".into(),
            trigger: s("push"),
            git_ref: None,
            sha: None,
            created_at: time,
            updated_at: time,
            url: None,
        }),
        Entity::PipelineTimes(PipelineTimes {
            external_id: "8".into(),
            identity_external_id: None,
            started_at: time,
            finished_at: time,
            duration_seconds: Some(1.5),
            queued_seconds: None,
            coverage: Some(68.49),
        }),
        Entity::Job(Job {
            external_id: "9".into(),
            project_external_id: "1".into(),
            pipeline_external_id: s("8"),
            name: "test".into(),
            stage: None,
            status: "failed".into(),
            job_kind: "job".into(),
            git_ref: None,
            identity_external_id: None,
            allow_failure: false,
            created_at: time,
            started_at: None,
            finished_at: time,
            duration_seconds: None,
            queued_seconds: None,
            url: None,
        }),
        Entity::Environment(Environment {
            external_id: "10".into(),
            project_external_id: "1".into(),
            name: "production".into(),
            tier: s("production"),
            state: None,
            external_url: None,
            created_at: time,
            updated_at: time,
        }),
        Entity::Deployment(Deployment {
            external_id: "11".into(),
            project_external_id: "1".into(),
            number: Some(1),
            status: "success".into(),
            environment_external_id: s("10"),
            environment_name: s("production"),
            environment_tier: s("production"),
            git_ref: None,
            sha: None,
            identity_external_id: None,
            created_at: at(),
            updated_at: time,
            finished_at: time,
            url: None,
        }),
        Entity::Release(Release {
            external_id: "1:v1".into(),
            project_external_id: "1".into(),
            tag: "v1".into(),
            name: None,
            upcoming: false,
            author_external_id: None,
            sha: None,
            created_at: time,
            released_at: time,
            url: None,
        }),
    ];
    let counts = ingest.app.store.page_commit(&ingest.page(&[record("all", json!({}), entities)])).await.unwrap();
    assert_eq!((counts.inserted, counts.dead_lettered), (1, 0), "{counts:?}");
    for table in state::TABLES {
        assert!(ingest.count(table).await >= 1, "{table} is empty");
    }
    let rows = state::rows(&ingest.app.store, "merge_requests").await;
    assert_eq!((&rows["4"]["additions"], &rows["4"]["title"]), (&json!(10), &json!("t")));
    let pipeline = &state::rows(&ingest.app.store, "pipelines").await["8"];
    assert_eq!((&pipeline["duration_seconds"], &pipeline["status"]), (&json!(1.5), &json!("success")));
}
