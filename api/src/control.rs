//! Pausing runs and connections, and letting them go on.
//!
//! Postgres first: a slice looks there before every page, so a pause holds although Temporal is away. The signal only saves a paused
//! workflow the wait until it looks by itself.

use ovia_domain::{ConnectionId, RunId};
use ovia_store::run_control::Paused;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json};
use uuid::Uuid;

use crate::{
    auth::Caller,
    problem::Problem,
    runs::{Accepted, run_out},
    service::Tag,
    state::ApiState,
};

/// Whether a connection is paused.
#[derive(Object)]
#[oai(rename = "ConnectionPause")]
struct ConnectionPauseOut {
    connection_id: Uuid,
    paused: bool,
    /// Open runs that were paused, or go on.
    runs: i64,
}

#[derive(ApiResponse)]
enum Set {
    /// It is as asked.
    #[oai(status = 200)]
    Set(Json<ConnectionPauseOut>),
}

pub(crate) struct ControlApi(pub ApiState);

#[OpenApi(tag = "Tag::Runs")]
impl ControlApi {
    /// Pause a run
    ///
    /// It stops after the page it is storing, frees the connection for others and keeps its place. Of syncs, backfills, censuses and
    /// replays. Pausing a paused run is fine.
    #[oai(path = "/runs/:id/pause", method = "post", operation_id = "run_pause")]
    async fn pause(&self, caller: Caller, id: Path<Uuid>) -> Result<Accepted, Problem> {
        let run_id = RunId(id.0);
        self.ingest_check(&caller, run_id).await?;
        match self.0.config.store.run_pause_request(caller.org_id(), run_id, &caller.requested_by()).await? {
            Paused::Done { .. } => self.accepted(&caller, run_id).await,
            Paused::NotFound => Err(Problem::not_found("run", run_id)),
            Paused::No(status) => Err(Problem::conflict(format!("Run {run_id} is {status} and cannot be paused."), "Only open runs can.")),
        }
    }

    /// Let a paused run go on
    #[oai(path = "/runs/:id/resume", method = "post", operation_id = "run_resume")]
    async fn resume(&self, caller: Caller, id: Path<Uuid>) -> Result<Accepted, Problem> {
        let run_id = RunId(id.0);
        match self.0.config.store.run_resume_request(caller.org_id(), run_id, &caller.requested_by()).await? {
            Paused::Done { workflow_id } => {
                resume_tell(&self.0, &workflow_id).await;
                self.accepted(&caller, run_id).await
            }
            Paused::NotFound => Err(Problem::not_found("run", run_id)),
            Paused::No(status) => Err(Problem::conflict(format!("Run {run_id} is {status}, not paused."), "There is nothing to resume.")),
        }
    }

    /// Pause a connection
    ///
    /// Its open runs stop after the page they are storing, and scheduled ones are skipped, until it is resumed.
    #[oai(path = "/connections/:id/pause", method = "post", operation_id = "connection_pause")]
    async fn connection_pause(&self, caller: Caller, id: Path<Uuid>) -> Result<Set, Problem> {
        self.connection_set(&caller, ConnectionId(id.0), true).await
    }

    /// Let a paused connection go on
    #[oai(path = "/connections/:id/resume", method = "post", operation_id = "connection_resume")]
    async fn connection_resume(&self, caller: Caller, id: Path<Uuid>) -> Result<Set, Problem> {
        self.connection_set(&caller, ConnectionId(id.0), false).await
    }
}

impl ControlApi {
    async fn connection_set(&self, caller: &Caller, id: ConnectionId, paused: bool) -> Result<Set, Problem> {
        let store = &self.0.config.store;
        let runs = store.connection_pause_set(caller.org_id(), id, paused, &caller.requested_by()).await?;
        let runs = runs.ok_or_else(|| Problem::not_found("connection", id))?;
        if !paused {
            for workflow_id in &runs {
                resume_tell(&self.0, workflow_id).await;
            }
        }
        Ok(Set::Set(Json(ConnectionPauseOut { connection_id: id.0, paused, runs: runs.len() as i64 })))
    }

    /// Matching, rollups and retention take seconds and hold no place: they cannot be paused.
    async fn ingest_check(&self, caller: &Caller, id: RunId) -> Result<(), Problem> {
        let control = self.0.config.store.run_control(caller.org_id(), id).await?.ok_or_else(|| Problem::not_found("run", id))?;
        if control.kind.is_ingest() {
            return Ok(());
        }
        Err(Problem::conflict(format!("A {} run cannot be paused.", control.kind), "Cancel it, and start it again later."))
    }

    async fn accepted(&self, caller: &Caller, id: RunId) -> Result<Accepted, Problem> {
        Ok(Accepted::Accepted(Json(run_out(&self.0, caller, id).await?)))
    }
}

/// Tells a workflow that its run may go on. One that is not reached looks by itself within a minute.
pub(crate) async fn resume_tell(state: &ApiState, workflow_id: &str) {
    if let Err(error) = state.config.engine.run_resume(workflow_id).await {
        tracing::warn!(workflow_id, %error, "failed to tell a paused run that it may go on; it looks by itself within a minute");
    }
}
