//! `ovia connectors`: the sources there are.

use clap::Subcommand;

use super::listing::Listing;
use crate::{
    app::Global,
    client::{page_of, target},
    exit::CliResult,
    output::{Column, flag, text},
};

#[derive(Debug, Subcommand)]
pub enum ConnectorsCommand {
    /// List the sources Ovia can connect to, and what each needs.
    List,
}

const COLUMNS: &[Column] = &[
    Column { title: "SOURCE", cell: |row| text(row, "/source") },
    Column { title: "TITLE", cell: |row| text(row, "/title") },
    Column { title: "CONFIGURED", cell: |row| flag(row, "/configured") },
    Column { title: "CREDENTIALS", cell: |row| field_names(row, "credentials") },
    Column { title: "SETTINGS", cell: |row| field_names(row, "settings") },
    Column { title: "MISSING", cell: |row| field_names(row, "missing") },
];

pub async fn run(global: &Global, command: &ConnectorsCommand) -> CliResult {
    let ConnectorsCommand::List = command;
    let (items, next) = page_of(target(global)?.get("connectors", &[]).await?);
    Listing { path: "connectors", query: Vec::new(), columns: COLUMNS, when_empty: "No connectors." }.print(&items, next, global.json)
}

fn field_names(row: &serde_json::Value, field: &str) -> String {
    let fields = row[field].as_array().map(Vec::as_slice).unwrap_or_default();
    fields.iter().map(|field| text(field, "/name")).collect::<Vec<_>>().join(", ")
}
