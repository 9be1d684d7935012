//! The Temporal dev server as a child process.
//!
//! It is ready when it has printed its address and the CLI sees every search attribute on the default namespace. That the port answers
//! is not enough: it may be another server's, started at the same moment, and a workflow started before the attributes exist is refused.

use std::{
    ffi::OsString,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout};

use crate::{
    child::{ChildSpec, EngineChild, Signal, clean_command},
    data_dir::{DataDir, EnginesFile},
    engines::Durability,
    error::{EnginesError, io_at},
    ports::free_ports,
    setpriv::{death_signal_prefix, is_executable, on_path},
};

/// The search attributes Ovia's workflows carry; all of type Keyword.
pub const SEARCH_ATTRIBUTES: [&str; 5] = ["OviaOrg", "OviaRunKind", "OviaSource", "OviaConnection", "OviaRunId"];

/// Task queues hand out work by priority and fairly between organisations; `docker-compose.yml` sets the same. One partition, because
/// fairness holds within a partition, and one serves thousands of tasks a second.
const DYNAMIC_CONFIG: [&str; 4] = [
    "matching.useNewMatcher=true",
    "matching.enableFairness=true",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
];

const ENGINE: &str = "Temporal";
const DEFAULT_PORT: u16 = 7233;
const DEFAULT_UI_PORT: u16 = 8233;
/// Task-queue fairness came with server 1.29.
const OLDEST_SERVER: (u32, u32) = (1, 29);
const START_TIMEOUT: Duration = Duration::from_secs(90);
const STOP_GRACE: Duration = Duration::from_secs(10);
const BIND_ATTEMPTS: usize = 5;

pub(crate) struct TemporalServer {
    pub child: EngineChild,
    pub port: u16,
    pub ui_port: u16,
    pub metrics_port: u16,
}

impl TemporalServer {
    /// Starts the dev server with its state in `data_dir`, on the ports of last time if they are free.
    pub async fn start(data_dir: &DataDir, tools_dir: &Path, durability: Durability, last: &EnginesFile) -> Result<Self, EnginesError> {
        let program = find(tools_dir)?;
        let mut attempt = 1;
        loop {
            let wanted = match durability {
                Durability::Durable => {
                    [vec![last.temporal_port, DEFAULT_PORT], vec![last.temporal_ui_port, DEFAULT_UI_PORT], vec![last.temporal_metrics_port]]
                }
                Durability::Throwaway => [Vec::new(), Vec::new(), Vec::new()],
            };
            let [port, ui_port, metrics_port] = free_ports(wanted).map_err(io_at(data_dir.path()))?;
            let spec = ChildSpec {
                engine: ENGINE,
                words: words(&program, data_dir, port, ui_port, metrics_port),
                folder: data_dir.path().to_owned(),
                log: data_dir.log("temporal"),
                stop_signal: Signal::SIGTERM,
            };
            let mut child = EngineChild::spawn(spec).await?;
            match ready(&mut child, &program, data_dir.path(), port).await {
                Ok(()) => {
                    // histories are nobody else's business; the server itself leaves them to the umask
                    let state = state(data_dir);
                    fs::set_permissions(&state, Permissions::from_mode(0o600)).map_err(io_at(&state))?;
                    return Ok(Self { child, port, ui_port, metrics_port });
                }
                Err(_) if attempt < BIND_ATTEMPTS && child.has_logged("already in use") => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    pub async fn stop(self) {
        self.child.stop(STOP_GRACE).await;
    }
}

fn words(program: &Path, data_dir: &DataDir, port: u16, ui_port: u16, metrics_port: u16) -> Vec<OsString> {
    let mut words = death_signal_prefix("KILL");
    words.push(program.into());
    words.extend(["server", "start-dev", "--ip", "127.0.0.1", "--ui-disable-news-fetch", "--log-level", "error"].map(OsString::from));
    for (flag, value) in [("--port", port), ("--ui-port", ui_port), ("--metrics-port", metrics_port)] {
        words.extend([flag.into(), value.to_string().into()]);
    }
    words.extend(["--db-filename".into(), state(data_dir).into()]);
    for setting in DYNAMIC_CONFIG {
        words.extend(["--dynamic-config-value".into(), setting.into()]);
    }
    for name in SEARCH_ATTRIBUTES {
        words.extend(["--search-attribute".into(), format!("{name}=Keyword").into()]);
    }
    words
}

fn state(data_dir: &DataDir) -> PathBuf {
    data_dir.path().join("temporal.db")
}

/// `{tools_dir}/temporal`, which set-up put there, else the one on PATH if it is new enough.
fn find(tools_dir: &Path) -> Result<PathBuf, EnginesError> {
    let ours = tools_dir.join("temporal");
    if is_executable(&ours) {
        return std::path::absolute(&ours).map_err(io_at(&ours));
    }
    let wanted = format!("server {}.{} or newer", OLDEST_SERVER.0, OLDEST_SERVER.1);
    let Some(program) = on_path("temporal") else {
        return Err(EnginesError::NoTemporal { looked: format!("neither {} nor on PATH ({wanted} is needed)", ours.display()) });
    };
    match server_version(&program) {
        Some(version) if version >= OLDEST_SERVER => Ok(program),
        _ => Err(EnginesError::NoTemporal { looked: format!("{} is too old ({wanted} is needed)", program.display()) }),
    }
}

fn server_version(program: &Path) -> Option<(u32, u32)> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    server_version_in(&String::from_utf8_lossy(&output.stdout))
}

/// `temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)` → (1, 32).
fn server_version_in(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split("Server ").nth(1)?.split(['.', ',', ')']);
    Some((parts.next()?.trim().parse().ok()?, parts.next()?.trim().parse().ok()?))
}

async fn ready(child: &mut EngineChild, program: &Path, folder: &Path, port: u16) -> Result<(), EnginesError> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        if let Some(status) = child.try_wait() {
            return Err(start_error(child, format!("it ended ({status})")));
        }
        if child.has_logged("Temporal Server:") && has_search_attributes(program, folder, port).await {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(start_error(child, format!("not ready after {} s", START_TIMEOUT.as_secs())));
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn has_search_attributes(program: &Path, folder: &Path, port: u16) -> bool {
    let address = format!("127.0.0.1:{port}");
    let words =
        [program.as_os_str(), "operator".as_ref(), "search-attribute".as_ref(), "list".as_ref(), "--address".as_ref(), address.as_ref()];
    let mut command = clean_command(&words.map(OsString::from), folder);
    command.stdin(Stdio::null()).kill_on_drop(true);
    match timeout(Duration::from_secs(10), command.output()).await {
        Ok(Ok(output)) => {
            let text = String::from_utf8_lossy(&output.stdout);
            output.status.success() && SEARCH_ATTRIBUTES.iter().all(|name| text.contains(name))
        }
        _ => false,
    }
}

fn start_error(child: &EngineChild, reason: String) -> EnginesError {
    EnginesError::Start { engine: ENGINE, reason, log: child.log.clone(), tail: child.log_tail() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_server_version() {
        assert_eq!(server_version_in("temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)"), Some((1, 32)));
        assert_eq!(server_version_in("temporal version 0.9"), None);
    }
}
