//! Jira's REST API over the shared HTTP client: URLs, offset pages, token pages, and which refusals mean "not offered here".

use ovia_domain::BaseUrl;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use crate::atlassian::{client, ensure_logged_in};
use crate::http::{Answer, HttpClient, HttpError, RequestCount, request_text, request_text_of};
use crate::lenient::or_default;
use crate::{ConnectorConfig, ConnectorError};

/// A connection's client, rooted at the base URL: a site, or `…/ex/jira/{cloudId}`.
#[derive(Debug)]
pub struct JiraClient {
    http: HttpClient,
    base: BaseUrl,
}

/// One page of a list with offsets.
#[derive(Debug)]
pub struct Listing {
    pub rows: Vec<Box<RawValue>>,
    /// Said to be the last; `None` where nothing is said.
    pub last: Option<bool>,
    pub total: Option<i64>,
}

/// `{"values": […], "startAt": …, "total": …, "isLast": …}`; worklogs have their own name for the rows.
#[derive(Deserialize)]
struct PageBean {
    #[serde(alias = "worklogs")]
    values: Vec<Box<RawValue>>,
    #[serde(default, rename = "startAt")]
    start_at: Option<i64>,
    #[serde(default)]
    total: Option<i64>,
    #[serde(default, rename = "isLast")]
    is_last: Option<bool>,
}

/// One page of `search/jql`.
#[derive(Debug, Deserialize)]
pub struct SearchPage {
    pub issues: Vec<Box<RawValue>>,
    #[serde(default, rename = "nextPageToken")]
    pub token: Option<String>,
    #[serde(default, rename = "isLast")]
    pub is_last: Option<bool>,
}

/// `issue/bulkfetch`.
#[derive(Debug, Deserialize)]
pub struct BulkIssues {
    #[serde(default, deserialize_with = "or_default")]
    pub issues: Vec<Value>,
}

impl JiraClient {
    pub fn new(config: &ConnectorConfig, max_in_flight: u32) -> Result<Self, ConnectorError> {
        let (http, base) = client(config, max_in_flight, "/rest/api/3")?;
        Ok(Self { http, base })
    }

    /// `{base}/{segments}?{query}`, encoded here.
    pub fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.join("rest");
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(segments);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// `/rest/api/3/…`.
    pub fn api(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        self.url(&[&["api", "3"], segments].concat(), query)
    }

    /// `/rest/agile/1.0/…`.
    pub fn agile(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        self.url(&[&["agile", "1.0"], segments].concat(), query)
    }

    pub async fn get<T: DeserializeOwned>(&self, url: &Url, requests: &RequestCount) -> Result<Answer<T>, HttpError> {
        let answer = self.http.get::<T>(url, requests).await.map_err(scope_refusal)?;
        ensure_logged_in(&answer.headers, || request_text(url))?;
        Ok(answer)
    }

    /// A question as JSON.
    pub async fn ask<T: DeserializeOwned>(&self, url: &Url, body: &Value, requests: &RequestCount) -> Result<Answer<T>, HttpError> {
        let answer = self.http.ask::<T>(url, body, requests).await.map_err(scope_refusal)?;
        ensure_logged_in(&answer.headers, || request_text_of("POST", url))?;
        Ok(answer)
    }

    /// A page of a plain array, which says nothing about more.
    pub async fn array(&self, url: &Url, requests: &RequestCount) -> Result<Listing, HttpError> {
        let answer = self.get::<Vec<Box<RawValue>>>(url, requests).await?;
        Ok(Listing { rows: answer.body, last: None, total: None })
    }

    /// A page with `isLast` or `total`. How full it is says nothing: the server may allow fewer rows than were asked for.
    pub async fn page(&self, url: &Url, requests: &RequestCount) -> Result<Listing, HttpError> {
        let answer = self.get::<PageBean>(url, requests).await?;
        let PageBean { values, start_at, total, is_last } = answer.body;
        let counted = start_at.zip(total).map(|(start, total)| start + values.len() as i64 >= total);
        Ok(Listing { last: is_last.or(counted), rows: values, total })
    }

    /// One object as a list of one.
    pub async fn one(&self, url: &Url, requests: &RequestCount) -> Result<Listing, HttpError> {
        let answer = self.get::<Box<RawValue>>(url, requests).await?;
        Ok(Listing { rows: vec![answer.body], last: Some(true), total: Some(1) })
    }
}

/// Whether a refusal means that this is not offered to this account or on this plan, and the words for it. Only the API itself can say
/// so: a proxy's page must not make data look absent.
pub fn not_offered(error: &HttpError, title: &str) -> Option<String> {
    match error {
        HttpError::Status { status: 403, message, from_api: true, .. } if !error.is_scope() => {
            Some(format!("{title}: not offered to this account (403: {message})"))
        }
        HttpError::Status { status: 404, from_api: true, message, .. } => Some(format!("{title}: not available here (404: {message})")),
        _ => None,
    }
}

/// Atlassian's gateway says with a 401 that a scope is missing for this one address: the token is good, and other lists can be read.
fn scope_refusal(mut refused: HttpError) -> HttpError {
    let is_scope = refused.is_scope();
    if let (HttpError::Status { status, .. }, true) = (&mut refused, is_scope) {
        *status = 403;
    }
    refused
}
