//! `ovia dead-letters`: list, counts, show, replay, drop.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::{
    listing::{Listing, Paging, filters},
    reference, runs, watching,
};
use crate::{
    app::Global,
    client::{ApiClient, target},
    exit::CliResult,
    output::{Column, RunProgress, number, pairs, print, print_json, short_time, text},
};

#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// List records that could not be read or stored, newest first.
    List(ListArgs),
    /// Count the open ones by connection, stream and reason.
    Counts(CountsArgs),
    /// Show one, with what the source sent.
    Show(ShowArgs),
    /// Read them again: after an upgrade that understands them.
    Replay(ReplayArgs),
    /// Close them for good, and say why.
    Drop(DropArgs),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Status {
    Open,
    Replayed,
    Dropped,
    All,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// A connection's name or id.
    #[arg(long)]
    connection: Option<String>,
    #[arg(long)]
    stream: Option<String>,
    /// The reason, or its beginning followed by *.
    #[arg(long)]
    reason: Option<String>,
    #[arg(long, default_value = "open")]
    status: Status,
    /// Seen at this time or later, as 2026-03-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
pub struct CountsArgs {
    /// A connection's name or id.
    #[arg(long)]
    connection: Option<String>,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    id: i64,
}

/// Which open letters are meant.
#[derive(Debug, Args)]
#[group(skip)]
pub struct Selection {
    /// Letters by their ids.
    #[arg(value_name = "ID", required_unless_present_any = ["reason", "all"], conflicts_with_all = ["reason", "all", "connection", "stream"])]
    ids: Vec<i64>,
    /// Those with this reason, or whose reason begins with what stands before a *.
    #[arg(long, conflicts_with = "all")]
    reason: Option<String>,
    /// Whatever the reason.
    #[arg(long)]
    all: bool,
    /// Only those of this connection (its name or id).
    #[arg(long)]
    connection: Option<String>,
    /// Only those of this stream.
    #[arg(long)]
    stream: Option<String>,
}

#[derive(Debug, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    selection: Selection,
    /// Wait until they have been read; the exit code says how that ended.
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, Args)]
pub struct DropArgs {
    #[command(flatten)]
    selection: Selection,
    /// A sentence that says why; it is kept.
    #[arg(long, value_name = "SENTENCE")]
    why: String,
}

const COLUMNS: &[Column] = &[
    Column { title: "ID", cell: |row| text(row, "/id") },
    Column { title: "SEEN", cell: |row| short_time(row, "/last_seen_at") },
    Column { title: "CONNECTION", cell: |row| text(row, "/connection_name") },
    Column { title: "STREAM", cell: |row| text(row, "/stream") },
    Column { title: "ITEM", cell: |row| text(row, "/external_id") },
    Column { title: "TRIES", cell: |row| number(row, "/attempts") },
    Column { title: "STATUS", cell: |row| text(row, "/status") },
    Column { title: "REASON", cell: |row| text(row, "/reason") },
];

const COUNT_COLUMNS: &[Column] = &[
    Column { title: "LETTERS", cell: |row| number(row, "/letters") },
    Column { title: "CONNECTION", cell: |row| text(row, "/connection_name") },
    Column { title: "STREAM", cell: |row| text(row, "/stream") },
    Column { title: "FIRST", cell: |row| short_time(row, "/first_seen_at") },
    Column { title: "LAST", cell: |row| short_time(row, "/last_seen_at") },
    Column { title: "REASON", cell: |row| text(row, "/reason") },
];

pub async fn run(global: &Global, command: &DeadLettersCommand) -> CliResult {
    let client = target(global)?;
    match command {
        DeadLettersCommand::List(args) => list(&client, args, global.json).await,
        DeadLettersCommand::Counts(args) => {
            let query = reference::connection_filter(&client, args.connection.as_deref()).await?;
            let all = client.get_all("dead-letters/counts", &query).await?;
            Listing { path: "", query: Vec::new(), columns: COUNT_COLUMNS, when_empty: "No open dead letters." }.print(
                &all,
                None,
                global.json,
            )
        }
        DeadLettersCommand::Show(args) => show(&client.get(&format!("dead-letters/{}", args.id), &[]).await?, global.json),
        DeadLettersCommand::Replay(args) => replay(&client, args, global.json).await,
        DeadLettersCommand::Drop(args) => drop_all(&client, args, global.json).await,
    }
}

