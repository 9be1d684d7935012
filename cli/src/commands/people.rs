//! `ovia people`: who works here, as matched from accounts.

use clap::{Args, Subcommand};

use super::listing::{Listing, Paging, filters};
use crate::{
    app::Global,
    client::target,
    exit::CliResult,
    output::{Column, flag, text},
};

#[derive(Debug, Subcommand)]
pub enum PeopleCommand {
    /// List people and their accounts.
    List(ListArgs),
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Part of a name, e-mail address or user name.
    #[arg(long)]
    search: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

const COLUMNS: &[Column] = &[
    Column { title: "NAME", cell: |row| text(row, "/display_name") },
    Column { title: "E-MAIL", cell: |row| text(row, "/primary_email") },
    Column { title: "BOT", cell: |row| flag(row, "/is_bot") },
    Column { title: "ACCOUNTS", cell: accounts },
    Column { title: "ID", cell: |row| text(row, "/id") },
];

pub async fn run(global: &Global, command: &PeopleCommand) -> CliResult {
    let PeopleCommand::List(args) = command;
    let query = filters(&[("q", &args.search)]);
    let when_empty = "No people yet: they come from a matching run, which follows every sync.";
    Listing { path: "team/people", query, columns: COLUMNS, when_empty }.show(&target(global)?, &args.paging, global.json).await
}

/// `gitlab @mira, gitlab @mira.k`.
fn accounts(row: &serde_json::Value) -> String {
    let identities = row["identities"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names = identities.iter().map(|identity| format!("{} @{}", text(identity, "/source"), text(identity, "/username")));
    names.collect::<Vec<_>>().join(", ")
}
