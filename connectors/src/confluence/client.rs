//! Confluence's two APIs over the shared HTTP client: URLs, links to next pages, and which refusals mean "not offered here".
//!
//! Of a next link only the cursor is used: v1 and v2 disagree on what it is relative to, and credentials go to the configured host alone.

use chrono::{DateTime, Utc};
use ovia_domain::BaseUrl;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use url::{Url, form_urlencoded};

use super::wire::Envelope;
use crate::atlassian::{self, ensure_logged_in};
use crate::http::{Answer, HttpClient, HttpError, RequestCount, link_next, request_text, request_text_of, server_time};
use crate::{ConnectorConfig, ConnectorError};

/// What users paste as an address, beyond the site's own.
const PATHS: [&str; 3] = ["/wiki/api/v2", "/wiki/rest/api", "/wiki"];

/// How a list goes on after a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    End,
    /// The cursor of the next link.
    Cursor(String),
    /// A next link without a cursor: v1 lists by `start`.
    Unnamed,
}

/// One page of a list.
#[derive(Debug)]
pub struct Listing {
    pub rows: Vec<Box<RawValue>>,
    pub next: Next,
    /// The page size the server says it used.
    pub limit: Option<u64>,
    pub total: Option<i64>,
    /// The site's own address, as `https://acme.atlassian.net/wiki`.
    pub site: Option<String>,
}

/// A connection's client, rooted at `{base URL}/wiki`.
#[derive(Debug)]
pub struct ConfluenceClient {
    http: HttpClient,
    base: BaseUrl,
}

impl ConfluenceClient {
    pub fn new(config: &ConnectorConfig, max_in_flight: u32) -> Result<Self, ConnectorError> {
        let suffix = PATHS.into_iter().find(|path| config.base_url.as_str().ends_with(path)).unwrap_or_default();
        let (http, base) = atlassian::client(config, max_in_flight, suffix)?;
        Ok(Self { http, base })
    }

    /// `{base}/wiki/api/v2/{segments}?{query}`; segments and values are encoded here.
    pub fn v2(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        self.url("wiki/api/v2", segments, query)
    }

    /// `{base}/wiki/rest/api/{segments}?{query}`: groups, the own account and search, which v2 does not have.
    pub fn v1(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        self.url("wiki/rest/api", segments, query)
    }

    fn url(&self, root: &str, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.join(root);
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(segments);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// The site's address as far as the base URL tells: API gateways are no site.
    pub fn site(&self) -> Option<String> {
        let base = self.base.as_str();
        (!base.contains("/ex/confluence/")).then(|| format!("{base}/wiki"))
    }

    /// One object, verbatim, and the source's clock.
    pub async fn object(&self, url: &Url, requests: &RequestCount) -> Result<(Box<RawValue>, Option<DateTime<Utc>>), HttpError> {
        let answer = self.get::<Box<RawValue>>(url, requests).await?;
        let time = server_time(&answer.headers);
        Ok((answer.body, time))
    }

    /// One page of a list, its rows verbatim.
    pub async fn list(&self, url: &Url, requests: &RequestCount) -> Result<Listing, HttpError> {
        let answer = self.get::<Envelope>(url, requests).await?;
        Ok(listing(answer.body, &answer.headers))
    }

    /// A question that stands in a body, answered by a list.
    pub async fn ask(&self, url: &Url, question: &Value, requests: &RequestCount) -> Result<Listing, HttpError> {
        let answer = self.http.ask::<Envelope>(url, question, requests).await?;
        ensure_logged_in(&answer.headers, || request_text_of("POST", url))?;
        Ok(listing(answer.body, &answer.headers))
    }

    /// One answer, parsed; unknown fields are ignored.
    pub async fn get<T: DeserializeOwned>(&self, url: &Url, requests: &RequestCount) -> Result<Answer<T>, HttpError> {
        let answer = self.http.get::<T>(url, requests).await?;
        ensure_logged_in(&answer.headers, || request_text(url))?;
        Ok(answer)
    }
}

fn listing(envelope: Envelope, headers: &HeaderMap) -> Listing {
    Listing {
        next: next(envelope.links.next.as_deref(), headers),
        rows: envelope.results,
        limit: envelope.limit,
        total: envelope.total,
        site: envelope.links.base,
    }
}

fn next(link: Option<&str>, headers: &HeaderMap) -> Next {
    let query = link.map(|link| link.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default());
    let Some(query) = query.or_else(|| link_next(headers)) else { return Next::End };
    let cursor = form_urlencoded::parse(query.as_bytes()).find(|(name, value)| name == "cursor" && !value.is_empty());
    cursor.map_or(Next::Unnamed, |(_, cursor)| Next::Cursor(cursor.into_owned()))
}

/// Whether a refusal means that this is not offered to the token, and the words for it. It counts only if the API itself said it: a
/// firewall's page must not make data look absent.
pub fn not_offered(error: &HttpError, title: &str) -> Option<String> {
    match error {
        HttpError::Status { status: 403, message, from_api: true, .. } => {
            Some(format!("{title}: not offered to this token here (403: {message})"))
        }
        HttpError::Status { status: 404, from_api: true, .. } => Some(format!("{title}: not available here (404)")),
        _ => None,
    }
}

/// The error for something that settings or earlier rows name: a 404 says which.
pub fn named(error: HttpError, what: impl Into<String>) -> ConnectorError {
    match error {
        HttpError::Status { status: 404, request, .. } => ConnectorError::NotFound { request, what: what.into() },
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn of(link: &str) -> Next {
        next(Some(link), &HeaderMap::new())
    }

    #[test]
    fn only_the_cursor_of_a_next_link_is_used() {
        let cursor = Next::Cursor("eyJpZCI6MX0=".into());
        for link in [
            "/wiki/api/v2/spaces/1/pages?limit=2&cursor=eyJpZCI6MX0%3D",
            "https://elsewhere.example/wiki/api/v2/spaces/1/pages?cursor=eyJpZCI6MX0%3D",
            "/rest/api/search?next=true&cursor=eyJpZCI6MX0=&limit=2&start=2&cql=type%3Dpage",
        ] {
            assert_eq!(of(link), cursor, "{link}");
        }
        assert_eq!(of("/rest/api/group?start=200&limit=200"), Next::Unnamed);
        assert_eq!(next(None, &HeaderMap::new()), Next::End);
        let header: HeaderMap = [(
            reqwest::header::LINK,
            "</wiki/api/v2/pages?cursor=abc>; rel=\"next\", <https://a.example/wiki>; rel=\"base\"".parse().unwrap(),
        )]
        .into_iter()
        .collect();
        assert_eq!(next(None, &header), Next::Cursor("abc".into()));
    }
}
