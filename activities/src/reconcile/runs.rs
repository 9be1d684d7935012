//! Runs that are open in Postgres: is somebody working on them?

use futures::StreamExt;
use ovia_domain::{ConnectionId, OrgId, RunError, RunId, RunKind, RunStatus, Source};
use ovia_store::{StoreError, reconcile::RunOpen, runs_read::RunDispatch};
use ovia_workflows::{
    EngineError, RunStart,
    delivery::{Delivered, WorkflowLook, closing, deliver, overdue, summary},
};

use super::{CONCURRENCY, Tally};
use crate::Activities;

const PAGE: i64 = 200;

#[derive(Debug, thiserror::Error)]
pub enum RunProblem {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("unknown kind of run {0}")]
    Kind(String),
}

pub async fn pass(activities: &Activities, tally: &Tally) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = activities.store.runs_open(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some((last.created_at, last.dispatch.id));
        futures::stream::iter(page)
            .for_each_concurrent(CONCURRENCY, async |run| {
                if let Err(error) = look_after(activities, &run, tally).await {
                    Tally::add(&tally.failures);
                    tracing::warn!(run_id = %run.dispatch.id, %error, "failed to reconcile a run; trying again in the next pass");
                }
            })
            .await;
    }
}

async fn look_after(activities: &Activities, open: &RunOpen, tally: &Tally) -> Result<(), RunProblem> {
    let run = &open.dispatch;
    match activities.engine.run_look(&run.workflow_id).await? {
        WorkflowLook::Running if open.is_overdue => {
            activities.engine.run_terminate(&run.workflow_id, "did not stop in time after it was cancelled").await?;
            activities.store.run_finish(run.org_id, run.id, RunStatus::Cancelled, Some(&overdue()), None).await?;
            Tally::add(&tally.runs_terminated);
            tracing::warn!(run_id = %run.id, "terminated a run that did not stop in time");
        }
        WorkflowLook::Running => {}
        // a young one is about to be started by whoever made it
        WorkflowLook::Unknown if open.is_settled => start_again(activities, run, tally).await?,
        WorkflowLook::Unknown => {}
        WorkflowLook::Ended(_) => {
            if close_if_ended(activities, run.org_id, run.id, &run.workflow_id).await? {
                Tally::add(&tally.runs_closed);
            }
        }
    }
    Ok(())
}

/// A run whose workflow does not exist: never started, or lost with Temporal's data. It goes on from what is committed.
async fn start_again(activities: &Activities, run: &RunDispatch, tally: &Tally) -> Result<(), RunProblem> {
    let start = run_start(run)?;
    // it may have ended since the page was read
    let status = activities.store.run_status(run.org_id, run.id).await?;
    if status.is_none_or(RunStatus::is_terminal) {
        return Ok(());
    }
    match deliver(&*activities.engine, &start, status == Some(RunStatus::Cancelling)).await {
        Ok(Delivered::Handed) => {
            Tally::add(&tally.runs_started);
            tracing::info!(run_id = %run.id, "started a run whose workflow did not exist");
        }
        Ok(Delivered::Ended) => {
            activities.store.run_finish(run.org_id, run.id, RunStatus::Cancelled, None, None).await?;
            Tally::add(&tally.runs_closed);
        }
        // trying again will not help
        Err(EngineError::Other(cause) | EngineError::Refused(cause)) => {
            let error = RunError {
                code: ovia_domain::ErrorCode::ServerError,
                message: format!("The run could not be started: {}.", cause.trim_end_matches('.')),
                hint: "Check that the workers are as new as the API, then retry the run.".into(),
                request: None,
            };
            activities.store.run_finish(run.org_id, run.id, RunStatus::Failed, Some(&error), None).await?;
            Tally::add(&tally.runs_closed);
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Closes the run if its workflow has ended and it is open still. Whether it is over now.
pub async fn close_if_ended(activities: &Activities, org: OrgId, run: RunId, workflow_id: &str) -> Result<bool, RunProblem> {
    let WorkflowLook::Ended(end) = activities.engine.run_look(workflow_id).await? else { return Ok(false) };
    // a workflow that closed its run did so before it ended: what is open now was left open
    let (status, error) = closing(end);
    let (ended, _) = activities.store.run_finish(org, run, status, error.as_ref(), None).await?;
    tracing::info!(run_id = %run, ?end, status = %ended, "a run's workflow had ended without closing it");
    Ok(true)
}

fn run_start(run: &RunDispatch) -> Result<RunStart, RunProblem> {
    let kind = RunKind::parse(&run.kind).ok_or_else(|| RunProblem::Kind(run.kind.clone()))?;
    let source = run.source.as_deref().and_then(Source::parse);
    Ok(RunStart {
        org_id: run.org_id,
        run_id: run.id,
        kind,
        connection: run.connection_id.map(ConnectionId).zip(source),
        priority: run.priority(),
        workflow_id: run.workflow_id.clone(),
        summary: summary(kind, run.connection_name.as_deref().zip(source), &run.requested_by),
    })
}
