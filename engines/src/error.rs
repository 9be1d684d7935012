//! What can keep the engines from running. Every message names the thing; `hint` says what to do next.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum EnginesError {
    #[error("the data directory {} is in use by {}", .path.display(), holder(.pid))]
    Locked { path: PathBuf, pid: Option<u32> },
    #[error("failed to use {}: {source}", .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("PostgreSQL's server programs (initdb, postgres) were not found on PATH, through pg_config or in /usr/lib/postgresql")]
    NoPostgres,
    #[error("{} was made by PostgreSQL {made_by}, and only PostgreSQL {found} is installed", .path.display())]
    PostgresVersion { path: PathBuf, made_by: String, found: String },
    #[error("PostgreSQL refuses to run as root, and the user `{user}` cannot reach {}", .path.display())]
    NotReachable { path: PathBuf, user: String },
    #[error("PostgreSQL refuses to run as root, and this machine has neither a user `postgres` nor `nobody` to run it as")]
    NoAccount,
    #[error("the Temporal CLI was not found: {looked}")]
    NoTemporal { looked: String },
    #[error("failed to start {engine}: {reason}{}", tail_text(.tail))]
    Start { engine: &'static str, reason: String, log: PathBuf, tail: String },
    #[error("{engine} ended by itself ({status}){}", tail_text(.tail))]
    Ended { engine: &'static str, status: String, log: PathBuf, tail: String },
}

impl EnginesError {
    /// What to do next, as a sentence.
    pub fn hint(&self) -> String {
        match self {
            Self::Locked { pid: Some(pid), .. } => {
                format!("Stop that process (kill {pid}), or give this one a folder of its own with --data-dir.")
            }
            Self::Locked { pid: None, .. } => "Stop the other process, or give this one a folder of its own with --data-dir.".into(),
            Self::Io { .. } => "Check the folder's permissions and the free disk space, or choose another folder with --data-dir.".into(),
            Self::NoPostgres => "Run scripts/setup, or install it by hand: apt-get install postgresql.".into(),
            Self::PostgresVersion { made_by, .. } => {
                format!("Install postgresql-{made_by}, or start afresh with another --data-dir (make clean-data removes the default one).")
            }
            Self::NotReachable { .. } => {
                "Choose a folder that every user may enter with --data-dir (as /var/tmp/ovia), or run as a user who is not root.".into()
            }
            Self::NoAccount => "Run as a user who is not root, or add one: useradd --system postgres.".into(),
            Self::NoTemporal { .. } => {
                "Run scripts/setup, which puts a pinned one into .ovia/tools, or install the Temporal CLI on PATH.".into()
            }
            Self::Start { log, .. } | Self::Ended { log, .. } => format!("Its log is {}.", log.display()),
        }
    }
}

fn holder(pid: &Option<u32>) -> String {
    match pid {
        Some(pid) => format!("process {pid}"),
        None => "another process".into(),
    }
}

fn tail_text(tail: &str) -> String {
    if tail.is_empty() { String::new() } else { format!("; it said:\n{tail}") }
}

/// `map_err(io_at(path))`.
pub(crate) fn io_at(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> EnginesError + '_ {
    move |source| EnginesError::Io { path: path.to_owned(), source }
}
