//! How long a cancel takes, from the request to `cancelled`, in every state a run can be in while there is a worker.
//!
//! (A run that no worker has seen, or whose only worker is gone, is cancelled when one comes: cancel.rs.)

use std::time::{Duration, Instant};

use ovia_demo::{CompanySize, DemoServer, FaultKind, FaultRule, Faults};
use ovia_tests::{TestApp, TestOptions, eventually, state};
use ovia_workflows::types::SyncTuning;
use reqwest::{Method, StatusCode};
use serde_json::json;
use sqlx::PgConnection;

use crate::{demo, demo::every};

const TARGET: Duration = Duration::from_secs(5);
/// Each state is measured so often.
const ROUNDS: usize = 3;

/// An app, a source, and what was measured.
struct Bench {
    app: TestApp,
    demo: DemoServer,
    measured: Vec<(&'static str, Duration)>,
    connections: usize,
}

impl Bench {
    async fn start(worker: bool) -> Self {
        // a failing source is left alone for long
        let tuning = SyncTuning { source_retry_first_ms: 60_000, ..SyncTuning::default() };
        let app = TestApp::start_with(TestOptions { worker, tuning, ..TestOptions::default() }).await;
        Self { app, demo: demo::server(CompanySize::small()).await, measured: Vec::new(), connections: 0 }
    }

    fn misbehave(&self, rules: Vec<FaultRule>) {
        self.demo.set_faults(Faults { seed: 1, rules });
    }

    fn slow(&self) {
        self.misbehave(vec![every(1, FaultKind::Slow(60))]);
    }

    /// A new connection: nothing of it is stored.
    async fn connect(&mut self) -> String {
        self.connections += 1;
        let name = format!("connection {}", self.connections);
        self.app.connect(&name, self.demo.base_url(), demo::TOKEN, demo::settings(&self.demo)).await
    }

    async fn sync(&mut self) -> String {
        let connection = self.connect().await;
        self.app.sync_start(&connection).await
    }

    async fn backfill(&self, connection: &str) -> String {
        let body = json!({"from": "2025-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"});
        let (status, run) = self.app.http.post(&format!("/connections/{connection}/backfill"), body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{run}");
        run["id"].as_str().unwrap().to_owned()
    }

    /// Whether `condition` holds for the run's row `r`.
    async fn is(&self, run: &str, condition: &str) -> bool {
        state::count(&self.app.store, &format!("select count(*) from runs r where r.id = '{run}' and {condition}")).await > 0
    }

    async fn until(&self, run: &str, condition: &str) {
        eventually(condition, 60, async || self.is(run, condition).await.then_some(())).await;
    }

    async fn event(&self, run: &str, kind: &str) {
        self.until(run, &format!("exists (select from run_events e where e.run_id = r.id and e.kind = '{kind}')")).await;
    }

    async fn stream_is_running(&self, run: &str, streams: &str) {
        let condition = "exists (select from run_streams s where s.run_id = r.id and s.status = 'running' and s.fetched > 0 and s.stream";
        self.until(run, &format!("{condition} in ({streams}))")).await;
    }

    async fn has_the_lease(&self, run: &str) {
        self.until(run, "exists (select from connection_leases l where l.run_id = r.id and l.expires_at > now())").await;
    }

    async fn has_no_lease(&self, run: &str) {
        self.until(run, "not exists (select from connection_leases l where l.run_id = r.id and l.expires_at > now())").await;
    }

    /// A transaction of somebody else's that holds what `statement` locks.
    async fn hold(&self, statement: &str) -> PgConnection {
        let mut holder = self.app.database.connection().await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("begin; {statement}"))).execute(&mut holder).await.unwrap();
        holder
    }

    async fn a_lock_is_waited_for(&self) {
        let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        eventually("a lock to be waited for", 60, async || (state::count(&self.app.store, waiting).await > 0).then_some(())).await;
    }

