//! Many streams, several servers, transactions that overlap: whoever watches gets every event once, in order.

use std::{net::TcpListener, time::Duration};

use futures::future::join_all;
use ovia_domain::{OrgId, RunId, RunKind, RunStatus};
use ovia_store::{
    Store,
    run_events::{EventScope, RunEventRow},
    testing::new_run,
};
use ovia_tests::{EventStream, Http, OviaProcess, StreamEvent, TestApp, TestOptions, eventually, state};
use serde_json::json;
use sqlx::{Connection, Executor};
use tokio::time::timeout;

async fn without_worker() -> TestApp {
    TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await
}

/// A queued run whose workflow nobody starts.
async fn run_new(app: &TestApp) -> RunId {
    let new = new_run(app.org, RunKind::Matching);
    let run_id = new.run_id;
    app.store.run_create(new).await.unwrap();
    run_id
}

async fn event(app: &TestApp, run: RunId, number: usize) {
    app.store.run_event(app.org, run, "page_committed", json!({"number": number})).await.unwrap();
}

async fn finish(app: &TestApp, run: RunId) {
    app.store.run_finish(app.org, run, RunStatus::Succeeded, None, None).await.unwrap();
}

async fn stored(store: &Store, org: OrgId, run: RunId) -> Vec<i64> {
    let rows = store.events_between(EventScope::Run(org, run), 0, i64::MAX, 10_000).await.unwrap();
    rows.iter().map(|row: &RunEventRow| row.id).collect()
}

/// Everything up to the end of the stream.
async fn rest(mut stream: EventStream) -> Vec<i64> {
    let mut ids = Vec::new();
    let ended = timeout(Duration::from_secs(60), async {
        while let Some(event) = stream.next().await {
            ids.push(event.id);
        }
    });
    assert!(ended.await.is_ok(), "the stream is open after 60 s; {} events came", ids.len());
    ids
}

#[tokio::test]
async fn three_hundred_streams_of_three_runs_miss_and_repeat_nothing() {
    const STREAMS: usize = 300;
    const EVENTS: usize = 200;
    let app = without_worker().await;
    let runs = [run_new(&app).await, run_new(&app).await, run_new(&app).await];
    let client = reqwest::Client::new();
    // before, while and after events are written
    let open = async |count: usize| {
        let paths: Vec<(RunId, String)> = (0..count).map(|index| (runs[index % 3], format!("/runs/{}/events", runs[index % 3]))).collect();
        join_all(paths.iter().map(async |(run, path)| (*run, EventStream::open(&client, &app.http, path, None).await))).await
    };
    let write = async |events: std::ops::Range<usize>| {
        join_all(runs.map(async |run| {
            for number in events.clone() {
                event(&app, run, number).await;
            }
        }))
        .await;
    };
    let mut streams = open(STREAMS / 3).await;
    let (early, _) = tokio::join!(open(STREAMS / 3), write(0..EVENTS / 2));
    streams.extend(early);
    write(EVENTS / 2..EVENTS).await;
    streams.extend(open(STREAMS / 3).await);

    // streams hold no connections: other requests are answered, at once
    let metrics = timeout(Duration::from_secs(5), client.get(format!("{}/metrics", app.http.base)).send()).await.unwrap().unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains(&format!("ovia_event_streams_open {STREAMS}")), "{metrics}");
    timeout(Duration::from_secs(5), app.http.get("/runs")).await.unwrap();

    for run in runs {
        finish(&app, run).await;
    }
    let told = join_all(streams.into_iter().map(async |(run, stream)| (run, rest(stream).await))).await;
    assert_eq!(told.len(), STREAMS);
    for (run, ids) in told {
        let want = stored(&app.store, app.org, run).await;
        assert_eq!(want.len(), EVENTS + 2);
        assert_eq!(ids, want);
    }
    eventually("every stream to be closed", 10, || async {
        let metrics = client.get(format!("{}/metrics", app.http.base)).send().await.unwrap().text().await.unwrap();
        metrics.contains("ovia_event_streams_open 0").then_some(())
    })
    .await;
}

#[tokio::test]
async fn two_servers_tell_the_same_run_and_take_over_from_each_other() {
    let mut app = without_worker().await;
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut env = app.process_env();
    env.push(("OVIA_API_LISTEN", listen.to_string()));
    let _process = OviaProcess::start("api", &env);
    let other = Http::new(format!("http://{listen}"), app.http.token.clone());
    let client = reqwest::Client::new();
    eventually("the second API", 30, || async { client.get(format!("http://{listen}/health")).send().await.ok() }).await;

    let run = run_new(&app).await;
    let path = format!("/runs/{run}/events");
    let mut here = EventStream::open(&client, &app.http, &path, None).await;
    let there = EventStream::open(&client, &other, &path, None).await;
    let everything = EventStream::open(&client, &other, "/events?after=0", None).await;
    for number in 0..20 {
        event(&app, run, number).await;
    }
    let mut seen: Vec<StreamEvent> = Vec::new();
    while seen.len() < 10 {
        seen.push(here.expect().await);
    }
    // this server goes; the client goes on at the other one
    app.api_stop().await;
    let last = seen.last().unwrap().id;
    let resumed = EventStream::open(&client, &other, &path, Some(last)).await;
    finish(&app, run).await;
    let want = stored(&app.store, app.org, run).await;
    let mut ids: Vec<i64> = seen.iter().map(|event| event.id).collect();
    ids.extend(rest(resumed).await);
    assert_eq!(ids, want);
    assert_eq!(rest(there).await, want);
    let mut everything = everything;
    for id in want {
        assert_eq!(everything.expect().await.id, id);
    }
}

