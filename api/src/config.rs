//! What the service is made of.

use std::{fmt, sync::Arc, time::Duration};

use ovia_store::{Sealer, Store};
use ovia_workflows::Engine;
use serde_json::Value;

/// Metrics of others in this process, as Prometheus text; `/metrics` appends it.
pub type ExtraMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// How a configuration of matching is judged: what it comes to with every value it leaves out, or all that is wrong with it.
pub type ConfigCheck = Arc<dyn Fn(&Value) -> Result<Value, Vec<ConfigProblem>> + Send + Sync>;

/// What is wrong with one value of a configuration of matching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// Dotted, as `thresholds.auto`.
    pub field: String,
    /// What is wrong, without a full stop.
    pub message: String,
    /// What would do, as a sentence.
    pub hint: String,
}

/// The rules of matching, as far as the API has to know them: it does not match itself.
#[derive(Clone)]
pub struct MatchingRules {
    /// The configuration as shipped.
    pub shipped: Value,
    pub check: ConfigCheck,
}

/// Everything the API needs from its process.
#[derive(Clone)]
pub struct ApiConfig {
    pub store: Store,
    /// Without one, connections cannot be made: `NOT_CONFIGURED`.
    pub sealer: Option<Sealer>,
    pub engine: Arc<dyn Engine>,
    /// Whether a base URL may be a private or loopback address (dev, demo, tests, on-premise sources).
    pub allow_private_addresses: bool,
    /// Where the Temporal UI is, for links to a run's workflow.
    pub temporal_ui_url: Option<String>,
    pub temporal_namespace: String,
    /// Between comments that keep an idle event stream open.
    pub sse_heartbeat: Duration,
    /// Between looks for runs that Temporal has not heard of; also how old such a run has to be.
    pub dispatch_interval: Duration,
    pub extra_metrics: Option<ExtraMetrics>,
    /// Without them the configuration of matching can be read and not be changed.
    pub matching: Option<MatchingRules>,
    /// OVIA_KILL_SWITCH, as this process sees it; workers have their own.
    pub kill_switch: bool,
}

impl ApiConfig {
    /// The defaults: no sealer, public addresses only, namespace `default`, heartbeats and dispatch every 10 s.
    pub fn new(store: Store, engine: Arc<dyn Engine>) -> Self {
        Self {
            store,
            sealer: None,
            engine,
            allow_private_addresses: false,
            temporal_ui_url: None,
            temporal_namespace: "default".into(),
            sse_heartbeat: Duration::from_secs(10),
            dispatch_interval: Duration::from_secs(10),
            extra_metrics: None,
            matching: None,
            kill_switch: false,
        }
    }
}

impl fmt::Debug for ApiConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiConfig")
            .field("sealer", &self.sealer)
            .field("allow_private_addresses", &self.allow_private_addresses)
            .field("temporal_ui_url", &self.temporal_ui_url)
            .field("temporal_namespace", &self.temporal_namespace)
            .finish_non_exhaustive()
    }
}
