//! Timeouts and retries of every activity, in one place.
//!
//! Activities answer expected failures (a refused token, a source that is down) as values; what reaches Temporal's retries is a
//! worker that died or a Postgres that is away, and those are retried for as long as it takes.

use std::time::Duration;

use ovia_domain::RunKind;
use temporalio_common::RetryPolicy;
use temporalio_sdk::{ActivityCancellationType, ActivityOptions, WorkflowCancellationToken};

/// Heartbeats older than this mean the worker is gone; the next attempt starts then.
pub const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(4);

/// Attempts at long work. Enough for workers that are killed again and again, not for work that kills every worker.
const ATTEMPTS_MAX: u32 = 50;

fn retry() -> RetryPolicy {
    RetryPolicy::builder().initial_interval(Duration::from_millis(500)).maximum_interval(Duration::from_secs(15)).build()
}

/// Short bookkeeping: milliseconds of Postgres.
pub fn bookkeeping() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(20)).retry_policy(retry()).build()
}

/// Bookkeeping that must happen although the workflow is cancelled.
pub fn cleanup() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(20))
        .retry_policy(retry())
        .cancellation_token(WorkflowCancellationToken::new())
        .build()
}

/// Long work that heartbeats. On cancellation the workflow waits until it has stopped writing.
pub fn slice(max_seconds: u32) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(u64::from(max_seconds) + 600))
        .heartbeat_timeout(HEARTBEAT_TIMEOUT)
        .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
        // through the task queue, which hands out work fairly: an eager start would jump it
        .do_not_eagerly_execute(true)
        .retry_policy(retry_some())
        .build()
}

/// Temporal's priority of a kind of run, 1 (first) to 5: what people wait for comes before what fills up the past.
pub fn priority(kind: RunKind) -> u32 {
    match kind {
        RunKind::Sync => 2,
        RunKind::Matching | RunKind::KpiRollup => 3,
        RunKind::Backfill | RunKind::Census | RunKind::Replay => 4,
        RunKind::Retention | RunKind::Quality | RunKind::Report => 5,
    }
}

/// Temporal's priority of what a webhook names: a few requests, before everything else.
pub const WEBHOOK_PRIORITY: u32 = 1;

/// Pulls of what webhooks name. A Postgres that is away is waited for; then the reconciler looks after what is pending.
pub fn webhook_pull() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(300))
        .heartbeat_timeout(HEARTBEAT_TIMEOUT)
        .retry_policy(retry_some())
        .build()
}

fn retry_some() -> RetryPolicy {
    RetryPolicy::builder()
        .initial_interval(Duration::from_millis(500))
        .maximum_interval(Duration::from_secs(15))
        .maximum_attempts(ATTEMPTS_MAX)
        .build()
}

/// A pass over everything. Another follows soon, so it is not tried for long.
pub fn reconcile() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(300))
        .heartbeat_timeout(HEARTBEAT_TIMEOUT)
        .retry_policy(RetryPolicy::builder().maximum_attempts(2).initial_interval(Duration::from_millis(500)).build())
        .build()
}

/// A connection check: one try, answered while a person waits.
pub fn check() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(15))
        .retry_policy(RetryPolicy::builder().maximum_attempts(2).initial_interval(Duration::from_millis(500)).build())
        .build()
}
