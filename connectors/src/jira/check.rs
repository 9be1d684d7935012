//! Whether a connection works: whose credentials they are, in which time zone, and which configured projects that account sees.
//!
//! Only an unreachable server or refused credentials fail the check; a project that is missing is a warning, so that one check lists all.

use futures::{StreamExt, TryStreamExt, stream};
use ovia_domain::JiraSettings;
use serde_json::Value;

use super::client::JiraClient;
use super::wire::Myself;
use crate::ConnectorError;
use crate::contract::CheckReport;
use crate::http::{HttpError, RequestCount};

pub async fn check(
    client: &JiraClient,
    settings: &JiraSettings,
    expiry: impl FnOnce(&reqwest::header::HeaderMap) -> Option<String>,
) -> Result<CheckReport, ConnectorError> {
    let requests = RequestCount::to("check");
    let answer = client.get::<Myself>(&client.api(&["myself"], &[]), &requests).await?;
    let Myself { account_id, display_name, time_zone } = answer.body;
    let name = display_name.or(account_id).unwrap_or_else(|| "an account without a name".into());
    let account = match time_zone {
        Some(zone) => format!("{name} (time zone {zone})"),
        None => name,
    };
    let mut warnings: Vec<String> = expiry(&answer.headers).into_iter().collect();
    let requests = &requests;
    let found: Vec<Option<String>> = stream::iter(settings.project_keys.clone())
        .map(|key: String| async move { project_warning(client, &key, requests).await })
        .buffered(settings.max_in_flight as usize)
        .try_collect()
        .await?;
    warnings.extend(found.into_iter().flatten());
    Ok(CheckReport { account, version: None, warnings })
}

async fn project_warning(client: &JiraClient, key: &str, requests: &RequestCount) -> Result<Option<String>, ConnectorError> {
    match client.get::<Value>(&client.api(&["project", key], &[]), requests).await {
        Ok(answer) => {
            let found = answer.body.get("key").and_then(Value::as_str).unwrap_or(key);
            let renamed = !found.eq_ignore_ascii_case(key);
            Ok(renamed.then(|| format!("The project `{key}` is called `{found}` now; both keys work.")))
        }
        Err(HttpError::Status { status: 403 | 404, from_api: true, .. }) => {
            Ok(Some(format!("There is no project `{key}`, or this account cannot see it.")))
        }
        Err(error) => Err(error.into()),
    }
}