    /// The one open run of a kind.
    async fn open_run(&self, kind: &str) -> String {
        let runs = self.app.http.get(&format!("/runs?kind={kind}&status=running")).await;
        runs["items"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Cancels, and takes the time until the run is cancelled.
    async fn cancel(&mut self, state: &'static str, run: &str) {
        let asked = Instant::now();
        let (status, body) = self.app.http.send(Method::POST, &format!("/runs/{run}/cancel"), None).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        self.until(run, "r.status not in ('queued', 'running', 'waiting', 'paused', 'cancelling')").await;
        let took = asked.elapsed();
        assert!(self.is(run, "r.status = 'cancelled'").await, "{state}: {}", self.app.run(run).await);
        self.measured.push((state, took));
        self.misbehave(Vec::new());
    }

    /// Prints every state's figures, and holds them against the target.
    fn conclude(mut self) {
        self.measured.sort_by_key(|(_, took)| *took);
        let p95 = self.measured[(self.measured.len() * 95).div_ceil(100) - 1].1;
        let mut states: Vec<&str> = self.measured.iter().map(|(state, _)| *state).collect();
        states.sort_unstable();
        states.dedup();
        for state in &states {
            let took = self.measured.iter().filter(|(other, _)| other == state).map(|(_, took)| format!("{:.2} s", took.as_secs_f64()));
            println!("cancel, {state}: {}", took.collect::<Vec<_>>().join(", "));
        }
        println!("cancel: p95 {:.2} s over {} cancels in {} states", p95.as_secs_f64(), self.measured.len(), states.len());
        assert!(p95 < TARGET, "{p95:?}");
    }
}

#[tokio::test]
async fn a_cancel_takes_less_than_five_seconds_in_every_state() {
    let mut bench = Bench::start(true).await;
    for _ in 0..ROUNDS {
        let run = bench.sync().await;
        bench.cancel("just asked for", &run).await;

        bench.slow();
        let run = bench.sync().await;
        bench.stream_is_running(&run, "'issues', 'merge_requests', 'pipelines'").await;
        bench.cancel("fetching a list", &run).await;

        bench.misbehave(vec![every(1, FaultKind::Slow(60_000)).route("/merge_requests$")]);
        let run = bench.sync().await;
        bench
            .until(
                &run,
                "exists (select from run_streams s where s.run_id = r.id and s.stream = 'merge_requests' and s.status = 'running')",
            )
            .await;
        bench.cancel("waiting for an answer", &run).await;

        bench.misbehave(vec![every(1, FaultKind::Slow(60)).route("/merge_requests/")]);
        let run = bench.sync().await;
        bench.stream_is_running(&run, "'merge_request_notes', 'merge_request_approvals', 'merge_request_commits'").await;
        bench.cancel("fetching details", &run).await;

        let limited = FaultKind::RateLimited { retry_after: Some(3600), as_http_date: false };
        bench.misbehave(vec![every(30, limited)]);
        let run = bench.sync().await;
        bench.until(&run, "r.status = 'waiting'").await;
        bench.cancel("waiting for a rate limit", &run).await;
        // the next state is not to wait for this one's limit
        sqlx::query("delete from source_budgets").execute(bench.app.store.pool()).await.unwrap();
        bench.demo = demo::server(CompanySize::small()).await;

        bench.slow();
        let run = bench.sync().await;
        bench.stream_is_running(&run, "'issues', 'merge_requests', 'pipelines'").await;
        let (status, body) = bench.app.http.send(Method::POST, &format!("/runs/{run}/pause"), None).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        bench.has_no_lease(&run).await;
        bench.cancel("paused", &run).await;

        bench.misbehave(vec![every(1, FaultKind::Status(503)).route("/merge_requests$")]);
        let run = bench.sync().await;
        bench.event(&run, "source_failed").await;
        bench.cancel("between tries of a failing source", &run).await;

        bench.slow();
        let connection = bench.connect().await;
        let run = bench.backfill(&connection).await;
        bench.stream_is_running(&run, "'issues', 'merge_requests', 'pipelines', 'deployments'").await;
        bench.cancel("backfilling", &run).await;

        bench.slow();
        let connection = bench.connect().await;
        let live = bench.app.sync_start(&connection).await;
        bench.has_the_lease(&live).await;
        let run = bench.backfill(&connection).await;
        bench.event(&run, "run_queued").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        bench.cancel("giving way to a sync", &run).await;
        bench.slow();
        bench.cancel("fetching a list", &live).await;

        let holder = bench.hold("lock table merge_requests in share mode").await;
        let run = bench.sync().await;
        bench.a_lock_is_waited_for().await;
        bench.cancel("storing a page", &run).await;
        drop(holder);

        let holder = bench.hold("select from organisations for no key update").await;
        let run = bench.sync().await;
        assert_eq!(bench.app.run_end(&run, 120).await["status"], "succeeded");
        bench.a_lock_is_waited_for().await;
        let run = bench.open_run("matching").await;
        bench.cancel("matching", &run).await;
        drop(holder);

        let holder = bench.hold("lock table kpi_snapshots in share mode").await;
        let (status, body) = bench.app.http.post("/runs", json!({"kind": "kpi_rollup"})).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        bench.a_lock_is_waited_for().await;
        let run = bench.open_run("kpi_rollup").await;
        bench.cancel("rolling up", &run).await;
        drop(holder);
    }
    bench.conclude();
}

/// Its worker dies at the moment of the cancel; another one is there.
#[tokio::test]
async fn a_cancel_is_as_quick_when_the_worker_has_just_died() {
    let mut bench = Bench::start(false).await;
    let mut worker = bench.app.worker_process();
    for _ in 0..ROUNDS {
        bench.slow();
        let run = bench.sync().await;
        bench.stream_is_running(&run, "'issues', 'merge_requests', 'pipelines'").await;
        let other = bench.app.worker_process();
        // the other one polls
        let connection = bench.connect().await;
        for _ in 0..4 {
            let (_, check) = bench.app.http.post(&format!("/connections/{connection}/test"), json!({})).await;
            assert_eq!(check["ok"], true, "{check}");
        }
        worker.kill();
        bench.cancel("its worker just killed", &run).await;
        worker = other;
    }
    bench.conclude();
}
