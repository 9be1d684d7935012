//! `ovia dev`: everything in the foreground, until Ctrl-C.

use std::path::PathBuf;

use clap::Args;
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::{
    app::Global,
    config::{Needs, Settings},
    exit::{CliError, CliResult, Exit},
    logging,
    output::{pairs, print, print_json_line},
    services::{Environment, EnvironmentOptions},
    shutdown,
};

#[derive(Debug, Args)]
pub struct DevArgs {
    /// Serve the API on this port [default: that of the last start, else 8080, else a free one].
    #[arg(long, value_name = "PORT")]
    pub api_port: Option<u16>,
    /// Where scripts/setup puts the Temporal CLI.
    #[arg(long, env = "OVIA_TOOLS_DIR", value_name = "DIR", default_value = ".ovia/tools", hide = true)]
    pub tools_dir: PathBuf,
}

/// What `--json` prints, on one line, once everything is ready.
#[derive(Serialize)]
struct Ready<'a> {
    api_url: &'a str,
    token: &'a str,
    temporal_ui_url: &'a str,
    temporal_address: &'a str,
    database_url: &'a str,
}

pub async fn run(global: &Global, args: &DevArgs) -> CliResult {
    let settings = Settings::load(Needs::Nothing)?;
    logging::start(&settings.log, settings.log_format)?;
    let stop = shutdown::token()?;
    let mut environment = tokio::select! {
        started = start(global, args, &settings) => started?,
        // What has been started goes down with this future.
        () = stop.cancelled() => return Err(CliError::new(Exit::Cancelled, "interrupted while starting")),
    };
    let served = async {
        announce(&environment, global)?;
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            error = environment.ended() => Err(error),
        }
    }
    .await;
    eprintln!("Stopping.");
    environment.stop().await;
    served
}

/// Starts the environment that `dev` and `demo` share.
pub async fn start(global: &Global, args: &DevArgs, settings: &Settings) -> CliResult<Environment> {
    eprintln!("Starting PostgreSQL, Temporal, the API and a worker ({}).", global.data_dir.display());
    let options = EnvironmentOptions { data_dir: global.data_dir.clone(), tools_dir: args.tools_dir.clone(), api_port: args.api_port };
    Environment::start(&options, settings).await
}

fn announce(environment: &Environment, global: &Global) -> CliResult {
    let token = environment.token.expose_secret();
    if global.json {
        return print_json_line(&Ready {
            api_url: &environment.api_url,
            token,
            temporal_ui_url: &environment.temporal_ui_url,
            temporal_address: &environment.temporal_address,
            database_url: &environment.database_url,
        });
    }
    print(&pairs(&[
        ("API", environment.api_url.clone()),
        ("API docs", format!("{}/docs", environment.api_url)),
        ("Temporal UI", environment.temporal_ui_url.clone()),
        ("Temporal", environment.temporal_address.clone()),
        ("PostgreSQL", environment.database_url.clone()),
        ("Token", token_text(environment, global)),
    ]))?;
    print("Ctrl-C stops everything.")
}

/// The token itself when it is new; afterwards where it is kept.
pub fn token_text(environment: &Environment, global: &Global) -> String {
    if environment.token_is_new {
        environment.token.expose_secret().to_owned()
    } else {
        format!("in {}", global.data_dir.join("token").display())
    }
}