async fn list(client: &ApiClient, args: &ListArgs, json: bool) -> CliResult {
    let mut query = filters(&[("stream", &args.stream), ("reason", &args.reason), ("since", &args.since)]);
    query.extend(reference::connection_filter(client, args.connection.as_deref()).await?);
    if !matches!(args.status, Status::All) {
        query.extend(args.status.to_possible_value().map(|value| ("status", value.get_name().to_owned())));
    }
    Listing { path: "dead-letters", query, columns: COLUMNS, when_empty: "No dead letters." }.show(client, &args.paging, json).await
}

fn show(letter: &Value, json: bool) -> CliResult {
    if json {
        return print_json(letter);
    }
    print(&pairs(&[
        ("id", text(letter, "/id")),
        ("status", text(letter, "/status")),
        ("connection", text(letter, "/connection_name")),
        ("stream", text(letter, "/stream")),
        ("partition", text(letter, "/partition")),
        ("item", text(letter, "/external_id")),
        ("reason", text(letter, "/reason")),
        ("tries", number(letter, "/attempts")),
        ("first seen", short_time(letter, "/created_at")),
        ("last seen", short_time(letter, "/last_seen_at")),
        ("run", text(letter, "/run_id")),
        ("closed", short_time(letter, "/resolved_at")),
        ("closed by", text(letter, "/resolved_by")),
        ("because", text(letter, "/resolution")),
        ("payload", text(letter, "/payload")),
    ]))
}

async fn selection(client: &ApiClient, selection: &Selection) -> CliResult<Map<String, Value>> {
    let mut body = Map::new();
    if !selection.ids.is_empty() {
        body.insert("ids".into(), json!(selection.ids));
        return Ok(body);
    }
    match &selection.reason {
        Some(reason) => body.insert("reason".into(), json!(reason)),
        None => body.insert("all".into(), json!(selection.all)),
    };
    if let Some(name) = &selection.connection {
        body.insert("connection_id".into(), reference::connection(client, name).await?["id"].clone());
    }
    if let Some(stream) = &selection.stream {
        body.insert("stream".into(), json!(stream));
    }
    Ok(body)
}

async fn replay(client: &ApiClient, args: &ReplayArgs, json: bool) -> CliResult {
    let body = Value::Object(selection(client, &args.selection).await?);
    let started = client.post("dead-letters/replay", Some(&body)).await?;
    for refused in started["refused"].as_array().into_iter().flatten() {
        eprintln!("Not replayed for connection {}: {}", text(refused, "/connection_id"), text(refused, "/detail"));
    }
    let mut items = started["items"].as_array().cloned().unwrap_or_default();
    if args.wait {
        for run in &mut items {
            *run = watching::watch_until_interrupted(client, &text(run, "/id"), RunProgress::new(json), |_| Ok(())).await?;
        }
    }
    if json {
        print_json(&json!({"items": items, "refused": started["refused"]}))?;
    } else {
        items.iter().try_for_each(|run| runs::show(run, false))?;
    }
    if args.wait { items.iter().try_for_each(watching::verdict) } else { Ok(()) }
}

async fn drop_all(client: &ApiClient, args: &DropArgs, json: bool) -> CliResult {
    let mut body = selection(client, &args.selection).await?;
    body.insert("why".into(), json!(args.why));
    let body = Value::Object(body);
    let mut dropped = 0;
    loop {
        let answer = match client.post("dead-letters/drop", Some(&body)).await {
            Ok(answer) => answer,
            // the last hundred thousand were the last
            Err(error) if dropped > 0 && error.exit == crate::exit::Exit::Conflict => break,
            Err(error) => return Err(error),
        };
        dropped += answer["dropped"].as_i64().unwrap_or(0);
        if answer["more"] != true {
            break;
        }
    }
    if json { print_json(&json!({"dropped": dropped})) } else { print(&format!("Dropped {dropped}.")) }
}
