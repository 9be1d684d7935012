//! Figures of the engine as Prometheus text, for `/metrics` of the API and of workers.
//!
//! They are counted in Postgres when asked: a gauge kept in memory would be wrong after every other process's write. `/metrics` needs no
//! token, so asking often must cost nothing: figures are as old as it takes for counting to stay below one percent of the time.

use std::time::Duration;

use chrono::{DateTime, Utc};
use ovia_store::{Store, StoreError, figures::Figures};
use prometheus::{Encoder, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};
use tokio::{sync::Mutex, time::Instant};

/// How many times longer than counting takes the figures are used.
const REUSE: u32 = 100;
/// But not for longer than this.
const REUSE_MAX: Duration = Duration::from_secs(60);

/// A scraper does not wait longer for a Postgres that is away.
const REFRESH_MAX: Duration = Duration::from_secs(3);

/// The gauges. Labels are closed sets: kinds, statuses and states, never an organisation or a connection.
pub struct EngineMetrics {
    store: Store,
    registry: Registry,
    runs: Option<IntGaugeVec>,
    runs_open: Option<IntGaugeVec>,
    health: Option<IntGaugeVec>,
    dead_letters: Option<IntGauge>,
    leases: Option<IntGauge>,
    conflicts: Option<IntGauge>,
    conflicts_oldest: Option<IntGauge>,
    quality: Option<IntGaugeVec>,
    due: Mutex<Due>,
}

/// When to count next.
struct Due {
    figures: Instant,
    /// Of all runs: in a large database that takes seconds.
    runs: Instant,
}

impl EngineMetrics {
    pub fn new(store: Store) -> Self {
        let registry = Registry::new();
        let vector = |name, help, labels: &[&str]| registered(&registry, IntGaugeVec::new(Opts::new(name, help), labels));
        let gauge = |name, help| registered(&registry, IntGauge::new(name, help));
        let now = Instant::now();
        Self {
            runs: vector("ovia_runs", "Runs in Postgres, by kind and status.", &["kind", "status"]),
            runs_open: vector("ovia_runs_open", "Runs that have not ended, by kind and status.", &["kind", "status"]),
            health: vector("ovia_runs_health", "Runs that have not ended, by health: stuck ones are in here.", &["health"]),
            dead_letters: gauge("ovia_dead_letters_open", "Dead letters that are neither replayed nor dropped; at most a million."),
            leases: gauge("ovia_leases_held", "Connections that a run ingests into now."),
            conflicts: gauge("ovia_identity_conflicts_open", "Accounts that wait for somebody to decide whose they are."),
            conflicts_oldest: gauge("ovia_identity_conflicts_oldest_seconds", "How long the longest of them has waited; 0 if none does."),
            quality: vector("ovia_quality_results", "Results of the newest quality runs, by check and status.", &["check", "status"]),
            due: Mutex::new(Due { figures: now, runs: now }),
            store,
            registry,
        }
    }

    /// The text, counted anew if it is time. What cannot be counted soon stays as it was.
    pub async fn text(&self) -> String {
        if tokio::time::timeout(REFRESH_MAX, self.refresh()).await.is_err() {
            tracing::warn!("counting for /metrics takes too long; the last figures stay");
        }
        text(&self.registry)
    }

    async fn refresh(&self) {
        // one at a time: who comes meanwhile finds it done
        let mut due = self.due.lock().await;
        let began = Instant::now();
        if began >= due.figures {
            log_failure(self.store.figures().await.map(|figures| self.show(&figures)));
            log_failure(self.store.conflict_queue().await.map(|(size, oldest)| self.show_conflicts(size, oldest)));
            due.figures = next(began);
        }
        let began = Instant::now();
        if began >= due.runs {
            log_failure(self.store.runs_count_by_status().await.map(|counts| self.show_runs(&counts)));
            due.runs = next(began);
        }
    }

    fn show(&self, figures: &Figures) {
        if let Some(gauge) = &self.runs_open {
            gauge.reset();
            for ((kind, status), count) in &figures.runs_open {
                gauge.with_label_values(&[kind.as_str(), status.as_str()]).set(*count);
            }
        }
        if let Some(gauge) = &self.health {
            for (health, count) in &figures.runs_by_health {
                gauge.with_label_values(&[health.as_str()]).set(*count);
            }
        }
        self.dead_letters.iter().for_each(|gauge| gauge.set(figures.dead_letters_open));
        self.leases.iter().for_each(|gauge| gauge.set(figures.leases_held));
        if let Some(gauge) = &self.quality {
            gauge.reset();
            for (check, status, count) in &figures.quality {
                gauge.with_label_values(&[check, status]).set(*count);
            }
        }
    }

    fn show_conflicts(&self, size: i64, oldest: Option<DateTime<Utc>>) {
        let seconds = oldest.map_or(0, |since| (Utc::now() - since).num_seconds().max(0));
        self.conflicts.iter().for_each(|gauge| gauge.set(size));
        self.conflicts_oldest.iter().for_each(|gauge| gauge.set(seconds));
    }

    fn show_runs(&self, counts: &[(String, String, i64)]) {
        if let Some(gauge) = &self.runs {
            gauge.reset();
            for (kind, status, count) in counts {
                gauge.with_label_values(&[kind.as_str(), status.as_str()]).set(*count);
            }
        }
    }
}

fn next(began: Instant) -> Instant {
    let took = began.elapsed();
    began + (took * REUSE).min(REUSE_MAX)
}

fn log_failure(counted: Result<(), StoreError>) {
    if let Err(error) = counted {
        tracing::warn!(%error, "failed to count for /metrics; the last figures stay");
    }
}

/// A registry as Prometheus text.
pub(crate) fn text(registry: &Registry) -> String {
    let mut out = Vec::new();
    match TextEncoder::new().encode(&registry.gather(), &mut out) {
        Ok(()) => String::from_utf8_lossy(&out).into_owned(),
        Err(error) => {
            tracing::error!(%error, "failed to write metrics");
            String::new()
        }
    }
}

/// A metric in the registry. Only a wrong name could keep it out, and then the service runs without it.
pub(crate) fn registered<M: prometheus::core::Collector + Clone + 'static>(
    registry: &Registry,
    metric: prometheus::Result<M>,
) -> Option<M> {
    let added = metric.and_then(|metric| registry.register(Box::new(metric.clone())).map(|()| metric));
    added.inspect_err(|error| tracing::error!(%error, "failed to register a metric")).ok()
}
