//! `ovia quality`: whether the data can be trusted.

use clap::{Args, Subcommand};

use super::{
    listing::{Listing, Paging, filters},
    reference,
};
use crate::{
    app::Global,
    client::target,
    exit::CliResult,
    output::{Column, number, short_time, text},
};

#[derive(Debug, Subcommand)]
pub enum QualityCommand {
    /// What the newest quality run found.
    Show(ShowArgs),
    /// One check over time, newest first.
    History(HistoryArgs),
}

#[derive(Debug, Args)]
struct Filters {
    /// pass, warn or fail.
    #[arg(long)]
    status: Option<String>,
    /// A connection's name or id.
    #[arg(long)]
    connection: Option<String>,
    /// A stream or table, as merge_requests.
    #[arg(long)]
    scope: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// One check, as freshness [default: all].
    check: Option<String>,
    #[command(flatten)]
    filters: Filters,
}

#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The check, as freshness.
    check: String,
    /// Checked at this time or later, as 2026-03-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    #[command(flatten)]
    filters: Filters,
}

const COLUMNS: &[Column] = &[
    Column { title: "STATUS", cell: |row| text(row, "/status") },
    Column { title: "CHECK", cell: |row| text(row, "/check") },
    Column { title: "CONNECTION", cell: |row| text(row, "/connection_name") },
    Column { title: "OF", cell: |row| text(row, "/scope") },
    Column { title: "VALUE", cell: |row| number(row, "/value") },
    Column { title: "UNIT", cell: |row| text(row, "/unit") },
    Column { title: "CHECKED", cell: |row| short_time(row, "/checked_at") },
    Column { title: "WHAT", cell: |row| text(row, "/detail") },
];

pub async fn run(global: &Global, command: &QualityCommand) -> CliResult {
    let client = target(global)?;
    let (path, mut query, given) = match command {
        QualityCommand::Show(args) => ("team/quality".to_owned(), filters(&[("check", &args.check)]), &args.filters),
        QualityCommand::History(args) => {
            // a path of its own: what is not a check's name must not be another path
            let check: String = args.check.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            (format!("team/quality/{check}/history"), filters(&[("since", &args.since)]), &args.filters)
        }
    };
    query.extend(filters(&[("status", &given.status), ("scope", &given.scope)]));
    query.extend(reference::connection_filter(&client, given.connection.as_deref()).await?);
    let when_empty = "No results: they come from quality runs (ovia runs start quality).";
    Listing { path: &path, query, columns: COLUMNS, when_empty }.show(&client, &given.paging, global.json).await
}
