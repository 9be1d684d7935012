//! The API as a service.

use std::sync::Arc;

use ovia_api::{ApiConfig, ConfigProblem, MatchingRules, api_serve};
use ovia_matching::MatchConfig;
use ovia_store::Store;
use serde_json::Value;
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
        config.matching = Some(matching_rules());
        Ok(Self { config })
    }
}

/// The rules that this binary's worker matches by.
fn matching_rules() -> MatchingRules {
    MatchingRules { shipped: serde_json::json!(MatchConfig::default()), check: Arc::new(config_check) }
}

fn config_check(config: &Value) -> Result<Value, Vec<ConfigProblem>> {
    let problem = |problem: ovia_matching::ConfigProblem| {
        let ovia_matching::ConfigProblem { field, message, hint } = problem;
        ConfigProblem { field, message, hint }
    };
    let read = MatchConfig::read(config).map(|config| serde_json::json!(config));
    read.map_err(|problems| problems.into_iter().map(problem).collect())
}

/// Serves until `stop`.
pub async fn api_run(parts: ApiParts, listener: TcpListener, stop: CancellationToken) -> CliResult {
    api_serve(parts.config, listener, stop.cancelled_owned()).await.map_err(|error| CliError::failure(format!("the API stopped: {error}")))
}
