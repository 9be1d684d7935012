//! What an open run is doing, in a word and a sentence.

use chrono::{DateTime, SecondsFormat, Utc};
use ovia_domain::RunStatus;
use ovia_store::{run_health::RunHealth, runs_read::RunRow};
use poem_openapi::Object;

use crate::names::Name;

/// Whether an open run is at work.
///
/// `ok`: at work. `waiting`: for the source's limit, or for another run of the connection. `paused`: by somebody. `stuck`: it should be at
/// work, and nothing has been heard of it for two minutes (fifteen for runs without a connection). `no_worker`: nobody has begun it
/// for thirty seconds.
#[derive(Object)]
#[oai(rename = "RunHealth")]
pub(crate) struct HealthOut {
    state: Name<RunHealth>,
    /// The same as a sentence.
    message: String,
}

impl HealthOut {
    /// `None` once the run has ended.
    pub fn of(row: &RunRow) -> Option<Self> {
        let state = row.signs().health()?;
        Some(Self { state: Name(state), message: sentence(row, state) })
    }
}

fn sentence(row: &RunRow, state: RunHealth) -> String {
    let silent = duration(row.silent_seconds);
    let status = RunStatus::parse(&row.status);
    match (state, status) {
        (RunHealth::Ok, Some(RunStatus::Queued)) => "Waits for a worker to begin it.".into(),
        (RunHealth::Ok, Some(RunStatus::Cancelling)) => format!("Stops; last sign of life {silent} ago."),
        (RunHealth::Ok, _) => format!("At work; last sign of life {silent} ago."),
        (RunHealth::Waiting, Some(RunStatus::Waiting)) => match row.waiting_until {
            Some(until) => format!("Waits for the source's rate limit until {}.", time(until)),
            None => "Waits for the source's rate limit.".into(),
        },
        (RunHealth::Waiting, _) => match row.lease_holder {
            Some(holder) => format!("Waits for run {holder}, which works on the same connection."),
            None => "Waits for another run of the connection.".into(),
        },
        (RunHealth::Paused, _) => match row.paused_by.as_deref() {
            Some("connection") => "Paused with its connection; goes on when that is resumed.".into(),
            Some("kill_switch") => "Paused by the kill switch; goes on when that is released.".into(),
            _ => "Paused; goes on when it is resumed.".into(),
        },
        (RunHealth::Stuck, Some(RunStatus::Waiting)) => match row.waiting_until {
            Some(until) => format!("Should have gone on at {} and has not: see that a worker runs and that Temporal answers.", time(until)),
            None => "Should have gone on and has not: see that a worker runs and that Temporal answers.".into(),
        },
        (RunHealth::Stuck, _) => {
            format!(
                "Nothing was stored and no sign of life came for {silent}: see that a worker runs, then its log and the run's workflow."
            )
        }
        (RunHealth::NoWorker, _) => {
            format!("No worker has begun it for {silent}: see that one runs (`ovia worker`) and that Temporal answers (GET /ready).")
        }
    }
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// `45 s`, `12 min`, `3 h 5 min`.
fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as i64;
    match (seconds / 3600, seconds / 60 % 60) {
        (0, _) if seconds < 120 => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_people_say_them() {
        assert_eq!(duration(-0.2), "0 s");
        assert_eq!(duration(119.9), "119 s");
        assert_eq!(duration(750.0), "12 min");
        assert_eq!(duration(11_100.0), "3 h 5 min");
    }
}
