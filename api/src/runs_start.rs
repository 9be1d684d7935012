//! Starting, retrying and cancelling runs: first the row, then Temporal.
//!
//! The row comes first so that a run is never under way without being listed. If Temporal then does not answer, the run is closed as
//! failed and the caller is told; if this process dies in between, `dispatch` finds the row.

use ovia_domain::{ConnectionId, ErrorCode, RunError, RunId, RunKind, RunStatus, Source, TimeWindow};
use ovia_store::{org_runs::OrgRunCreated, runs::NewRun};
use ovia_workflows::{EngineError, RunStart, delivery::summary, workflow_id};
use serde_json::{Value, json};

use crate::{auth::Caller, problem::Problem, state::ApiState};

/// Starts a sync of a connection.
pub(crate) async fn sync_start(state: &ApiState, caller: &Caller, id: ConnectionId) -> Result<RunId, Problem> {
    ingest_start(state, caller, RunKind::Sync, id, json!({}), None).await
}

/// Starts a run over a connection, unless one of its kind is open.
pub(crate) async fn ingest_start(
    state: &ApiState,
    caller: &Caller,
    kind: RunKind,
    id: ConnectionId,
    params: Value,
    retry_of: Option<RunId>,
) -> Result<RunId, Problem> {
    let store = &state.config.store;
    let connection = store.connection_fetch(caller.org_id(), id).await?.ok_or_else(|| Problem::not_found("connection", id))?;
    state.sealer()?;
    let source = Source::parse(&connection.source).ok_or_else(|| Problem::internal(format!("unknown source {}", connection.source)))?;
    let priority = params.get("priority").and_then(Value::as_u64).and_then(|priority| u32::try_from(priority).ok());
    let new = NewRun { retry_of, ..new_run(caller, kind, Some((id, source)), params) };
    if let Err(error) = store.run_create(new.clone()).await {
        if !error.is_unique_violation("runs_one_ingest") {
            return Err(error.into());
        }
        return Err(match store.connection_run_open(caller.org_id(), id, kind).await? {
            Some(open) => Problem::run_in_the_way(format!("`{}` has a {kind} under way: run {open}.", connection.name), open),
            None => Problem::conflict(format!("`{}` had a {kind} under way a moment ago.", connection.name), "Try again."),
        });
    }
    engine_start(state, &new, Some(&connection.name), priority).await
}

/// Starts matching or a rollup of the caller's organisation.
pub(crate) async fn run_start_for_org(state: &ApiState, caller: &Caller, kind: RunKind, params: Value) -> Result<RunId, Problem> {
    org_run_start(state, new_run(caller, kind, None, params)).await
}

async fn org_run_start(state: &ApiState, new: NewRun) -> Result<RunId, Problem> {
    let kind = new.kind;
    match state.config.store.org_run_create(&new).await? {
        OrgRunCreated::Created => engine_start(state, &new, None, None).await,
        OrgRunCreated::Busy(open) => Err(Problem::run_in_the_way(format!("There is a {kind} run under way: {open}."), open)),
    }
}

/// What a retry does otherwise than the run it repeats.
#[derive(Default)]
pub(crate) struct Overrides {
    pub streams: Option<Vec<String>>,
    pub page_size: Option<u32>,
    /// A sync with a window is a backfill of it.
    pub window: Option<TimeWindow>,
}

/// Starts a run like one that has ended.
pub(crate) async fn run_retry(state: &ApiState, caller: &Caller, id: RunId, overrides: Overrides) -> Result<RunId, Problem> {
    let row = state.config.store.run_fetch(caller.org_id(), id).await?.ok_or_else(|| Problem::not_found("run", id))?;
    if !RunStatus::parse(&row.status).is_some_and(RunStatus::is_terminal) {
        return Err(Problem::run_in_the_way(format!("Run {id} is {} and cannot be retried before it has ended.", row.status), id));
    }
    let kind = RunKind::parse(&row.kind).ok_or_else(|| Problem::internal(format!("unknown run kind {}", row.kind)))?;
    match row.connection_id {
        Some(connection_id) => {
            let (kind, params) = retried(kind, &row.params, overrides)?;
            let started = ingest_start(state, caller, kind, ConnectionId(connection_id), params, Some(row.id)).await;
            started.map_err(|problem| match problem.code {
                ErrorCode::NotFound => Problem::conflict(
                    format!("Run {id} cannot be retried: its connection has been deleted."),
                    "Connect the source again and sync it.",
                ),
                _ => problem,
            })
        }
        None if overrides.streams.is_some() || overrides.page_size.is_some() || overrides.window.is_some() => {
            Err(Problem::validation(format!("A {kind} run has no streams, pages or windows to override."), Vec::new()))
        }
        None => org_run_start(state, NewRun { retry_of: Some(row.id), ..new_run(caller, kind, None, row.params.clone()) }).await,
    }
}

