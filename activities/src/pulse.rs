//! Heartbeats around work that has no natural place to send them.

use std::time::Duration;

use temporalio_sdk::activities::ActivityContext;

/// Heartbeats go out this often; cancellation comes back with them.
const PULSE: Duration = Duration::from_millis(500);

/// Waits for `future` with heartbeats going out. `None` when the activity was cancelled first; `future` is dropped then.
pub async fn with_pulse<T>(ctx: &ActivityContext, future: impl Future<Output = T>) -> Option<T> {
    tokio::pin!(future);
    let mut pulse = tokio::time::interval(PULSE);
    loop {
        tokio::select! {
            biased;
            () = ctx.cancelled() => return None,
            value = &mut future => return Some(value),
            _ = pulse.tick() => {
                if let Err(error) = ctx.record_heartbeat(()).await {
                    tracing::warn!(%error, "heartbeat failed");
                }
            }
        }
    }
}
