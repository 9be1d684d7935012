//! Metrics of Temporal's SDK, and the small server that shows a worker's.
//!
//! The SDK's Prometheus exporter only serves over HTTP, on an address of its own. It gets a loopback port nobody else needs to know,
//! and its text is fetched from there: for the API's `/metrics`, and for the worker's beside `/health`.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ovia_api::EngineMetrics;
use poem::{Endpoint, EndpointExt, Response, Route, Server, get, handler, listener::TcpAcceptor, web::Data};
use temporalio_common::telemetry::{
    PrometheusExporterOptions, TelemetryOptions,
    metrics::{CoreMeter, TemporalMeter},
    start_prometheus_metric_exporter, telemetry_init,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::exit::{CliError, CliResult};

/// How old the SDK's figures in the API's `/metrics` may be.
const REFRESH: Duration = Duration::from_secs(5);
const CONTENT_TYPE: &str = "text/plain; version=0.0.4";

/// The SDK's meter and its current text.
#[derive(Clone)]
pub struct SdkMetrics {
    meter: Arc<dyn CoreMeter>,
    url: String,
    http: reqwest::Client,
}

impl SdkMetrics {
    /// Starts the exporter. Must be called within a tokio runtime, which has to outlive the metrics.
    pub fn start() -> CliResult<Self> {
        let failed = |error: String| CliError::failure(format!("failed to start Temporal's metrics: {error}"));
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let options = PrometheusExporterOptions::builder()
            .socket_addr(address)
            .counters_total_suffix(true)
            .use_seconds_for_durations(true)
            .unit_suffix(true)
            .build();
        let started = start_prometheus_metric_exporter(options).map_err(|error| failed(error.to_string()))?;
        let http =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(2)).build().map_err(|error| failed(error.to_string()))?;
        Ok(Self { meter: started.meter, url: format!("http://{}/metrics", started.bound_addr), http })
    }

    pub fn core_meter(&self) -> Arc<dyn CoreMeter> {
        self.meter.clone()
    }

    /// For a client that is not a worker's.
    pub fn client_meter(&self) -> Option<TemporalMeter> {
        let options = TelemetryOptions::builder().metrics(self.meter.clone()).build();
        telemetry_init(options).ok()?.get_temporal_metric_meter()
    }

    /// The exporter's text; empty if it does not answer.
    pub async fn text(&self) -> String {
        match self.http.get(&self.url).send().await {
            Ok(response) => response.text().await.unwrap_or_default(),
            Err(error) => {
                tracing::debug!(%error, "no answer from Temporal's metrics exporter");
                String::new()
            }
        }
    }

    /// The text as a function that does not wait: refreshed in the background for as long as it is in use.
    pub fn cached(&self) -> Arc<dyn Fn() -> String + Send + Sync> {
        let cache = Arc::new(Mutex::new(String::new()));
        let (weak, metrics) = (Arc::downgrade(&cache), self.clone());
        tokio::spawn(async move {
            while let Some(cache) = weak.upgrade() {
                let text = metrics.text().await;
                *cache.lock().unwrap_or_else(PoisonError::into_inner) = text;
                drop(cache);
                tokio::time::sleep(REFRESH).await;
            }
        });
        Arc::new(move || cache.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Serves `/metrics` (the SDK's and the engine's) and `/health` until `stop`.
    pub async fn serve(self, engine: EngineMetrics, listener: TcpListener, stop: CancellationToken) -> CliResult {
        let acceptor = TcpAcceptor::from_tokio(listener)?;
        let server = Server::new_with_acceptor(acceptor).name("ovia-worker");
        let served = server.run_with_graceful_shutdown(self.endpoint(engine), stop.cancelled_owned(), Some(Duration::from_secs(1)));
        Ok(served.await?)
    }

    fn endpoint(self, engine: EngineMetrics) -> impl Endpoint {
        Route::new().at("/metrics", get(metrics_page)).at("/health", get(health_page)).data(self).data(Arc::new(engine))
    }
}

#[handler]
async fn metrics_page(sdk: Data<&SdkMetrics>, engine: Data<&Arc<EngineMetrics>>) -> Response {
    Response::builder().content_type(CONTENT_TYPE).body(engine.text().await + &sdk.text().await)
}

#[handler]
fn health_page() -> Response {
    Response::builder().content_type("application/json").body(concat!(r#"{"status":"ok","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use poem::test::TestClient;
    use temporalio_common::telemetry::metrics::{MetricAttributes, MetricParameters, NewAttributes};

    #[tokio::test]
    async fn what_the_sdk_counts_is_served() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let metrics = SdkMetrics::start().unwrap();
        let attributes: MetricAttributes = metrics.core_meter().new_attributes(NewAttributes::new(Vec::new()));
        let counter = metrics.core_meter().counter(MetricParameters::builder().name("ovia_probe").build());
        counter.add(3, &attributes);
        // nobody answers there: the SDK's figures are served all the same
        let store = ovia_store::Store::connect_lazy("postgres://ovia@127.0.0.1:1/ovia", 1).unwrap();
        let client = TestClient::new(metrics.endpoint(EngineMetrics::new(store)));
        let answer = client.get("/metrics").send().await;
        answer.assert_status_is_ok();
        let text = answer.0.into_body().into_string().await.unwrap();
        assert!(text.contains("ovia_probe_total 3"), "{text}");
        client.get("/health").send().await.assert_status_is_ok();
    }
}
