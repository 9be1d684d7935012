//! `ovia replay`: what a connection's source sent is read again, and what that changes is shown before it is changed.

use std::io::{IsTerminal, Write};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{reference, watching};
use crate::{
    app::Global,
    client::{ApiClient, target},
    exit::{CliError, CliResult, Exit},
    output::{RunProgress, number, print, print_json, text},
};

#[derive(Clone, Copy, Debug, ValueEnum)]
enum From {
    /// The stored payloads.
    Raw,
}

#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Where to read from.
    #[arg(long)]
    from: From,
    /// The connection's name or id.
    #[arg(long)]
    connection: String,
    /// Only this stream (may be repeated).
    #[arg(long = "stream", value_name = "STREAM")]
    streams: Vec<String>,
    /// Make the changes, once they have been shown; in a terminal, asks first.
    #[arg(long)]
    apply: bool,
    /// Do not ask.
    #[arg(long, requires = "apply")]
    yes: bool,
}

pub async fn run(global: &Global, args: &ReplayArgs) -> CliResult {
    let From::Raw = args.from;
    let client = target(global)?;
    let connection = reference::connection(&client, &args.connection).await?;
    let id = text(&connection, "/id");
    let found = replay(&client, &id, args, false, global.json).await?;
    if !global.json {
        print(&report(&found))?;
    }
    acceptable(&found)?;
    let changes = changes(&found);
    let mut applied = Value::Null;
    if args.apply && changes > 0 && (args.yes || confirmed(changes)?) {
        applied = replay(&client, &id, args, true, global.json).await?;
        acceptable(&applied)?;
    }
    if global.json {
        return print_json(&json!({"dry_run": found, "applied": applied}));
    }
    match (changes, applied.is_null()) {
        (0, _) => Ok(()),
        (_, true) if args.apply => print("Nothing was changed."),
        (_, true) => print("Nothing was changed. Add --apply to make these changes."),
        (_, false) => print("Applied."),
    }
}

/// Runs a replay to its end.
async fn replay(client: &ApiClient, connection: &str, args: &ReplayArgs, apply: bool, json: bool) -> CliResult<Value> {
    let mut body = json!({"from": "raw", "apply": apply});
    if !args.streams.is_empty() {
        body["streams"] = json!(args.streams);
    }
    let run = client.post(&format!("connections/{connection}/replay"), Some(&body)).await?;
    watching::watch_until_interrupted(client, &text(&run, "/id"), RunProgress::new(json), |_| Ok(())).await
}

/// A run that failed is an error; a few records that cannot be read are in the report.
fn acceptable(run: &Value) -> CliResult {
    match watching::verdict(run) {
        Err(error) if error.exit != Exit::Degraded => Err(error),
        _ => Ok(()),
    }
}

fn streams(run: &Value) -> impl Iterator<Item = (&String, &Value)> {
    run.pointer("/result/raw/streams").and_then(Value::as_object).into_iter().flatten()
}

fn tables(stream: &Value) -> impl Iterator<Item = (&String, &Value)> {
    stream["tables"].as_object().into_iter().flatten()
}

/// Rows that are added or changed.
fn changes(run: &Value) -> i64 {
    let rows = streams(run).flat_map(|(_, stream)| tables(stream)).map(|(_, table)| {
        let count = |name: &str| table[name].as_i64().unwrap_or(0);
        count("added") + count("changed")
    });
    rows.sum()
}

/// What differs: a line for each table, and its samples field by field.
fn report(run: &Value) -> String {
    let mut lines = Vec::new();
    for (name, stream) in streams(run) {
        lines.push(format!("{name}: {} records", number(stream, "/records")));
        if stream["unreadable"].as_i64().unwrap_or(0) > 0 {
            lines.push(format!("  {} cannot be read now", number(stream, "/unreadable")));
            lines.extend(stream["reasons"].as_array().into_iter().flatten().map(|reason| format!("    {}", text(reason, ""))));
        }
        for (table, diff) in tables(stream) {
            let (added, changed) = (number(diff, "/added"), number(diff, "/changed"));
            lines.push(format!("  {table}: {added} added, {changed} changed, {} unchanged", number(diff, "/unchanged")));
            lines.extend(diff["samples"].as_array().into_iter().flatten().flat_map(sample));
        }
    }
    if lines.is_empty() {
        lines.push("Nothing is stored to be read again.".into());
    }
    lines.join("\n")
}

fn sample(row: &Value) -> Vec<String> {
    let mark = if row["added"] == true { "+" } else { "~" };
    let mut lines = vec![format!("    {mark} {}", text(row, "/external_id"))];
    for (field, values) in row["fields"].as_object().into_iter().flatten() {
        lines.push(format!("        {field}: {} -> {}", values["before"], values["after"]));
    }
    lines
}

/// Whether the person at the terminal agrees. Elsewhere `--apply` is enough.
fn confirmed(changes: i64) -> CliResult<bool> {
    let mut stderr = std::io::stderr();
    if !std::io::stdin().is_terminal() {
        return Ok(true);
    }
    write!(stderr, "Change {changes} rows? [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|error| CliError::failure(error.to_string()))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_shows_fields_before_and_after() {
        let run = json!({"result": {"raw": {"applied": false, "streams": {"issues": {
            "records": 7, "unreadable": 1, "reasons": ["9: `id` is missing"],
            "tables": {"issues": {"added": 0, "changed": 1, "unchanged": 5, "samples": [
                {"external_id": "4", "added": false, "fields": {"title": {"before": "old", "after": "new"}}}]}}}}}}});
        let expected = "issues: 7 records\n  1 cannot be read now\n    9: `id` is missing\n  issues: 0 added, 1 changed, 5 unchanged\n    ~ 4\n        title: \"old\" -> \"new\"";
        assert_eq!((report(&run).as_str(), changes(&run)), (expected, 1));
    }

    #[test]
    fn an_empty_replay_says_so() {
        assert_eq!(report(&json!({"result": {}})), "Nothing is stored to be read again.");
    }
}
