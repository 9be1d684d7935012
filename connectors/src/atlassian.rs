//! What Jira Cloud and Confluence Cloud share: how to log in, and how they say that a login has ended.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use ovia_domain::BaseUrl;
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::http::{Authorization, HttpClient, HttpError};
use crate::{ConnectorConfig, ConnectorError, Credentials};

/// A token that ends sooner than this is worth a warning.
const EXPIRY_WARNING_DAYS: i64 = 14;

/// The client of a connection and its base URL, with `suffix` cut off its path if it is there.
pub(crate) fn client(config: &ConnectorConfig, max_in_flight: u32, suffix: &str) -> Result<(HttpClient, BaseUrl), ConnectorError> {
    let text = config.base_url.as_str();
    // Parsed again: the connection may have been stored while private addresses were allowed.
    let base = BaseUrl::parse(text.strip_suffix(suffix).unwrap_or(text), config.allow_private_addresses)
        .map_err(|error| ConnectorError::Configuration { field: "base_url".into(), message: error.to_string() })?;
    let (field, token, authorization) = login(config)?;
    let budget = Arc::clone(&config.budget);
    let http = HttpClient::new(token, authorization, config.retry, max_in_flight as usize, config.allow_private_addresses, budget);
    let http = http.map_err(|error| match error {
        ConnectorError::Configuration { message, field: of } if of == "credentials.token" => {
            ConnectorError::Configuration { field: field.into(), message }
        }
        other => other,
    })?;
    Ok((http, base))
}

/// Which credential is used, and how: `access_token` as bearer, else `email` and `api_token`.
fn login(config: &ConnectorConfig) -> Result<(&'static str, &SecretString, Authorization), ConnectorError> {
    let credentials = &config.credentials;
    if let Some(token) = credentials.get("access_token") {
        return Ok(("credentials.access_token", token, Authorization::Bearer));
    }
    let missing = |field: &str| ConnectorError::Configuration {
        field: format!("credentials.{field}"),
        message: format!("{} needs email and api_token, or access_token; `{field}` is missing", config.source),
    };
    let email = credentials.get("email").ok_or_else(|| missing("email"))?;
    let token = credentials.get("api_token").ok_or_else(|| missing("api_token"))?;
    Ok(("credentials.api_token", token, Authorization::Basic(email.clone())))
}

/// An answer to nobody: where a login fails, some addresses answer as to an anonymous visitor, with a success and little or nothing in it.
/// Taken for the truth, everything would look deleted.
pub(crate) fn ensure_logged_in(headers: &HeaderMap, request: impl FnOnce() -> String) -> Result<(), HttpError> {
    let reason = headers.get("x-seraph-loginreason").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if ["AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED", "AUTHENTICATION_FAILED"].iter().any(|failed| reason.contains(failed)) {
        let message = format!("the login failed ({reason})");
        return Err(HttpError::Status { status: 401, request: request(), error: None, message, from_api: true });
    }
    Ok(())
}

/// A sentence about a token that ends soon, as far as anything says when: an answer's header, or an OAuth token itself.
pub(crate) fn expiry_warning(credentials: &Credentials, headers: &HeaderMap) -> Option<String> {
    let ends = header_expiry(headers).or_else(|| token_expiry(credentials.get("access_token")?.expose_secret()))?;
    expiry_sentence(ends, Utc::now())
}

fn expiry_sentence(ends: DateTime<Utc>, now: DateTime<Utc>) -> Option<String> {
    if ends > now + TimeDelta::days(EXPIRY_WARNING_DAYS) {
        return None;
    }
    let when = ends.format("%Y-%m-%d %H:%M UTC");
    Some(match ends > now {
        true => format!("The token expires at {when}; put a new one in with PATCH /connections/{{id}} before that."),
        false => format!("The token expired at {when}; put a new one in with PATCH /connections/{{id}}."),
    })
}

/// Any header that speaks of a token's expiry, whatever exactly it is called: a time or a date.
fn header_expiry(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let named = headers.iter().filter(|(name, _)| name.as_str().contains("token") && name.as_str().contains("expir"));
    named.filter_map(|(_, value)| value.to_str().ok()).find_map(|text| {
        let day = || text.trim().parse::<NaiveDate>().ok().and_then(|day| day.and_hms_opt(0, 0, 0)).map(|at| at.and_utc());
        let web = || httpdate::parse_http_date(text.trim()).ok().map(DateTime::<Utc>::from);
        crate::lenient::parse_time(text).or_else(day).or_else(web)
    })
}

/// The `exp` of an OAuth access token, which is a JWT. Not verified: it is only told.
fn token_expiry(token: &str) -> Option<DateTime<Utc>> {
    #[derive(Deserialize)]
    struct Claims {
        exp: Value,
    }
    let claims = URL_SAFE_NO_PAD.decode(token.trim().split('.').nth(1)?.trim_end_matches('=')).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    DateTime::from_timestamp(claims.exp.as_f64()? as i64, 0)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_end_of_a_token_is_read_where_it_is_said() {
        let token = format!("x.{}.y", URL_SAFE_NO_PAD.encode(r#"{"exp":1767225600,"aud":"invented"}"#));
        assert_eq!(token_expiry(&token), Some(at("2026-01-01T00:00:00Z")));
        assert_eq!(token_expiry("ATATT3xInvented"), None);
        for text in ["2026-01-01", "2026-01-01T00:00:00Z", "Thu, 01 Jan 2026 00:00:00 GMT"] {
            let headers = HeaderMap::from_iter([("x-api-token-expires-at".parse().unwrap(), text.parse().unwrap())]);
            assert_eq!(header_expiry(&headers), Some(at("2026-01-01T00:00:00Z")), "{text}");
        }
    }

    #[test]
    fn only_a_near_end_is_worth_a_sentence() {
        let now = at("2026-01-01T00:00:00Z");
        assert_eq!(expiry_sentence(now + TimeDelta::days(15), now), None);
        assert!(expiry_sentence(now + TimeDelta::days(13), now).unwrap().contains("expires at 2026-01-14 00:00 UTC"));
        assert!(expiry_sentence(now - TimeDelta::days(1), now).unwrap().contains("expired at"));
    }

    #[test]
    fn a_failed_login_is_not_an_empty_answer() {
        let headers = HeaderMap::from_iter([("x-seraph-loginreason".parse().unwrap(), "AUTHENTICATED_FAILED".parse().unwrap())]);
        assert_eq!(ensure_logged_in(&headers, || "GET x".into()).unwrap_err().status(), Some(401));
        let headers = HeaderMap::from_iter([("x-seraph-loginreason".parse().unwrap(), "OK".parse().unwrap())]);
        assert!(ensure_logged_in(&headers, String::new).is_ok());
    }
}
