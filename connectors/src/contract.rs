//! What the engine sees of a source.
//!
//! A connector is stateless between calls: a page is asked for with the cursor that the previous page returned, and the engine
//! commits that cursor together with the page's rows. So a pull can be repeated, resumed elsewhere, or abandoned at any point.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ovia_domain::{BaseUrl, DeadLetter, DetailRequest, ErrorCode, ItemRef, Record, Source, StreamSpec, TimeWindow, WholeList};
use serde_json::{Value, value::RawValue};

use crate::confluence::Confluence;
use crate::credentials::Credentials;
use crate::gitlab::Gitlab;
use crate::http::TOO_LONG;
use crate::jira::Jira;

/// Everything needed to talk to a source. Made inside an activity, never stored or serialised.
pub struct ConnectorConfig {
    pub source: Source,
    pub base_url: BaseUrl,
    pub credentials: Credentials,
    /// `settings`, as stored.
    pub settings: Value,
    /// Whether the host may resolve to a private or loopback address.
    pub allow_private_addresses: bool,
    pub retry: RetryLimits,
    /// Asked before every request, told after every answer.
    pub budget: Arc<dyn Budget>,
}

/// What may be sent to a source, and when: one per credential and host, shared by all workers.
#[async_trait]
pub trait Budget: Send + Sync {
    /// Whether a request to `endpoint` may be sent now. `endpoint` names a group of requests with a limit of its own (as `notes`),
    /// or is `""`. An error is the time before which nothing may be sent.
    async fn admit(&self, endpoint: &str) -> Result<(), DateTime<Utc>>;

    /// What an answer said about the limit.
    async fn observe(&self, endpoint: &str, observed: &RateObservation);
}

/// What an answer's headers say about the source's limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RateObservation {
    /// Nothing may be sent before: `Retry-After`, or a reset with nothing remaining.
    pub not_before: Option<DateTime<Utc>>,
    /// Requests a window allows.
    pub limit: Option<i64>,
    /// Requests left in this window.
    pub remaining: Option<i64>,
    /// When the window ends.
    pub reset_at: Option<DateTime<Utc>>,
    /// Only this endpoint is meant (a burst limit), not the whole source (a quota).
    pub endpoint_only: bool,
}

/// A budget without limits: tests and measurements.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unlimited;

#[async_trait]
impl Budget for Unlimited {
    async fn admit(&self, _: &str) -> Result<(), DateTime<Utc>> {
        Ok(())
    }

    async fn observe(&self, _: &str, _: &RateObservation) {}
}

/// How long a client retries by itself before it hands the failure to the engine.
#[derive(Clone, Copy, Debug)]
pub struct RetryLimits {
    /// Tries of one request, the first included.
    pub attempts: usize,
    pub min_delay: Duration,
    pub max_delay: Duration,
    /// A `Retry-After` up to this long is slept through; a longer one becomes `ConnectorError::RateLimited`.
    pub max_inline_wait: Duration,
    /// Of one request, from connect to the last byte.
    pub request_timeout: Duration,
}

impl Default for RetryLimits {
    fn default() -> Self {
        Self {
            attempts: 5,
            min_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(5),
            max_inline_wait: Duration::from_secs(2),
            request_timeout: Duration::from_secs(60),
        }
    }
}

/// One page to pull.
#[derive(Clone, Debug)]
pub struct PullRequest<'a> {
    pub stream: &'a str,
    /// A scope for streams partitioned by configuration, else the external id of the parent record.
    pub partition: &'a str,
    /// What the last committed page returned; `None` at the very first.
    pub cursor: Option<&'a Value>,
    /// Only rows updated in this window, for streams that are `windowed`. A walk over a window has cursors of its own, which start
    /// with `None`.
    pub window: Option<TimeWindow>,
}

