//! How much chaos.

use std::{path::PathBuf, time::Duration};

/// What a chaos run does.
#[derive(Clone, Debug)]
pub struct ChaosOptions {
    /// Decides kills, faults and edits. (What they meet is up to the machine.)
    pub seed: u64,
    /// For how long things are killed and the source misbehaves.
    pub chaos: Duration,
    /// SIGKILLs within that time, over all processes.
    pub kills: u32,
    /// Times a worker is frozen (SIGSTOP) for longer than Temporal waits for it.
    pub freezes: u32,
    /// Records the backfills have to fetch, about.
    pub records: usize,
    /// Between the live syncs of a connection.
    pub sync_every: Duration,
    /// Everything has to be over so long after the chaos.
    pub settle: Duration,
    /// Says what it does on stderr.
    pub talk: bool,
    /// Statements that spoil the end state: for seeing that it is noticed.
    pub sabotage: Option<&'static str>,
    /// Where the services' logs are kept; a folder that goes with a clean run, if not given.
    pub logs: Option<PathBuf>,
}

impl ChaosOptions {
    /// `make chaos`.
    pub fn full(seed: u64) -> Self {
        Self {
            seed,
            chaos: Duration::from_secs(360),
            kills: 55,
            freezes: 6,
            records: 100_000,
            sync_every: Duration::from_secs(20),
            settle: Duration::from_secs(210),
            talk: true,
            sabotage: None,
            logs: None,
        }
    }

    /// A test.
    pub fn short(seed: u64) -> Self {
        Self {
            seed,
            chaos: Duration::from_secs(30),
            kills: 8,
            freezes: 1,
            records: 3_000,
            sync_every: Duration::from_secs(5),
            settle: Duration::from_secs(120),
            talk: false,
            sabotage: None,
            logs: None,
        }
    }
}
