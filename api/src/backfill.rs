//! `POST /connections/{id}/backfill`: a stretch of the past, window by window.

use chrono::{DateTime, TimeDelta, Utc};
use ovia_domain::{ConnectionId, RunId, RunKind, Source};
use ovia_store::backfill::{BackfillCreated, BackfillParams};
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path},
    payload::Json,
};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    auth::Caller,
    body::Body,
    problem::Problem,
    runs::{Accepted, run_out},
    runs_start::{engine_start, new_run},
    service::Tag,
    state::ApiState,
    time::Time,
};

/// What is walked at a time, if the request does not say.
const WINDOW: TimeDelta = TimeDelta::days(30);
const WINDOW_MIN: TimeDelta = TimeDelta::hours(1);
/// Windows of one stream.
const WINDOWS_MAX: i64 = 5_000;
/// Longest idempotency key.
const KEY_MAX: usize = 200;

/// The past to fetch. Rows updated in `[from, to)` are read.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackfillIn {
    from: Time,
    /// Now, if not given. (Without it, only an `Idempotency-Key` makes two requests the same.)
    #[serde(default)]
    to: Option<Time>,
    /// Streams that can be walked by time, as `merge_requests`; all of them, if not given.
    #[serde(default)]
    streams: Option<Vec<String>>,
    /// How much is walked at a time, as `7d` or `12h`; 30 days, if not given. Newest first.
    #[serde(default)]
    window: Option<String>,
    /// Temporal's priority: 1 is served first, 5 last; 4, if not given. A live sync of the connection goes first in any case.
    #[serde(default)]
    priority: Option<u32>,
}

pub(crate) struct BackfillApi(pub ApiState);

#[OpenApi(tag = "Tag::Runs")]
impl BackfillApi {
    /// Backfill a connection
    ///
    /// Fetches a stretch of the past, newest window first, beside the live syncs, which go first. What is stored already is not written
    /// again. The same request twice is one run, unless that failed or was cancelled; so is the same `Idempotency-Key`, whatever became
    /// of its run.
    #[oai(path = "/connections/:id/backfill", method = "post", operation_id = "connection_backfill")]
    async fn backfill(
        &self,
        caller: Caller,
        id: Path<Uuid>,
        /// Any text of the caller's, up to 200 characters.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Body<BackfillIn>,
    ) -> Result<Accepted, Problem> {
        let params = params(body.0, Utc::now())?;
        let run_id = backfill_start(&self.0, &caller, ConnectionId(id.0), params, idempotency_key.0).await?;
        Ok(Accepted::Accepted(Json(run_out(&self.0, &caller, run_id).await?)))
    }
}

fn params(body: BackfillIn, now: DateTime<Utc>) -> Result<BackfillParams, Problem> {
    let until_now = body.to.is_none();
    let (from, to) = (body.from.0, body.to.map_or(now, |to| to.0));
    if from >= to {
        return Err(Problem::field("from", "it is not before `to`"));
    }
    if from >= now {
        return Err(Problem::field("from", "it is in the future"));
    }
    let window = match body.window.as_deref() {
        None => WINDOW,
        Some(text) => window_parse(text)?,
    };
    let windows = (to - from).num_seconds() / window.num_seconds();
    if windows > WINDOWS_MAX {
        return Err(Problem::field("window", format!("that is {windows} windows; {WINDOWS_MAX} are the most")));
    }
    if body.priority.is_some_and(|priority| !(1..=5).contains(&priority)) {
        return Err(Problem::field("priority", "it is not between 1 and 5"));
    }
    let mut streams = body.streams.unwrap_or_default();
    streams.sort();
    streams.dedup();
    let window_seconds = window.num_seconds();
    Ok(BackfillParams { from, to, until_now, streams, window_seconds, priority: body.priority, page_size: None })
}

fn window_parse(text: &str) -> Result<TimeDelta, Problem> {
    let window = humantime::parse_duration(text.trim()).ok().and_then(|length| TimeDelta::from_std(length).ok());
    match window {
        Some(window) if window >= WINDOW_MIN => Ok(window),
        Some(_) => Err(Problem::field("window", "it is shorter than 1h")),
        None => Err(Problem::field("window", "it is not a length of time like `7d` or `12h`")),
    }
}

/// Starts a backfill, or finds the one that the same request started before.
async fn backfill_start(
    state: &ApiState,
    caller: &Caller,
    id: ConnectionId,
    params: BackfillParams,
    idempotency_key: Option<String>,
) -> Result<RunId, Problem> {
    let store = &state.config.store;
    let connection = store.connection_fetch(caller.org_id(), id).await?.ok_or_else(|| Problem::not_found("connection", id))?;
    state.sealer()?;
    let source = Source::parse(&connection.source).ok_or_else(|| Problem::internal(format!("unknown source {}", connection.source)))?;
    let key = key(id, &params, idempotency_key)?;
    let new = new_run(caller, RunKind::Backfill, Some((id, source)), json!(params));
    match store.backfill_create(&new, &key).await? {
        BackfillCreated::Created => engine_start(state, &new, Some(&connection.name), params.priority).await,
        BackfillCreated::Same(run_id) => Ok(run_id),
        BackfillCreated::KeyTaken(run_id) => {
            let detail = format!("The Idempotency-Key was used for another request; that started run {run_id}.");
            let mut problem = Problem::conflict(detail, "Send another key with another request.");
            problem.run_id = Some(run_id);
            Err(problem)
        }
        BackfillCreated::Busy(open) => {
            Err(Problem::run_in_the_way(format!("`{}` is being backfilled by run {open}.", connection.name), open))
        }
    }
}

/// The caller's key, or one made of the request.
fn key(id: ConnectionId, params: &BackfillParams, given: Option<String>) -> Result<String, Problem> {
    match given {
        Some(key) if key.trim().is_empty() || key.len() > KEY_MAX => {
            Err(Problem::parameter("Idempotency-Key", &format!("it is empty or longer than {KEY_MAX} characters")))
        }
        Some(key) => Ok(format!("key:{key}")),
        None => {
            let request = json!([id, params.from, params.to, params.streams, params.window_seconds]).to_string();
            Ok(format!("request:{}", hex::encode(Sha256::digest(request))))
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn body(value: serde_json::Value) -> BackfillIn {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_same_request_has_the_same_key_in_any_order_of_streams() {
        let now = Utc::now();
        let of = |streams: &[&str]| {
            let body = body(json!({"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z", "streams": streams, "window": "7d"}));
            key(ConnectionId(Uuid::nil()), &params(body, now).unwrap(), None).unwrap()
        };
        assert_eq!(of(&["issues", "pipelines"]), of(&["pipelines", "issues", "issues"]));
        assert_ne!(of(&["issues"]), of(&["pipelines"]));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_field() {
        let now = Utc::now();
        for (value, field) in [
            (json!({"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}), "from"),
            (json!({"from": "2999-01-01T00:00:00Z", "to": "2999-02-01T00:00:00Z"}), "from"),
            (json!({"from": "2026-01-01T00:00:00Z", "window": "soon"}), "window"),
            (json!({"from": "2026-01-01T00:00:00Z", "window": "5m"}), "window"),
            (json!({"from": "0001-01-01", "window": "1h"}), "window"),
            (json!({"from": "2026-01-01T00:00:00Z", "priority": 9}), "priority"),
        ] {
            let problem = params(body(value), now).unwrap_err();
            assert_eq!(problem.errors[0].field, field);
        }
    }
}
