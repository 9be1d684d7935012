//! A run's progress on stderr: a live bar in a terminal, one line per change elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::{duration, number, text};

/// Shows what `GET /runs/{id}` says, again and again.
pub struct RunProgress {
    bar: Option<ProgressBar>,
    /// The last line printed where there is no terminal.
    last: String,
    silent: bool,
}

impl RunProgress {
    /// `silent` shows nothing at all.
    pub fn new(silent: bool) -> Self {
        let bar = (!silent && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(100);
            bar.set_style(style(false));
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
            bar
        });
        Self { bar, last: String::new(), silent }
    }

    pub fn show(&mut self, run: &Value) {
        if self.silent {
            return;
        }
        let line = describe(run);
        match (&self.bar, overall_percent(run)) {
            (Some(bar), Some(percent)) => {
                bar.set_style(style(true));
                bar.set_position(percent);
                bar.set_message(line);
            }
            (Some(bar), None) => {
                bar.set_style(style(false));
                bar.set_message(line);
            }
            (None, _) => {
                // Counts change with every page; a log wants to know about streams and states.
                let key = format!("{} {}", what(run), stage(run));
                if key != self.last {
                    eprintln!("{line}");
                    self.last = key;
                }
            }
        }
    }

    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(with_bar: bool) -> ProgressStyle {
    let template = if with_bar { "{spinner} [{elapsed}] {bar:30} {pos:>3}% {msg}" } else { "{spinner} [{elapsed}] {msg}" };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// `gitlab sync`, `matching`.
fn what(run: &Value) -> String {
    format!("{} {}", text(run, "/source"), text(run, "/kind")).trim_start().to_owned()
}

/// `gitlab sync running: merge requests (stream 2 of 4), 1200 rows so far, 350 rows/s, 12 min left`.
fn describe(run: &Value) -> String {
    let fetched = number(run, "/counts/fetched");
    let rows = if fetched.is_empty() || fetched == "0" { String::new() } else { format!(", {fetched} rows so far") };
    let pulled = streams(run).iter().find(|stream| stream["status"] == "running");
    let rate = pulled.and_then(|stream| stream["rows_per_second"].as_f64()).filter(|rate| *rate > 0.0);
    let pace = rate.map(|rate| format!(", {rate:.0} rows/s")).unwrap_or_default();
    let eta = pulled.and_then(|stream| stream["eta_seconds"].as_i64());
    let left = eta.map(|seconds| format!(", {} left", duration(seconds))).unwrap_or_default();
    format!("{} {}{rows}{pace}{left}", what(run), stage(run))
}

/// The state, and the stream that is being pulled.
fn stage(run: &Value) -> String {
    let status = text(run, "/status");
    let until = text(run, "/waiting_until");
    if status == "waiting" && !until.is_empty() {
        return format!("waiting for the source's rate limit until {until}");
    }
    // what is wrong matters more than where it stands
    if ["stuck", "no_worker"].contains(&text(run, "/health/state").as_str()) {
        return format!("{status}: {}", text(run, "/health/message"));
    }
    let streams = streams(run);
    match streams.iter().position(|stream| stream["status"] == "running") {
        Some(index) => {
            format!("{status}: {} (stream {} of {})", text(&streams[index], "/stream").replace('_', " "), index + 1, streams.len())
        }
        None => status,
    }
}

/// Finished streams, and the known share of those under way, of all streams.
fn overall_percent(run: &Value) -> Option<u64> {
    let streams = streams(run);
    if streams.is_empty() {
        return None;
    }
    let sum: f64 = streams.iter().map(stream_percent).sum();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
    let percent = (sum / streams.len() as f64).clamp(0.0, 100.0) as u64;
    Some(percent)
}

fn stream_percent(stream: &Value) -> f64 {
    match stream["status"].as_str() {
        Some("pending") | None => 0.0,
        Some("running") => stream["percent"].as_f64().unwrap_or(0.0),
        Some(_) => 100.0,
    }
}

fn streams(run: &Value) -> &[Value] {
    run["progress"].as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_run_is_described_by_the_stream_it_pulls() {
        let run = json!({"kind": "sync", "source": "jira", "status": "running", "counts": {"fetched": 1200}, "progress": [
            {"stream": "projects", "status": "done"}, {"stream": "merge_requests", "status": "running", "percent": 50}, {"stream": "jobs", "status": "pending"},
            {"stream": "releases", "status": "not_available"}]});
        assert_eq!(describe(&run), "jira sync running: merge requests (stream 2 of 4), 1200 rows so far");
        assert_eq!(overall_percent(&run), Some(62));
    }

    #[test]
    fn pace_and_trouble_are_told() {
        let mut run = json!({"kind": "sync", "status": "running", "counts": {"fetched": 1200}, "progress": [
            {"stream": "projects", "status": "running", "rows_per_second": 349.7, "eta_seconds": 750}]});
        assert_eq!(describe(&run), "sync running: projects (stream 1 of 1), 1200 rows so far, 350 rows/s, 12 min left");
        run["health"] = json!({"state": "stuck", "message": "No sign of life."});
        assert!(describe(&run).starts_with("sync running: No sign of life."));
    }

    #[test]
    fn a_wait_says_until_when() {
        let run = json!({"kind": "sync", "status": "waiting", "waiting_until": "2026-03-01T10:00:00Z", "progress": []});
        assert!(describe(&run).contains("until 2026-03-01T10:00:00Z"));
        assert_eq!(overall_percent(&run), None);
    }
}
