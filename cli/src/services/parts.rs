//! What both services are made of, and how they reach their engines.

use ovia_api::EngineMetrics;
use ovia_store::{Sealer, Store, StoreError};
use ovia_worker::Mailer;
use ovia_workflows::{EngineError, TemporalConfig, TemporalEngine, types::SyncTuning};
use secrecy::{ExposeSecret, SecretString};
use temporalio_common::telemetry::metrics::TemporalMeter;

use crate::{
    config::{Settings, TemporalSettings},
    exit::{CliError, CliResult, Exit},
};

/// Settings of a service, from the environment or from `ovia dev`.
#[derive(Clone, Debug)]
pub struct Parts {
    pub database_url: SecretString,
    pub database_max_connections: u32,
    pub sealer: Sealer,
    pub allow_private_addresses: bool,
    pub task_queue: String,
    pub temporal: TemporalSettings,
    pub temporal_ui_url: Option<String>,
    pub organisation: String,
    pub worker_activities: u32,
    pub kill_switch: bool,
    pub worker_build: Option<String>,
    pub mailer: Option<Mailer>,
}

impl Parts {
    /// The parts of settings that were loaded with `Needs::Everything`.
    pub fn of(settings: Settings) -> CliResult<Self> {
        let missing = |what: &str| CliError::usage(format!("{what} is not set"));
        Ok(Self {
            database_url: settings.database_url.ok_or_else(|| missing("OVIA_DATABASE_URL"))?,
            database_max_connections: settings.database_max_connections,
            sealer: settings.sealer.ok_or_else(|| missing("OVIA_SEALING_KEY"))?,
            allow_private_addresses: settings.allow_private_addresses,
            task_queue: settings.task_queue,
            temporal: settings.temporal.ok_or_else(|| missing("TEMPORAL_ADDRESS"))?,
            temporal_ui_url: settings.temporal_ui_url.map(String::from),
            organisation: settings.organisation,
            worker_activities: settings.worker_activities,
            kill_switch: settings.kill_switch,
            worker_build: settings.worker_build,
            mailer: settings.mailer,
        })
    }

    /// Connects to PostgreSQL and makes sure the schema is this binary's.
    pub async fn store(&self) -> CliResult<Store> {
        let store = connect(&self.database_url, self.database_max_connections).await?;
        match store.migrations_pending().await.map_err(store_error)? {
            0 => Ok(store),
            pending => Err(CliError::failure(format!("the database lacks {pending} migrations")).hint("Run `ovia migrate` first.")),
        }
    }

    /// The engine's figures, over a connection to PostgreSQL of their own that is made when they are first asked for.
    pub fn metrics(&self) -> CliResult<EngineMetrics> {
        Ok(EngineMetrics::new(Store::connect_lazy(self.database_url.expose_secret(), 1).map_err(store_error)?))
    }

    /// Connects to Temporal. `meter` counts the client's requests.
    pub async fn engine(&self, meter: Option<TemporalMeter>) -> CliResult<TemporalEngine> {
        let mut connection = self.temporal.connection.clone();
        connection.identity = format!("ovia@{}", std::process::id());
        connection.connect_timeout = Some(std::time::Duration::from_secs(10));
        connection.metrics_meter = meter;
        let target = connection.target.to_string();
        let config = TemporalConfig {
            connection,
            client: self.temporal.client.clone(),
            task_queue: self.task_queue.clone(),
            sync_tuning: SyncTuning::default(),
        };
        let engine = TemporalEngine::connect(config).await.map_err(|error| engine_error(&target, &error))?;
        if let Err(error) = engine.search_attributes_ensure().await {
            let names = ovia_workflows::names::SEARCH_ATTRIBUTES.join(", ");
            tracing::warn!(%error, "failed to register search attributes; register {names} as Keyword by hand, or starting runs fails");
        }
        Ok(engine)
    }
}

/// The store that `settings` names; the schema is not looked at.
pub async fn store_connect(settings: &Settings) -> CliResult<Store> {
    let url = settings.database_url.as_ref().ok_or_else(|| CliError::usage("OVIA_DATABASE_URL is not set"))?;
    connect(url, settings.database_max_connections).await
}

async fn connect(url: &SecretString, max_connections: u32) -> CliResult<Store> {
    Store::connect(url.expose_secret(), max_connections).await.map_err(|error| {
        CliError::new(Exit::Unreachable, format!("failed to reach PostgreSQL: {error}"))
            .hint("Check OVIA_DATABASE_URL (without it: that `ovia dev` still runs) and that the server accepts connections from here.")
    })
}

pub fn store_error(error: StoreError) -> CliError {
    CliError::failure(error.to_string())
}

fn engine_error(target: &str, error: &EngineError) -> CliError {
    CliError::new(Exit::Unreachable, format!("failed to reach Temporal at {target}: {error}")).hint(
        "Check TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and its other variables (or temporal.toml); `ovia dev` starts a Temporal of its own.",
    )
}

/// Makes the first token where there is none yet, and prints it: it is never shown again.
pub async fn token_announce(store: &Store, organisation: &str) -> CliResult {
    if let Some((_, token)) = store.organisation_first_create(organisation).await.map_err(store_error)? {
        eprintln!("The first API token of the organisation `{organisation}`, shown only now: {}", token.expose_secret());
    }
    Ok(())
}
