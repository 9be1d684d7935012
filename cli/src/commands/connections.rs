//! `ovia connections`: add, list, show, test, pause, resume, remove.
//!
//! A source's token is read from a variable, from stdin or at a prompt, never from the command line, where other users of the machine
//! and the shell's history would see it.

use std::io::{IsTerminal, Read};

use clap::{Args, Subcommand};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::{
    listing::{Listing, Paging},
    reference, runs_control,
};
use crate::{
    app::Global,
    client::{ApiClient, page_of, target},
    exit::{CliError, CliResult, Exit},
    output::{Column, list, number, pairs, print, print_json, short_time, text},
};

#[derive(Debug, Subcommand)]
pub enum ConnectionsCommand {
    /// Add a connection to a source.
    Add(AddArgs),
    /// List connections.
    List(Paging),
    /// Show one connection.
    Show(ConnectionArg),
    /// How each of a connection's streams stands, over all its runs.
    Streams(ConnectionArg),
    /// Check that the source answers and accepts the credentials.
    Test(ConnectionArg),
    /// Stop a connection's runs for now, scheduled ones included.
    Pause(ConnectionArg),
    /// Let a paused connection's runs go on.
    Resume(ConnectionArg),
    /// Remove a connection.
    Remove(ConnectionArg),
}

#[derive(Debug, Args)]
pub struct ConnectionArg {
    /// The connection's name or id.
    connection: String,
}

#[derive(Debug, Args)]
pub struct AddArgs {
    /// The source, as in `ovia connectors list`.
    #[arg(default_value = "gitlab")]
    source: String,
    /// What to call the connection.
    #[arg(long)]
    name: String,
    /// The source's address, as `https://gitlab.example.com`.
    #[arg(long, value_name = "URL")]
    base_url: String,
    /// A group to sync, subgroups included (full path or id; may be repeated).
    #[arg(long = "group", value_name = "PATH")]
    groups: Vec<String>,
    /// A project to sync (full path or id; may be repeated).
    #[arg(long = "project", value_name = "PATH")]
    projects: Vec<String>,
    /// Another setting, as details=false (may be repeated; `ovia connectors list` names them).
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(String, Value)>,
    /// The environment variable that holds the source's token.
    #[arg(long, value_name = "VARIABLE", conflicts_with = "token_stdin")]
    token_env: Option<String>,
    /// Read the source's token from stdin.
    #[arg(long)]
    token_stdin: bool,
}

const COLUMNS: &[Column] = &[
    Column { title: "NAME", cell: |row| text(row, "/name") },
    Column { title: "SOURCE", cell: |row| text(row, "/source") },
    Column { title: "BASE URL", cell: |row| text(row, "/base_url") },
    Column { title: "GROUPS", cell: |row| list(row, "/settings/groups") },
    Column { title: "PROJECTS", cell: |row| list(row, "/settings/projects") },
    Column { title: "CREATED", cell: |row| short_time(row, "/created_at") },
    Column { title: "ID", cell: |row| text(row, "/id") },
];

const STREAM_COLUMNS: &[Column] = &[
    Column { title: "STREAM", cell: |row| text(row, "/stream") },
    Column { title: "LIVE", cell: |row| text(row, "/live_status") },
    Column { title: "BACKFILL", cell: |row| text(row, "/backfill_status") },
    Column { title: "LAST SUCCESS", cell: |row| short_time(row, "/last_success_at") },
    Column { title: "WATERMARK", cell: |row| short_time(row, "/cursor/watermark") },
    Column { title: "WRITTEN", cell: |row| number(row, "/items_ingested_total") },
    Column { title: "IN 24 H", cell: |row| number(row, "/items_ingested_last_24h") },
    Column { title: "QUEUED", cell: |row| number(row, "/details_queued") },
    Column { title: "DEAD", cell: |row| number(row, "/dead_letters_open") },
    Column { title: "LAST ERROR", cell: |row| text(row, "/last_error_message") },
];

pub async fn run(global: &Global, command: &ConnectionsCommand) -> CliResult {
    let client = target(global)?;
    match command {
        ConnectionsCommand::Add(args) => add(&client, args, global.json).await,
        ConnectionsCommand::List(paging) => {
            let when_empty = "No connections yet. Make one with `ovia connections add`.";
            Listing { path: "connections", query: Vec::new(), columns: COLUMNS, when_empty }.show(&client, paging, global.json).await
        }
        ConnectionsCommand::Show(arg) => show(&reference::connection(&client, &arg.connection).await?, global.json),
        ConnectionsCommand::Streams(arg) => streams(&client, &arg.connection, global.json).await,
        ConnectionsCommand::Test(arg) => test(&client, &arg.connection, global.json).await,
        ConnectionsCommand::Pause(arg) => runs_control::connection(&client, &arg.connection, "pause", global.json).await,
        ConnectionsCommand::Resume(arg) => runs_control::connection(&client, &arg.connection, "resume", global.json).await,
        ConnectionsCommand::Remove(arg) => remove(&client, &arg.connection, global.json).await,
    }
}

