//! GitLab's API over the shared HTTP client: URLs, paging headers, and which refusals mean "not offered here".

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use ovia_domain::BaseUrl;
use ovia_domain::settings::GitlabAuth;
use reqwest::header::{HeaderMap, LINK};
use serde_json::value::RawValue;
use url::Url;

use super::cursor::Position;
use super::walk::whole_second_after;
use crate::http::{Authorization, HttpClient, HttpError, RequestCount, link_next, server_time};
use crate::{ConnectorConfig, ConnectorError};

/// How a walk goes on after a page, as far as the headers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The headers say that this was the last page.
    End,
    /// `x-next-page`.
    Page(u32),
    /// Only a `Link` with `rel="next"`: its query.
    Query(String),
    /// No paging headers at all: there may be more until a page is empty.
    Unsaid,
}

/// One page of a list.
#[derive(Debug)]
pub struct Listing {
    pub rows: Vec<Box<RawValue>>,
    pub next: Next,
    /// `x-total`; GitLab leaves it out above 10,000 rows.
    pub total: Option<i64>,
    /// `x-per-page`: the page size asked for, or the server's maximum.
    pub per_page: Option<u32>,
    /// The source's clock.
    pub server_time: Option<DateTime<Utc>>,
}

/// A connection's client, rooted at `{base URL}/api/v4`.
#[derive(Debug)]
pub struct GitlabClient {
    http: HttpClient,
    base: BaseUrl,
}

impl GitlabClient {
    pub fn new(config: &ConnectorConfig, auth: GitlabAuth, max_in_flight: usize) -> Result<Self, ConnectorError> {
        // Parsed again: the connection may have been stored while private addresses were allowed.
        let text = config.base_url.as_str();
        let text = text.strip_suffix("/api/v4").unwrap_or(text);
        let base = BaseUrl::parse(text, config.allow_private_addresses)
            .map_err(|error| ConnectorError::Configuration { field: "base_url".into(), message: error.to_string() })?;
        let authorization = match auth {
            GitlabAuth::PrivateToken => Authorization::Header("private-token"),
            GitlabAuth::Bearer => Authorization::Bearer,
        };
        let budget = Arc::clone(&config.budget);
        let token = config.credentials.get("token").cloned().unwrap_or_default();
        let http = HttpClient::new(&token, authorization, config.retry, max_in_flight, config.allow_private_addresses, budget)?;
        Ok(Self { http, base })
    }

    /// `{base}/api/v4/{segments}?{query}`; segments and values are encoded here (`a/b` → `a%2Fb`, `+` → `%2B`).
    pub fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.join("api/v4");
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(segments);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// The URL of a list's page. `filter` is the time that a window is about: `updated` or `created`.
    pub fn page_url(&self, segments: &[&str], query: &[(&str, &str)], position: &Position, filter: &str, page_size: u32) -> Url {
        let (page_size, page, from, to) = match position {
            Position::Query(link) => {
                let mut url = self.url(segments, &[]);
                url.set_query(Some(link));
                return url;
            }
            Position::Page(page) => (page_size, *page, None, None),
            Position::Overlap(overlap) => {
                let (page_size, page) = overlap.page();
                (page_size, page, None, None)
            }
            Position::Window(window) => (page_size, window.page, window.from, window.to),
        };
        let mut url = self.url(segments, query);
        append_window(&mut url, filter, from, to);
        url.query_pairs_mut().append_pair("per_page", &page_size.to_string()).append_pair("page", &page.to_string());
        url
    }

    /// One object, verbatim.
    pub async fn object(&self, url: &Url, requests: &RequestCount) -> Result<Box<RawValue>, HttpError> {
        Ok(self.http.get::<Box<RawValue>>(url, requests).await?.body)
    }

    /// One object, parsed; unknown fields are ignored.
    pub async fn parsed<T: serde::de::DeserializeOwned>(&self, url: &Url, requests: &RequestCount) -> Result<T, HttpError> {
        Ok(self.http.get::<T>(url, requests).await?.body)
    }

