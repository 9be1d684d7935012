//! The worker as a service.
//!
//! Workflow futures stay on the thread that polls them, so a worker beside an API gets a thread and a runtime of its own; its pool and
//! its Temporal connection are made there too, because they belong to the runtime that made them.

use std::{sync::Arc, time::Duration};

use ovia_worker::{Activities, WorkerConfig};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{Parts, SdkMetrics};
use crate::exit::{CliError, CliResult, Exit};

/// A run whose workflow ended without it is closed within twice this.
const RECONCILE_EVERY: Duration = Duration::from_secs(15);

/// Works until `stop`. The future is not `Send`.
pub async fn worker_run(parts: Parts, metrics: &SdkMetrics, stop: CancellationToken) -> CliResult {
    let store = parts.store().await?;
    let engine = parts.engine(None).await?;
    let config = WorkerConfig {
        activities: Activities {
            store,
            engine: Arc::new(engine.clone()),
            kill_switch: parts.kill_switch,
            sealer: Some(parts.sealer),
            allow_private_addresses: parts.allow_private_addresses,
            retry: Default::default(),
            budgets: Default::default(),
            matchers: Default::default(),
        },
        engine,
        max_activities: parts.worker_activities as usize,
        reconcile_every: Some(RECONCILE_EVERY),
        build: parts.worker_build,
        metrics: Some(metrics.core_meter()),
    };
    if parts.kill_switch {
        tracing::warn!("OVIA_KILL_SWITCH is on: scheduled and background work does not start");
    }
    tracing::info!(task_queue = parts.task_queue, "the worker polls");
    ovia_worker::worker_run(config, stop.cancelled_owned()).await.map_err(|error| CliError::failure(error.to_string()))
}

/// A worker in a thread.
pub struct WorkerThread {
    /// `None` once its end was told.
    done: Option<oneshot::Receiver<CliResult>>,
}

impl WorkerThread {
    pub fn start(parts: Parts, metrics: SdkMetrics, stop: CancellationToken) -> CliResult<Self> {
        let (sender, done) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("ovia-worker").enable_all().build()?;
        std::thread::Builder::new().name("ovia-worker".into()).spawn(move || {
            let ended = runtime.block_on(worker_run(parts, &metrics, stop));
            runtime.shutdown_background();
            // Nobody waits for it any more when the process is ending.
            let _ = sender.send(ended);
        })?;
        Ok(Self { done: Some(done) })
    }

    /// Waits for the worker's end; `Ok` at once if it was waited for before.
    pub async fn ended(&mut self) -> CliResult {
        let Some(done) = &mut self.done else { return Ok(()) };
        let ended = done.await.unwrap_or_else(|_| Err(CliError::new(Exit::Failure, "the worker's thread panicked; the log says why")));
        self.done = None;
        ended
    }
}
