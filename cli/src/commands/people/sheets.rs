//! `ovia people export` and `import`: which account is whose as CSV, and the decisions that were entered in it.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use crate::{
    client::ApiClient,
    exit::{CliError, CliResult},
    output::{number, print, print_json, text},
};

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Where to write it; - is stdout.
    #[arg(default_value = "-")]
    file: PathBuf,
    /// Only what waits for a decision.
    #[arg(long)]
    conflicts: bool,
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The changed export; - is stdin.
    file: PathBuf,
    /// Take the decisions; without it, what would be done is shown.
    #[arg(long)]
    apply: bool,
}

pub async fn export(client: &ApiClient, args: &ExportArgs, json: bool) -> CliResult {
    let query: &[(&str, String)] = if args.conflicts { &[("status", "conflict".to_owned())] } else { &[] };
    let csv = client.get_bytes("team/identity-mappings/export.csv", query).await?;
    if args.file.as_os_str() == "-" {
        // a file without its last line end would be printed with one: it has it already
        return print(String::from_utf8_lossy(&csv).trim_end_matches("\r\n"));
    }
    let failed = |error: std::io::Error| CliError::failure(format!("failed to write {}: {error}", args.file.display()));
    std::fs::write(&args.file, &csv).map_err(failed)?;
    let lines = csv.iter().filter(|byte| **byte == b'\n').count().saturating_sub(1);
    let file = args.file.display().to_string();
    if json { print_json(&serde_json::json!({"file": file, "lines": lines})) } else { print(&format!("Wrote {lines} lines to {file}.")) }
}

pub async fn import(client: &ApiClient, args: &ImportArgs, json: bool) -> CliResult {
    let csv = read_file(&args.file)?;
    let query = [("dry_run", (!args.apply).to_string())];
    let done = client.send_bytes(Method::POST, "team/identity-mappings/import", &query, csv).await?;
    if json {
        print_json(&done)?;
        return csv_errors(&done, true);
    }
    for row in done["items"].as_array().into_iter().flatten() {
        print(&format!("line {}: {}", number(row, "/line"), text(row, "/summary")))?;
    }
    let verb = if args.apply { "taken" } else { "would be taken" };
    print(&format!("{} decisions {verb}, {} lines say nothing.", number(&done, "/decisions"), number(&done, "/unchanged")))?;
    confirm_hint(args.apply, &done);
    csv_errors(&done, false)
}

/// A CSV file, or stdin.
pub fn read_file(path: &Path) -> CliResult<Vec<u8>> {
    let failed = |error: std::io::Error| CliError::usage(format!("failed to read {}: {error}", path.display()));
    if path.as_os_str() != "-" {
        return std::fs::read(path).map_err(failed);
    }
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Says that a dry run was one, where there is anything to do.
pub fn confirm_hint(applied: bool, done: &Value) {
    let has_nothing = done["decisions"] == 0 || done["lines"] == 0;
    if !applied && !has_nothing && done["errors"].as_array().is_none_or(Vec::is_empty) {
        eprintln!("Nothing was done: add --apply to do it.");
    }
}

/// An error if some lines were wrong; each is told.
pub fn csv_errors(done: &Value, silent: bool) -> CliResult {
    let errors = done["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    if errors.is_empty() {
        return Ok(());
    }
    if !silent {
        for error in errors {
            eprintln!("line {}: {} {}", number(error, "/line"), text(error, "/column"), text(error, "/message"));
        }
    }
    Err(CliError::usage(format!("{} lines are wrong", errors.len())).hint("Correct them and import the file again."))
}
