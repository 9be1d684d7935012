//! A `postmaster.pid` that a killed run left behind.
//!
//! PostgreSQL removes a stale one itself, unless the number in it belongs to some other process by now. And a server whose parent was
//! killed takes a moment to shut down. We hold the data directory's lock, so nobody else may be using it on purpose.

use std::{fs, path::Path, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::error::{EnginesError, io_at};

const SHUTDOWN_WAIT: Duration = Duration::from_secs(20);

/// Waits for a server that is still shutting down in `data`, ends one that is not, and removes a stale `postmaster.pid`.
pub(crate) async fn clear(data: &Path) -> Result<(), EnginesError> {
    let file = data.join("postmaster.pid");
    let Some(pid) = pid_in(&file) else { return Ok(()) };
    if is_server_of(pid, data) {
        tracing::info!(pid, "waiting for the PostgreSQL of an earlier run to stop");
        let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
        if !wait_for_end(pid, data).await {
            let _ = kill(Pid::from_raw(pid), Signal::SIGQUIT);
            wait_for_end(pid, data).await;
        }
    }
    match fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io_at(&file)(error)),
        _ => Ok(()),
    }
}

async fn wait_for_end(pid: i32, data: &Path) -> bool {
    let gone = async {
        while is_server_of(pid, data) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SHUTDOWN_WAIT, gone).await.is_ok()
}

fn pid_in(file: &Path) -> Option<i32> {
    fs::read_to_string(file).ok()?.lines().next()?.trim().parse().ok()
}

/// Whether process `pid` is a PostgreSQL on `data`, by its command line.
fn is_server_of(pid: i32, data: &Path) -> bool {
    let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) else { return false };
    let line = String::from_utf8_lossy(&line);
    let mut words = line.split('\0');
    words.next().is_some_and(|program| program.ends_with("postgres")) && words.any(|word| Path::new(word) == data)
}
