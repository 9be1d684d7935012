//! Whether a connection works: who the token is, what it may do, which configured scopes it sees.
//!
//! Only an unreachable server or a refused token fails the check; a scope that is missing is a warning, so that one check lists all.

use chrono::{NaiveDate, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use ovia_domain::GitlabSettings;

use super::client::GitlabClient;
use super::scope::Scope;
use super::wire::{PersonalAccessToken, User, Version};
use crate::ConnectorError;
use crate::contract::CheckReport;
use crate::http::{HttpError, RequestCount};

/// A token that ends sooner than this is worth a warning.
const EXPIRY_WARNING_DAYS: i64 = 14;

pub async fn check(client: &GitlabClient, settings: &GitlabSettings, scopes: &[String]) -> Result<CheckReport, ConnectorError> {
    let requests = RequestCount::to("check");
    let user: User = client.parsed(&client.url(&["user"], &[]), &requests).await?;
    let account = user.username.map_or_else(|| format!("user {}", user.id.0), |name| format!("@{name}"));
    let mut warnings = token_warnings(client, &requests).await?;
    let version = version(client, &requests).await?;
    let requests = &requests;
    let found: Vec<Option<String>> = stream::iter(scopes.to_vec())
        .map(|scope: String| async move { scope_warning(client, &scope, requests).await })
        .buffered(settings.max_in_flight as usize)
        .try_collect()
        .await?;
    warnings.extend(found.into_iter().flatten());
    Ok(CheckReport { account, version, warnings })
}

async fn token_warnings(client: &GitlabClient, requests: &RequestCount) -> Result<Vec<String>, ConnectorError> {
    let url = client.url(&["personal_access_tokens", "self"], &[]);
    // OAuth tokens have no such page.
    let token: Option<PersonalAccessToken> = tolerated(client.parsed(&url, requests).await)?;
    let Some(token) = token else { return Ok(Vec::new()) };
    let mut warnings = Vec::new();
    if !token.scopes.is_empty() && !token.scopes.iter().any(|scope| matches!(scope.as_str(), "api" | "read_api")) {
        warnings.push(format!("The token has the scopes {}, but syncing needs read_api.", token.scopes.join(", ")));
    }
    warnings.extend(token.expires_at.and_then(|expires| expiry_warning(expires, Utc::now().date_naive())));
    Ok(warnings)
}

fn expiry_warning(expires: NaiveDate, today: NaiveDate) -> Option<String> {
    let days = (expires - today).num_days();
    (days < EXPIRY_WARNING_DAYS).then(|| format!("The token expires on {expires}: create a new one before that."))
}

async fn version(client: &GitlabClient, requests: &RequestCount) -> Result<Option<String>, ConnectorError> {
    for path in ["metadata", "version"] {
        let found: Option<Version> = tolerated(client.parsed(&client.url(&[path], &[]), requests).await)?;
        if let Some(found) = found {
            return Ok(Some(found.version));
        }
    }
    Ok(None)
}

async fn scope_warning(client: &GitlabClient, partition: &str, requests: &RequestCount) -> Result<Option<String>, ConnectorError> {
    let Some(scope) = Scope::parse(partition) else { return Ok(None) };
    let query: &[(&str, &str)] = if matches!(scope, Scope::Group(_)) { &[("with_projects", "false")] } else { &[] };
    match client.object(&client.url(&scope.segments(), query), requests).await {
        Ok(_) => Ok(None),
        Err(HttpError::Status { status: 404, .. }) => Ok(Some(format!("The {} does not exist or the token cannot see it.", scope.title()))),
        Err(HttpError::Status { status: 403, message, .. }) => {
            Ok(Some(format!("The token may not read the {} (403: {message}).", scope.title())))
        }
        Err(error) => Err(error.into()),
    }
}

/// A refusal of something the check can do without is no answer, not a failure.
fn tolerated<T>(answer: Result<T, HttpError>) -> Result<Option<T>, ConnectorError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(HttpError::Status { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_token_near_its_end_is_warned_of() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert!(expiry_warning(day("2026-03-14"), day("2026-03-01")).is_some());
        assert!(expiry_warning(day("2026-03-15"), day("2026-03-01")).is_none());
        assert!(expiry_warning(day("2026-02-01"), day("2026-03-01")).is_some());
    }
}
