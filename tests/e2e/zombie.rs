//! An attempt that was frozen past its timeout wakes up after another one took over: it writes nothing any more.

use std::time::Duration;

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use ovia_demo::{CompanySize, DemoServer, FaultKind, Faults};
use ovia_tests::{OviaProcess, TestApp, TestOptions, eventually, required_env, state};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{demo, demo::every, relay::Relay, truth::assert_synced};

fn signal(process: &OviaProcess, signal: Signal) {
    kill(Pid::from_raw(process.id() as i32), signal).unwrap();
}

async fn raw_records(app: &TestApp) -> i64 {
    state::count(&app.store, "select count(*) from raw_records").await
}

async fn fence(app: &TestApp) -> i64 {
    state::count(&app.store, "select coalesce(max(fence), 0) from connection_leases").await
}

/// What each stream of a run counted, requests aside.
fn counted(run: &Value) -> Vec<String> {
    let counts = ["fetched", "inserted", "updated", "unchanged", "dead_lettered"];
    let streams = run["progress"].as_array().unwrap().iter();
    streams.map(|stream| format!("{} {:?}", stream["stream"], counts.map(|count| stream[count].as_i64()))).collect()
}

/// Transactions that have begun.
const OPEN: &str =
    "select count(*) from pg_stat_activity where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()";

/// A worker of its own log whose way to Temporal can be cut and whose way to Postgres can be held, in the middle of a sync.
struct Scene {
    app: TestApp,
    demo: DemoServer,
    relay: Relay,
    postgres: Relay,
    worker: OviaProcess,
    /// Holds the worker's log.
    folder: TempDir,
    run: String,
}

impl Scene {
    async fn start() -> Self {
        let app = TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await;
        let demo = demo::server(CompanySize::small()).await;
        demo.set_faults(Faults { seed: 1, rules: vec![every(1, FaultKind::Slow(50))] });
        let connection = demo::connect(&app, &demo).await;
        let folder = tempfile::tempdir().unwrap();
        let relay = Relay::start(&required_env("OVIA_TEST_TEMPORAL_ADDRESS")).await;
        let url = url::Url::parse(&app.database.url()).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let postgres = Relay::start(&server).await;
        let mut env = app.process_env();
        env.retain(|(name, _)| !["TEMPORAL_ADDRESS", "OVIA_DATABASE_URL"].contains(name));
        env.push(("TEMPORAL_ADDRESS", relay.address.clone()));
        env.push(("OVIA_DATABASE_URL", url.as_str().replace(&server, &postgres.address)));
        let worker = OviaProcess::start_logging("worker", &env, &folder.path().join("log"));
        let run = app.sync_start(&connection).await;
        eventually("progress", 60, async || (raw_records(&app).await > 100).then_some(())).await;
        Self { app, demo, relay, postgres, worker, folder, run }
    }

    /// Freezes the worker between two transactions, and has Temporal see it go.
    async fn freeze(&self) {
        eventually("a moment between two transactions", 30, async || {
            signal(&self.worker, Signal::SIGSTOP);
            let between = state::count(&self.app.store, OPEN).await == 0;
            if !between {
                signal(&self.worker, Signal::SIGCONT);
            }
            between.then_some(())
        })
        .await;
        self.relay.cut();
    }

