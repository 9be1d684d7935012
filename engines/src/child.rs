//! A child process that ends with us.
//!
//! Children get a process group of their own, so that Ctrl-C in the terminal reaches only us and we stop them in order. A child that
//! is dropped without `stop` (a panic, an early return) is asked to end, and the parent-death signal covers a SIGKILL.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{sys::signal::kill, unistd::Pid};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

pub use nix::sys::signal::Signal;

use crate::{
    error::{EnginesError, io_at},
    keeper, setpriv,
};

/// Logs larger than this are put aside at the next start.
const LOG_MAX_BYTES: u64 = 20 * 1024 * 1024;

/// An engine's command line and how it is to be ended.
pub(crate) struct ChildSpec {
    pub engine: &'static str,
    /// Program and arguments, `setpriv` prefix included.
    pub words: Vec<OsString>,
    pub folder: PathBuf,
    pub log: PathBuf,
    /// Asks for an orderly end.
    pub stop_signal: Signal,
}

/// A running engine.
pub(crate) struct EngineChild {
    pub engine: &'static str,
    pub log: PathBuf,
    log_start: u64,
    child: Child,
    stop_signal: Signal,
}

impl EngineChild {
    pub async fn spawn(spec: ChildSpec) -> Result<Self, EnginesError> {
        let log = log_open(&spec.log).map_err(io_at(&spec.log))?;
        let log_start = log.metadata().map_err(io_at(&spec.log))?.len();
        let mut command = clean_command(&spec.words, &spec.folder);
        command.process_group(0).stdin(Stdio::null());
        command.stdout(log.try_clone().map_err(io_at(&spec.log))?).stderr(log);
        let child = keeper::spawn(command).await.map_err(|error| EnginesError::Start {
            engine: spec.engine,
            reason: error.to_string(),
            log: spec.log.clone(),
            tail: String::new(),
        })?;
        Ok(Self { engine: spec.engine, log: spec.log, log_start, child, stop_signal: spec.stop_signal })
    }

    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// The exit status, if the child is over.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Resolves when the child ends by itself.
    pub async fn ended(&mut self) -> EnginesError {
        let status = match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        EnginesError::Ended { engine: self.engine, status, log: self.log.clone(), tail: self.log_tail() }
    }

    /// Asks the child to end, and kills it after `grace`.
    pub async fn stop(mut self, grace: Duration) {
        self.signal(self.stop_signal);
        if timeout(grace, self.child.wait()).await.is_err() {
            tracing::warn!(engine = self.engine, "did not stop within {} s; killing it", grace.as_secs());
            if let Err(error) = self.child.kill().await {
                tracing::warn!(engine = self.engine, %error, "failed to kill it");
            }
        }
    }

    /// The last lines this child wrote to its log.
    pub fn log_tail(&self) -> String {
        tail(&self.log, self.log_start).unwrap_or_default()
    }

    /// Whether this child has written `text` to its log, within the first 64 KiB.
    pub fn has_logged(&self, text: &str) -> bool {
        read_from(&self.log, self.log_start, 64 * 1024).is_ok_and(|log| log.contains(text))
    }

    fn signal(&self, signal: Signal) {
        signal_send(self.child.id(), signal);
    }
}

impl Drop for EngineChild {
    fn drop(&mut self) {
        if self.try_wait().is_none() {
            self.signal(self.stop_signal);
        }
    }
}

/// A command run beside the engines: in our process group (Ctrl-C reaches it too), killed when we die.
pub struct ScopedCommand {
    child: Child,
}

impl ScopedCommand {
    /// Starts `words` (program and arguments) with `env` added to ours.
    pub async fn spawn(words: &[OsString], env: &[(&str, String)]) -> std::io::Result<Self> {
        let mut all = setpriv::death_signal_prefix("KILL");
        all.extend_from_slice(words);
        let mut command = Command::new(&all[0]);
        command.args(&all[1..]).envs(env.iter().map(|(name, value)| (name, value)));
        Ok(Self { child: keeper::spawn(command).await? })
    }

    pub async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    pub fn signal(&self, signal: Signal) {
        signal_send(self.child.id(), signal);
    }
}

fn signal_send(pid: Option<u32>, signal: Signal) {
    let Some(pid) = pid.and_then(|pid| i32::try_from(pid).ok()) else { return };
    if let Err(error) = kill(Pid::from_raw(pid), signal) {
        tracing::debug!(pid, %error, "failed to signal a child");
    }
}

/// A command without our environment: PGPORT, TEMPORAL_ADDRESS and their like must not reach an engine.
pub(crate) fn clean_command(words: &[OsString], folder: &Path) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).current_dir(folder).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", folder).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    command
}

fn log_open(path: &Path) -> std::io::Result<File> {
    if path.metadata().is_ok_and(|meta| meta.len() > LOG_MAX_BYTES) {
        fs::rename(path, path.with_extension("log.1"))?;
    }
    File::options().create(true).append(true).open(path)
}

/// The last lines after byte `from`.
fn tail(path: &Path, from: u64) -> std::io::Result<String> {
    const MAX_LINES: usize = 12;
    const MAX_BYTES: u64 = 16 * 1024;
    let end = path.metadata()?.len();
    let text = read_from(path, from.max(end.saturating_sub(MAX_BYTES)), MAX_BYTES)?;
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(MAX_LINES)..].join("\n"))
}

fn read_from(path: &Path, from: u64, max_bytes: u64) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(max_bytes).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
