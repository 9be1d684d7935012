//! `ovia connections`: add, list, show, update, test, pause, resume, remove.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{
    credentials::CredentialArgs,
    listing::{Listing, Paging},
    reference, runs_control, webhook,
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
    /// Change a connection: what is not given stays. New credentials replace the old ones.
    Update(UpdateArgs),
    /// How each of a connection's streams stands, over all its runs.
    Streams(ConnectionArg),
    /// Check that the source answers and accepts the credentials.
    Test(ConnectionArg),
    /// Stop a connection's runs for now, scheduled ones included.
    Pause(ConnectionArg),
    /// Let a paused connection's runs go on.
    Resume(ConnectionArg),
    /// Set a connection's webhook, or see what comes in.
    Webhook(webhook::WebhookArgs),
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
    #[command(flatten)]
    settings: SettingArgs,
    #[command(flatten)]
    credentials: CredentialArgs,
}

#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// The connection's name or id.
    connection: String,
    /// A new name.
    #[arg(long)]
    name: Option<String>,
    /// Another address of the source.
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    #[command(flatten)]
    settings: SettingArgs,
    #[command(flatten)]
    credentials: CredentialArgs,
}

#[derive(Debug, Args)]
struct SettingArgs {
    /// A GitLab group to sync, subgroups included (full path or id; may be repeated).
    #[arg(long = "group", value_name = "PATH")]
    groups: Vec<String>,
    /// A GitLab project (full path or id) or the key of a Jira project to sync (may be repeated).
    #[arg(long = "project", value_name = "PATH")]
    projects: Vec<String>,
    /// Another setting, as details=false (may be repeated; `ovia connectors list` names them).
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    others: Vec<(String, Value)>,
}

impl SettingArgs {
    fn of(&self, source: &str) -> Map<String, Value> {
        let mut settings = Map::from_iter(self.others.iter().cloned());
        let projects = if source == "jira" { "project_keys" } else { "projects" };
        for (name, items) in [("groups", &self.groups), (projects, &self.projects)] {
            if !items.is_empty() {
                settings.insert(name.into(), json!(items));
            }
        }
        settings
    }
}

const COLUMNS: &[Column] = &[
    Column { title: "NAME", cell: |row| text(row, "/name") },
    Column { title: "SOURCE", cell: |row| text(row, "/source") },
    Column { title: "BASE URL", cell: |row| text(row, "/base_url") },
    Column { title: "WHAT", cell: scopes },
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
        ConnectionsCommand::Update(args) => update(&client, args, global.json).await,
        ConnectionsCommand::Streams(arg) => streams(&client, &arg.connection, global.json).await,
        ConnectionsCommand::Test(arg) => test(&client, &arg.connection, global.json).await,
        ConnectionsCommand::Pause(arg) => runs_control::connection(&client, &arg.connection, "pause", global.json).await,
        ConnectionsCommand::Resume(arg) => runs_control::connection(&client, &arg.connection, "resume", global.json).await,
        ConnectionsCommand::Webhook(args) => webhook::run(&client, args, global.json).await,
        ConnectionsCommand::Remove(arg) => remove(&client, &arg.connection, global.json).await,
    }
}

async fn add(client: &ApiClient, args: &AddArgs, json: bool) -> CliResult {
    let body = json!({
        "source": args.source,
        "name": args.name,
        "base_url": args.base_url,
        "credentials": args.credentials.given_or_asked(&args.source)?,
        "settings": args.settings.of(&args.source),
    });
    let connection = client.post("connections", Some(&body)).await?;
    show(&connection, json)?;
    if !json {
        eprintln!("Next: `ovia connections test {0}`, then `ovia sync {0} --wait`.", args.name);
    }
    Ok(())
}

async fn update(client: &ApiClient, args: &UpdateArgs, json: bool) -> CliResult {
    let connection = reference::connection(client, &args.connection).await?;
    let mut body = Map::new();
    for (name, value) in [("name", &args.name), ("base_url", &args.base_url)] {
        body.extend(value.iter().map(|value| (name.to_owned(), json!(value))));
    }
    let settings = args.settings.of(&text(&connection, "/source"));
    if !settings.is_empty() {
        // the API replaces them as a whole
        let mut all = connection["settings"].as_object().cloned().unwrap_or_default();
        all.extend(settings);
        body.insert("settings".into(), Value::Object(all));
    }
    let credentials = args.credentials.given()?;
    if !credentials.is_empty() {
        body.insert("credentials".into(), Value::Object(credentials));
    }
    if body.is_empty() {
        return Err(CliError::usage("nothing to change is given").hint("`ovia connections update --help` says what can be changed."));
    }
    show(&client.patch(&format!("connections/{}", text(&connection, "/id")), &Value::Object(body)).await?, json)
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

/// What a connection is told to sync, whatever its source calls it.
fn scopes(row: &Value) -> String {
    let named = ["/settings/groups", "/settings/projects", "/settings/project_keys", "/settings/space_keys"].map(|path| list(row, path));
    named.into_iter().filter(|names| !names.is_empty()).collect::<Vec<_>>().join(", ")
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