    /// Freezes the worker in a page's transaction that has not written anything yet, and has Temporal see it go.
    async fn freeze_in_commit(&self) {
        // as a page's raw records begin, with which its transaction begins
        self.postgres.hold_at("\"web_url\":");
        eventually("nothing but pages on their way", 30, async || {
            let held = self.postgres.held() as i64;
            signal(&self.worker, Signal::SIGSTOP);
            let alone = held > 0 && state::count(&self.app.store, OPEN).await == held;
            if !alone {
                signal(&self.worker, Signal::SIGCONT);
            }
            alone.then_some(())
        })
        .await;
        self.relay.cut();
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    fn wake(&self) {
        signal(&self.worker, Signal::SIGCONT);
    }

    async fn is_running(&self) {
        assert_eq!(self.app.run(&self.run).await["status"], "running", "the sync ended too early");
    }

    async fn ends_well(&self) -> Value {
        self.demo.set_faults(Faults::default());
        let ended = self.app.run_end(&self.run, 120).await;
        assert_eq!(ended["status"], "succeeded", "{ended}");
        assert_synced(&self.app.store, &self.demo.truth()).await;
        ended
    }
}

/// Waits until another worker's attempt has stored something, in the middle of the run.
async fn taken_over(scene: &Scene) -> OviaProcess {
    let (fence_before, rows_before) = (fence(&scene.app).await, raw_records(&scene.app).await);
    let other = scene.app.worker_process();
    eventually("another attempt's rows", 60, async || {
        (fence(&scene.app).await > fence_before && raw_records(&scene.app).await > rows_before + 50).then_some(())
    })
    .await;
    scene.is_running().await;
    other
}

/// No page was counted twice, none was left out: the run counted what one counts that nothing happened to.
async fn counts_are_right(scene: &Scene, ended: &Value) {
    let (app, demo) = (&scene.app, &scene.demo);
    let undisturbed = app.connect("undisturbed", demo.base_url(), demo::TOKEN, demo::settings(demo)).await;
    let undisturbed = app.sync(&undisturbed).await;
    assert_eq!(counted(ended), counted(&undisturbed));
}

/// It wakes while the other one works. What it had in hand is not stored, whether the fence stops it or it looks at its watch first.
#[tokio::test]
async fn a_frozen_attempt_writes_nothing_when_it_wakes() {
    let scene = Scene::start().await;
    scene.freeze().await;
    let _other = taken_over(&scene).await;
    scene.wake();
    scene.relay.mend();
    let ended = scene.ends_well().await;
    counts_are_right(&scene, &ended).await;
}

/// It was about to store a page, and does so when it wakes: the commit is refused.
#[tokio::test]
async fn a_frozen_commit_is_refused() {
    const REFUSED: &str = "another attempt took over";
    let scene = Scene::start().await;
    scene.freeze_in_commit().await;
    let _other = taken_over(&scene).await;
    assert!(!scene.log().contains(REFUSED), "{}", scene.log());
    scene.wake();
    scene.postgres.release();
    // it hears nothing from Temporal: only the fence can stop it
    eventually("the refusal", 30, async || scene.log().contains(REFUSED).then_some(())).await;
    scene.relay.mend();
    let ended = scene.ends_well().await;
    counts_are_right(&scene, &ended).await;
}

/// Frozen for so long that the run is over when it wakes.
#[tokio::test]
async fn a_frozen_attempt_finds_its_run_over() {
    let mut scene = Scene::start().await;
    scene.freeze().await;
    let other = scene.app.worker_process();
    scene.ends_well().await;
    scene.app.follow_ups_end(&scene.run).await;
    let events = "select coalesce(max(id), 0) from run_events";
    let (rows, last) = (state::all_rows(&scene.app.store).await, state::count(&scene.app.store, events).await);

    scene.wake();
    scene.relay.mend();
    // it works on: what it had in hand came before
    drop(other);
    let connection = scene.app.connect("after", scene.demo.base_url(), demo::TOKEN, demo::settings(&scene.demo)).await;
    let (status, check) = scene.app.http.post(&format!("/connections/{connection}/test"), json!({})).await;
    assert!(status.is_success() && check["ok"] == true, "{check}");
    assert!(scene.worker.is_alive(), "the worker did not survive being frozen");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(state::count(&scene.app.store, events).await, last);
    for (table, want) in &rows {
        state::assert_same(table, &state::rows(&scene.app.store, table).await, want);
    }
    let held = "select count(*) from connection_leases where expires_at > now()";
    assert_eq!(state::count(&scene.app.store, held).await, 0);
}

/// Frozen in the middle of a transaction: what it has locked is let go in time, and the other attempt goes on.
#[tokio::test]
#[ignore = "Postgres ends an idle transaction after 60 s"]
async fn a_frozen_transaction_does_not_hold_the_others_up() {
    let app = TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    // page commits write their raw records and rows, and then wait here
    let mut holder = app.database.connection().await;
    sqlx::raw_sql("begin; lock table stream_cursors in share mode").execute(&mut holder).await.unwrap();
    let frozen = app.worker_process();
    let run = app.sync_start(&connection).await;
    let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    eventually("a commit to wait", 60, async || (state::count(&app.store, waiting).await > 0).then_some(())).await;
    signal(&frozen, Signal::SIGSTOP);
    sqlx::raw_sql("rollback").execute(&mut holder).await.unwrap();
    let _other = app.worker_process();
    let ended = app.run_end(&run, 150).await;
    assert_eq!(ended["status"], "succeeded", "{ended}");
    signal(&frozen, Signal::SIGCONT);
    assert_synced(&app.store, &demo.truth()).await;
}