/// An event's id is taken before its transaction ends, so ids of different runs become visible in any order. A stream over all runs that
/// went by what is visible would pass over the one that comes late.
#[tokio::test]
async fn an_event_that_is_committed_late_is_told_before_later_ones() {
    let app = without_worker().await;
    let (slow, fast) = (run_new(&app).await, run_new(&app).await);
    let client = reqwest::Client::new();
    let mut stream = EventStream::open(&client, &app.http, "/events", None).await;
    assert_eq!(stream.expect().await.kind, "stream_opened");

    // a stream of a waiting run begins: the event is written, then the stream's row, which the test holds
    app.store.run_begin(app.org, slow, &["issues"], &[]).await.unwrap();
    app.store.run_wait(app.org, slow, chrono::Utc::now(), "rate limit").await.unwrap();
    stream.expect().await;
    let before = stream.expect().await.id;
    let mut blocker = app.database.connection().await;
    let mut held = blocker.begin().await.unwrap();
    let row = format!("select from run_streams where run_id = '{slow}' for update");
    held.execute(sqlx::AssertSqlSafe(row)).await.unwrap();
    let begin = tokio::spawn({
        let (store, org) = (app.store.clone(), app.org);
        async move { store.run_stream_begin(org, slow, "issues", None).await.unwrap() }
    });
    let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    eventually("the stream's row to be waited for", 20, || async { (state::count(&app.store, waiting).await == 1).then_some(()) }).await;
    for number in 0..3 {
        event(&app, fast, number).await;
    }
    // another stream, and another organisation's, are not held up
    let mut own = EventStream::open(&client, &app.http, &format!("/runs/{fast}/events"), None).await;
    while !own.expect().await.data.contains("\"number\":2") {}
    let read = app.store.events_read(EventScope::Org(app.org), before, 100).await.unwrap();
    assert!(read.events.is_empty() && read.held_back && read.position == before, "{read:?}");
    let elsewhere = app.store.events_read(EventScope::Org(OrgId::generate()), 0, 100).await.unwrap();
    assert!(!elsewhere.held_back, "{elsewhere:?}");
    assert_eq!(stream.come(), None);

    held.rollback().await.unwrap();
    begin.await.unwrap();
    let mut told = Vec::new();
    for _ in 0..5 {
        told.push(stream.expect().await);
    }
    let kinds: Vec<&str> = told.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["run_resumed", "page_committed", "page_committed", "page_committed", "stream_started"]);
    assert!(told.windows(2).all(|pair| pair[0].id < pair[1].id), "{told:?}");
}

/// The same by chance: many runs write at the same time, and the stream over all of them has every event.
#[tokio::test]
async fn a_stream_over_busy_runs_misses_nothing() {
    const RUNS: usize = 8;
    const EVENTS: usize = 100;
    let app = without_worker().await;
    let runs = join_all((0..RUNS).map(|_| run_new(&app))).await;
    let client = reqwest::Client::new();
    let mut stream = EventStream::open(&client, &app.http, "/events", None).await;
    let from = stream.expect().await.id;
    join_all(runs.iter().map(async |run| {
        for number in 0..EVENTS {
            event(&app, *run, number).await;
        }
    }))
    .await;
    let want = app.store.events_between(EventScope::Org(app.org), from, i64::MAX, 10_000).await.unwrap();
    assert_eq!(want.len(), RUNS * EVENTS);
    for row in want {
        assert_eq!(stream.expect().await.id, row.id);
    }
}

/// Shells allow 1,024 open files where the system allows more: the API takes what it can get.
#[tokio::test]
async fn an_api_opens_more_streams_than_its_shell_allows() {
    const ALLOWED: u64 = 256;
    const STREAMS: usize = 400;
    let app = without_worker().await;
    let run = run_new(&app).await;
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut env = app.process_env();
    env.push(("OVIA_API_LISTEN", listen.to_string()));
    let _api = OviaProcess::start_with_open_files(ALLOWED, "api", &env);
    // this end of the streams is files too
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let http = Http::new(format!("http://{listen}"), app.http.token.clone());
    let client = reqwest::Client::new();
    eventually("the API", 30, || async { client.get(format!("{}/health", http.base)).send().await.ok() }).await;
    let path = format!("/runs/{run}/events");
    let open = join_all((0..STREAMS).map(|_| EventStream::open(&client, &http, &path, None))).await;
    event(&app, run, 1).await;
    finish(&app, run).await;
    let expected = stored(&app.store, app.org, run).await;
    for seen in join_all(open.into_iter().map(rest)).await {
        assert_eq!(seen, expected);
    }
}
