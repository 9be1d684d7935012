//! Following a run to its end.

use std::time::{Duration, Instant};

use ovia_domain::RunStatus;
use serde_json::Value;

use crate::{
    client::{ApiClient, RunEvent, RunEvents},
    exit::{CliError, CliResult, Exit},
    output::{RunProgress, text},
};

/// Between looks at the run while events pour in.
const REFRESH: Duration = Duration::from_millis(400);

/// Follows `run_id` until it is over and answers it. Each event is given to `on_event` and moves the progress display.
pub async fn watch(
    client: &ApiClient,
    run_id: &str,
    mut progress: RunProgress,
    mut on_event: impl FnMut(&RunEvent) -> CliResult,
) -> CliResult<Value> {
    let path = format!("runs/{run_id}");
    let mut events = RunEvents::new(client.clone(), run_id);
    let mut looked: Option<Instant> = None;
    while let Some(event) = events.next().await? {
        on_event(&event)?;
        if looked.is_none_or(|at| at.elapsed() >= REFRESH) {
            // Only for show: the stream is what decides.
            if let Ok(run) = client.get(&path, &[]).await {
                progress.show(&run);
            }
            looked = Some(Instant::now());
        }
    }
    let run = client.get(&path, &[]).await?;
    progress.show(&run);
    progress.finish();
    Ok(run)
}

/// As `watch`, but Ctrl-C stops watching: the run itself goes on.
pub async fn watch_until_interrupted(
    client: &ApiClient,
    run_id: &str,
    progress: RunProgress,
    on_event: impl FnMut(&RunEvent) -> CliResult,
) -> CliResult<Value> {
    let stop = crate::shutdown::token()?;
    tokio::select! {
        run = watch(client, run_id, progress, on_event) => run,
        () = stop.cancelled() => Err(CliError::new(Exit::Cancelled, "interrupted; the run goes on").hint(format!("`ovia runs cancel {run_id}` stops it."))),
    }
}

/// How a command that waited for `run` ends.
pub fn verdict(run: &Value) -> CliResult {
    let status = run["status"].as_str().and_then(RunStatus::parse);
    let exit = match status {
        Some(RunStatus::Succeeded | RunStatus::Skipped) => return Ok(()),
        Some(RunStatus::Degraded) => Exit::Degraded,
        Some(RunStatus::Cancelled) => Exit::Cancelled,
        _ => Exit::Failure,
    };
    let why = text(run, "/error/message");
    let kind = text(run, "/kind");
    let message = if why.is_empty() {
        format!("the {kind} run ended {}", text(run, "/status"))
    } else {
        format!("the {kind} run ended {}: {why}", text(run, "/status"))
    };
    let error = CliError::new(exit, message.trim_end_matches('.').to_owned());
    match text(run, "/error/hint") {
        hint if hint.is_empty() => Err(error),
        hint => Err(error.hint(hint)),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::json;

    #[test]
    fn the_exit_code_says_how_the_run_ended() {
        let exit = |status: &str| verdict(&json!({"kind": "sync", "status": status})).err().map(|error| error.exit);
        assert_eq!(exit("succeeded"), None);
        assert_eq!(exit("skipped"), None);
        assert_eq!(exit("degraded"), Some(Exit::Degraded));
        assert_eq!(exit("cancelled"), Some(Exit::Cancelled));
        assert_eq!(exit("failed"), Some(Exit::Failure));
        let error =
            verdict(&json!({"kind": "sync", "status": "failed", "error": {"message": "Reconnect.", "hint": "Do it."}})).unwrap_err();
        assert_eq!((error.message.as_str(), error.hint.as_deref()), ("the sync run ended failed: Reconnect", Some("Do it.")));
    }
}
