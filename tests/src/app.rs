//! One Ovia per test: a database, a task queue, an API on a free port, a worker.

use std::{sync::Arc, time::Duration};

use ovia_activities::Activities;
use ovia_api::{ApiConfig, ConfigProblem, MatchingRules, api_serve};
use ovia_connectors::contract::RetryLimits;
use ovia_domain::OrgId;
use ovia_store::{Sealer, Store};
use ovia_worker::{Mailer, WorkerConfig};
use ovia_workflows::{TemporalConfig, TemporalEngine, types::SyncTuning};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use temporalio_client::{ClientOptions, ConnectionOptions, UntypedWorkflow, WorkflowDescribeOptions};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use uuid::Uuid;

use crate::{AppDatabase, Http, OviaProcess, PrivateEngines, ThreadWorker, eventually, required_env};

/// What differs between tests.
#[derive(Clone)]
pub struct TestOptions {
    /// Start a worker in a thread of this process.
    pub worker: bool,
    pub tuning: SyncTuning,
    pub retry: RetryLimits,
    pub allow_private_addresses: bool,
    /// How often the worker's reconciler runs.
    pub reconcile_every: Option<Duration>,
    /// OVIA_KILL_SWITCH of the worker.
    pub kill_switch: bool,
    /// Activities a worker of the test works on at once.
    pub max_activities: usize,
    /// How the worker sends e-mail.
    pub mailer: Option<Mailer>,
}

impl Default for TestOptions {
    fn default() -> Self {
        Self {
            worker: true,
            tuning: SyncTuning { source_retry_first_ms: 50, source_retry_max_ms: 500, ..SyncTuning::default() },
            retry: RetryLimits {
                min_delay: Duration::from_millis(5),
                max_delay: Duration::from_millis(50),
                request_timeout: Duration::from_secs(10),
                ..RetryLimits::default()
            },
            allow_private_addresses: true,
            reconcile_every: None,
            kill_switch: false,
            max_activities: 8,
            mailer: None,
        }
    }
}

pub struct TestApp {
    pub http: Http,
    pub org: OrgId,
    pub store: Store,
    pub engine: TemporalEngine,
    pub task_queue: String,
    pub sealing_key: String,
    pub worker: Option<ThreadWorker>,
    api: Option<RunningApi>,
    options: TestOptions,
    temporal_address: String,
    // last, so that it is dropped after everything that uses it
    pub database: AppDatabase,
}

