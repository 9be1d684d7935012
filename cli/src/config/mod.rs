//! Configuration: `default.toml`, compiled in, with the environment over it. All problems are reported together.

mod layers;
mod problems;
mod temporal;

use std::net::SocketAddr;

use ovia_store::Sealer;
use ovia_worker::Mailer;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

pub use layers::{Environment, Layers};
pub use problems::Problems;
pub use temporal::TemporalSettings;

use crate::exit::CliResult;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Human,
    Json,
}

/// What a command cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Logs only: `dev` and `demo` bring everything else.
    Nothing,
    Database,
    /// Database, sealing key and Temporal.
    Everything,
}

/// The settings of a service, all checked.
#[derive(Debug)]
pub struct Settings {
    /// Set when a database is needed.
    pub database_url: Option<SecretString>,
    pub database_max_connections: u32,
    pub api_listen: SocketAddr,
    /// Set when everything is needed.
    pub sealer: Option<Sealer>,
    pub allow_private_addresses: bool,
    pub task_queue: String,
    pub temporal_ui_url: Option<Url>,
    /// Set when everything is needed.
    pub temporal: Option<TemporalSettings>,
    pub worker_activities: u32,
    /// No scheduled or background work, of whatever organisation.
    pub kill_switch: bool,
    /// Pins runs to workers of this build.
    pub worker_build: Option<String>,
    /// What sends reports by e-mail.
    pub mailer: Option<Mailer>,
    pub metrics_listen: Option<SocketAddr>,
    pub organisation: String,
    pub log: String,
    pub log_format: LogFormat,
}

impl Settings {
    /// Reads the process's environment.
    pub fn load(needs: Needs) -> CliResult<Self> {
        Self::from_environment(Environment::of_process(), needs, TemporalSettings::load).map_err(Into::into)
    }

    fn from_environment(
        environment: Environment,
        needs: Needs,
        temporal: impl FnOnce() -> Result<TemporalSettings, String>,
    ) -> Result<Self, Problems> {
        let mut layers = Layers::new(environment);
        let everything = needs == Needs::Everything;
        let smtp_from = layers.text("smtp_from").unwrap_or_default();
        let mailer = |text: &str| Mailer::new(&SecretString::from(text), &smtp_from).map_err(|error| error.to_string());
        let settings = Self {
            database_url: layers.secret("database_url", needs != Needs::Nothing, database_url_check),
            database_max_connections: layers.number("database_max_connections", 2, 1000),
            api_listen: layers.address("api_listen").unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
            sealer: layers
                .secret("sealing_key", everything, |text| Sealer::parse(text).map(|_| ()).map_err(|error| error.to_string()))
                .and_then(|key| Sealer::parse(key.expose_secret()).ok()),
            allow_private_addresses: layers.flag("allow_private_addresses"),
            task_queue: layers.text("task_queue").unwrap_or_default(),
            temporal_ui_url: layers.parsed("temporal_ui_url", "a URL as https://temporal.example.com", http_url),
            temporal: if everything { layers.checked("Temporal's settings", temporal()) } else { None },
            worker_activities: layers.number("worker_activities", 1, 1000),
            kill_switch: layers.flag("kill_switch"),
            worker_build: layers.text("worker_build").filter(|build| !build.is_empty()),
            mailer: layers.secret("smtp_url", false, |text| mailer(text).map(|_| ())).and_then(|url| mailer(url.expose_secret()).ok()),
            metrics_listen: layers.address("metrics_listen"),
            organisation: layers.text("organisation").unwrap_or_default(),
            log: layers.parsed("log", "a log level", |text| crate::logging::filter(text).ok().map(|_| text.to_owned())).unwrap_or_default(),
            log_format: layers.parsed("log_format", "human or json", log_format).unwrap_or(LogFormat::Human),
        };
        for name in ["task_queue", "organisation", "log"] {
            layers.require(name);
        }
        layers.finish()?;
        Ok(settings)
    }
}

fn database_url_check(text: &str) -> Result<(), String> {
    let wrong = || "it is not a URL as postgres://user:password@host:5432/ovia".to_owned();
    let url = Url::parse(text).map_err(|_| wrong())?;
    if matches!(url.scheme(), "postgres" | "postgresql") { Ok(()) } else { Err(wrong()) }
}

fn http_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
}

fn log_format(text: &str) -> Option<LogFormat> {
    match text {
        "human" => Some(LogFormat::Human),
        "json" => Some(LogFormat::Json),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
