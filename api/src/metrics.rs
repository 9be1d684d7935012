//! `GET /metrics`: Prometheus text of this process's requests and open event streams, of the engine, and of whoever else lives in the
//! process.
//!
//! The registry belongs to the service, not to the process, so that two services (tests) do not count together.

use std::time::Duration;

use ovia_store::Store;
use poem_openapi::{OpenApi, payload::PlainText};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry};

use crate::{
    engine_metrics::{EngineMetrics, registered, text},
    problem::Problem,
    service::Tag,
    state::ApiState,
};

/// From 1 ms to 10 s.
const LATENCY_BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The service's own figures.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Option<HistogramVec>,
    streams: Option<IntGauge>,
    decisions: Option<IntCounterVec>,
    engine: EngineMetrics,
}

impl Metrics {
    pub fn new(store: Store) -> Self {
        let registry = Registry::new();
        let requests = HistogramOpts::new("ovia_http_request_duration_seconds", "Time to the first byte of an answer, by route.")
            .buckets(LATENCY_BUCKETS.to_vec());
        let requests = registered(&registry, HistogramVec::new(requests, &["method", "route", "status"]));
        let streams = registered(&registry, IntGauge::new("ovia_event_streams_open", "Event streams this process serves now."));
        let decisions =
            Opts::new("ovia_identity_decisions_total", "Decisions about accounts that this process was asked for, by kind and outcome.");
        let decisions = registered(&registry, IntCounterVec::new(decisions, &["kind", "outcome"]));
        Self { registry, requests, streams, decisions, engine: EngineMetrics::new(store) }
    }

    /// Counts one answered request.
    pub fn request(&self, method: &str, route: &str, status: u16, took: Duration) {
        if let Some(requests) = &self.requests {
            requests.with_label_values(&[method, route, &status.to_string()]).observe(took.as_secs_f64());
        }
    }

    /// Counts one decision about accounts. Kinds and outcomes are closed sets.
    pub fn decision(&self, kind: &str, outcome: &str) {
        if let Some(decisions) = &self.decisions {
            decisions.with_label_values(&[kind, outcome]).inc();
        }
    }
}

pub(crate) struct MetricsApi(pub ApiState);

#[OpenApi(tag = "Tag::Operations")]
impl MetricsApi {
    /// Metrics as Prometheus text
    ///
    /// Requests by route, open event streams, runs by kind, status and health, open dead letters, leases, and Temporal SDK metrics.
    /// Needs no token.
    #[oai(path = "/metrics", method = "get", operation_id = "metrics")]
    async fn metrics(&self) -> Result<PlainText<String>, Problem> {
        let state = &self.0;
        if let Some(streams) = &state.metrics.streams {
            streams.set(state.live.open());
        }
        let engine = state.metrics.engine.text().await;
        let extra = state.config.extra_metrics.as_ref().map(|extra| extra());
        Ok(PlainText(text(&state.metrics.registry) + &engine + &extra.unwrap_or_default()))
    }
}
