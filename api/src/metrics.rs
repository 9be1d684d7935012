//! `GET /metrics`: Prometheus text of this process's requests, of the runs in Postgres, and of whoever else lives in the process.
//!
//! The registry belongs to the service, not to the process, so that two services (tests) do not count together. Runs are counted
//! when asked: a gauge kept in memory would be wrong after every other process's write.

use std::time::Duration;

use poem_openapi::{OpenApi, payload::PlainText};
use prometheus::{Encoder, HistogramOpts, HistogramVec, IntGaugeVec, Opts, Registry, TextEncoder};

use crate::{problem::Problem, service::Tag, state::ApiState};

/// From 1 ms to 10 s.
const LATENCY_BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The service's own figures.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Option<HistogramVec>,
    runs: Option<IntGaugeVec>,
}

impl Metrics {
    pub fn new() -> Self {
        let registry = Registry::new();
        let requests = HistogramOpts::new("ovia_http_request_duration_seconds", "Time to the first byte of an answer, by route.")
            .buckets(LATENCY_BUCKETS.to_vec());
        let requests = registered(&registry, HistogramVec::new(requests, &["method", "route", "status"]));
        let runs =
            registered(&registry, IntGaugeVec::new(Opts::new("ovia_runs", "Runs in Postgres, by kind and status."), &["kind", "status"]));
        Self { registry, requests, runs }
    }

    /// Counts one answered request.
    pub fn request(&self, method: &str, route: &str, status: u16, took: Duration) {
        if let Some(requests) = &self.requests {
            requests.with_label_values(&[method, route, &status.to_string()]).observe(took.as_secs_f64());
        }
    }

    fn set_runs(&self, counts: &[(String, String, i64)]) {
        if let Some(runs) = &self.runs {
            runs.reset();
            for (kind, status, count) in counts {
                runs.with_label_values(&[kind.as_str(), status.as_str()]).set(*count);
            }
        }
    }

    fn text(&self) -> Result<String, Problem> {
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut out).map_err(|error| Problem::internal(error.to_string()))?;
        String::from_utf8(out).map_err(|error| Problem::internal(error.to_string()))
    }
}

/// A metric in the registry. Only a wrong name could keep it out, and then the service runs without it.
fn registered<M: prometheus::core::Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<M>) -> Option<M> {
    let added = metric.and_then(|metric| registry.register(Box::new(metric.clone())).map(|()| metric));
    added.inspect_err(|error| tracing::error!(%error, "failed to register a metric")).ok()
}

pub(crate) struct MetricsApi(pub ApiState);

#[OpenApi(tag = "Tag::Operations")]
impl MetricsApi {
    /// Metrics as Prometheus text
    ///
    /// Requests by route, runs by kind and status, and Temporal SDK metrics. Needs no token.
    #[oai(path = "/metrics", method = "get", operation_id = "metrics")]
    async fn metrics(&self) -> Result<PlainText<String>, Problem> {
        let state = &self.0;
        match state.config.store.runs_count_by_status().await {
            Ok(counts) => state.metrics.set_runs(&counts),
            Err(error) => tracing::warn!(%error, "failed to count runs for /metrics; the last figures stay"),
        }
        let extra = state.config.extra_metrics.as_ref().map(|extra| extra());
        Ok(PlainText(state.metrics.text()? + &extra.unwrap_or_default()))
    }
}
