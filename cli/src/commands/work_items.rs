//! `ovia work-items`: list, show.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::{
    listing::{Listing, Paging, filters},
    reference,
};
use crate::{
    app::Global,
    client::{ApiClient, target},
    exit::{CliError, CliResult},
    output::{Column, list, number, pairs, print, print_json, short_time, table, text},
};

#[derive(Debug, Subcommand)]
pub enum WorkItemsCommand {
    /// List work items, newest first.
    List(ListArgs),
    /// Show one, with what happened to it, what is below it and what mentions it.
    Show(ShowArgs),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Type {
    Epic,
    Story,
    Bug,
    Task,
    Subtask,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Category {
    Todo,
    InProgress,
    Done,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Part of the title.
    #[arg(long)]
    search: Option<String>,
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<Type>,
    /// Where its status stands.
    #[arg(long)]
    status_category: Option<Category>,
    /// A project's key or id.
    #[arg(long)]
    project: Option<String>,
    /// What is below the epic of this key.
    #[arg(long, value_name = "KEY")]
    epic: Option<String>,
    /// A release's id.
    #[arg(long, value_name = "ID")]
    release: Option<String>,
    /// The assignee, as a person's id.
    #[arg(long, value_name = "ID")]
    assignee_person: Option<String>,
    /// Updated at this time or later, as 2026-03-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    updated_since: Option<String>,
    /// A connection's name or id.
    #[arg(long)]
    connection: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// As WEB-12; one that it had before serves too.
    key: String,
    /// A connection's name or id, where several have such a key.
    #[arg(long)]
    connection: Option<String>,
}

const COLUMNS: &[Column] = &[
    Column { title: "KEY", cell: |row| text(row, "/key") },
    Column { title: "TYPE", cell: |row| text(row, "/type") },
    Column { title: "STATUS", cell: |row| text(row, "/status") },
    Column { title: "TITLE", cell: |row| text(row, "/title") },
    Column { title: "ASSIGNEE", cell: |row| who(row, "/assignee") },
    Column { title: "EPIC", cell: |row| text(row, "/epic/key") },
    Column { title: "UPDATED", cell: |row| short_time(row, "/updated_at") },
];

const CHANGES: &[Column] = &[
    Column { title: "WHEN", cell: |row| short_time(row, "/at") },
    Column { title: "WHO", cell: |row| who(row, "/author") },
    Column { title: "FIELD", cell: |row| text(row, "/field") },
    Column { title: "FROM", cell: |row| text(row, "/from_text") },
    Column { title: "TO", cell: |row| text(row, "/to_text") },
];

const WORKLOGS: &[Column] = &[
    Column { title: "BEGUN", cell: |row| short_time(row, "/started_at") },
    Column { title: "WHO", cell: |row| who(row, "/author") },
    Column { title: "HOURS", cell: |row| hours(row, "/seconds") },
];

const MENTIONS: &[Column] = &[
    Column { title: "WHERE", cell: |row| text(row, "/place") },
    Column { title: "OF", cell: mentioning },
    Column { title: "TITLE", cell: |row| first_of(row, &["/commit/title", "/merge_request/title", "/document/title"]) },
    Column { title: "URL", cell: |row| first_of(row, &["/merge_request/url", "/document/url"]) },
];

pub async fn run(global: &Global, command: &WorkItemsCommand) -> CliResult {
    let client = target(global)?;
    match command {
        WorkItemsCommand::List(args) => show_list(&client, args, global.json).await,
        WorkItemsCommand::Show(args) => show(&client, args, global.json).await,
    }
}

async fn show_list(client: &ApiClient, args: &ListArgs, json: bool) -> CliResult {
    let mut query = filters(&[
        ("q", &args.search),
        ("type", &args.kind.and_then(name)),
        ("status_category", &args.status_category.and_then(name)),
        ("project", &args.project),
        ("epic", &args.epic),
        ("release", &args.release),
        ("assignee_person", &args.assignee_person),
        ("updated_since", &args.updated_since),
    ]);
    query.extend(reference::connection_filter(client, args.connection.as_deref()).await?);
    Listing { path: "work-items", query, columns: COLUMNS, when_empty: "No work items." }.show(client, &args.paging, json).await
}

async fn show(client: &ApiClient, args: &ShowArgs, json: bool) -> CliResult {
    // it becomes part of a path
    if args.key.is_empty() || !args.key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        let wrong = CliError::usage(format!("`{}` is not a work item's key", args.key));
        return Err(wrong.hint("Keys look like WEB-12; `ovia work-items list` shows them."));
    }
    let query = reference::connection_filter(client, args.connection.as_deref()).await?;
    let item = client.get(&format!("work-items/{}", args.key), &query).await?;
    if json {
        return print_json(&item);
    }
    print(&pairs(&[
        ("key", text(&item, "/key")),
        ("title", text(&item, "/title")),
        ("type", text(&item, "/type_name")),
        ("status", text(&item, "/status")),
        ("resolution", text(&item, "/resolution")),
        ("parent", text(&item, "/parent/key")),
        ("epic", text(&item, "/epic/key")),
        ("assignee", who(&item, "/assignee")),
        ("reporter", who(&item, "/reporter")),
        ("labels", list(&item, "/labels")),
        ("releases", names(&item, "/fix_versions")),
        ("sprints", names(&item, "/sprints")),
        ("points", number(&item, "/story_points")),
        ("hours logged", hours(&item, "/logged_seconds")),
        ("due", text(&item, "/due_on")),
        ("created", short_time(&item, "/created_at")),
        ("updated", short_time(&item, "/updated_at")),
        ("resolved", short_time(&item, "/resolved_at")),
        ("url", text(&item, "/url")),
    ]))?;
    section(&item, "/children", "Below it", COLUMNS)?;
    section(&item, "/mentions", "Mentioned in", MENTIONS)?;
    section(&item, "/worklogs", "Work logged", WORKLOGS)?;
    section(&item, "/changelog", "What happened to it", CHANGES)
}

/// A part of the answer that is a list, if there is anything in it.
fn section(item: &Value, pointer: &str, title: &str, columns: &[Column]) -> CliResult {
    let rows = item.pointer(&format!("{pointer}/items")).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() {
        return Ok(());
    }
    let more = item.pointer(&format!("{pointer}/next_cursor")).is_some_and(Value::is_string);
    let more = if more { " (there are more)" } else { "" };
    print(&format!("\n{title}{more}:\n{}", table(rows, columns, "")))
}

fn name(value: impl ValueEnum) -> Option<String> {
    value.to_possible_value().map(|value| value.get_name().to_owned())
}

/// `1.5`, of seconds.
fn hours(row: &Value, pointer: &str) -> String {
    let seconds = row.pointer(pointer).and_then(Value::as_f64).unwrap_or_default();
    format!("{:.1}", seconds / 3600.0)
}

/// The person, or else the account.
fn who(row: &Value, pointer: &str) -> String {
    let at = |field: &str| format!("{pointer}/{field}");
    first_of(row, &[&at("person_name"), &at("display_name"), &at("username"), &at("external_id")])
}

fn names(row: &Value, pointer: &str) -> String {
    let items = row.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| first_of(item, &["/name", "/external_id"])).collect::<Vec<_>>().join(", ")
}

/// `acme/web !4`, `acme/web !4 1a2b3c4d`, `page`.
fn mentioning(row: &Value) -> String {
    if row["document"].is_object() {
        return "page".into();
    }
    let sha: String = text(row, "/commit/sha").chars().take(8).collect();
    let of = format!("{} !{} {sha}", text(row, "/merge_request/project"), text(row, "/merge_request/number"));
    of.trim().to_owned()
}

/// The first of these that says something.
fn first_of(row: &Value, pointers: &[&str]) -> String {
    pointers.iter().map(|pointer| text(row, pointer)).find(|text| !text.is_empty()).unwrap_or_default()
}
