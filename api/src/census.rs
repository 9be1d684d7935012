//! `POST /connections/{id}/census`: which rows the source still has.

use ovia_domain::{ConnectionId, RunKind};
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    auth::Caller,
    body::MaybeBody,
    problem::Problem,
    runs::{Accepted, RunOut},
    runs_start::ingest_start,
    service::Tag,
    state::ApiState,
};

/// What the census may conclude.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CensusIn {
    /// When the source no longer lists more than this share of what is stored of a list, nothing of it is marked as deleted, and the run
    /// ends `degraded`. 0 to 100; 30, if not given.
    #[serde(default)]
    max_missing_percent: Option<u32>,
    /// Whether an empty list may mean that everything is gone. If not, it is taken for a mistake of the source.
    #[serde(default)]
    allow_empty: Option<bool>,
}

pub(crate) struct CensusApi(pub ApiState);

#[OpenApi(tag = "Tag::Runs")]
impl CensusApi {
    /// Take a census of a connection
    ///
    /// Reads the ids of everything the source lists and compares them with what is stored. What the source confirms to be gone gets a
    /// tombstone, `deleted` or `not_visible`, and is no longer listed or counted; what returned is fetched by the next sync. A list that
    /// cannot be read to its end, is empty or misses too much changes nothing. Gives way to live syncs.
    #[oai(path = "/connections/:id/census", method = "post", operation_id = "connection_census")]
    async fn census(&self, caller: Caller, id: Path<Uuid>, body: MaybeBody<CensusIn>) -> Result<Accepted, Problem> {
        let params = params(body.0)?;
        let run_id = ingest_start(&self.0, &caller, RunKind::Census, ConnectionId(id.0), params, None).await?;
        let row = self.0.config.store.run_fetch(caller.org_id(), run_id).await?.ok_or_else(|| Problem::not_found("run", run_id))?;
        Ok(Accepted::Accepted(Json(RunOut::new(row, &self.0))))
    }
}

fn params(body: Option<CensusIn>) -> Result<Value, Problem> {
    let mut params = json!({});
    let Some(body) = body else { return Ok(params) };
    if let Some(percent) = body.max_missing_percent {
        if percent > 100 {
            return Err(Problem::field("max_missing_percent", "it is more than 100"));
        }
        params["max_missing_percent"] = json!(percent);
    }
    if let Some(allow_empty) = body.allow_empty {
        params["allow_empty"] = json!(allow_empty);
    }
    Ok(params)
}
