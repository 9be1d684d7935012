//! An `ovia` service that is killed and started again, with one log over all its lives.

use std::{
    fs::File,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Instant,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::worker::ovia_binary;

/// A process that ends by itself after this long had begun to work.
const WORKING_AFTER_SECONDS: u64 = 10;

pub(super) struct Service {
    pub name: &'static str,
    command: &'static str,
    env: Vec<(&'static str, String)>,
    log: PathBuf,
    running: Option<(Child, Instant)>,
    /// Ends that nobody asked for, of a process that could not start: its engines were away.
    pub not_started: u32,
    /// The same of one that had been working.
    pub gave_up: u32,
}

impl Service {
    pub fn new(name: &'static str, command: &'static str, env: Vec<(&'static str, String)>, log: PathBuf) -> Self {
        Self { name, command, env, log, running: None, not_started: 0, gave_up: 0 }
    }

    pub fn start(&mut self) {
        let failed = |error: std::io::Error| -> File { panic!("failed to start {}: {error}", self.name) };
        let log = File::options().create(true).append(true).open(&self.log).unwrap_or_else(failed);
        // it must not outlive us, however we end
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(ovia_binary()).arg(self.command);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        self.running = Some((child.unwrap_or_else(|error| panic!("failed to start {}: {error}", self.name)), Instant::now()));
    }

    /// Whether it runs. Notes an end of its own.
    pub fn is_alive(&mut self) -> bool {
        let Some((child, since)) = &mut self.running else { return false };
        if matches!(child.try_wait(), Ok(None)) {
            return true;
        }
        if since.elapsed().as_secs() < WORKING_AFTER_SECONDS {
            self.not_started += 1;
        } else {
            self.gave_up += 1;
        }
        self.running = None;
        false
    }

    /// SIGSTOP, or SIGCONT. False where it does not run.
    pub fn signal(&mut self, signal: Signal) -> bool {
        let Some((child, _)) = &self.running else { return false };
        kill(Pid::from_raw(child.id() as i32), signal).is_ok()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some((mut child, _)) = self.running.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}
