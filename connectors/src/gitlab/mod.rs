//! The GitLab connector (REST v4).
//!
//! One pull, through the files: `lists` builds the URL of the cursor's position, `client` fetches the page, `normalise` reads its rows
//! (`wire` knows their JSON), `walk` decides where to go on, `pull` puts records and the next cursor together. Items queued by list
//! rows go through `details`. REST only: GraphQL would save requests, but not every server and token offers it.

mod census;
mod check;
mod client;
mod cursor;
mod details;
mod items;
mod lists;
mod normalise;
mod overlap;
mod presence;
mod pull;
mod scope;
mod stored;
mod streams;
mod walk;
mod wire;

use async_trait::async_trait;
use ovia_domain::{DeadLetter, DetailRequest, GitlabSettings, ItemRef, Record, Source, StreamSpec};
use serde_json::value::RawValue;

use crate::contract::{
    Capabilities, CensusPage, CensusRequest, CheckReport, Connector, ConnectorConfig, ConnectorError, Detail, Page, Presence, PullRequest,
    PulledItem,
};
use client::GitlabClient;
use lists::Lists;
pub use lists::normalise_list;
use pull::Stored;
use scope::Scope;
use streams::{GROUPS, MEMBERS, Mode, PROJECTS, ProjectList};

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
        let list = ProjectList::find(request.stream);
        if request.window.is_some() && list.is_none_or(|list| list.mode != Mode::Window) {
            return Err(no_stream(format!("`{}` cannot be pulled by time", request.stream)));
        }
        if let Some(list) = list {
            let stored = Stored { cursor: request.cursor, window: request.window };
            return lists.project_list(list, request.partition, stored).await;
        }
        match (request.stream, Scope::parse(request.partition)) {
            (GROUPS | PROJECTS | MEMBERS, Some(scope)) => lists.scope_list(request.stream, scope, request.partition, request.cursor).await,
            _ => Err(no_stream(format!("there is no stream `{}` with a partition `{}`", request.stream, request.partition))),
        }
    }

    async fn census(&self, request: CensusRequest<'_>) -> Result<CensusPage, ConnectorError> {
        Lists { client: &self.client, settings: &self.settings }.census(&request).await
    }

    async fn presence(
        &self,
        stream: &str,
        partition: &str,
        external_id: &str,
        payload: Option<&RawValue>,
    ) -> Result<Presence, ConnectorError> {
        Lists { client: &self.client, settings: &self.settings }.presence(stream, partition, external_id, payload).await
    }

    fn normalise(&self, stream: &str, partition: &str, payload: Box<RawValue>) -> Result<Vec<Record>, DeadLetter> {
        stored::normalise_stored(stream, partition, self.settings.details, payload)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { windows: true, census: true, rate_limit_headers: true }
    }

    async fn pull_items(&self, items: &[ItemRef]) -> Result<Vec<PulledItem>, ConnectorError> {
        Lists { client: &self.client, settings: &self.settings }.items(items).await
    }

    async fn pull_detail(&self, request: &DetailRequest) -> Result<Detail, ConnectorError> {
        details::pull_detail(&self.client, &self.settings, request).await
    }
}

fn no_stream(message: String) -> ConnectorError {
    ConnectorError::Configuration { field: "stream".into(), message }
}
