//! `/runs`, and the ways to start one.

use chrono::Utc;
use ovia_domain::{ConnectionId, RunId, RunKind, RunStatus};
use ovia_store::runs_read::RunFilter;
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    auth::Caller,
    body::{Body, MaybeBody},
    names::Name,
    page::{ListOf, list, page},
    problem::Problem,
    runs_start::{run_cancel, run_retry, run_start_for_org, sync_start},
    service::Tag,
    state::ApiState,
    time::Time,
};

mod health;
mod types;

use types::{RetryIn, RunIn, WindowsOut};
pub(crate) use types::{RunErrorOut, RunOut};

pub(crate) struct RunsApi(pub ApiState);

#[derive(ApiResponse)]
pub(crate) enum Accepted {
    /// Under way. GET /runs/{id}/events tells how it goes.
    #[oai(status = 202)]
    Accepted(Json<RunOut>),
}

#[OpenApi(tag = "Tag::Runs")]
impl RunsApi {
    /// Sync a connection
    ///
    /// Answers at once with the run. One sync of a connection runs at a time: 409 names the one that does, in `run_id` as well.
    #[oai(path = "/connections/:id/sync", method = "post", operation_id = "connection_sync")]
    async fn sync(&self, caller: Caller, id: Path<Uuid>) -> Result<Accepted, Problem> {
        let run_id = sync_start(&self.0, &caller, ConnectionId(id.0)).await?;
        self.accepted(&caller, run_id).await
    }

    /// Start work of the organisation
    ///
    /// Matching and rollups also run by themselves after every successful sync.
    #[oai(path = "/runs", method = "post", operation_id = "run_create")]
    async fn create(&self, caller: Caller, body: Body<RunIn>) -> Result<Accepted, Problem> {
        let run_id = match body.0.kind.0 {
            kind if kind != RunKind::Report && body.0.period.is_some() => return Err(Problem::field("period", "only a report takes it")),
            RunKind::Quality if body.0.as_of.is_some() => {
                return Err(Problem::field("as_of", "quality runs look at what needs attention now"));
            }
            kind @ (RunKind::Matching | RunKind::Retention) if body.0.as_of.is_some() => {
                return Err(Problem::field("as_of", format!("{} does not take it", kind.as_str())));
            }
            kind if kind != RunKind::KpiRollup && body.0.from.or(body.0.to).is_some() => {
                return Err(Problem::field("from", "only a kpi_rollup takes it"));
            }
            _ if body.0.to.is_some() && body.0.from.is_none() => return Err(Problem::field("to", "it needs `from`")),
            _ if body.0.from.zip(body.0.to).is_some_and(|(from, to)| from.0 >= to.0) => {
                return Err(Problem::field("to", "it is not later than `from`"));
            }
            _ if body.0.from.is_some_and(|from| from.0 > Utc::now()) => return Err(Problem::field("from", "it is in the future")),
            _ if body.0.as_of.is_some_and(|as_of| as_of.0 > Utc::now()) => return Err(Problem::field("as_of", "it is in the future")),
            kind @ (RunKind::Matching | RunKind::KpiRollup) => run_start_for_org(&self.0, &caller, kind, params(&body.0)).await?,
            RunKind::Sync => return Err(Problem::field("kind", "syncs are started with POST /connections/{id}/sync")),
            RunKind::Backfill => return Err(Problem::field("kind", "backfills are started with POST /connections/{id}/backfill")),
            RunKind::Census => return Err(Problem::field("kind", "a census is started with POST /connections/{id}/census")),
            RunKind::Replay => {
                return Err(Problem::field("kind", "replays are started with POST /dead-letters/replay or POST /connections/{id}/replay"));
            }
            kind @ RunKind::Retention => run_start_for_org(&self.0, &caller, kind, json!({})).await?,
            kind @ RunKind::Report => run_start_for_org(&self.0, &caller, kind, report_params(&body.0)).await?,
            kind @ RunKind::Quality => run_start_for_org(&self.0, &caller, kind, params(&body.0)).await?,
        };
        self.accepted(&caller, run_id).await
    }

