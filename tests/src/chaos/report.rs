//! What a chaos run did, and what it found.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::Serialize;

/// The figures of a chaos run. Anything in `violations` is a defect.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ChaosReport {
    pub seed: u64,
    pub seconds: f64,
    pub chaos_seconds: f64,
    /// From the last kill until nothing was left to do.
    pub settle_seconds: f64,
    /// SIGKILLs by process.
    pub kills: BTreeMap<&'static str, u32>,
    pub kills_total: u32,
    /// Times a worker was frozen for longer than Temporal waits for it.
    pub freezes: u32,
    /// Services that could not start because an engine was away, and were started again.
    pub starts_failed: u32,
    /// By kind and status, as `sync succeeded`.
    pub runs: BTreeMap<String, i64>,
    /// The API's, by status; 0 is none.
    pub answers: BTreeMap<u16, u32>,
    /// What the sources served, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    pub requests: u64,
    /// Times the sources changed.
    pub changes: u32,
    /// The truth's rows, all of them compared.
    pub rows: usize,
    pub raw_records: i64,
    pub events: usize,
    /// Times somebody who watches the events had to connect.
    pub event_streams: u32,
    pub violations: Vec<String>,
    /// Logs, and the books as they were; kept where there are violations.
    pub logs: Option<PathBuf>,
}

impl ChaosReport {
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }
}

impl fmt::Display for ChaosReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, value: String| writeln!(f, "{name:<18} {value}");
        line("seed", self.seed.to_string())?;
        line("seconds", format!("{:.0} ({:.0} of chaos, {:.0} to settle)", self.seconds, self.chaos_seconds, self.settle_seconds))?;
        line("kills", format!("{}: {}", self.kills_total, list(&self.kills)))?;
        line("frozen workers", self.freezes.to_string())?;
        line("failed starts", format!("{} (an engine was away)", self.starts_failed))?;
        line("runs", list(&self.runs))?;
        line("API answers", list(&self.answers))?;
        line("source", format!("{} requests, {} changes; {}", self.requests, self.changes, list(&self.faults)))?;
        line("rows compared", format!("{} ({} raw records)", self.rows, self.raw_records))?;
        line("events", format!("{} seen in order over {} streams", self.events, self.event_streams))?;
        line("violations", self.violations.len().to_string())?;
        for violation in &self.violations {
            writeln!(f, "  - {violation}")?;
        }
        if let Some(logs) = &self.logs {
            writeln!(f, "logs in {}", logs.display())?;
        }
        Ok(())
    }
}

fn list<K: fmt::Display, V: fmt::Display>(map: &BTreeMap<K, V>) -> String {
    map.iter().map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(", ")
}