    /// One page of a list, its rows verbatim.
    pub async fn list(&self, url: &Url, requests: &RequestCount) -> Result<Listing, HttpError> {
        let answer = self.http.get::<Vec<Box<RawValue>>>(url, requests).await?;
        Ok(Listing {
            rows: answer.body,
            next: next(&answer.headers),
            total: number(&answer.headers, "x-total"),
            per_page: number(&answer.headers, "x-per-page").and_then(|size| u32::try_from(size).ok()),
            server_time: server_time(&answer.headers),
        })
    }
}

/// Adds `{filter}_after` and `{filter}_before`. Both are inclusive, and a server may cut off their fractions: the end is rounded up to a
/// second, and what is behind the true end is left out by the reader.
pub fn append_window(url: &mut Url, filter: &str, from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) {
    let mut pairs = url.query_pairs_mut();
    // With `Z`, since a `+00:00` would need encoding; milliseconds are what GitLab's own times have.
    let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    if let Some(from) = from {
        pairs.append_pair(&format!("{filter}_after"), &text(from));
    }
    if let Some(to) = to {
        pairs.append_pair(&format!("{filter}_before"), &text(whole_second_after(to)));
    }
}

/// A list is over when `x-next-page` is empty or absent *and* there is no `rel="next"`; how full the page was says nothing.
fn next(headers: &HeaderMap) -> Next {
    if let Some(page) = number(headers, "x-next-page").and_then(|page| u32::try_from(page).ok()) {
        return Next::Page(page);
    }
    if let Some(query) = link_next(headers) {
        return Next::Query(query);
    }
    let said = ["x-next-page", "x-page", "x-per-page", "x-prev-page", "x-total"].iter().any(|name| headers.contains_key(*name));
    if said || headers.contains_key(LINK) { Next::End } else { Next::Unsaid }
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// Whether a refusal means that the project does not offer this (feature off, plan without it, project gone), and the words for it.
///
/// A 403 counts only if the API itself said it: a firewall's or an IP ban's page must not make data look absent. A token without
/// the right scope is a failure as well.
pub fn not_offered(error: &HttpError, title: &str) -> Option<String> {
    match error {
        HttpError::Status { status: 403, error, message, from_api: true, .. } if error.as_deref() != Some("insufficient_scope") => {
            Some(format!("{title}: not offered to this token here (403: {message})"))
        }
        HttpError::Status { status: 404, .. } => Some(format!("{title}: not available here (404)")),
        _ => None,
    }
}

/// The error for something that settings name: a 404 says which.
pub fn scope_error(error: HttpError, what: &str) -> ConnectorError {
    match error {
        HttpError::Status { status: 404, request, .. } => ConnectorError::NotFound { request, what: what.to_owned() },
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse::<reqwest::header::HeaderName>().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn an_empty_string_next_page_is_the_end() {
        assert_eq!(next(&headers(&[("x-next-page", ""), ("x-page", "3")])), Next::End);
        assert_eq!(next(&headers(&[("x-next-page", "4")])), Next::Page(4));
    }

    #[test]
    fn a_link_without_x_headers_goes_on_and_its_absence_ends() {
        let link = "<https://inside.example/api/v4/projects/1/jobs?cursor=abc&per_page=2>; rel=\"next\"";
        assert_eq!(next(&headers(&[("link", link)])), Next::Query("cursor=abc&per_page=2".into()));
        assert_eq!(next(&headers(&[("link", "<https://a.example/x?page=1>; rel=\"first\"")])), Next::End);
        assert_eq!(next(&headers(&[("content-type", "application/json")])), Next::Unsaid);
    }

    #[test]
    fn an_empty_next_page_with_a_next_link_is_not_the_end() {
        let link = "<https://a.example/x?cursor=abc>; rel=\"next\"";
        assert_eq!(next(&headers(&[("x-next-page", ""), ("link", link)])), Next::Query("cursor=abc".into()));
    }
}
