//! `ovia worker`: a worker on the user's own PostgreSQL and Temporal. Scaling out is starting more of them.

use tokio::net::TcpListener;

use crate::{
    config::{Needs, Settings},
    exit::{CliError, CliResult},
    logging,
    services::{Parts, SdkMetrics, worker_run},
    shutdown,
};

pub async fn run() -> CliResult {
    let settings = Settings::load(Needs::Everything)?;
    logging::start(&settings.log, settings.log_format)?;
    let stop = shutdown::token()?;
    let metrics = SdkMetrics::start()?;
    let listen = settings.metrics_listen;
    let parts = Parts::of(settings)?;
    if let Some(address) = listen {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            CliError::failure(format!("failed to listen on {address}: {error}"))
                .hint("Set OVIA_METRICS_LISTEN to a free address, or to nothing.")
        })?;
        tracing::info!(address = %listener.local_addr()?, "serving /metrics and /health");
        tokio::spawn(metrics.clone().serve(parts.metrics()?, listener, stop.clone()));
    }
    worker_run(parts, &metrics, stop).await
}
