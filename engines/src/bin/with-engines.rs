//! `with-engines [--] CMD…`: runs a command beside throwaway engines, stops them, passes the exit code on.
//!
//! The command finds them in OVIA_TEST_DATABASE_URL (a superuser's, to database `postgres`), OVIA_TEST_TEMPORAL_ADDRESS and
//! OVIA_TEST_TEMPORAL_UI. OVIA_TOOLS_DIR says where the Temporal CLI is (default .ovia/tools).

use std::{
    ffi::OsString,
    fs::Permissions,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    process::{ExitCode, ExitStatus},
};

use anyhow::Context;
use ovia_engines::{DataDir, Durability, Engines, EnginesConfig, EnginesError, ScopedCommand, Signal};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    let mut words: Vec<OsString> = std::env::args_os().skip(1).collect();
    if words.first().is_some_and(|word| word == "--") {
        words.remove(0);
    }
    if words.is_empty() {
        eprintln!("usage: with-engines [--] CMD [ARG…]");
        return ExitCode::from(2);
    }
    match run(&words).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            if let Some(error) = error.downcast_ref::<EnginesError>() {
                eprintln!("hint: {}", error.hint());
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(words: &[OsString]) -> anyhow::Result<ExitCode> {
    // Listening from the start: a signal that comes while the engines start is acted on once they run.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let folder = temporary_folder().context("failed to make a temporary folder")?;
    let tools_dir = std::env::var_os("OVIA_TOOLS_DIR").unwrap_or_else(|| ".ovia/tools".into());
    let config = EnginesConfig { tools_dir: tools_dir.into(), durability: Durability::Throwaway };
    let engines = Engines::start(DataDir::open(&folder.path().join("data"))?, &config).await?;

    let env = [
        ("OVIA_TEST_DATABASE_URL", engines.admin_database_url()),
        ("OVIA_TEST_TEMPORAL_ADDRESS", engines.temporal_address()),
        ("OVIA_TEST_TEMPORAL_UI", engines.temporal_ui_url()),
    ];
    let status = async {
        let mut command = ScopedCommand::spawn(words, &env).await.with_context(|| format!("failed to run {}", words[0].display()))?;
        loop {
            tokio::select! {
                status = command.wait() => break anyhow::Ok(status?),
                // The terminal sent it to the command as well.
                _ = interrupt.recv() => {}
                _ = terminate.recv() => command.signal(Signal::SIGTERM),
            }
        }
    }
    .await;
    engines.stop().await;
    folder.close().context("failed to remove the temporary folder")?;
    Ok(exit_code(status?))
}

/// PostgreSQL may run as another user than we do: it must be able to pass through.
fn temporary_folder() -> std::io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("ovia-engines-").permissions(Permissions::from_mode(0o711)).tempdir()
}

/// As a shell reports it: 128 + the signal's number for a command that was killed.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
