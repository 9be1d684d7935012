//! `POST /webhooks/{connection}`: what a source says has changed.
//!
//! No bearer token: a source has none. A delivery proves itself with the webhook's secret (`authentic`), what it is about is read from it
//! (`events`), and it is stored; then it is answered. The pull is a workflow's (`ovia.webhooks`), which is told after the answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::Utc;
use ovia_domain::{ConnectionId, OrgId};
use ovia_store::webhook_deliveries::NewDelivery;
use ovia_workflows::Engine;
use poem::{Request, RequestBody, error::ReadBodyError, http::HeaderMap};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions, Object, OpenApi,
    param::Path,
    payload::Json,
    registry::{MetaMediaType, MetaRequest, Registry},
    types::Type,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{problem::Problem, service::Tag, state::ApiState};

mod authentic;
mod events;
pub(crate) mod setup;

/// Of one delivery. What is larger is no event about one item.
const MAX_BYTES: usize = 5 * 1024 * 1024;
/// Longest id of a delivery that is kept as it is.
const MAX_ID: usize = 200;

pub(crate) struct WebhooksApi(pub ApiState);

/// What became of a delivery.
#[derive(Object)]
#[oai(rename = "WebhookDelivery")]
struct DeliveryOut {
    /// `pending`: what it names will be pulled. `ignored`: it was counted. `known`: it has come before.
    state: String,
}

#[derive(ApiResponse)]
enum Taken {
    /// Stored. Nothing has been pulled yet.
    #[oai(status = 202)]
    Taken(Json<DeliveryOut>),
}

/// The bytes that were sent: a signature is over these, not over what they mean.
struct Sent(Vec<u8>);

impl<'a> ApiExtractor<'a> for Sent {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(_: &mut Registry) {}

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![MetaMediaType { content_type: "application/json", schema: Value::schema_ref() }];
        Some(MetaRequest { description: Some("The event, as the source sends it."), content, required: true })
    }

    async fn from_request(_: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> poem::Result<Self> {
        match body.take()?.into_bytes_limit(MAX_BYTES).await {
            Ok(bytes) => Ok(Self(bytes.into())),
            Err(ReadBodyError::PayloadTooLarge) => Err(Problem::larger_than(MAX_BYTES).into()),
            Err(error) => Err(error.into()),
        }
    }
}

#[OpenApi(tag = "Tag::Connections")]
impl WebhooksApi {
    /// Take an event from a source
    ///
    /// For GitLab and Jira to call; PUT /connections/{id}/webhook says with which secret. Answered once the event is stored; the item it
    /// names is then read from the source. Of unknown kinds, events are counted. A delivery that is not authentic and a connection without
    /// a webhook get the same 401.
    #[oai(path = "/webhooks/:connection", method = "post", operation_id = "webhook_deliver")]
    async fn deliver(&self, request: &Request, connection: Path<String>, sent: Sent) -> Result<Taken, Problem> {
        let (org_id, connection_id, source) = self.prove(&connection.0, request.headers(), &sent.0).await?;
        let body: Value = serde_json::from_slice(&sent.0).map_err(|_| Problem::not_json("the event cannot be read"))?;
        if !body.is_object() {
            return Err(Problem::not_json("an object is expected"));
        }
        let event = events::read(source, request.headers(), &body);
        let new = NewDelivery {
            org_id,
            connection_id,
            delivery_id: delivery_id(event.ids, request.headers(), &sent.0),
            kind: event.kind,
            item: event.item,
            event_at: event.at,
        };
        let is_new = self.0.config.store.delivery_insert(&new).await?;
        let pending = new.item.is_some();
        if pending {
            // again for one that is known: the process that took it may have died before it told anyone
            self.0.tellers.tell(&self.0.config.engine, org_id, connection_id);
        }
        let state = match (is_new, pending) {
            (false, _) => "known",
            (true, true) => "pending",
            (true, false) => "ignored",
        };
        Ok(Taken::Taken(Json(DeliveryOut { state: state.into() })))
    }
}

impl WebhooksApi {
    /// Whose delivery it is. Why it is refused is not said: a stranger would learn which connections there are.
    async fn prove(
        &self,
        connection: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(OrgId, ConnectionId, ovia_domain::Source), Problem> {
        let id = Uuid::parse_str(connection).map(ConnectionId).ok();
        let opened = match (id, &self.0.config.sealer) {
            (Some(id), Some(sealer)) => self.0.config.store.webhook_open(id, sealer).await.or_else(|error| match error {
                ovia_store::StoreError::Seal(reason) => {
                    tracing::error!(connection_id = %id, reason, "a webhook's secret cannot be opened; its deliveries are refused");
                    Ok(None)
                }
                error => Err(error),
            })?,
            (_, None) => {
                tracing::error!("there is no key to open webhooks' secrets with: all deliveries are refused; set OVIA_SEALING_KEY");
                None
            }
            (None, _) => None,
        };
        let good = match &opened {
            Some(webhook) => authentic::is_authentic(webhook.source, &webhook.secret, headers, body, Utc::now()),
            // as much work as for a webhook that exists
            None => authentic::of_nobody(headers, body),
        };
        match (id, opened) {
            (Some(id), Some(webhook)) if good => Ok((webhook.org_id, id, webhook.source)),
            _ => Err(Problem::not_authentic()),
        }
    }
}

/// The source's own id of the delivery, the same when it delivers again; a hash of the body where it says none.
fn delivery_id(names: &[&str], headers: &HeaderMap, body: &[u8]) -> String {
    let given = names.iter().find_map(|name| headers.get(*name)?.to_str().ok()).map(str::trim);
    match given.filter(|id| !id.is_empty() && id.len() <= MAX_ID) {
        Some(id) => id.to_owned(),
        None => format!("sha256:{}", hex::encode(Sha256::digest(body))),
    }
}

/// Tells Temporal, once at a time for each connection: a source that sends a thousand events at once makes two calls, not a thousand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tellers(Arc<Mutex<HashMap<ConnectionId, bool>>>);

impl Tellers {
    /// Has the connection's workflow told that deliveries are pending. Does not wait for it. If Temporal is away, the reconciler tells it
    /// later.
    fn tell(&self, engine: &Arc<dyn Engine>, org: OrgId, connection: ConnectionId) {
        {
            let mut telling = self.lock();
            if let Some(again) = telling.get_mut(&connection) {
                *again = true;
                return;
            }
            telling.insert(connection, false);
        }
        let (tellers, engine) = (self.clone(), Arc::clone(engine));
        tokio::spawn(async move {
            loop {
                if let Err(error) = engine.webhooks_tell(org, connection).await {
                    tracing::warn!(connection_id = %connection, %error, "failed to tell a webhook's workflow; the reconciler will");
                }
                if !tellers.goes_on(connection) {
                    return;
                }
            }
        });
    }

    /// Whether something came in since the workflow was last told.
    fn goes_on(&self, connection: ConnectionId) -> bool {
        let mut telling = self.lock();
        match telling.get_mut(&connection) {
            Some(again) if *again => {
                *again = false;
                true
            }
            _ => {
                telling.remove(&connection);
                false
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ConnectionId, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
