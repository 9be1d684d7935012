//! Engines, API and worker in one process: what `ovia dev` and `ovia demo` stand on.
//!
//! The API's port, the token and the sealing key are found again at the next start; a port that is taken by then is replaced, unless it
//! was asked for.

use std::{path::PathBuf, time::Duration};

use ovia_engines::{DataDir, Durability, Engines, EnginesConfig, free_port};
use ovia_store::{Sealer, Store};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{ApiParts, Parts, SdkMetrics, WorkerThread, api_run, store_error};
use crate::{
    client::ApiClient,
    config::{Settings, TemporalSettings},
    exit::{CliError, CliResult, Exit},
    local::{DevFile, LocalFiles},
};

const DEFAULT_API_PORT: u16 = 8080;
const READY_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Clone, Debug)]
pub struct EnvironmentOptions {
    pub data_dir: PathBuf,
    pub tools_dir: PathBuf,
    /// Serve the API on this port and no other.
    pub api_port: Option<u16>,
}

/// A running environment. Call `stop`.
pub struct Environment {
    pub api_url: String,
    pub token: SecretString,
    /// The token was made by this start.
    pub token_is_new: bool,
    pub temporal_ui_url: String,
    pub temporal_address: String,
    pub database_url: String,
    pub files: LocalFiles,
    pub client: ApiClient,
    engines: Engines,
    api: JoinHandle<CliResult>,
    worker: WorkerThread,
    stop: CancellationToken,
}

impl Environment {
    /// Starts everything and waits until the API says it is ready.
    pub async fn start(options: &EnvironmentOptions, settings: &Settings) -> CliResult<Self> {
        let data_dir = DataDir::open(&options.data_dir)?;
        let files = LocalFiles::new(data_dir.path());
        let listener = listen(options.api_port, files.dev_read()?.as_ref()).await?;
        let api_url = format!("http://{}", listener.local_addr()?);
        let config = EnginesConfig { tools_dir: options.tools_dir.clone(), durability: Durability::Durable };
        let engines = Engines::start(data_dir, &config).await?;
        let parts = parts(&engines, &files, settings)?;
        files.database_url_write(&parts.database_url)?;

        let store = Store::connect(&engines.database_url(), parts.database_max_connections).await.map_err(store_error)?;
        store.migrate().await.map_err(store_error)?;
        let (token, token_is_new) = token(&store, &files, &parts.organisation).await?;

        let metrics = SdkMetrics::start()?;
        let stop = CancellationToken::new();
        let api = ApiParts::connect(&parts, store, &metrics).await?;
        let api = tokio::spawn(api_run(api, listener, stop.clone()));
        let worker = WorkerThread::start(parts, metrics, stop.clone())?;
        let mut environment = Self {
            client: ApiClient::new(&api_url, token.clone())?,
            api_url,
            token,
            token_is_new,
            temporal_ui_url: engines.temporal_ui_url(),
            temporal_address: engines.temporal_address(),
            database_url: engines.database_url(),
            files,
            engines,
            api,
            worker,
            stop,
        };
        environment.ready().await?;
        environment.remember(true)?;
        Ok(environment)
    }

    /// Resolves when some part ends by itself.
    pub async fn ended(&mut self) -> CliError {
        let unexpected = |what: &str| CliError::failure(format!("{what} ended by itself"));
        tokio::select! {
            error = self.engines.ended() => error.into(),
            ended = &mut self.api => match ended {
                Ok(Err(error)) => error,
                _ => unexpected("the API"),
            },
            ended = self.worker.ended() => ended.err().unwrap_or_else(|| unexpected("the worker")),
        }
    }

