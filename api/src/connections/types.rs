//! Connections on the wire.

use ovia_domain::{RunError, Source};
use ovia_store::connections::ConnectionRow;
use ovia_workflows::ConnectionCheck;
use poem_openapi::Object;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{names::Name, runs::RunErrorOut, time::Time};

/// A source to connect.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectionIn {
    pub source: Name<Source>,
    /// 1 to 100 characters, unique among the organisation's connections.
    pub name: String,
    /// `https://gitlab.example.com`, `https://acme.atlassian.net`; with a path prefix if the source has one.
    pub base_url: String,
    pub credentials: CredentialsIn,
    /// What to sync; the fields depend on the source, GET /connectors lists them.
    pub settings: Value,
}

/// What to change. Fields that are not given stay as they are.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectionPatch {
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub base_url: Option<String>,
    #[serde(default)]
    pub credentials: Option<CredentialsIn>,
    /// All settings; those not given take their defaults.
    #[serde(default)]
    pub settings: Option<Value>,
}

/// Write only. Which fields are needed depends on the source; GET /connectors lists them.
#[derive(Default, Object, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[oai(rename = "Credentials", write_only_all)]
pub(crate) struct CredentialsIn {
    /// GitLab: an access token.
    pub token: Option<String>,
    /// Jira, Confluence: whose `api_token` it is.
    pub email: Option<String>,
    /// Jira, Confluence: an API token, with `email`.
    pub api_token: Option<String>,
    /// Jira, Confluence: an OAuth access token, instead of `email` and `api_token`.
    pub access_token: Option<String>,
}

impl CredentialsIn {
    /// Those that were given, by name.
    pub fn given(self) -> Vec<(&'static str, String)> {
        let all = [("token", self.token), ("email", self.email), ("api_token", self.api_token), ("access_token", self.access_token)];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// One configured source.
#[derive(Object)]
#[oai(rename = "Connection")]
pub(crate) struct ConnectionOut {
    id: Uuid,
    source: String,
    name: String,
    base_url: String,
    settings: Value,
    credentials: CredentialsOut,
    created_at: Time,
    updated_at: Time,
    /// Since when its runs are held; null while they are not.
    paused_at: Option<Time>,
    /// Who paused it: `token:<name>`.
    paused_by: Option<String>,
}

/// That there are credentials; never what they are.
#[derive(Object)]
#[oai(rename = "CredentialsState")]
struct CredentialsOut {
    set: bool,
}

/// What trying a connection found.
#[derive(Object)]
#[oai(rename = "ConnectionCheck")]
pub(crate) struct ConnectionCheckOut {
    ok: bool,
    /// Who the credentials belong to, as `@jdoe`.
    account: Option<String>,
    /// The source's version.
    version: Option<String>,
    /// Things that will not work, each a sentence.
    warnings: Vec<String>,
    /// Why not, when `ok` is false.
    error: Option<RunErrorOut>,
}

impl From<ConnectionRow> for ConnectionOut {
    fn from(row: ConnectionRow) -> Self {
        Self {
            id: row.id.0,
            source: row.source,
            name: row.name,
            base_url: row.base_url,
            settings: row.settings,
            credentials: CredentialsOut { set: true },
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
            paused_at: row.paused_at.map(Time),
            paused_by: row.paused_by,
        }
    }
}

impl From<ConnectionCheck> for ConnectionCheckOut {
    fn from(check: ConnectionCheck) -> Self {
        Self {
            ok: check.ok,
            account: check.account,
            version: check.version,
            warnings: check.warnings,
            error: check.error.map(|error: RunError| error.into()),
        }
    }
}
