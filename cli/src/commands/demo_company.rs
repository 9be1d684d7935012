//! The demo company as servers (a GitLab, a Jira and a Confluence), the same ones at every start on a data directory.
//!
//! Its present, its tokens and its ports are kept in `demo.json`: a second start finds nothing new to sync.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use ovia_demo::{Company, CompanyOptions, CompanySize, ConfluenceServer, DemoServer, JiraServer, RateLimit, ServerOptions, SiteOptions};
use ovia_engines::free_ports;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::demo::Size;
use crate::{
    exit::{CliError, CliResult},
    local::LocalFiles,
};

const FILE: &str = "demo.json";
const SEED: u64 = 42;

/// A running demo company. Its servers stop when it is dropped.
pub struct DemoCompany {
    /// The GitLab first: the KPIs come from it.
    pub sources: Vec<DemoSource>,
    _servers: Servers,
}

/// One of the company's servers, as a connection wants it.
#[derive(Debug, Serialize)]
pub struct DemoSource {
    pub source: &'static str,
    /// The connection's name.
    pub name: &'static str,
    pub base_url: String,
    pub credentials: Value,
    pub settings: Value,
}

struct Servers {
    gitlab: DemoServer,
    jira: JiraServer,
    confluence: ConfluenceServer,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct DemoFile {
    seed: u64,
    as_of: DateTime<Utc>,
    small: bool,
    /// The GitLab's.
    token: String,
    port: u16,
    /// Of both Atlassian sites.
    #[serde(default = "new_api_token")]
    api_token: String,
    #[serde(default)]
    jira_port: u16,
    #[serde(default)]
    confluence_port: u16,
}

impl DemoCompany {
    /// Starts the company that `files` remembers, or a new one of `size` whose present is today.
    pub async fn start(files: &LocalFiles, size: Size) -> CliResult<Self> {
        let remembered = files.json_read::<DemoFile>(FILE)?;
        let mut file = match remembered {
            Some(file) => file,
            None => new_file(size)?,
        };
        file.ports_take()?;
        files.json_write(FILE, &file)?;
        let began = Instant::now();
        // Generating and rendering is seconds of work without a pause.
        let servers = tokio::task::spawn_blocking(move || Servers::start(&file)).await;
        let servers = servers.map_err(|error| CliError::failure(format!("failed to make the demo company: {error}")))??;
        tracing::info!(seconds = began.elapsed().as_secs_f32(), "the demo company is ready");
        Ok(Self { sources: servers.sources(), _servers: servers })
    }
}

impl DemoFile {
    /// Free ports, those it had if they still are.
    fn ports_take(&mut self) -> std::io::Result<()> {
        let had = [self.port, self.jira_port, self.confluence_port];
        [self.port, self.jira_port, self.confluence_port] = free_ports(had.map(|port| vec![port]))?;
        Ok(())
    }
}

fn new_file(size: Size) -> CliResult<DemoFile> {
    let as_of =
        Utc::now().duration_trunc(TimeDelta::days(1)).map_err(|error| CliError::failure(format!("failed to read the clock: {error}")))?;
    let token = format!("glpat-demo-{}", uuid::Uuid::new_v4().simple());
    let small = size == Size::Small;
    Ok(DemoFile { seed: SEED, as_of, small, token, port: 0, api_token: new_api_token(), jira_port: 0, confluence_port: 0 })
}

fn new_api_token() -> String {
    format!("ATATT-demo-{}", uuid::Uuid::new_v4().simple())
}

impl Servers {
    fn start(file: &DemoFile) -> anyhow::Result<Self> {
        let size = if file.small { CompanySize::small() } else { CompanySize::full() };
        let company = Company::generate(&CompanyOptions { seed: file.seed, as_of: file.as_of, size });
        let site = |port| SiteOptions { addr: local(port), api_token: file.api_token.clone(), ..SiteOptions::default() };
        let jira = JiraServer::start(&company, site(file.jira_port))?;
        let confluence = ConfluenceServer::start(&company, site(file.confluence_port))?;
        // The usual limit of 2,000 a minute would make the first sync wait for minutes; the tests cover it.
        let rate_limit = Some(RateLimit { requests: 1_000_000, per: Duration::from_secs(60) });
        let options = ServerOptions { addr: local(file.port), token: file.token.clone(), rate_limit, ..ServerOptions::default() };
        Ok(Self { gitlab: DemoServer::start(company, options)?, jira, confluence })
    }

    fn sources(&self) -> Vec<DemoSource> {
        let Self { gitlab, jira, confluence } = self;
        vec![
            DemoSource {
                source: "gitlab",
                name: "demo company",
                base_url: gitlab.base_url().to_owned(),
                credentials: json!({"token": gitlab.token()}),
                settings: json!({"groups": [gitlab.top_group()]}),
            },
            DemoSource {
                source: "jira",
                name: "demo company's Jira",
                base_url: jira.base_url().to_owned(),
                credentials: jira.credentials(),
                settings: json!({"project_keys": jira.project_keys()}),
            },
            DemoSource {
                source: "confluence",
                name: "demo company's Confluence",
                base_url: confluence.base_url().to_owned(),
                credentials: confluence.credentials(),
                settings: json!({}),
            },
        ]
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn no_two_servers_have_one_port() {
        let mut file = new_file(Size::Small).unwrap();
        file.ports_take().unwrap();
        // as a file has it whose Jira was given the port that the GitLab left
        [file.jira_port, file.confluence_port] = [file.port; 2];
        file.ports_take().unwrap();
        assert!(file.port != file.jira_port && file.port != file.confluence_port && file.jira_port != file.confluence_port, "{file:?}");
    }
}
