//! Workers of a test: in a thread of the test's process, or as processes of their own that can be killed.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::JoinHandle,
};

use ovia_worker::{WorkerConfig, worker_run};
use tokio::sync::oneshot;

/// A worker in a thread with a runtime of its own (workflow futures do not move between threads).
pub struct ThreadWorker {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ThreadWorker {
    /// `config` is called inside the worker's runtime.
    pub fn start<F: Future<Output = WorkerConfig>>(config: impl FnOnce() -> F + Send + 'static) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
            let ended = runtime.block_on(async {
                let shutdown = async {
                    let _ = stopped.await;
                };
                worker_run(config().await, shutdown).await
            });
            if let Err(error) = ended {
                eprintln!("the worker ended: {error}");
            }
            runtime.shutdown_background();
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }

    /// Lets running slices commit their page and waits for the end.
    pub fn stop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for ThreadWorker {
    fn drop(&mut self) {
        self.stop();
    }
}

/// `ovia worker` or `ovia api` as a process; killed when dropped.
pub struct OviaProcess {
    child: Child,
}

impl OviaProcess {
    pub fn start(command: &str, env: &[(&str, String)]) -> Self {
        Self::spawn(Command::new(ovia_binary()), command, env, Self::stderr())
    }

    /// As from a shell that allows so many open files (the system may allow more).
    pub fn start_with_open_files(files: u64, command: &str, env: &[(&str, String)]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"ulimit -S -n "$1" && shift && exec "$@""#, "sh", &files.to_string()]).arg(ovia_binary());
        Self::spawn(shell, command, env, Self::stderr())
    }

    /// Writes its log to the file `log`.
    pub fn start_logging(command: &str, env: &[(&str, String)], log: &Path) -> Self {
        let file = File::create(log).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        Self::spawn(Command::new(ovia_binary()), command, env, file.into())
    }

    fn stderr() -> Stdio {
        if std::env::var_os("OVIA_TEST_LOGS").is_none() { Stdio::null() } else { Stdio::inherit() }
    }

    fn spawn(mut process: Command, command: &str, env: &[(&str, String)], stderr: Stdio) -> Self {
        process.arg(command).envs(env.iter().map(|(name, value)| (name, value)));
        process.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
        let child = process.spawn().unwrap_or_else(|error| panic!("failed to start `ovia {command}`: {error}"));
        Self { child }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Whether it is still running.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for OviaProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The binary under test: OVIA_BIN, or the one cargo built beside this test.
pub fn ovia_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("OVIA_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
    // the bench is beside it, tests are one folder below
    let beside = test.ancestors().skip(1).take(2).map(|folder| folder.join("ovia")).find(|binary| binary.exists());
    beside.unwrap_or_else(|| panic!("`ovia` is not beside {}: run `make test`, which builds it", test.display()))
}
