//! Handing a run to Temporal, and reading from its workflow how it ended. The API does both when somebody waits, the reconciler for
//! the rest.

use ovia_domain::{ErrorCode, RunError, RunKind, RunStatus, Source};

use crate::client::{Engine, EngineError, RunStart};

/// Where a run's workflow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkflowLook {
    Running,
    /// Temporal knows no such workflow: never started, or lost with Temporal's data.
    Unknown,
    Ended(WorkflowEnd),
}

/// How a workflow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkflowEnd {
    Completed,
    Failed,
    Cancelled,
    Terminated,
    TimedOut,
}

/// What handing over came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// The workflow is there and knows what is wanted of it.
    Handed,
    /// The run was to be cancelled and its workflow is over already: nobody else will close the run.
    Ended,
}

/// Makes sure the run's workflow exists and, if the run is being cancelled, knows it. Repeating it is fine.
pub async fn deliver(engine: &dyn Engine, start: &RunStart, cancelling: bool) -> Result<Delivered, EngineError> {
    if cancelling {
        match engine.run_cancel(&start.workflow_id, "asked for earlier").await {
            // its workflow was terminated, or lost its end
            Err(EngineError::NotRunning(_)) if engine.run_has_ended(&start.workflow_id).await? => return Ok(Delivered::Ended),
            // a workflow that never started has to start in order to close its run
            Err(EngineError::NotRunning(_)) => {}
            other => return other.map(|()| Delivered::Handed),
        }
    }
    engine.run_start(start).await.map(|()| Delivered::Handed)
}

/// How to close a run that is open although its workflow ended like this.
pub fn closing(end: WorkflowEnd) -> (RunStatus, Option<RunError>) {
    let error = |code, message: &str, hint: &str| Some(RunError { code, message: message.into(), hint: hint.into(), request: None });
    let retry = "Look at the workflow in the Temporal UI, then retry the run; it goes on from what is stored.";
    match end {
        WorkflowEnd::Cancelled => (RunStatus::Cancelled, None),
        WorkflowEnd::Terminated => {
            let message = "The run's workflow was terminated in Temporal.";
            (RunStatus::Cancelled, error(ErrorCode::Conflict, message, "Retry the run; it goes on from what is stored."))
        }
        WorkflowEnd::Failed => (RunStatus::Failed, error(ErrorCode::ServerError, "The run's workflow failed in Temporal.", retry)),
        WorkflowEnd::TimedOut => (RunStatus::Failed, error(ErrorCode::ServerError, "The run's workflow timed out in Temporal.", retry)),
        WorkflowEnd::Completed => {
            let message = "The run's workflow completed in Temporal without closing the run.";
            (RunStatus::Failed, error(ErrorCode::ServerError, message, retry))
        }
    }
}

/// The error of a run that was asked to stop, did not, and was terminated.
pub fn overdue() -> RunError {
    RunError {
        code: ErrorCode::Conflict,
        message: "The run did not stop in time after it was cancelled; its workflow was terminated.".into(),
        hint: "What it had stored stays. Start it again if you want the rest.".into(),
        request: None,
    }
}

/// What the Temporal UI says about a run.
pub fn summary(kind: RunKind, connection: Option<(&str, Source)>, requested_by: &str) -> String {
    match connection {
        Some((name, source)) => format!("{} of {name} ({source}), asked for by {requested_by}", kind.title()),
        None if kind == RunKind::Matching => format!("Identity matching, asked for by {requested_by}"),
        None => format!("{}, asked for by {requested_by}", kind.title()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_close_its_run_is_told_truthfully() {
        let of = |end| {
            let (status, error) = closing(end);
            (status, error.map(|error| error.message))
        };
        assert_eq!(of(WorkflowEnd::Cancelled), (RunStatus::Cancelled, None));
        let (status, message) = of(WorkflowEnd::Terminated);
        assert!(status == RunStatus::Cancelled && message.is_some_and(|text| text.contains("terminated in Temporal")));
        for end in [WorkflowEnd::Failed, WorkflowEnd::TimedOut, WorkflowEnd::Completed] {
            assert_eq!(of(end).0, RunStatus::Failed);
        }
    }
}
