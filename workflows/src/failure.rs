//! Turning failures into run errors and run errors into how a workflow ends.

use ovia_domain::{ErrorCode, RunError, RunStatus};
use temporalio_common::error::ApplicationFailure;
use temporalio_sdk::{ActivityExecutionError, WorkflowResult, WorkflowTermination};

/// An activity that failed in a way it did not foresee. The engineer finds the cause in the workflow's history.
pub fn activity_failed(step: &str, error: &ActivityExecutionError) -> RunError {
    let cause = error.cause().map(ToString::to_string).unwrap_or_default();
    RunError {
        code: ErrorCode::ServerError,
        message: format!("The run's step `{step}` failed: {}", if cause.is_empty() { error.to_string() } else { cause }),
        hint: "Open the run in the Temporal UI for the details, then retry it; it goes on from what is stored.".into(),
        request: None,
    }
}

/// The workflow's own end: a failed run is a failed workflow and a cancelled one a cancelled workflow, so that Temporal's lists tell
/// the truth.
pub fn conclude(status: RunStatus, error: Option<RunError>) -> WorkflowResult<RunStatus> {
    match (status, error) {
        (RunStatus::Cancelled, _) => Err(WorkflowTermination::cancelled()),
        (RunStatus::Failed, Some(error)) => {
            let failure = ApplicationFailure::builder(format!("{}: {}", error.code, error.message))
                .type_name(error.code.to_string())
                .non_retryable(true)
                .build();
            Err(WorkflowTermination::failed_application(failure))
        }
        (status, _) => Ok(status),
    }
}

/// Pause before try `failures + 1`: `first`, doubled each time, at most `max`.
pub fn pause_ms(failures: u32, first: u64, max: u64) -> u64 {
    first.saturating_mul(1_u64 << failures.saturating_sub(1).min(20)).min(max)
}

#[cfg(test)]
mod tests {
    use super::pause_ms;

    #[test]
    fn pauses_double_up_to_the_maximum() {
        assert_eq!([1, 2, 3, 4, 90].map(|n| pause_ms(n, 2_000, 10_000)), [2_000, 4_000, 8_000, 10_000, 10_000]);
    }
}
