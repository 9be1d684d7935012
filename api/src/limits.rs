//! `/connections/{id}/budget`: what the source and the organisation allow, as far as is known.

use chrono::{DateTime, Utc};
use ovia_domain::ConnectionId;
use ovia_store::budgets::{BudgetRow, OrgCeiling};
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::{auth::Caller, problem::Problem, service::Tag, state::ApiState, time::Time};

pub(crate) struct LimitsApi(pub ApiState);

/// What may be sent to a connection's source, and when.
#[derive(Object)]
#[oai(rename = "Budget")]
struct BudgetOut {
    /// The source's limits. Connections with the same host and credentials share them. Empty until the source has said something.
    limits: Vec<LimitOut>,
    /// The organisation's ceiling over all its connections (PATCH /organisation); null means none.
    requests_per_minute: Option<i32>,
    /// Of that ceiling, taken by workers in this minute.
    requests_this_minute: i64,
}

/// One limit of a source.
#[derive(Object)]
#[oai(rename = "BudgetLimit")]
struct LimitOut {
    /// The kind of request that has a limit of its own; null is the whole source.
    endpoint: Option<String>,
    /// Requests a window allows; null if the source does not say.
    limit: Option<i64>,
    /// Requests left in the window that ends at `reset_at`.
    remaining: Option<i64>,
    reset_at: Option<Time>,
    /// Nothing is sent before; null when nothing stands in the way.
    not_before: Option<Time>,
    /// When the source said so.
    observed_at: Time,
}

impl BudgetOut {
    fn new(rows: Vec<BudgetRow>, ceiling: OrgCeiling, now: DateTime<Utc>) -> Self {
        let limit = |row: BudgetRow| LimitOut {
            endpoint: Some(row.endpoint).filter(|endpoint| !endpoint.is_empty()),
            limit: row.limit,
            remaining: row.remaining,
            reset_at: row.reset_at.map(Time),
            not_before: row.not_before.filter(|until| *until > now).map(Time),
            observed_at: Time(row.updated_at),
        };
        Self {
            limits: rows.into_iter().map(limit).collect(),
            requests_per_minute: ceiling.requests_per_minute,
            requests_this_minute: ceiling.requests_this_minute,
        }
    }
}

#[OpenApi(tag = "Tag::Connections")]
impl LimitsApi {
    /// What the source allows
    ///
    /// Limits that the source announced in its answers, shared by all workers; background work leaves a fifth of them to live syncs.
    #[oai(path = "/connections/:id/budget", method = "get", operation_id = "connection_budget")]
    async fn budget(&self, caller: Caller, id: Path<Uuid>) -> Result<Json<BudgetOut>, Problem> {
        let store = &self.0.config.store;
        let rows = store.connection_budget(caller.org_id(), ConnectionId(id.0)).await?;
        let rows = rows.ok_or_else(|| Problem::not_found("connection", id.0))?;
        Ok(Json(BudgetOut::new(rows, store.org_ceiling(caller.org_id()).await?, Utc::now())))
    }
}