/// One page of ids.
#[derive(Clone, Debug)]
pub struct CensusRequest<'a> {
    pub stream: &'a str,
    pub partition: &'a str,
    /// What the last page returned; `None` at the first.
    pub cursor: Option<&'a Value>,
}

/// Ids the source has, as `Record::external_id` has them.
#[derive(Debug, Default)]
pub struct CensusPage {
    pub external_ids: Vec<String>,
    pub cursor: Value,
    /// Every id of the partition was enumerated, with this page.
    pub done: bool,
    pub requests: i64,
    /// The list cannot be read by this token now: nothing can be concluded from what is missing.
    pub not_available: Option<String>,
}

/// Whether the source still has an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Present,
    Deleted,
    /// It may be there, but not for this token.
    NotVisible,
}

/// What a source can do beyond pulling; for people and the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Capabilities {
    /// Pulls by time, for backfills.
    pub windows: bool,
    /// Enumerates ids, to find deletions.
    pub census: bool,
    /// Announces its limits in headers.
    pub rate_limit_headers: bool,
}

/// One page of a list stream.
#[derive(Debug, Default)]
pub struct Page {
    pub records: Vec<Record>,
    pub dead_letters: Vec<DeadLetter>,
    /// To be committed with the rows and passed to the next pull, whether in this walk (`done` false) or in the next sync's.
    pub cursor: Value,
    /// The walk over this partition is complete; the next pull with `cursor` starts the next, incremental walk.
    pub done: bool,
    /// Everything in this partition updated before this has been seen; for people and the API, the cursor is what counts.
    pub watermark: Option<DateTime<Utc>>,
    /// Rows the whole walk is expected to bring, where the source says so.
    pub total_hint: Option<i64>,
    /// HTTP requests sent, retries included.
    pub requests: i64,
    /// The source does not offer this here (403/404 on a plan without the feature): no rows, not a failure.
    pub not_available: Option<String>,
    /// What of the list this token does not see; the rest was read.
    pub note: Option<String>,
}

/// What reading one item alone brought: its row, as the list would show it.
#[derive(Debug, Default)]
pub struct PulledItem {
    /// The partition whose list shows the item now: it may have moved.
    pub partition: String,
    pub records: Vec<Record>,
    pub dead_letters: Vec<DeadLetter>,
    pub requests: i64,
    /// The source does not show it. Whether it was deleted is not said.
    pub gone: Option<String>,
}

/// What one detail request brought.
#[derive(Debug, Default)]
pub struct Detail {
    pub records: Vec<Record>,
    pub dead_letters: Vec<DeadLetter>,
    pub requests: i64,
    /// The source no longer has the item, or does not offer this detail.
    pub not_available: Option<String>,
    /// What of the item was read whole: rows of it that are not named are gone.
    pub whole_list: Option<WholeList>,
}

/// What `check` found.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct CheckReport {
    /// Who the credentials belong to, as `@jdoe`.
    pub account: String,
    /// The source's version, where it says so.
    pub version: Option<String>,
    /// Things that will not work, each a sentence: a project that does not exist, a token about to expire.
    pub warnings: Vec<String>,
}

/// A source.
#[async_trait]
pub trait Connector: Send + Sync {
    fn source(&self) -> Source;

    /// The streams to sync with these settings, in dependency order.
    fn streams(&self) -> Vec<StreamSpec>;

    /// Partitions of streams that are `Partitioning::Configured`.
    fn scopes(&self) -> Vec<String>;

    /// The partitions of one such stream: not every stream has a part in every scope.
    fn scopes_of(&self, _stream: &str) -> Vec<String> {
        self.scopes()
    }

    /// Requests that may be in flight at once.
    fn max_in_flight(&self) -> usize;

    /// Whether address, credentials and settings work.
    async fn check(&self) -> Result<CheckReport, ConnectorError>;

