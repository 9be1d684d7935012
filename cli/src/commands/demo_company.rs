//! The demo company as a server, the same one at every start on a data directory.
//!
//! Its present, its token and its port are kept in `demo.json`: a second start finds nothing new to sync.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use ovia_demo::{Company, CompanyOptions, CompanySize, DemoServer, RateLimit, ServerOptions};
use ovia_engines::free_port;
use serde::{Deserialize, Serialize};

use super::demo::Size;
use crate::{
    exit::{CliError, CliResult},
    local::LocalFiles,
};

const FILE: &str = "demo.json";
const SEED: u64 = 42;

/// A running demo company. Stops when dropped.
pub struct DemoCompany {
    pub base_url: String,
    pub token: String,
    pub group: String,
    _server: DemoServer,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct DemoFile {
    seed: u64,
    as_of: DateTime<Utc>,
    small: bool,
    token: String,
    port: u16,
}

impl DemoCompany {
    /// Starts the company that `files` remembers, or a new one of `size` whose present is today.
    pub async fn start(files: &LocalFiles, size: Size) -> CliResult<Self> {
        let remembered = files.json_read::<DemoFile>(FILE)?;
        let mut file = match remembered {
            Some(file) => file,
            None => new_file(size)?,
        };
        file.port = free_port(&[file.port])?;
        files.json_write(FILE, &file)?;
        let began = Instant::now();
        // Generating and rendering is seconds of work without a pause.
        let server = tokio::task::spawn_blocking(move || server_start(&file)).await;
        let server = server.map_err(|error| CliError::failure(format!("failed to make the demo company: {error}")))??;
        tracing::info!(seconds = began.elapsed().as_secs_f32(), "the demo company is ready");
        Ok(Self { base_url: server.base_url().to_owned(), token: server.token().to_owned(), group: server.top_group(), _server: server })
    }
}

fn new_file(size: Size) -> CliResult<DemoFile> {
    let as_of =
        Utc::now().duration_trunc(TimeDelta::days(1)).map_err(|error| CliError::failure(format!("failed to read the clock: {error}")))?;
    let token = format!("glpat-demo-{}", uuid::Uuid::new_v4().simple());
    Ok(DemoFile { seed: SEED, as_of, small: size == Size::Small, token, port: 0 })
}

fn server_start(file: &DemoFile) -> anyhow::Result<DemoServer> {
    let size = if file.small { CompanySize::small() } else { CompanySize::full() };
    let company = Company::generate(&CompanyOptions { seed: file.seed, as_of: file.as_of, size });
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, file.port));
    // The usual limit of 2,000 a minute would make the first sync wait for minutes; the tests cover it.
    let rate_limit = Some(RateLimit { requests: 1_000_000, per: Duration::from_secs(60) });
    DemoServer::start(company, ServerOptions { addr, token: file.token.clone(), rate_limit, ..ServerOptions::default() })
}
