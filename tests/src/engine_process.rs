//! One engine of a `PrivateEngines`: killed and started again with the command line it had first. Linux only.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    os::unix::{ffi::OsStrExt, fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time::{Instant, sleep, timeout};

use crate::eventually;

const READY_SECONDS: u64 = 60;
/// For one try at reaching an engine.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
const STOP_GRACE: Duration = Duration::from_secs(5);

pub(crate) struct EngineProcess {
    name: &'static str,
    words: Vec<OsString>,
    /// Whom it runs as: PostgreSQL never as root.
    user: (u32, u32),
    folder: PathBuf,
    child: Option<Child>,
}

impl EngineProcess {
    /// What it takes to start another process like the running `name` that has `word` on its command line.
    pub fn like_running(name: &'static str, word: &Path, folder: &Path) -> Self {
        let found = processes().into_iter().find_map(|pid| {
            let words = words_of(pid)?;
            let is_it = Path::new(words.first()?).file_name()? == name && words.iter().any(|other| other == word);
            let user = fs::metadata(format!("/proc/{pid}")).ok()?;
            is_it.then(|| (words, (user.uid(), user.gid())))
        });
        let (words, user) = found.unwrap_or_else(|| panic!("no process {name} works on {}", word.display()));
        Self { name, words, user, folder: folder.to_owned(), child: None }
    }

    /// Starts it and waits until `probe` answers.
    pub async fn start(&mut self, probe: impl AsyncFn() -> Option<()>) {
        let deadline = Instant::now() + Duration::from_secs(READY_SECONDS);
        while timeout(PROBE_TIMEOUT, self.probe_own(&probe)).await.ok().flatten().is_none() {
            assert!(
                Instant::now() < deadline,
                "{} is not ready after {READY_SECONDS} s; its log is in {}",
                self.name,
                self.log().display()
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Probes this process, not another one that answers in its place; starts it where it does not run.
    async fn probe_own(&mut self, probe: impl AsyncFn() -> Option<()>) -> Option<()> {
        if !self.is_alive() {
            self.spawn();
        }
        probe().await?;
        self.is_alive().then_some(())
    }

    fn is_alive(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    fn spawn(&mut self) {
        let failed = |error: std::io::Error| -> File { panic!("failed to start {}: {error}", self.name) };
        let log = File::options().create(true).append(true).open(self.log()).unwrap_or_else(failed);
        let errors = log.try_clone().unwrap_or_else(failed);
        // it must not outlive a test that is killed
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).args(&self.words).current_dir(&self.folder).uid(self.user.0).gid(self.user.1);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &self.folder).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        self.child = Some(child.unwrap_or_else(|error| panic!("failed to start {}: {error}", self.name)));
    }

    fn log(&self) -> PathBuf {
        self.folder.join("logs").join(format!("{}-again.log", self.name))
    }

    /// SIGKILL, to it and to the processes it started. None of them runs when this returns.
    pub async fn kill(&mut self) {
        let killed = self.kill_all();
        let gone = || async { killed.iter().all(|&pid| !runs(pid)).then_some(()) };
        eventually(&format!("the end of {}", self.name), 20, gone).await;
    }

    fn kill_all(&mut self) -> Vec<i32> {
        let Some(mut child) = self.child.take() else { return Vec::new() };
        let own = processes().into_iter().filter(|&pid| parent_of(pid).is_some_and(|parent| parent as u32 == child.id()));
        let own: Vec<i32> = own.collect();
        let _ = child.kill();
        let _ = child.wait();
        for &pid in &own {
            // it may have ended when its parent did
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        own
    }
}

impl Drop for EngineProcess {
    /// In order where that is quick: a PostgreSQL that is killed leaves its shared memory behind, which only its next start removes.
    fn drop(&mut self) {
        if let Some(child) = &self.child {
            let _ = kill(Pid::from_raw(child.id() as i32), Signal::SIGINT);
        }
        let deadline = std::time::Instant::now() + STOP_GRACE;
        while self.is_alive() && std::time::Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.kill_all();
    }
}

fn processes() -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap_or_else(|error| panic!("/proc: {error}"));
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

fn words_of(pid: i32) -> Option<Vec<OsString>> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let line = line.strip_suffix(b"\0")?;
    Some(line.split(|&byte| byte == 0).map(|word| OsStr::from_bytes(word).to_owned()).collect())
}

/// State and parent, which follow the name in parentheses.
fn stat_of(pid: i32) -> Option<(String, i32)> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut words = line.rsplit_once(") ")?.1.split(' ');
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
}

fn parent_of(pid: i32) -> Option<i32> {
    stat_of(pid).map(|(_, parent)| parent)
}

/// A zombie holds nothing any more.
fn runs(pid: i32) -> bool {
    stat_of(pid).is_some_and(|(state, _)| state != "Z")
}
