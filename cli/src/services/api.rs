//! The API as a service.

use std::sync::Arc;

use ovia_api::{ApiConfig, api_serve};
use ovia_store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Parts, SdkMetrics};
use crate::exit::{CliError, CliResult};

/// A connected API that does not serve yet.
pub struct ApiParts {
    config: ApiConfig,
}

impl ApiParts {
    /// Connects to both engines. `metrics` are shown on `/metrics` beside the API's own.
    pub async fn connect(parts: &Parts, store: Store, metrics: &SdkMetrics) -> CliResult<Self> {
        let engine = parts.engine(metrics.client_meter()).await?;
        let namespace = engine.namespace().to_owned();
        let mut config = ApiConfig::new(store, Arc::new(engine));
        config.sealer = Some(parts.sealer.clone());
        config.allow_private_addresses = parts.allow_private_addresses;
        config.temporal_ui_url = parts.temporal_ui_url.clone();
        config.temporal_namespace = namespace;
        config.kill_switch = parts.kill_switch;
        config.extra_metrics = Some(metrics.cached());
        Ok(Self { config })
    }
}

/// Serves until `stop`.
pub async fn api_run(parts: ApiParts, listener: TcpListener, stop: CancellationToken) -> CliResult {
    api_serve(parts.config, listener, stop.cancelled_owned()).await.map_err(|error| CliError::failure(format!("the API stopped: {error}")))
}
