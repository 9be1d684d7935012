//! From what a user typed to what the store takes: each field becomes its domain type once, here, and a refusal names the field.

use ovia_domain::{BaseUrl, ConfluenceSettings, GitlabSettings, JiraSettings, Source};
use ovia_store::{
    StoreError,
    connections::{ConnectionPatch as StorePatch, ConnectionRow, NewConnection},
};
use serde_json::Value;

use super::credentials::credentials;
use super::types::{ConnectionIn, ConnectionPatch};
use crate::{problem::Problem, state::ApiState};

const MAX_NAME_CHARS: usize = 100;
const MAX_URL_BYTES: usize = 2048;

pub(super) fn new_connection(body: ConnectionIn, allow_private: bool) -> Result<NewConnection, Problem> {
    let source = body.source.0;
    Ok(NewConnection {
        source,
        name: name(&body.name)?,
        base_url: base_url(&body.base_url, allow_private)?,
        settings: settings(source, &body.settings)?,
        credentials: credentials(source, body.credentials)?,
    })
}

pub(super) fn patch(body: ConnectionPatch, current: &ConnectionRow, state: &ApiState) -> Result<StorePatch, Problem> {
    let source = Source::parse(&current.source).ok_or_else(|| Problem::internal(format!("unknown source {}", current.source)))?;
    let allow_private = state.config.allow_private_addresses;
    let moved = match body.base_url {
        Some(text) => Some(base_url(&text, allow_private)?).filter(|url| *url != current.base_url),
        None => None,
    };
    // or whoever may change an address could have the stored token sent to a host of theirs
    if moved.is_some() && body.credentials.is_none() {
        return Err(Problem::field("credentials", "they have to be given again when base_url changes"));
    }
    let credentials = match body.credentials {
        Some(given) => Some((credentials(source, given)?, state.sealer()?.clone())),
        None => None,
    };
    Ok(StorePatch {
        name: body.name.as_deref().map(name).transpose()?,
        base_url: moved,
        settings: body.settings.as_ref().map(|value| settings(source, value)).transpose()?,
        credentials,
    })
}

/// A violation of the unique name, as a conflict that says so.
pub(super) fn name_taken(error: StoreError, name: &str) -> Problem {
    if error.is_unique_violation("connections_name_unique") {
        return Problem::conflict(
            format!("There is a connection named `{name}` already."),
            "Choose another name, or change that connection with PATCH.",
        );
    }
    error.into()
}

fn name(text: &str) -> Result<String, Problem> {
    let name = text.trim();
    if !(1..=MAX_NAME_CHARS).contains(&name.chars().count()) {
        return Err(Problem::field("name", format!("it has to be 1 to {MAX_NAME_CHARS} characters long")));
    }
    if name.chars().any(char::is_control) {
        return Err(Problem::field("name", "it holds a control character"));
    }
    Ok(name.to_owned())
}

fn base_url(text: &str, allow_private: bool) -> Result<String, Problem> {
    if text.len() > MAX_URL_BYTES {
        return Err(Problem::field("base_url", format!("it is longer than {MAX_URL_BYTES} bytes")));
    }
    let url = BaseUrl::parse(text, allow_private).map_err(|error| Problem::field("base_url", error.to_string()))?;
    Ok(url.as_str().to_owned())
}

fn settings(source: Source, value: &Value) -> Result<Value, Problem> {
    let parsed = match source {
        Source::Gitlab => GitlabSettings::parse(value).map(serde_json::to_value),
        Source::Jira => JiraSettings::parse(value).map(serde_json::to_value),
        Source::Confluence => ConfluenceSettings::parse(value).map(serde_json::to_value),
    };
    let parsed = parsed.map_err(|error| {
        let field = if error.field.is_empty() { "settings".into() } else { format!("settings.{}", error.field) };
        Problem::field(field, error.message)
    })?;
    parsed.map_err(|error| Problem::internal(error.to_string()))
}
