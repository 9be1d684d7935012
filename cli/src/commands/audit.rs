//! `ovia audit`: what people did.

use clap::{Args, Subcommand};

use super::listing::{Listing, Paging, filters};
use crate::{
    app::Global,
    client::target,
    exit::CliResult,
    output::{Column, short_time, text},
};

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List what people did, newest first.
    List(ListArgs),
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Who, as token:first.
    #[arg(long)]
    actor: Option<String>,
    /// What, as run.cancel or dead_letter.drop.
    #[arg(long)]
    action: Option<String>,
    /// To what: a kind, as connection, or a kind and an id, as run:0198c0de-….
    #[arg(long)]
    subject: Option<String>,
    /// At this time or later, as 2026-03-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

const COLUMNS: &[Column] = &[
    Column { title: "AT", cell: |row| short_time(row, "/at") },
    Column { title: "WHO", cell: |row| text(row, "/actor") },
    Column { title: "WHAT", cell: |row| text(row, "/action") },
    Column { title: "TO", cell: |row| format!("{} {}", text(row, "/subject_kind"), text(row, "/subject_id")) },
    Column { title: "DETAILS", cell: |row| text(row, "/data") },
];

pub async fn run(global: &Global, command: &AuditCommand) -> CliResult {
    let AuditCommand::List(args) = command;
    let query = filters(&[("actor", &args.actor), ("action", &args.action), ("subject", &args.subject), ("since", &args.since)]);
    Listing { path: "audit-events", query, columns: COLUMNS, when_empty: "Nobody did anything." }
        .show(&target(global)?, &args.paging, global.json)
        .await
}