    /// List runs, newest first
    #[oai(path = "/runs", method = "get", operation_id = "runs_list")]
    #[expect(clippy::too_many_arguments, reason = "one per query parameter")]
    async fn list(
        &self,
        caller: Caller,
        kind: Query<Option<Name<RunKind>>>,
        status: Query<Option<Name<RunStatus>>>,
        /// A connection's id.
        connection: Query<Option<Uuid>>,
        /// Created at or after this time.
        since: Query<Option<Time>>,
        /// Items on the page; 50 if not given.
        #[oai(validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ListOf<RunOut>>, Problem> {
        let filter = RunFilter {
            kind: kind.0.map(|kind| kind.0),
            status: status.0.map(|status| status.0),
            connection_id: connection.0.map(ConnectionId),
            since: since.0.map(|time| time.0),
        };
        let rows = self.0.config.store.runs_list(caller.org_id(), &filter, &page(limit.0, cursor.0)).await?;
        Ok(list(rows, |row| RunOut::new(row, &self.0)))
    }

    /// One run, with the progress of its streams
    #[oai(path = "/runs/:id", method = "get", operation_id = "run_fetch")]
    async fn fetch(&self, caller: Caller, id: Path<Uuid>) -> Result<Json<RunOut>, Problem> {
        self.run(&caller, RunId(id.0)).await.map(Json)
    }

    /// Cancel a run
    ///
    /// It stops within seconds and keeps the work it has done. Asking again while it stops is fine; a run that has ended is a conflict.
    #[oai(path = "/runs/:id/cancel", method = "post", operation_id = "run_cancel")]
    async fn cancel(&self, caller: Caller, id: Path<Uuid>) -> Result<Accepted, Problem> {
        run_cancel(&self.0, &caller, RunId(id.0)).await?;
        self.accepted(&caller, RunId(id.0)).await
    }

    /// Retry a run that has ended
    ///
    /// Starts a new run with the same parameters; a sync goes on where the last one stopped. The body may override some of them: with a
    /// `window`, a sync becomes a backfill of it.
    #[oai(path = "/runs/:id/retry", method = "post", operation_id = "run_retry")]
    async fn retry(&self, caller: Caller, id: Path<Uuid>, body: MaybeBody<RetryIn>) -> Result<Accepted, Problem> {
        let overrides = body.0.map(RetryIn::overrides).transpose()?.unwrap_or_default();
        let run_id = run_retry(&self.0, &caller, RunId(id.0), overrides).await?;
        self.accepted(&caller, run_id).await
    }
}

fn params(asked: &RunIn) -> Value {
    let times = [("as_of", asked.as_of), ("from", asked.from), ("to", asked.to)];
    times.into_iter().filter_map(|(name, time)| Some((name.to_owned(), json!(time?.0)))).collect::<serde_json::Map<_, _>>().into()
}

fn report_params(body: &RunIn) -> Value {
    let mut params = params(body);
    if let Some(period) = body.period {
        params["period"] = json!(period.0);
    }
    params
}

/// One run as the API shows it.
pub(crate) async fn run_out(state: &ApiState, caller: &Caller, id: RunId) -> Result<RunOut, Problem> {
    let store = &state.config.store;
    let row = store.run_fetch(caller.org_id(), id).await?.ok_or_else(|| Problem::not_found("run", id))?;
    let run = RunOut::new(row, state);
    if !run.is_backfill() {
        return Ok(run);
    }
    let (done, total) = store.backfill_progress(caller.org_id(), id).await?;
    Ok(run.with_windows(WindowsOut { done, total }))
}

impl RunsApi {
    async fn run(&self, caller: &Caller, id: RunId) -> Result<RunOut, Problem> {
        run_out(&self.0, caller, id).await
    }

    async fn accepted(&self, caller: &Caller, id: RunId) -> Result<Accepted, Problem> {
        Ok(Accepted::Accepted(Json(self.run(caller, id).await?)))
    }
}