    /// Stops API and worker, then the engines, and waits for all of them.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let services = async {
            if !self.api.is_finished() {
                let _ = (&mut self.api).await;
            }
            let _ = self.worker.ended().await;
        };
        if tokio::time::timeout(STOP_TIMEOUT, services).await.is_err() {
            tracing::warn!("the API and the worker did not stop within {} s", STOP_TIMEOUT.as_secs());
        }
        if let Err(error) = self.remember(false) {
            tracing::warn!(%error, "failed to note that the environment was stopped");
        }
        self.engines.stop().await;
    }

    async fn ready(&mut self) -> CliResult {
        let client = self.client.clone();
        let ready = async {
            let mut last = CliError::failure("the API is not ready");
            let polling = async {
                while let Err(error) = client.get("ready", &[]).await {
                    last = error;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            tokio::time::timeout(READY_TIMEOUT, polling).await.map_err(|_| last)
        };
        tokio::select! {
            ready = ready => ready,
            error = self.ended() => Err(error),
        }
    }

    fn remember(&self, running: bool) -> CliResult {
        self.files.dev_write(&DevFile { api_url: self.api_url.clone(), temporal_ui_url: self.temporal_ui_url.clone(), running })
    }
}

fn parts(engines: &Engines, files: &LocalFiles, settings: &Settings) -> CliResult<Parts> {
    let key = files.sealing_key(Sealer::generate_key)?;
    Ok(Parts {
        database_url: SecretString::from(engines.database_url()),
        database_max_connections: settings.database_max_connections,
        sealer: Sealer::parse(key.expose_secret())
            .map_err(|error| CliError::failure(format!("the sealing key in the data directory is damaged: {error}")))?,
        // The demo company and a GitLab under test live on loopback.
        allow_private_addresses: true,
        task_queue: settings.task_queue.clone(),
        temporal: TemporalSettings::local(&engines.temporal_address()).map_err(CliError::failure)?,
        temporal_ui_url: Some(engines.temporal_ui_url()),
        organisation: settings.organisation.clone(),
        worker_activities: settings.worker_activities,
        kill_switch: settings.kill_switch,
        worker_build: None,
        mailer: settings.mailer.clone(),
    })
}

/// The token of the first start, from its file. A file that got lost is replaced by a new token.
async fn token(store: &Store, files: &LocalFiles, organisation: &str) -> CliResult<(SecretString, bool)> {
    let made = match store.organisation_first_create(organisation).await.map_err(store_error)? {
        Some((_, token)) => token,
        None => match files.token_read()? {
            Some(token) if store.token_authenticate(token.expose_secret()).await.map_err(store_error)?.is_some() => {
                return Ok((token, false));
            }
            _ => store.token_create(oldest_organisation(store).await?, "dev").await.map_err(store_error)?,
        },
    };
    files.token_write(&made)?;
    Ok((made, true))
}

async fn oldest_organisation(store: &Store) -> CliResult<ovia_domain::OrgId> {
    let found = store.organisation_oldest().await.map_err(store_error)?;
    found.ok_or_else(|| CliError::failure("the database has tokens but no organisation").hint("Start afresh: make clean-data."))
}

/// A listener on the port asked for, else on that of the last start, the default one, or any.
async fn listen(asked: Option<u16>, last: Option<&DevFile>) -> CliResult<TcpListener> {
    if let Some(port) = asked {
        return TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| {
            CliError::new(Exit::Conflict, format!("failed to listen on 127.0.0.1:{port}: {error}"))
                .hint("Choose another --api-port, or leave it out: a free one is chosen then.")
        });
    }
    let last = last.and_then(|dev| Url::parse(&dev.api_url).ok()?.port());
    let port = free_port(&[last.unwrap_or(DEFAULT_API_PORT), DEFAULT_API_PORT])?;
    match TcpListener::bind(("127.0.0.1", port)).await {
        Ok(listener) => Ok(listener),
        // Somebody was faster.
        Err(_) => Ok(TcpListener::bind(("127.0.0.1", 0)).await?),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_replaced_unless_it_was_asked_for() {
        let held = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let taken = held.local_addr().unwrap().port();
        assert_eq!(listen(Some(taken), None).await.unwrap_err().exit, Exit::Conflict);
        let last = DevFile { api_url: format!("http://127.0.0.1:{taken}"), temporal_ui_url: String::new(), running: false };
        assert_ne!(listen(None, Some(&last)).await.unwrap().local_addr().unwrap().port(), taken);
        drop(held);
        assert_eq!(listen(None, Some(&last)).await.unwrap().local_addr().unwrap().port(), taken);
    }
}
