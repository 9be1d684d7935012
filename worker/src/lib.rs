#![doc = include_str!("../README.md")]

use std::{sync::Arc, time::Duration};

pub use ovia_activities::{Activities, Mailer, MailerError};
use ovia_workflows::{
    BackfillWorkflow, CensusWorkflow, ConnectionCheckWorkflow, KpiRollupWorkflow, MatchingWorkflow, QualityWorkflow, ReconcileWorkflow,
    ReplayWorkflow, ReportWorkflow, RetentionWorkflow, ScheduleEngine, ScheduledWorkflow, SyncWorkflow, TemporalEngine, WebhooksWorkflow,
};
use temporalio_common::{
    telemetry::{TelemetryOptions, metrics::CoreMeter},
    worker::{VersioningBehavior, WorkerDeploymentOptions, WorkerDeploymentVersion},
};
use temporalio_sdk::{
    Runtime, Worker, WorkerOptions,
    runtime::{
        RuntimeOptions,
        worker_tuner::{FixedSizeSlotSupplier, TunerHolder},
    },
};

/// What a worker needs.
pub struct WorkerConfig {
    pub activities: Activities,
    pub engine: TemporalEngine,
    /// Activities at once. Each slice holds one Postgres connection while it commits.
    pub max_activities: usize,
    /// How often the reconciler is to run; `None` leaves it alone.
    pub reconcile_every: Option<Duration>,
    /// Pins every run to the build it was begun on: the id of this one. `None` lets any worker take any run.
    pub build: Option<String>,
    /// Where Temporal's SDK counts; `None` counts nothing.
    pub metrics: Option<Arc<dyn CoreMeter>>,
}

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("failed to set the Temporal worker up: {0}")]
    Setup(String),
    #[error("the Temporal worker stopped: {0}")]
    Stopped(String),
}

/// Throttle of heartbeats. Cancellation travels back with them, and has to arrive within seconds.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// How long a workflow's next task waits for the worker that has it in memory, before any other takes it: a dead worker must not hold up
/// a cancellation.
const STICKY_TIMEOUT: Duration = Duration::from_secs(2);
/// How long running slices may finish their page at shutdown before they are cancelled.
const GRACE: Duration = Duration::from_secs(2);
/// Between looks whether the reconciler is still scheduled: a Temporal that lost its data has lost it too.
const ENSURE_INTERVAL: Duration = Duration::from_secs(10);

/// Polls and works until `shutdown` completes; then lets running slices commit their page and returns.
pub async fn worker_run(config: WorkerConfig, shutdown: impl Future<Output = ()>) -> Result<(), WorkerError> {
    let setup = |error: &dyn std::fmt::Display| WorkerError::Setup(error.to_string());
    let telemetry = TelemetryOptions::builder().maybe_metrics(config.metrics.clone()).build();
    let options = RuntimeOptions::builder().telemetry_options(telemetry).build().map_err(|error| setup(&error))?;
    let runtime = Runtime::from_current_tokio(options).map_err(|error| setup(&error))?;
    let (engine, reconcile_every) = (config.engine.clone(), config.reconcile_every);
    let mut worker = Worker::new(&runtime, config.engine.client().clone(), options_build(config)?).map_err(|error| setup(&error))?;
    let stop = worker.shutdown_handle();
    let running = worker.run();
    tokio::pin!(running);
    tokio::select! {
        ended = &mut running => return ended.map_err(|error| WorkerError::Stopped(error.to_string())),
        never = reconcile_ensure_forever(engine, reconcile_every) => match never {},
        () = shutdown => stop(),
    }
    running.await.map_err(|error| WorkerError::Stopped(error.to_string()))
}

/// Keeps the reconciler scheduled. Every worker does it: it is one cheap question.
async fn reconcile_ensure_forever(engine: TemporalEngine, every: Option<Duration>) -> std::convert::Infallible {
    let Some(every) = every else { return std::future::pending().await };
    loop {
        if let Err(error) = engine.reconcile_ensure(every.as_secs().max(1)).await {
            tracing::warn!(%error, "failed to make sure that the reconciler is scheduled; trying again");
        }
        tokio::time::sleep(ENSURE_INTERVAL.min(every)).await;
    }
}

/// The list of everything registered.
fn options_build(config: WorkerConfig) -> Result<WorkerOptions, WorkerError> {
    let setup = |error: temporalio_sdk::error::WorkflowRegistrationError| WorkerError::Setup(error.to_string());
    let options = WorkerOptions::new(config.engine.task_queue())
        .max_heartbeat_throttle_interval(HEARTBEAT_INTERVAL)
        .default_heartbeat_throttle_interval(HEARTBEAT_INTERVAL)
        .graceful_shutdown_period(GRACE)
        .sticky_queue_schedule_to_start_timeout(STICKY_TIMEOUT)
        .deployment_options(deployment(config.build))
        .tuner(tuner(config.max_activities))
        .register_workflow::<SyncWorkflow>()
        .map_err(setup)?
        .register_workflow::<BackfillWorkflow>()
        .map_err(setup)?
        .register_workflow::<CensusWorkflow>()
        .map_err(setup)?
        .register_workflow::<ReplayWorkflow>()
        .map_err(setup)?
        .register_workflow::<MatchingWorkflow>()
        .map_err(setup)?
        .register_workflow::<KpiRollupWorkflow>()
        .map_err(setup)?
        .register_workflow::<RetentionWorkflow>()
        .map_err(setup)?
        .register_workflow::<QualityWorkflow>()
        .map_err(setup)?
        .register_workflow::<ReportWorkflow>()
        .map_err(setup)?
        .register_workflow::<ScheduledWorkflow>()
        .map_err(setup)?
        .register_workflow::<ReconcileWorkflow>()
        .map_err(setup)?
        .register_workflow::<ConnectionCheckWorkflow>()
        .map_err(setup)?
        .register_workflow::<WebhooksWorkflow>()
        .map_err(setup)?
        .register_activities(config.activities)
        .build();
    Ok(options)
}

/// The deployment is called `ovia`. Without pinning, the build is only what Temporal's UI shows.
fn deployment(build: Option<String>) -> WorkerDeploymentOptions {
    let pinned = build.is_some();
    let build = build.unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned());
    let version = WorkerDeploymentVersion::builder().deployment_name("ovia").build_id(build).build();
    WorkerDeploymentOptions::new(version)
        .use_worker_versioning(pinned)
        .maybe_default_versioning_behavior(pinned.then_some(VersioningBehavior::Pinned))
        .build()
}

fn tuner(max_activities: usize) -> TunerHolder {
    TunerHolder::builder()
        .workflow_task_slot_supplier(FixedSizeSlotSupplier::new(100))
        .activity_task_slot_supplier(FixedSizeSlotSupplier::new(max_activities))
        .local_activity_task_slot_supplier(FixedSizeSlotSupplier::new(10))
        .nexus_task_slot_supplier(FixedSizeSlotSupplier::new(1))
        .build()
}
