//! `/connections/{id}/webhook`: setting the secret, and seeing what comes in.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ovia_domain::{ConnectionId, Source};
use ovia_store::webhooks::{DeliveryCount, webhook_secret_generate};
use poem::Request;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use uuid::Uuid;

use crate::{auth::Caller, body::MaybeBody, problem::Problem, service::Tag, state::ApiState, time::Time};

const MIN_CHARS: usize = 16;
const MAX_CHARS: usize = 200;

pub(crate) struct WebhookSetupApi(pub ApiState);

/// The webhook to be.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookIn {
    /// 16 to 200 printable ASCII characters: a secret made at the source, as GitLab's signing token (`whsec_…`). If not given, one is made.
    #[serde(default)]
    #[oai(write_only)]
    secret: Option<String>,
}

/// A webhook that was set.
#[derive(Object)]
#[oai(rename = "WebhookSet")]
struct WebhookSetOut {
    /// What to enter at the source, as this server was reached.
    url: String,
    /// The path of it, for a server that is reached in another way from there.
    path: String,
    /// The secret that was made, this once; null if it was given.
    secret: Option<String>,
}

/// A connection's webhook.
#[derive(Object)]
#[oai(rename = "Webhook")]
struct WebhookOut {
    url: String,
    path: String,
    created_at: Time,
    /// When the secret was last set.
    updated_at: Time,
    /// When the last authentic delivery came; null if none did in the last days.
    last_delivery_at: Option<Time>,
    /// Deliveries of the last seven days, by kind and state.
    deliveries: Vec<DeliveryCountOut>,
}

#[derive(Object)]
#[oai(rename = "WebhookDeliveryCount")]
struct DeliveryCountOut {
    /// As the source names it: `merge_request`, `jira:issue_updated`.
    kind: String,
    /// `pending`, `done`, `ignored` (of a kind or about an item that is not synced), `failed` (the source did not answer, or refused).
    state: String,
    deliveries: i64,
    last_at: Time,
}

#[derive(ApiResponse)]
enum Removed {
    /// The secret is forgotten: deliveries are refused.
    #[oai(status = 204)]
    Removed,
}

#[OpenApi(tag = "Tag::Connections")]
impl WebhookSetupApi {
    /// Set a connection's webhook
    ///
    /// Makes or replaces its secret. Enter both at GitLab or Jira (docs/WEBHOOKS.md). Deliveries proved with an earlier secret are refused
    /// from then on. Confluence sends no webhooks that could be entered.
    #[oai(path = "/connections/:id/webhook", method = "put", operation_id = "webhook_put")]
    async fn put(
        &self,
        caller: Caller,
        request: &Request,
        id: Path<Uuid>,
        body: MaybeBody<WebhookIn>,
    ) -> Result<Json<WebhookSetOut>, Problem> {
        let (store, sealer) = (&self.0.config.store, self.0.sealer()?);
        let connection_id = ConnectionId(id.0);
        let not_found = || Problem::not_found("connection", id.0);
        let connection = store.connection_fetch(caller.org_id(), connection_id).await?.ok_or_else(not_found)?;
        if connection.source == Source::Confluence.as_str() {
            let hint = "Pages are found by syncs; a shorter interval of the connection's schedule finds them sooner.";
            return Err(Problem::conflict("Confluence has no webhooks that can be set up for a site.", hint));
        }
        let given = body.0.and_then(|body| body.secret).map(usable).transpose()?;
        let made = if given.is_none() { Some(webhook_secret_generate()?) } else { None };
        let Some(secret) = given.as_ref().or(made.as_ref()) else { return Err(Problem::internal("there is no secret")) };
        let set = store.webhook_put(caller.org_id(), connection_id, secret, sealer, &caller.requested_by()).await?;
        set.ok_or_else(not_found)?;
        let (url, path) = address(request, connection_id);
        Ok(Json(WebhookSetOut { url, path, secret: made.map(|secret| secret.expose_secret().to_owned()) }))
    }

    /// A connection's webhook, and what comes in
    #[oai(path = "/connections/:id/webhook", method = "get", operation_id = "webhook_fetch")]
    async fn fetch(&self, caller: Caller, request: &Request, id: Path<Uuid>) -> Result<Json<WebhookOut>, Problem> {
        let connection_id = ConnectionId(id.0);
        let store = &self.0.config.store;
        let row = store.webhook_fetch(caller.org_id(), connection_id).await?.ok_or_else(|| Problem::no_webhook(id.0))?;
        let counts = store.webhook_counts(caller.org_id(), connection_id).await?;
        let (url, path) = address(request, connection_id);
        Ok(Json(WebhookOut {
            url,
            path,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
            last_delivery_at: counts.iter().map(|count| count.last_received_at).max().map(Time),
            deliveries: counts.into_iter().map(DeliveryCountOut::from).collect(),
        }))
    }

    /// Remove a connection's webhook
    #[oai(path = "/connections/:id/webhook", method = "delete", operation_id = "webhook_delete")]
    async fn delete(&self, caller: Caller, id: Path<Uuid>) -> Result<Removed, Problem> {
        let removed = self.0.config.store.webhook_remove(caller.org_id(), ConnectionId(id.0), &caller.requested_by()).await?;
        if removed { Ok(Removed::Removed) } else { Err(Problem::no_webhook(id.0)) }
    }
}

/// Said without repeating it.
fn usable(text: String) -> Result<SecretString, Problem> {
    let text = text.trim();
    if !(MIN_CHARS..=MAX_CHARS).contains(&text.chars().count()) {
        return Err(Problem::field("secret", format!("it has to be {MIN_CHARS} to {MAX_CHARS} characters long")));
    }
    if !text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Err(Problem::field("secret", "it holds characters that are not printable ASCII"));
    }
    if text.strip_prefix("whsec_").is_some_and(|key| STANDARD.decode(key).is_err()) {
        return Err(Problem::field("secret", "it begins like a signing token and is none: `whsec_` and base64 are expected"));
    }
    Ok(SecretString::from(text))
}

/// Where deliveries go: to the host this request came to.
fn address(request: &Request, connection: ConnectionId) -> (String, String) {
    let path = format!("/webhooks/{connection}");
    let scheme = match request.header("x-forwarded-proto") {
        Some("https") => "https",
        _ => "http",
    };
    let host = request.header("host").filter(|host| host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b)));
    (format!("{scheme}://{}{path}", host.unwrap_or("localhost")), path)
}

impl From<DeliveryCount> for DeliveryCountOut {
    fn from(count: DeliveryCount) -> Self {
        Self { kind: count.kind, state: count.state, deliveries: count.deliveries, last_at: count.last_received_at.into() }
    }
}
