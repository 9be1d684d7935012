//! The GitLab connector (REST v4).
//!
//! One pull, through the files: `lists` builds the URL of the cursor's position, `client` fetches the page, `normalise` reads its rows
//! (`wire` knows their JSON), `walk` decides where to go on, `pull` puts records and the next cursor together. Items queued by list
//! rows go through `details`. REST only: GraphQL would save requests, but not every server and token offers it.

mod check;
mod client;
mod cursor;
mod details;
mod lists;
mod normalise;
mod pull;
mod scope;
mod streams;
mod walk;
mod wire;

use async_trait::async_trait;
use ovia_domain::{DeadLetter, DetailRequest, GitlabSettings, Record, Source, StreamSpec};
use serde_json::value::RawValue;

use crate::contract::{
    Capabilities, CensusPage, CensusRequest, CheckReport, Connector, ConnectorConfig, ConnectorError, Detail, Page, Presence, PullRequest,
};
use client::GitlabClient;
use lists::Lists;
pub use lists::normalise_list;
use scope::Scope;
use streams::{GROUPS, MEMBERS, PROJECTS, ProjectList};

/// A GitLab connection, ready to pull.
#[derive(Debug)]
pub struct Gitlab {
    client: GitlabClient,
    settings: GitlabSettings,
}

impl Gitlab {
    /// Parses the settings and sets the client up. Sends nothing.
    pub fn open(config: ConnectorConfig) -> Result<Self, ConnectorError> {
        let settings = GitlabSettings::parse(&config.settings)
            .map_err(|error| ConnectorError::Configuration { field: format!("settings.{}", error.field), message: error.to_string() })?;
        let client = GitlabClient::new(&config, settings.auth, settings.max_in_flight as usize)?;
        Ok(Self { client, settings })
    }
}

#[async_trait]
impl Connector for Gitlab {
    fn source(&self) -> Source {
        Source::Gitlab
    }

    fn streams(&self) -> Vec<StreamSpec> {
        streams::streams(self.settings.details)
    }

    fn scopes(&self) -> Vec<String> {
        let groups = self.settings.groups.iter().map(|path| format!("group:{path}"));
        groups.chain(self.settings.projects.iter().map(|path| format!("project:{path}"))).collect()
    }

    fn max_in_flight(&self) -> usize {
        self.settings.max_in_flight as usize
    }

    async fn check(&self) -> Result<CheckReport, ConnectorError> {
        check::check(&self.client, &self.settings, &self.scopes()).await
    }

    async fn pull(&self, request: PullRequest<'_>) -> Result<Page, ConnectorError> {
        let lists = Lists { client: &self.client, settings: &self.settings };
        if let Some(list) = ProjectList::find(request.stream) {
            return lists.project_list(list, request.partition, request.cursor).await;
        }
        match (request.stream, Scope::parse(request.partition)) {
            (GROUPS | PROJECTS | MEMBERS, Some(scope)) => lists.scope_list(request.stream, scope, request.partition, request.cursor).await,
            _ => Err(ConnectorError::Configuration {
                field: "stream".into(),
                message: format!("there is no stream `{}` with a partition `{}`", request.stream, request.partition),
            }),
        }
    }

    async fn census(&self, request: CensusRequest<'_>) -> Result<CensusPage, ConnectorError> {
        Err(ConnectorError::Configuration { field: "stream".into(), message: format!("`{}` has no census", request.stream) })
    }

    async fn presence(&self, _: &str, _: &str, _: &str) -> Result<Presence, ConnectorError> {
        Ok(Presence::Present)
    }

    fn normalise(&self, stream: &str, partition: &str, payload: Box<RawValue>) -> Result<Vec<Record>, DeadLetter> {
        let (records, letters) = normalise_list(stream, partition, self.settings.details, vec![payload]);
        letters.into_iter().next().map_or(Ok(records), Err)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { windows: true, census: true, rate_limit_headers: true }
    }

    async fn pull_detail(&self, request: &DetailRequest) -> Result<Detail, ConnectorError> {
        details::pull_detail(&self.client, &self.settings, request).await
    }
}