/// Kind and parameters of a retry.
fn retried(kind: RunKind, params: &Value, overrides: Overrides) -> Result<(RunKind, Value), Problem> {
    let mut params = params.as_object().cloned().unwrap_or_default();
    let kind = match overrides.window {
        Some(window) if matches!(kind, RunKind::Sync | RunKind::Backfill) => {
            params.insert("from".into(), json!(window.from));
            params.insert("to".into(), json!(window.to));
            params.remove("until_now");
            params.entry("window_seconds").or_insert(json!(30 * 86_400));
            RunKind::Backfill
        }
        Some(_) => return Err(Problem::field("window", format!("a {kind} has no window"))),
        None => kind,
    };
    if let Some(streams) = overrides.streams {
        params.insert("streams".into(), json!(streams));
    }
    if let Some(page_size) = overrides.page_size {
        params.insert("page_size".into(), json!(page_size));
    }
    Ok((kind, Value::Object(params)))
}

/// Asks a run to stop. Fine while it is stopping already; a conflict once it has ended.
pub(crate) async fn run_cancel(state: &ApiState, caller: &Caller, id: RunId) -> Result<(), Problem> {
    let store = &state.config.store;
    let before = store.run_fetch(caller.org_id(), id).await?.ok_or_else(|| Problem::not_found("run", id))?;
    let over = |status: &str| Problem::conflict(format!("Run {id} has ended: it is {status}."), "There is nothing to cancel.");
    if RunStatus::parse(&before.status).is_some_and(RunStatus::is_terminal) {
        return Err(over(&before.status));
    }
    let status = store.run_cancel_request(caller.org_id(), id).await?.ok_or_else(|| Problem::not_found("run", id))?;
    if status.is_terminal() {
        return Err(over(status.as_str()));
    }
    store.audit(caller.org_id(), &caller.requested_by(), "run.cancel", ("run", &id.to_string()), json!({})).await?;
    match state.config.engine.run_cancel(&before.workflow_id, &format!("asked for by {}", caller.requested_by())).await {
        Ok(()) => Ok(()),
        // the row says `cancelling`, which page commits and `dispatch` honour, so the request stands even if Temporal is away
        Err(EngineError::Unavailable(_)) => Ok(()),
        Err(EngineError::NotRunning(_)) => crate::dispatch::deliver(state, &before.into()).await,
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn new_run(caller: &Caller, kind: RunKind, connection: Option<(ConnectionId, Source)>, params: Value) -> NewRun {
    let (org_id, run_id) = (caller.org_id(), RunId::generate());
    let connection_id = connection.map(|connection| connection.0);
    NewRun {
        org_id,
        run_id,
        kind,
        connection_id,
        source: connection.map(|connection| connection.1),
        requested_by: caller.requested_by(),
        params,
        parent_run_id: None,
        retry_of: None,
        workflow_id: workflow_id(kind, org_id, connection_id, run_id),
    }
}

pub(crate) async fn engine_start(
    state: &ApiState,
    new: &NewRun,
    connection_name: Option<&str>,
    priority: Option<u32>,
) -> Result<RunId, Problem> {
    let start = start_of(new, connection_name, priority);
    let Err(error) = state.config.engine.run_start(&start).await else { return Ok(new.run_id) };
    let mut problem = Problem::from(error);
    problem.run_id = Some(new.run_id);
    let why = RunError {
        code: problem.code,
        message: format!("The run could not be started: {}", problem.detail),
        hint: problem.hint.clone(),
        request: None,
    };
    state.config.store.run_failed_to_start(new.org_id, new.run_id, &why).await?;
    Err(problem)
}

/// Starts a run that is queued already, for another reason than that somebody asked for it. If Temporal is away it stays queued, and
/// `dispatch` starts it later: what it follows has happened, and must not fail because of it.
pub(crate) async fn queued_start(state: &ApiState, new: &NewRun) {
    if let Err(error) = state.config.engine.run_start(&start_of(new, None, None)).await {
        tracing::warn!(run_id = %new.run_id, %error, "failed to start the run that follows a decision; it stays queued and is started later");
    }
}

/// Starts a rollup because of what was just said about the figures. `None`: none could be queued, mostly because one is under way.
pub(crate) async fn rollup_follow(state: &ApiState, caller: &Caller) -> Option<RunId> {
    let new = new_run(caller, RunKind::KpiRollup, None, json!({}));
    match state.config.store.org_run_create(&new).await {
        Ok(OrgRunCreated::Created) => {
            queued_start(state, &new).await;
            Some(new.run_id)
        }
        Ok(OrgRunCreated::Busy(_)) => None,
        Err(error) => {
            tracing::warn!(%error, "failed to queue the rollup that follows a decision");
            None
        }
    }
}

fn start_of(new: &NewRun, connection_name: Option<&str>, priority: Option<u32>) -> RunStart {
    RunStart {
        org_id: new.org_id,
        run_id: new.run_id,
        kind: new.kind,
        connection: new.connection_id.zip(new.source),
        workflow_id: new.workflow_id.clone(),
        priority,
        summary: summary(new.kind, connection_name.zip(new.source), &new.requested_by),
    }
}