async fn add(client: &ApiClient, args: &AddArgs, json: bool) -> CliResult {
    let mut settings = Map::from_iter(args.settings.iter().cloned());
    for (name, items) in [("groups", &args.groups), ("projects", &args.projects)] {
        if !items.is_empty() {
            settings.insert(name.into(), json!(items));
        }
    }
    let token = token(args)?;
    let body = json!({
        "source": args.source,
        "name": args.name,
        "base_url": args.base_url,
        "credentials": {"token": token.expose_secret()},
        "settings": settings,
    });
    let connection = client.post("connections", Some(&body)).await?;
    show(&connection, json)?;
    if !json {
        eprintln!("Next: `ovia connections test {0}`, then `ovia sync {0} --wait`.", args.name);
    }
    Ok(())
}

fn show(connection: &Value, json: bool) -> CliResult {
    if json {
        return print_json(connection);
    }
    print(&pairs(&[
        ("name", text(connection, "/name")),
        ("id", text(connection, "/id")),
        ("source", text(connection, "/source")),
        ("base url", text(connection, "/base_url")),
        ("settings", text(connection, "/settings")),
        ("created", short_time(connection, "/created_at")),
        ("updated", short_time(connection, "/updated_at")),
        ("paused", short_time(connection, "/paused_at")),
        ("paused by", text(connection, "/paused_by")),
    ]))
}

async fn streams(client: &ApiClient, name: &str, json: bool) -> CliResult {
    let connection = reference::connection(client, name).await?;
    let path = format!("connections/{}/streams", text(&connection, "/id"));
    let (items, next_cursor) = page_of(client.get(&path, &[]).await?);
    let when_empty = "Nothing is known of its streams before the first sync.";
    Listing { path: &path, query: Vec::new(), columns: STREAM_COLUMNS, when_empty }.print(&items, next_cursor, json)
}

async fn test(client: &ApiClient, name: &str, json: bool) -> CliResult {
    let connection = reference::connection(client, name).await?;
    let check = client.post(&format!("connections/{}/test", text(&connection, "/id")), None).await?;
    if json {
        print_json(&check)?;
    } else if check["ok"] == true {
        print(&pairs(&[
            ("account", text(&check, "/account")),
            ("version", text(&check, "/version")),
            ("warnings", list(&check, "/warnings")),
        ]))?;
    }
    if check["ok"] == true {
        return Ok(());
    }
    let exit = check["error"]["code"].as_str().map_or(Exit::Failure, |code| ovia_domain::ErrorCode::parse(code).into());
    let message = text(&check, "/error/message");
    Err(CliError::new(exit, format!("the connection does not work: {}", message.trim_end_matches('.'))).hint(text(&check, "/error/hint")))
}

async fn remove(client: &ApiClient, name: &str, json: bool) -> CliResult {
    let connection = reference::connection(client, name).await?;
    let id = text(&connection, "/id");
    client.delete(&format!("connections/{id}")).await?;
    if json { print_json(&json!({"id": id, "removed": true})) } else { print(&format!("Removed {}.", text(&connection, "/name"))) }
}

fn token(args: &AddArgs) -> CliResult<SecretString> {
    let text = match &args.token_env {
        Some(variable) => {
            std::env::var(variable).map_err(|_| CliError::usage(format!("the environment variable {variable} is not set")))?
        }
        None if args.token_stdin => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            text
        }
        None if std::io::stdin().is_terminal() => rpassword::prompt_password(format!("Token for {}: ", args.base_url))?,
        None => return Err(CliError::usage("no token is given").hint("Pass it with --token-env VARIABLE or --token-stdin.")),
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(CliError::usage("the token is empty"));
    }
    Ok(SecretString::from(text))
}

/// `details=false` → ("details", false). A value that is not JSON is a string.
fn setting(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=VALUE"))?;
    Ok((name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()))))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn settings_are_json_where_they_look_like_it() {
        assert_eq!(setting("details=false").unwrap(), ("details".into(), json!(false)));
        assert_eq!(setting("page_size=50").unwrap().1, json!(50));
        assert_eq!(setting("since=2026-01-01T00:00:00Z").unwrap().1, json!("2026-01-01T00:00:00Z"));
        assert!(setting("details").is_err());
    }
}
