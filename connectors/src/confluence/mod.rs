//! The Confluence Cloud connector (REST v2; v1 for groups, the own account and search, which v2 does not have).
//!
//! One pull, through the files: `lists` and `documents` build the URL of the cursor's position, `client` fetches the page, `normalise`
//! reads its rows (`wire` knows their JSON, `text` makes text of page bodies), `cursor` decides where to go on. Items queued by list
//! rows go through `details`. v1's content resources are never used: they refuse OAuth tokens.

mod census;
mod check;
mod client;
mod cql;
mod cursor;
mod details;
mod documents;
mod lists;
mod normalise;
mod presence;
mod rows;
mod stored;
mod streams;
mod text;
mod wire;

use std::fmt;

use async_trait::async_trait;
use chrono_tz::Tz;
use ovia_domain::{ConfluenceSettings, DeadLetter, DetailRequest, Record, Source, StreamSpec};
use serde_json::value::RawValue;
use tokio::sync::OnceCell;

use crate::contract::{
    Capabilities, CensusPage, CensusRequest, CheckReport, Connector, ConnectorConfig, ConnectorError, Detail, Page, Presence, PullRequest,
};
use client::ConfluenceClient;
use documents::Content;
use lists::{Lists, SITE, SPACE};
use streams::{GROUP_MEMBERS, GROUPS, SPACES, USER_DETAILS};

/// A Confluence connection, ready to pull.
pub struct Confluence {
    client: ConfluenceClient,
    settings: ConfluenceSettings,
    config: ConnectorConfig,
    zone: OnceCell<Option<Tz>>,
}

impl fmt::Debug for Confluence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Confluence").field("client", &self.client).field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Confluence {
    /// Parses the settings and sets the client up. Sends nothing.
    pub fn open(config: ConnectorConfig) -> Result<Self, ConnectorError> {
        let settings = ConfluenceSettings::parse(&config.settings)
            .map_err(|error| ConnectorError::Configuration { field: format!("settings.{}", error.field), message: error.to_string() })?;
        let client = ConfluenceClient::new(&config, settings.max_in_flight)?;
        Ok(Self { client, settings, config, zone: OnceCell::new() })
    }

    /// Partitions of the spaces that settings name.
    fn named_spaces(&self) -> Vec<String> {
        self.settings.space_keys.iter().map(|key| format!("{SPACE}{key}")).collect()
    }

    fn lists(&self) -> Lists<'_> {
        Lists { client: &self.client, settings: &self.settings, zone: &self.zone }
    }
}

#[async_trait]
impl Connector for Confluence {
    fn source(&self) -> Source {
        Source::Confluence
    }

    fn streams(&self) -> Vec<StreamSpec> {
        streams::streams(self.settings.body)
    }

    fn scopes(&self) -> Vec<String> {
        std::iter::once(SITE.to_owned()).chain(self.named_spaces()).collect()
    }

    fn scopes_of(&self, stream: &str) -> Vec<String> {
        let named = self.named_spaces();
        if stream == SPACES && !named.is_empty() { named } else { vec![SITE.to_owned()] }
    }

    fn max_in_flight(&self) -> usize {
        self.settings.max_in_flight as usize
    }

    async fn check(&self) -> Result<CheckReport, ConnectorError> {
        check::check(&self.lists(), &self.config).await
    }

    async fn pull(&self, request: PullRequest<'_>) -> Result<Page, ConnectorError> {
        let (stream, partition) = (request.stream, request.partition);
        if request.window.is_some() {
            return Err(no_stream(format!("`{stream}` cannot be pulled by time")));
        }
        let lists = self.lists();
        match (stream, Content::of_stream(stream)) {
            (GROUPS | GROUP_MEMBERS, _) => lists.offset_list(stream, partition, request.cursor).await,
            (SPACES, _) => lists.spaces(partition, request.cursor).await,
            (_, Some(content)) => lists.content(content, partition, request.cursor).await,
            _ => Err(no_stream(format!("there is no stream `{stream}` with a partition `{partition}`"))),
        }
    }

    async fn census(&self, request: CensusRequest<'_>) -> Result<CensusPage, ConnectorError> {
        self.lists().census(&request).await
    }

    async fn presence(
        &self,
        stream: &str,
        partition: &str,
        external_id: &str,
        payload: Option<&RawValue>,
    ) -> Result<Presence, ConnectorError> {
        self.lists().presence(stream, partition, external_id, payload).await
    }

    fn normalise(&self, stream: &str, partition: &str, payload: Box<RawValue>) -> Result<Vec<Record>, DeadLetter> {
        let site = self.client.site();
        stored::normalise_stored(self.lists().context(site.as_deref()), stream, partition, payload)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { windows: false, census: true, rate_limit_headers: true }
    }

    async fn pull_detail(&self, request: &DetailRequest) -> Result<Detail, ConnectorError> {
        self.lists().detail(request).await
    }

    fn detail_batch(&self, stream: &str) -> usize {
        if stream == USER_DETAILS { details::USERS_AT_ONCE } else { 1 }
    }

    async fn pull_details(&self, requests: &[DetailRequest]) -> Result<Vec<Detail>, ConnectorError> {
        if requests.iter().all(|request| request.stream == USER_DETAILS) {
            return self.lists().users(requests).await;
        }
        let mut details = Vec::with_capacity(requests.len());
        for request in requests {
            details.push(self.pull_detail(request).await?);
        }
        Ok(details)
    }
}

fn no_stream(message: String) -> ConnectorError {
    ConnectorError::Configuration { field: "stream".into(), message }
}
