//! `ovia api`: the API on the user's own PostgreSQL and Temporal.

use tokio::net::TcpListener;

use crate::{
    config::{Needs, Settings},
    exit::{CliError, CliResult},
    logging,
    services::{ApiParts, Parts, SdkMetrics, api_run, token_announce},
    shutdown,
};

pub async fn run() -> CliResult {
    let settings = Settings::load(Needs::Everything)?;
    logging::start(&settings.log, settings.log_format)?;
    let stop = shutdown::token()?;
    let address = settings.api_listen;
    let listener = TcpListener::bind(address).await.map_err(|error| {
        CliError::failure(format!("failed to listen on {address}: {error}")).hint("Set OVIA_API_LISTEN to a free address.")
    })?;
    let parts = Parts::of(settings)?;
    let store = parts.store().await?;
    token_announce(&store, &parts.organisation).await?;
    let api = ApiParts::connect(&parts, store, &SdkMetrics::start()?).await?;
    tracing::info!(address = %listener.local_addr()?, "the API serves");
    api_run(api, listener, stop).await
}
