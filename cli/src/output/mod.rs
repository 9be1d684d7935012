//! What is printed on stdout: JSON documents or tables.

mod cells;
mod progress;
mod table;

use std::io::Write;

use serde::Serialize;

pub use cells::{duration, flag, list, number, short_time, text};
pub use progress::RunProgress;
pub use table::{Column, pairs, table};

use crate::exit::{CliError, CliResult};

/// Writes one line (or several) to stdout. A reader that went away ends the program quietly.
pub fn print(text: &str) -> CliResult {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()?;
    Ok(())
}

/// One indented JSON document.
pub fn print_json(value: &impl Serialize) -> CliResult {
    print(&serde_json::to_string_pretty(value).map_err(unprintable)?)
}

/// One JSON document on one line.
pub fn print_json_line(value: &impl Serialize) -> CliResult {
    print(&serde_json::to_string(value).map_err(unprintable)?)
}

fn unprintable(error: serde_json::Error) -> CliError {
    CliError::failure(format!("failed to print JSON: {error}"))
}
