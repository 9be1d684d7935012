//! `ovia people show`: one person with all that is known about why.

use clap::Args;
use serde_json::Value;

use super::{
    lists::{account, sure},
    reference::person,
};
use crate::{
    client::ApiClient,
    exit::CliResult,
    output::{Column, flag, number, pairs, print, print_json, short_time, table, text},
};

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The person: id, name or e-mail address.
    person: String,
}

const ACCOUNTS: &[Column] = &[
    Column { title: "ACCOUNT", cell: |row| account(&row["identity"]) },
    Column { title: "NAME", cell: |row| text(row, "/identity/display_name") },
    Column { title: "E-MAIL", cell: |row| text(row, "/identity/email") },
    Column { title: "STATUS", cell: |row| text(row, "/status") },
    Column { title: "SURE", cell: sure },
    Column { title: "VERSION", cell: |row| number(row, "/version") },
    Column { title: "WHY", cell: |row| text(row, "/explanation") },
    Column { title: "IDENTITY", cell: |row| text(row, "/identity/id") },
];

const REFUSED: &[Column] = &[
    Column { title: "ACCOUNT", cell: account },
    Column { title: "NAME", cell: |row| text(row, "/display_name") },
    Column { title: "E-MAIL", cell: |row| text(row, "/email") },
    Column { title: "BY", cell: |row| text(row, "/decided_by") },
    Column { title: "DECISION", cell: |row| text(row, "/decision_id") },
];

const NEVER: &[Column] = &[
    Column { title: "IDENTITY", cell: |row| text(row, "/identity_id") },
    Column { title: "WITH", cell: |row| text(row, "/other_identity_id") },
    Column { title: "OF", cell: |row| text(row, "/other_person_name") },
    Column { title: "DECISION", cell: |row| text(row, "/decision_id") },
];

const TEAMS: &[Column] = &[
    Column { title: "TEAM", cell: |row| text(row, "/team_name") },
    Column { title: "ROLE", cell: |row| text(row, "/role") },
    Column { title: "FROM", cell: |row| text(row, "/from") },
    Column { title: "UNTIL", cell: |row| text(row, "/until") },
];

const HISTORY: &[Column] = &[
    Column { title: "WHEN", cell: |row| short_time(row, "/at") },
    Column { title: "WHO", cell: |row| text(row, "/actor") },
    Column { title: "WHAT", cell: |row| text(row, "/kind") },
    Column { title: "DECISION", cell: |row| text(row, "/decision_id") },
    Column { title: "WHY", cell: |row| text(row, "/reason") },
];

pub async fn run(client: &ApiClient, args: &ShowArgs, json: bool) -> CliResult {
    let id = person(client, &args.person).await?;
    let shown = client.get(&format!("team/people/{id}"), &[]).await?;
    if json {
        return print_json(&shown);
    }
    print(&pairs(&[
        ("name", text(&shown, "/display_name")),
        ("e-mail", text(&shown, "/primary_email")),
        ("service account", flag(&shown, "/is_bot")),
        ("id", text(&shown, "/id")),
        ("version", number(&shown, "/version")),
        ("retired", short_time(&shown, "/retired_at")),
        ("is now", text(&shown, "/merged_into")),
    ]))?;
    section(&shown["accounts"], "Accounts", ACCOUNTS, "None.")?;
    section(&shown["refused"], "Accounts that were refused", REFUSED, "")?;
    section(&shown["never_together"], "Never together", NEVER, "")?;
    section(&shown["teams"], "Teams", TEAMS, "")?;
    section(&shown["history"], "History (`ovia people events` has all of it)", HISTORY, "")
}

/// A table with a line above it; nothing where there is nothing to say.
fn section(rows: &Value, title: &str, columns: &[Column], when_empty: &str) -> CliResult {
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() && when_empty.is_empty() {
        return Ok(());
    }
    print(&format!("\n{title}\n{}", table(rows, columns, when_empty)))
}
