//! Runs that Temporal has not heard of: the process died between inserting the row and starting the workflow, or a cancel request
//! met a Temporal that was away. Both calls are idempotent, so looking every few seconds is enough and several processes may look.

use ovia_domain::{ConnectionId, RunKind, RunStatus, Source};
use ovia_store::runs_read::RunDispatch;
use ovia_workflows::{
    RunStart,
    delivery::{self, Delivered, summary},
};

use crate::{problem::Problem, state::ApiState};

/// Looks every `dispatch_interval`, for ever.
pub(crate) async fn dispatch_forever(state: ApiState) {
    loop {
        tokio::time::sleep(state.config.dispatch_interval).await;
        dispatch_once(&state).await;
    }
}

async fn dispatch_once(state: &ApiState) {
    let runs = match state.config.store.runs_undelivered(state.config.dispatch_interval.as_secs_f64()).await {
        Ok(runs) => runs,
        Err(error) => return tracing::warn!(%error, "failed to look for runs that Temporal has not heard of"),
    };
    for run in runs {
        if let Err(problem) = deliver(state, &run).await {
            tracing::warn!(run_id = %run.id, status = run.status, %problem, cause = problem.cause, "failed to hand a run to Temporal; trying again later");
        }
    }
}

/// Makes sure the run's workflow exists and, if the run is being cancelled, knows it.
pub(crate) async fn deliver(state: &ApiState, run: &RunDispatch) -> Result<(), Problem> {
    let cancelling = state.config.store.run_status(run.org_id, run.id).await? == Some(RunStatus::Cancelling);
    if delivery::deliver(&*state.config.engine, &run_start(run)?, cancelling).await? == Delivered::Ended {
        state.config.store.run_finish(run.org_id, run.id, RunStatus::Cancelled, None, None).await?;
    }
    Ok(())
}

fn run_start(run: &RunDispatch) -> Result<RunStart, Problem> {
    let kind = RunKind::parse(&run.kind).ok_or_else(|| Problem::internal(format!("unknown run kind {}", run.kind)))?;
    let source = run.source.as_deref().and_then(Source::parse);
    Ok(RunStart {
        org_id: run.org_id,
        run_id: run.id,
        kind,
        connection: run.connection_id.map(ConnectionId).zip(source),
        workflow_id: run.workflow_id.clone(),
        priority: run.priority(),
        summary: summary(kind, run.connection_name.as_deref().zip(source), &run.requested_by),
    })
}
