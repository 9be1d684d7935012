//! Making a PostgreSQL data directory.
//!
//! It is made beside its final place and renamed, so that a run killed half-way leaves nothing that looks finished. The database is
//! created in single-user mode: that needs neither a running server nor a client program.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{io::AsyncWriteExt, process::Command};

use super::{account::Account, binaries::Binaries};
use crate::{
    child::clean_command,
    data_dir::private_file_write,
    error::{EnginesError, io_at},
    keeper,
};

/// The superuser and the database.
pub(crate) const NAME: &str = "ovia";

pub(crate) struct Cluster<'a> {
    pub account: &'a Account,
    pub binaries: &'a Binaries,
    /// The folder that holds `postgres/`; owned by the account.
    pub home: &'a Path,
    pub password: &'a str,
    pub durable: bool,
}

impl Cluster<'_> {
    /// `{home}/data`, made if it is not there yet.
    pub async fn ensure(&self) -> Result<PathBuf, EnginesError> {
        let data = self.home.join("data");
        if data.join("PG_VERSION").exists() {
            return Ok(data);
        }
        let unfinished = self.home.join("data.unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(io_at(&unfinished))?;
        }
        DirBuilder::new().mode(0o700).create(&unfinished).map_err(io_at(&unfinished))?;
        self.account.give(&unfinished)?;
        self.initdb(&unfinished).await?;
        self.create_database(&unfinished).await?;
        fs::rename(&unfinished, &data).map_err(io_at(&data))?;
        Ok(data)
    }

    async fn initdb(&self, data: &Path) -> Result<(), EnginesError> {
        let password_file = self.home.join("password");
        private_file_write(&password_file, self.password.as_bytes()).map_err(io_at(&password_file))?;
        self.account.give(&password_file)?;
        let mut words = self.account.words(&self.binaries.program("initdb"));
        words.extend(
            ["--username", NAME, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--lc-collate=C", "--no-instructions"]
                .map(OsString::from),
        );
        if !self.durable {
            words.push("--no-sync".into());
        }
        words.extend(["--pwfile".into(), password_file.clone().into(), "-D".into(), data.into()]);
        let done = self.run("initdb", clean_command(&words, self.home), "").await;
        fs::remove_file(&password_file).map_err(io_at(&password_file))?;
        done
    }

    async fn create_database(&self, data: &Path) -> Result<(), EnginesError> {
        let mut words = self.account.words(&self.binaries.program("postgres"));
        words.extend(["--single".into(), "-D".into(), data.into(), "-c".into(), "fsync=off".into(), "postgres".into()]);
        self.run("postgres --single", clean_command(&words, self.home), &format!("create database {NAME}\n")).await
    }

    async fn run(&self, what: &'static str, mut command: Command, input: &str) -> Result<(), EnginesError> {
        let failed = |reason: String, tail: String| EnginesError::Start { engine: what, reason, log: self.home.to_owned(), tail };
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = keeper::spawn(command).await.map_err(|error| failed(error.to_string(), String::new()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that ended early says so with its status.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let output = child.wait_with_output().await.map_err(|error| failed(error.to_string(), String::new()))?;
        if output.status.success() {
            return Ok(());
        }
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Err(failed(output.status.to_string(), said.trim().to_owned()))
    }
}