struct RunningApi {
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(TestOptions::default()).await
    }

    pub async fn start_with(options: TestOptions) -> Self {
        Self::start_over(options, AppDatabase::shared().await, required_env("OVIA_TEST_TEMPORAL_ADDRESS")).await
    }

    /// An app over engines of its own. Keep `engines` for longer than the app.
    pub async fn start_on(engines: &PrivateEngines, options: TestOptions) -> Self {
        Self::start_over(options, AppDatabase::private(&engines.database_url).await, engines.temporal_address.clone()).await
    }

    async fn start_over(options: TestOptions, database: AppDatabase, temporal_address: String) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = database.store.clone();
        let first = store.first_token_create("test").await.unwrap_or_else(|error| panic!("{error}"));
        let (org, token) = first.unwrap_or_else(|| panic!("a new database has no token yet"));
        let task_queue = format!("test-{}", Uuid::new_v4().simple());
        let engine = engine_connect(&temporal_address, &task_queue, options.tuning).await;
        let mut app = Self {
            http: Http::new(String::new(), secrecy::ExposeSecret::expose_secret(&token).to_owned()),
            org,
            store,
            engine,
            task_queue,
            sealing_key: Sealer::generate_key(),
            worker: None,
            api: None,
            options,
            temporal_address,
            database,
        };
        app.api_start(0).await;
        if app.options.worker {
            app.worker_start();
        }
        app
    }

    /// Starts (or restarts) the API on `port`, 0 for a free one.
    pub async fn api_start(&mut self, port: u16) {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap_or_else(|error| panic!("{error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("{error}"));
        let mut config = ApiConfig::new(self.store.clone(), Arc::new(self.engine.clone()));
        config.sealer = Some(self.sealer());
        config.allow_private_addresses = self.options.allow_private_addresses;
        config.temporal_ui_url = std::env::var("OVIA_TEST_TEMPORAL_UI").ok();
        config.sse_heartbeat = Duration::from_secs(1);
        config.matching = Some(matching_rules());
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            api_serve(config, listener, shutdown).await.unwrap_or_else(|error| panic!("{error}"));
        });
        self.http.base = format!("http://{address}");
        self.api = Some(RunningApi { stop, served });
    }

    /// Stops the API and answers its port.
    pub async fn api_stop(&mut self) -> u16 {
        if let Some(api) = self.api.take() {
            drop(api.stop);
            let _ = api.served.await;
        }
        self.http.base.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(0)
    }

    pub fn worker_start(&mut self) {
        self.worker = Some(self.worker_new());
    }

    /// Another worker of this app.
    pub fn worker_new(&self) -> ThreadWorker {
        self.worker_on(self.task_queue.clone(), self.options.clone())
    }

    /// A worker over the same database that takes none of the app's work, and reconciles.
    pub fn worker_elsewhere(&self, reconcile_every: Duration) -> ThreadWorker {
        let options = TestOptions { reconcile_every: Some(reconcile_every), ..self.options.clone() };
        self.worker_on(format!("{}-elsewhere", self.task_queue), options)
    }

    fn worker_on(&self, queue: String, options: TestOptions) -> ThreadWorker {
        let (url, key) = (self.database.url(), self.sealing_key.clone());
        let address = self.temporal_address.clone();
        ThreadWorker::start(move || async move {
            let store = Store::connect(&url, 10).await.unwrap_or_else(|error| panic!("{error}"));
            let engine = engine_connect(&address, &queue, options.tuning).await;
            let activities = Activities {
                store,
                sealer: Some(Sealer::parse(&key).unwrap_or_else(|error| panic!("{error}"))),
                allow_private_addresses: options.allow_private_addresses,
                retry: options.retry,
                engine: Arc::new(engine.clone()),
                kill_switch: options.kill_switch,
                mailer: options.mailer,
                budgets: Default::default(),
                matchers: Default::default(),
            };
            WorkerConfig {
                activities,
                engine,
                max_activities: options.max_activities,
                build: None,
                reconcile_every: options.reconcile_every,
                metrics: None,
            }
        })
    }

    /// A worker as a process of its own, which can be killed.
    pub fn worker_process(&self) -> OviaProcess {
        OviaProcess::start("worker", &self.process_env())
    }

    /// Environment that points `ovia` at this app's engines.
    pub fn process_env(&self) -> Vec<(&'static str, String)> {
        vec![
            ("OVIA_DATABASE_URL", self.database.url()),
            ("OVIA_SEALING_KEY", self.sealing_key.clone()),
            ("OVIA_ALLOW_PRIVATE_ADDRESSES", "true".into()),
            ("OVIA_TASK_QUEUE", self.task_queue.clone()),
            ("OVIA_METRICS_LISTEN", "127.0.0.1:0".into()),
            ("TEMPORAL_ADDRESS", self.temporal_address.clone()),
            ("TEMPORAL_NAMESPACE", "default".into()),
        ]
    }

    pub fn sealer(&self) -> Sealer {
        Sealer::parse(&self.sealing_key).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Creates a GitLab connection and answers its id.
    pub async fn connect(&self, name: &str, base_url: &str, token: &str, settings: Value) -> String {
        self.connect_to("gitlab", name, base_url, json!({"token": token}), settings).await
    }

    /// Creates a connection to any source and answers its id.
    pub async fn connect_to(&self, source: &str, name: &str, base_url: &str, credentials: Value, settings: Value) -> String {
        let body = json!({"source": source, "name": name, "base_url": base_url, "credentials": credentials, "settings": settings});
        let (status, connection) = self.http.post("/connections", body).await;
        assert_eq!(status, StatusCode::CREATED, "{connection}");
        text(&connection["id"])
    }

    /// Starts a sync and answers the run's id.
    pub async fn sync_start(&self, connection: &str) -> String {
        let (status, run) = self.http.send(Method::POST, &format!("/connections/{connection}/sync"), None).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{run}");
        text(&run["id"])
    }

    /// Syncs and answers the finished run.
    pub async fn sync(&self, connection: &str) -> Value {
        let run = self.sync_start(connection).await;
        self.run_end(&run, 180).await
    }

    pub async fn run(&self, id: &str) -> Value {
        self.http.get(&format!("/runs/{id}")).await
    }

    /// Waits until the run is over.
    pub async fn run_end(&self, id: &str, seconds: u64) -> Value {
        eventually(&format!("run {id} to end"), seconds, || async {
            let run = self.run(id).await;
            is_over(&run).then_some(run)
        })
        .await
    }

    /// Waits until the run has `status`.
    pub async fn run_status(&self, id: &str, status: &str, seconds: u64) -> Value {
        eventually(&format!("run {id} to be {status}"), seconds, || async {
            let run = self.run(id).await;
            (run["status"] == status).then_some(run)
        })
        .await
    }

    pub async fn workflow_id(&self, run: &str) -> String {
        text(&self.run(run).await["workflow_id"])
    }

    /// The highest attempt of the activities that are under way in a workflow; 0 if there are none.
    pub async fn activity_attempt(&self, workflow_id: &str) -> i32 {
        let handle = self.engine.client().get_workflow_handle::<UntypedWorkflow>(workflow_id);
        let description = handle.describe(WorkflowDescribeOptions::default()).await.unwrap_or_else(|error| panic!("{error}"));
        description.raw().pending_activities.iter().map(|activity| activity.attempt).max().unwrap_or(0)
    }

    /// Waits until the runs that follow a sync (matching, then rollup) are over, and answers them.
    pub async fn follow_ups_end(&self, sync_run: &str) -> (Value, Value) {
        let matching = self.child_end(sync_run, "matching").await;
        let rollup = self.child_end(&text(&matching["id"]), "kpi_rollup").await;
        (matching, rollup)
    }

    async fn child_end(&self, parent: &str, kind: &str) -> Value {
        eventually(&format!("the {kind} run after {parent}"), 60, || async {
            let runs = self.http.get(&format!("/runs?kind={kind}&limit=50")).await;
            let runs = runs["items"].as_array().cloned().unwrap_or_default();
            runs.into_iter().find(|run| run["parent_run_id"] == parent && is_over(run))
        })
        .await
    }
}

