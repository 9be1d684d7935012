//! Runs the program's future and turns its end into an exit code.

use std::{future::Future, process::ExitCode, time::Duration};

use crate::exit::CliResult;

pub fn run(program: impl Future<Output = CliResult>) -> ExitCode {
    // An open event stream is an open file, and shells often allow 1,024 of them where the system allows far more. Where it refuses, the
    // limit stays what it was.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: failed to start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(program);
    // A blocking task that is still busy (reading a terminal, generating a company) must not hold up the end.
    runtime.shutdown_timeout(Duration::from_millis(500));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(),
    }
}