    /// One page of a list stream.
    async fn pull(&self, request: PullRequest<'_>) -> Result<Page, ConnectorError>;

    /// One page of the ids of a stream that is `census`.
    async fn census(&self, request: CensusRequest<'_>) -> Result<CensusPage, ConnectorError>;

    /// Looks for one item that a census missed. `payload` is what is stored of it: some items are addressed by more than their external
    /// id (a merge request by its number within the project).
    async fn presence(
        &self,
        stream: &str,
        partition: &str,
        external_id: &str,
        payload: Option<&RawValue>,
    ) -> Result<Presence, ConnectorError>;

    /// Reads a stored payload again, without the network: what `pull` or `pull_detail` would make of it now. `partition` is, of a list
    /// stream, the partition the row came from; of a detail stream, the item's `DetailRequest::external_id` or, where that was not kept,
    /// the `external_id` the payload is stored under: some payloads do not say what they belong to.
    fn normalise(&self, stream: &str, partition: &str, payload: Box<RawValue>) -> Result<Vec<Record>, DeadLetter>;

    fn capabilities(&self) -> Capabilities;

    /// Reads some items (up to a hundred) of one list stream alone, by name, and answers them in their order. An error is about all of
    /// them. Rows are what the stream's list would show, so that the next walk finds nothing changed.
    async fn pull_items(&self, items: &[ItemRef]) -> Result<Vec<PulledItem>, ConnectorError> {
        let stream = items.first().map(|item| item.stream.as_str()).unwrap_or_default();
        let message = format!("items of `{stream}` cannot be read alone");
        Err(ConnectorError::Configuration { field: "stream".into(), message })
    }

    /// One queued item of a detail stream.
    async fn pull_detail(&self, request: &DetailRequest) -> Result<Detail, ConnectorError>;

    /// Queued items of this detail stream that one call of `pull_details` may take.
    fn detail_batch(&self, _stream: &str) -> usize {
        1
    }

    /// Queued items of one detail stream, at most `detail_batch` of them, answered in their order. An error is about all of them.
    async fn pull_details(&self, requests: &[DetailRequest]) -> Result<Vec<Detail>, ConnectorError> {
        let mut details = Vec::with_capacity(requests.len());
        for request in requests {
            details.push(self.pull_detail(request).await?);
        }
        Ok(details)
    }
}

/// Opens the connector for `config.source`.
pub fn connector_open(config: ConnectorConfig) -> Result<Box<dyn Connector>, ConnectorError> {
    match config.source {
        Source::Gitlab => Ok(Box::new(Gitlab::open(config)?)),
        Source::Confluence => Ok(Box::new(Confluence::open(config)?)),
        Source::Jira => Ok(Box::new(Jira::open(config)?)),
    }
}

/// Why a pull brought nothing. `request` is `GET https://host/path?query` without credentials.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectorError {
    /// Not before `until`; nothing else of this connection should be sent before it either.
    #[error("the source asked to wait until {until}")]
    RateLimited { until: DateTime<Utc>, request: String },
    /// 401: the token is wrong, revoked or expired. Nothing can be read with it.
    #[error("the source refused the credentials (401 on {request})")]
    Unauthenticated { request: String },
    /// 403 where the token is good but may not do this; also Jira's 401 for a missing scope.
    #[error("the credentials may not do this (403 on {request}): {message}")]
    Forbidden { request: String, message: String },
    /// 404 on something that settings name.
    #[error("{what} does not exist or the token cannot see it (404 on {request})")]
    NotFound { request: String, what: String },
    /// Any other 4xx: retrying will not help.
    #[error("the source refused the request ({status} on {request}): {message}")]
    Refused { status: u16, request: String, message: String },
    /// Transport errors, 408/425/5xx, truncated or non-JSON answers, after the client's own retries. Worth trying later.
    #[error("no usable answer from the source ({request}): {message}")]
    Unreachable { request: String, message: String },
    /// Settings or base URL that cannot work.
    #[error("{message}")]
    Configuration { field: String, message: String },
}

impl ConnectorError {
    /// Whether the same pull may work later without anyone changing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unreachable { .. })
    }

