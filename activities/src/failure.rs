//! Sorting failures: a value for the workflow, or an error for Temporal's retries.

use ovia_connectors::ConnectorError;
use ovia_domain::{RunError, Source};
use ovia_store::StoreError;
use temporalio_common::error::ApplicationFailure;
use temporalio_sdk::activities::ActivityError;

/// A Postgres failure, for Temporal. What passes by itself (no connection, a restart, a deadlock, a lost lease) is retried; the rest is a
/// defect, and retrying would hide it.
pub fn store(error: StoreError) -> ActivityError {
    if matches!(error, StoreError::Fenced) {
        // frozen, or cut off from Temporal, for longer than Temporal waits
        tracing::warn!(%error, "another attempt took over; what this one had in hand is not stored");
    }
    let failure = ApplicationFailure::builder(error.to_string()).type_name("store".into()).non_retryable(!is_transient(&error)).build();
    ActivityError::Application(failure.into())
}

fn is_transient(error: &StoreError) -> bool {
    match error {
        StoreError::Fenced | StoreError::LeaseBusy | StoreError::Conflict(_) => true,
        StoreError::Sql(error) => ovia_store::is_transient(error),
        _ => false,
    }
}

/// A connector's failure as users see it.
pub fn source(error: &ConnectorError, source: Source) -> RunError {
    RunError {
        code: error.code(),
        message: sentence(&error.to_string()),
        hint: error.hint(source).to_owned(),
        request: error.request().map(str::to_owned),
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}
