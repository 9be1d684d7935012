//! `ovia healthcheck URL`: the image has no curl.

use std::time::Duration;

use clap::Args;

use crate::exit::{CliError, CliResult, Exit};

#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    /// As `http://127.0.0.1:8080/ready`.
    url: reqwest::Url,
}

pub async fn run(args: &HealthcheckArgs) -> CliResult {
    let bad = |why: String| CliError::new(Exit::Unreachable, format!("{} is not healthy: {why}", args.url));
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(4)).build().map_err(|error| bad(error.to_string()))?;
    let response = http.get(args.url.clone()).send().await.map_err(|error| bad(error.to_string()))?;
    if response.status().is_success() { Ok(()) } else { Err(bad(format!("it answered {}", response.status()))) }
}
