//! The Jira Cloud connector (REST v3, and the agile API for boards and sprints).
//!
//! One pull, through the files: `lists` and `search` make the request of the cursor's position, `client` sends it, `normalise` reads the
//! rows (`wire` knows their JSON), and for issues `walk` decides where to go on. Items queued by issues go through `details`.

mod census;
mod check;
mod client;
mod cursor;
mod details;
mod items;
mod lists;
mod normalise;
mod presence;
mod search;
mod streams;
mod walk;
mod wire;

use async_trait::async_trait;
use ovia_domain::{DeadLetter, DetailRequest, ItemRef, JiraSettings, Record, Source, StreamSpec};
use serde_json::value::RawValue;
use tokio::sync::OnceCell;

use crate::Credentials;
use crate::atlassian::expiry_warning;
use crate::contract::{
    Capabilities, CensusPage, CensusRequest, CheckReport, Connector, ConnectorConfig, ConnectorError, Detail, Page, Presence, PullRequest,
    PulledItem,
};
use crate::http::RequestCount;
use client::JiraClient;
use details::{CHANGELOG_BATCH, Details};
use lists::Lists;
use normalise::{Context, RowError, custom_field, dead_letter, normalise_rows, row_of};
use streams::{CHANGELOGS, PROJECT, SITE, is_per_project};

/// A Jira connection, ready to pull.
#[derive(Debug)]
pub struct Jira {
    client: JiraClient,
    settings: JiraSettings,
    credentials: Credentials,
    /// Ids of the custom fields that issues are asked for; fetched when first needed.
    custom: OnceCell<Vec<String>>,
}

impl Jira {
    /// Parses the settings and sets the client up. Sends nothing.
    pub fn open(config: ConnectorConfig) -> Result<Self, ConnectorError> {
        let settings = JiraSettings::parse(&config.settings)
            .map_err(|error| ConnectorError::Configuration { field: format!("settings.{}", error.field), message: error.to_string() })?;
        let client = JiraClient::new(&config, settings.max_in_flight)?;
        Ok(Self { client, settings, credentials: config.credentials, custom: OnceCell::new() })
    }

    fn lists(&self) -> Lists<'_> {
        Lists { client: &self.client, settings: &self.settings, custom: &self.custom }
    }

    fn details(&self) -> Details<'_> {
        Details { client: &self.client, settings: &self.settings }
    }
}

impl Lists<'_> {
    /// Ids of the custom fields to ask for, from the site's list of fields.
    async fn custom_fields(&self, requests: &RequestCount) -> Result<Vec<String>, ConnectorError> {
        let listing = self.client.array(&self.client.api(&["field"], &[]), requests).await?;
        Ok(listing.rows.iter().filter_map(|row| custom_field(row.get())).collect())
    }
}

#[async_trait]
impl Connector for Jira {
    fn source(&self) -> Source {
        Source::Jira
    }

    fn streams(&self) -> Vec<StreamSpec> {
        streams::streams(self.settings.details)
    }

    fn scopes(&self) -> Vec<String> {
        let projects = self.settings.project_keys.iter().map(|key| format!("{PROJECT}{key}"));
        std::iter::once(SITE.to_owned()).chain(projects).collect()
    }

    fn scopes_of(&self, stream: &str) -> Vec<String> {
        self.scopes().into_iter().filter(|scope| (scope != SITE) == is_per_project(stream)).collect()
    }

    fn max_in_flight(&self) -> usize {
        self.settings.max_in_flight as usize
    }

    async fn check(&self) -> Result<CheckReport, ConnectorError> {
        check::check(&self.client, &self.settings, |headers| expiry_warning(&self.credentials, headers)).await
    }

    async fn pull(&self, request: PullRequest<'_>) -> Result<Page, ConnectorError> {
        self.lists().pull(request.stream, request.partition, request.cursor, request.window).await
    }

    async fn census(&self, request: CensusRequest<'_>) -> Result<CensusPage, ConnectorError> {
        self.lists().census(&request).await
    }

    async fn presence(
        &self,
        stream: &str,
        partition: &str,
        external_id: &str,
        _payload: Option<&RawValue>,
    ) -> Result<Presence, ConnectorError> {
        self.lists().presence(stream, partition, external_id).await
    }

    fn normalise(&self, stream: &str, partition: &str, payload: Box<RawValue>) -> Result<Vec<Record>, DeadLetter> {
        if !streams::streams(true).iter().any(|spec| spec.name == stream) {
            return Err(dead_letter(payload.get(), &RowError::NoStream(stream.to_owned())));
        }
        let rows = normalise_rows(vec![payload], &Context { partition, settings: &self.settings }, row_of(stream));
        rows.dead_letters.into_iter().next().map_or(Ok(rows.records), Err)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { windows: true, census: true, rate_limit_headers: true }
    }

    async fn pull_items(&self, items: &[ItemRef]) -> Result<Vec<PulledItem>, ConnectorError> {
        self.lists().items(items).await
    }

    async fn pull_detail(&self, request: &DetailRequest) -> Result<Detail, ConnectorError> {
        let mut details = self.details().pull(std::slice::from_ref(request)).await?;
        Ok(details.pop().unwrap_or_default())
    }

    fn detail_batch(&self, stream: &str) -> usize {
        if stream == CHANGELOGS { CHANGELOG_BATCH } else { 1 }
    }

    async fn pull_details(&self, requests: &[DetailRequest]) -> Result<Vec<Detail>, ConnectorError> {
        self.details().pull(requests).await
    }
}