async fn engine_connect(address: &str, task_queue: &str, sync_tuning: SyncTuning) -> TemporalEngine {
    let config = temporal_config(address, task_queue, sync_tuning);
    TemporalEngine::connect(config).await.unwrap_or_else(|error| panic!("{error}"))
}

/// The Temporal at `address` (`127.0.0.1:7233`).
pub(crate) fn temporal_config(address: &str, task_queue: &str, sync_tuning: SyncTuning) -> TemporalConfig {
    let target = format!("http://{address}").parse::<url::Url>().unwrap_or_else(|error| panic!("{address}: {error}"));
    TemporalConfig {
        connection: ConnectionOptions::new(target).identity("ovia-tests").build(),
        client: ClientOptions::new("default").build(),
        task_queue: task_queue.to_owned(),
        sync_tuning,
    }
}

fn is_over(run: &Value) -> bool {
    ["succeeded", "degraded", "failed", "cancelled", "skipped"].iter().any(|status| run["status"] == *status)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a string")).to_owned()
}

/// As the binary has them.
fn matching_rules() -> MatchingRules {
    use ovia_matching::MatchConfig;
    let check = |config: &serde_json::Value| {
        let problem = |wrong: ovia_matching::ConfigProblem| ConfigProblem { field: wrong.field, message: wrong.message, hint: wrong.hint };
        let read = MatchConfig::read(config).map(|config| serde_json::json!(config));
        read.map_err(|wrong| wrong.into_iter().map(problem).collect())
    };
    MatchingRules { shipped: serde_json::json!(MatchConfig::default()), check: Arc::new(check) }
}
