//! The running server.
//!
//! It runs in the foreground as our child, not through `pg_ctl`, so that it ends with us. Readiness is read from the status line of
//! `postmaster.pid`, as `pg_ctl -w` does.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

use sysinfo::{MemoryRefreshKind, RefreshKind, System};
use tokio::time::{Instant, sleep};

use super::{
    account::Account,
    binaries,
    cluster::{Cluster, NAME},
    leftover,
};
use crate::{
    child::{ChildSpec, EngineChild, Signal},
    data_dir::{DataDir, EnginesFile},
    engines::Durability,
    error::{EnginesError, io_at},
    ports::free_port,
};

const ENGINE: &str = "PostgreSQL";
const DEFAULT_PORT: u16 = 54320;
const START_TIMEOUT: Duration = Duration::from_secs(60);
const STOP_GRACE: Duration = Duration::from_secs(20);
/// Starts with another port when somebody took ours between choosing and binding.
const BIND_ATTEMPTS: usize = 5;

pub(crate) struct PostgresServer {
    pub child: EngineChild,
    pub port: u16,
    password: String,
}

impl PostgresServer {
    /// Starts PostgreSQL in `data_dir`, on the port of last time if it is free.
    pub async fn start(data_dir: &DataDir, durability: Durability, last: &EnginesFile) -> Result<Self, EnginesError> {
        let home = data_dir.path().join("postgres");
        DirBuilder::new().recursive(true).mode(0o700).create(&home).map_err(io_at(&home))?;
        let binaries = binaries::find(&home.join("data"))?;
        let account = Account::find(&home, &binaries.program("postgres"))?;
        let durable = durability == Durability::Durable;
        let cluster = Cluster { account: &account, binaries: &binaries, home: &home, password: &last.postgres_password, durable };
        let data = cluster.ensure().await?;
        leftover::clear(&data).await?;

        let preferred = if durable { vec![last.postgres_port, DEFAULT_PORT] } else { Vec::new() };
        let mut attempt = 1;
        loop {
            let port = free_port(&preferred).map_err(io_at(&home))?;
            let mut words = account.words(&binaries.program("postgres"));
            words.extend(["-D".into(), data.clone().into()]);
            words.extend(settings(port, durability).into_iter().flat_map(|setting| ["-c".into(), setting.into()]));
            let spec =
                ChildSpec { engine: ENGINE, words, folder: home.clone(), log: data_dir.log("postgres"), stop_signal: Signal::SIGINT };
            let mut child = EngineChild::spawn(spec).await?;
            match ready(&mut child, &data).await {
                Ok(()) => return Ok(Self { child, port, password: last.postgres_password.clone() }),
                Err(_) if attempt < BIND_ATTEMPTS && child.has_logged("could not bind") => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// `postgres://` URL of `database`, password included.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{NAME}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Fast shutdown: open transactions are rolled back, everything committed is written.
    pub async fn stop(self) {
        self.child.stop(STOP_GRACE).await;
    }
}

fn settings(port: u16, durability: Durability) -> Vec<String> {
    let mut settings = vec![
        format!("port={port}"),
        "listen_addresses=127.0.0.1".into(),
        "unix_socket_directories=".into(),
        "logging_collector=off".into(),
        "log_destination=stderr".into(),
        "timezone=UTC".into(),
        "max_wal_size=2GB".into(),
        format!("shared_buffers={}MB", shared_buffers_mb(memory())),
    ];
    match durability {
        Durability::Durable => settings.push("max_connections=100".into()),
        // Every test has a database and a pool of its own.
        Durability::Throwaway => {
            settings.extend(
                // the timeout, because a test that ends while it connects holds up the drop of every database for as long
                ["max_connections=400", "fsync=off", "synchronous_commit=off", "full_page_writes=off", "authentication_timeout=10s"]
                    .map(str::to_owned),
            )
        }
    }
    settings
}

/// A quarter of the memory, as PostgreSQL's documentation advises, and at most 1 GB: it is taken as it is used. What does not fit is copied from
/// the system's cache for every look-up.
fn shared_buffers_mb(memory: u64) -> u64 {
    (memory >> 22).clamp(128, 1_024)
}

/// Of the machine, or of the container we are in; bytes.
fn memory() -> u64 {
    let only_memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(only_memory);
    system.cgroup_limits().map_or_else(|| system.total_memory(), |limits| limits.total_memory.min(system.total_memory()))
}

/// Waits until the server accepts connections.
async fn ready(child: &mut EngineChild, data: &Path) -> Result<(), EnginesError> {
    let deadline = Instant::now() + START_TIMEOUT;
    let file: PathBuf = data.join("postmaster.pid");
    loop {
        if let Some(status) = child.try_wait() {
            return Err(start_error(child, format!("it ended ({status})")));
        }
        if child.pid().is_some_and(|pid| says_ready(&file, pid)) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(start_error(child, format!("not ready after {} s", START_TIMEOUT.as_secs())));
        }
        sleep(Duration::from_millis(20)).await;
    }
}

fn start_error(child: &EngineChild, reason: String) -> EnginesError {
    EnginesError::Start { engine: ENGINE, reason, log: child.log.clone(), tail: child.log_tail() }
}

/// Line 1 is the server's process id, line 8 its status.
fn says_ready(file: &Path, pid: u32) -> bool {
    let Ok(text) = fs::read_to_string(file) else { return false };
    let mut lines = text.lines();
    lines.next().is_some_and(|line| line.trim() == pid.to_string()) && lines.nth(6).is_some_and(|line| line.trim() == "ready")
}
