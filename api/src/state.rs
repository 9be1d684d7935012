//! What every resource shares.

use std::sync::Arc;

use ovia_store::Sealer;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{config::ApiConfig, live::Live, metrics::Metrics, problem::Problem, webhooks::Tellers};

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct ApiState(Arc<Inner>);

pub(crate) struct Inner {
    pub config: ApiConfig,
    /// Event streams.
    pub live: Live,
    pub metrics: Metrics,
    /// Of webhook deliveries, to Temporal.
    pub tellers: Tellers,
}

impl std::ops::Deref for ApiState {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl ApiState {
    /// Starts listening for run events: needs a tokio runtime. Event streams end when `stopping` is cancelled.
    pub fn start(config: ApiConfig, stopping: CancellationToken) -> Self {
        let live = Live::start(config.store.clone(), stopping);
        let metrics = Metrics::new(config.store.clone());
        Self(Arc::new(Inner { config, live, metrics, tellers: Tellers::default() }))
    }

    /// The sealer, or `NOT_CONFIGURED`.
    pub fn sealer(&self) -> Result<&Sealer, Problem> {
        self.config.sealer.as_ref().ok_or_else(Problem::no_sealer)
    }

    /// A workflow's page in the Temporal UI.
    pub fn temporal_ui_url(&self, workflow_id: &str) -> Option<String> {
        let mut url = Url::parse(self.config.temporal_ui_url.as_deref()?).ok()?;
        let parts = ["namespaces", &self.config.temporal_namespace, "workflows", workflow_id];
        url.path_segments_mut().ok()?.pop_if_empty().extend(parts);
        Some(url.into())
    }
}