    pub fn code(&self) -> ErrorCode {
        match self {
            Self::RateLimited { .. } => ErrorCode::RateLimited,
            Self::Unauthenticated { .. } => ErrorCode::Unauthenticated,
            Self::Forbidden { .. } => ErrorCode::Forbidden,
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::Refused { .. } | Self::Configuration { .. } => ErrorCode::ValidationError,
            Self::Unreachable { .. } => ErrorCode::UpstreamUnreachable,
        }
    }

    /// What happened without where: the same for all items it happened to, so that they can be told apart from others.
    pub fn reason(&self) -> String {
        match self {
            Self::Unauthenticated { .. } => "the source refused the credentials (401)".into(),
            Self::Forbidden { message, .. } => format!("the credentials may not do this (403): {message}"),
            Self::NotFound { .. } => "it does not exist or the token cannot see it (404)".into(),
            Self::Refused { status, message, .. } => format!("the source refused the request ({status}): {message}"),
            Self::Unreachable { message, .. } => format!("no usable answer from the source: {message}"),
            Self::RateLimited { .. } | Self::Configuration { .. } => self.to_string(),
        }
    }

    /// What a person should do next.
    pub fn hint(&self, source: Source) -> &'static str {
        match (self, source) {
            (Self::RateLimited { .. }, _) => "Nothing to do: the run goes on by itself.",
            (Self::Unauthenticated { .. }, Source::Gitlab) => {
                "Reconnect: create a new token with scope read_api and set it with PATCH /connections/{id}."
            }
            (Self::Unauthenticated { .. }, Source::Jira | Source::Confluence) => {
                "Reconnect: create a new API token and set it, with its account's email, with PATCH /connections/{id}. Tokens end after a year \
                 at most; one with scopes needs the base URL https://api.atlassian.com/ex/{product}/{cloudId}."
            }
            (Self::Forbidden { .. }, Source::Gitlab) => {
                "Give the token's account access (Reporter or more) and the scope read_api, then retry the run."
            }
            (Self::Forbidden { .. }, Source::Jira) => {
                "Give the account Browse projects, and Browse users and groups; a token with scopes needs read:jira-work read:jira-user, and \
                 read:board-scope:jira-software read:sprint:jira-software for boards and sprints. Then retry the run."
            }
            (Self::Forbidden { .. }, Source::Confluence) => {
                "Let the account view the spaces, and browse users and groups; a token with scopes needs to read spaces, pages, comments and \
                 users. Then retry the run."
            }
            (Self::NotFound { .. }, Source::Gitlab) => {
                "Check the spelling in the connection's settings and that the token's account is a member."
            }
            (Self::NotFound { .. }, Source::Jira | Source::Confluence) => {
                "Check the keys in the connection's settings and that the account may see them."
            }
            (Self::Refused { .. }, _) => {
                "This looks like a request the server does not understand; check that the base URL is the source's and its version."
            }
            (Self::Unreachable { message, .. }, _) if message == TOO_LONG => {
                "Retry the run with smaller pages (`page_size`, `ovia runs retry RUN --page-size 20`); it goes on where it stopped."
            }
            (Self::Unreachable { .. }, _) => {
                "Check that the base URL answers from this machine; then retry the run, which goes on where it stopped."
            }
            (Self::Configuration { .. }, _) => "Change the connection's settings with PATCH /connections/{id}.",
        }
    }

    /// The failing request, without credentials.
    pub fn request(&self) -> Option<&str> {
        match self {
            Self::RateLimited { request, .. }
            | Self::Unauthenticated { request }
            | Self::Forbidden { request, .. }
            | Self::NotFound { request, .. }
            | Self::Refused { request, .. }
            | Self::Unreachable { request, .. } => Some(request),
            Self::Configuration { .. } => None,
        }
    }
}
