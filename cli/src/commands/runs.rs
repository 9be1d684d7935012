//! `ovia runs`: list, show, watch, start; what acts on a run is in `runs_control`.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{
    listing::{Listing, Paging, filters},
    reference, runs_control, watching,
};
use crate::{
    app::Global,
    client::target,
    exit::CliResult,
    output::{Column, RunProgress, duration, number, pairs, print, print_json, print_json_line, short_time, table, text},
};

#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// List runs, newest first.
    List(ListArgs),
    /// Show one run.
    Show(RunArg),
    /// Follow a run to its end. With --json: one event per line.
    Watch(RunArg),
    /// Ask a run to stop; what it has stored stays.
    Cancel(RunArg),
    /// Stop a run for now: it keeps its place and frees the connection.
    Pause(RunArg),
    /// Let a paused run go on.
    Resume(RunArg),
    /// Start a run that has ended again, from where it stopped.
    Retry(runs_control::RetryArgs),
    /// Start a matching run, a KPI rollup, quality checks or retention by themselves.
    Start(StartArgs),
}

#[derive(Debug, Args)]
pub struct RunArg {
    /// The run's id.
    run: String,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// sync, backfill, matching or kpi_rollup.
    #[arg(long)]
    kind: Option<String>,
    /// As running, waiting, succeeded, degraded, failed, cancelled.
    #[arg(long)]
    status: Option<String>,
    /// A connection's name or id.
    #[arg(long)]
    connection: Option<String>,
    /// Runs asked for at this time or later, as 2026-03-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum StartKind {
    Matching,
    KpiRollup,
    Quality,
    Retention,
}

#[derive(Debug, Args)]
pub struct StartArgs {
    kind: StartKind,
    /// Of kpi_rollup: compute the windows of this time again, from here, as 2026-03-01 or 2026-03-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Of kpi_rollup, with --from: to here, not included [default: --as-of, or now].
    #[arg(long, value_name = "TIME", requires = "from")]
    to: Option<String>,
    /// Of kpi_rollup: the figures as they were at this time [default: now].
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// Wait until the run is over; the exit code says how it ended.
    #[arg(long)]
    wait: bool,
}

const COLUMNS: &[Column] = &[
    Column { title: "CREATED", cell: |row| short_time(row, "/created_at") },
    Column { title: "KIND", cell: |row| text(row, "/kind") },
    Column { title: "CONNECTION", cell: |row| text(row, "/connection_name") },
    Column { title: "STATUS", cell: |row| text(row, "/status") },
    Column { title: "FETCHED", cell: |row| number(row, "/counts/fetched") },
    Column { title: "NEW", cell: |row| number(row, "/counts/inserted") },
    Column { title: "CHANGED", cell: |row| number(row, "/counts/updated") },
    Column { title: "ID", cell: |row| text(row, "/id") },
];

const STREAM_COLUMNS: &[Column] = &[
    Column { title: "STREAM", cell: |row| text(row, "/stream") },
    Column { title: "STATUS", cell: |row| text(row, "/status") },
    Column { title: "FETCHED", cell: |row| count(row, "fetched") },
    Column { title: "NEW", cell: |row| count(row, "inserted") },
    Column { title: "CHANGED", cell: |row| count(row, "updated") },
    Column { title: "UNCHANGED", cell: |row| count(row, "unchanged") },
    Column { title: "DELETED", cell: |row| count(row, "deleted") },
    Column { title: "DEAD", cell: |row| count(row, "dead_lettered") },
    Column { title: "REQUESTS", cell: |row| count(row, "requests") },
    Column { title: "ROWS/S", cell: |row| number(row, "/rows_per_second") },
    Column { title: "LEFT", cell: |row| row["eta_seconds"].as_i64().map(duration).unwrap_or_default() },
    Column { title: "NOTE", cell: |row| text(row, "/note") },
];

pub async fn run(global: &Global, command: &RunsCommand) -> CliResult {
    let client = target(global)?;
    match command {
        RunsCommand::List(args) => {
            let mut query = filters(&[("kind", &args.kind), ("status", &args.status), ("since", &args.since)]);
            if let Some(name) = &args.connection {
                query.push(("connection", text(&reference::connection(&client, name).await?, "/id")));
            }
            Listing { path: "runs", query, columns: COLUMNS, when_empty: "No runs." }.show(&client, &args.paging, global.json).await
        }
        RunsCommand::Show(arg) => show(&client.get(&format!("runs/{}", reference::run_id(&arg.run)?), &[]).await?, global.json),
        RunsCommand::Watch(arg) => watch(global, &arg.run).await,
        RunsCommand::Cancel(arg) => runs_control::act(&client, &arg.run, "cancel", global.json).await,
        RunsCommand::Pause(arg) => runs_control::act(&client, &arg.run, "pause", global.json).await,
        RunsCommand::Resume(arg) => runs_control::act(&client, &arg.run, "resume", global.json).await,
        RunsCommand::Retry(args) => runs_control::retry(&client, args, global.json).await,
        RunsCommand::Start(args) => start(global, args).await,
    }
}

async fn watch(global: &Global, run: &str) -> CliResult {
    let client = target(global)?;
    let id = reference::run_id(run)?.to_string();
    // A run that does not exist is better said here than by a stream that never starts.
    client.get(&format!("runs/{id}"), &[]).await?;
    let on_event = |event: &crate::client::RunEvent| if global.json { print_json_line(event) } else { Ok(()) };
    let run = watching::watch_until_interrupted(&client, &id, RunProgress::new(global.json), on_event).await?;
    if !global.json {
        show(&run, false)?;
    }
    watching::verdict(&run)
}

async fn start(global: &Global, args: &StartArgs) -> CliResult {
    let client = target(global)?;
    let kind = args.kind.to_possible_value().map(|value| value.get_name().to_owned());
    let mut body = json!({"kind": kind});
    for (field, given) in [("from", &args.from), ("to", &args.to), ("as_of", &args.as_of)] {
        if let Some(given) = given {
            body[field] = json!(given);
        }
    }
    let run = client.post("runs", Some(&body)).await?;
    if !args.wait {
        return show(&run, global.json);
    }
    let run = watching::watch_until_interrupted(&client, &text(&run, "/id"), RunProgress::new(global.json), |_| Ok(())).await?;
    show(&run, global.json)?;
    watching::verdict(&run)
}

/// Prints one run.
pub fn show(run: &Value, json: bool) -> CliResult {
    if json {
        return print_json(run);
    }
    print(&pairs(&[
        ("run", text(run, "/id")),
        ("kind", text(run, "/kind")),
        ("status", text(run, "/status")),
        ("health", health(run)),
        ("last activity", short_time(run, "/last_activity_at")),
        ("waiting until", short_time(run, "/waiting_until")),
        ("paused by", text(run, "/paused_by")),
        ("windows", windows(run)),
        ("connection", text(run, "/connection_name")),
        ("asked for by", text(run, "/requested_by")),
        ("created", short_time(run, "/created_at")),
        ("started", short_time(run, "/started_at")),
        ("ended", short_time(run, "/ended_at")),
        ("error", text(run, "/error/message")),
        ("request", text(run, "/error/request")),
        ("hint", text(run, "/error/hint")),
        ("result", text(run, "/result")),
        ("workflow", text(run, "/workflow_id")),
        ("temporal ui", text(run, "/temporal_ui_url")),
    ]))?;
    match run["progress"].as_array() {
        Some(streams) if !streams.is_empty() => print(&format!("\n{}", table(streams, STREAM_COLUMNS, ""))),
        _ => Ok(()),
    }
}

/// `stuck: Nothing was stored and no sign of life came for 5 min …`; nothing for a run that is over.
fn health(run: &Value) -> String {
    match text(run, "/health/state") {
        state if state.is_empty() => state,
        state => format!("{state}: {}", text(run, "/health/message")),
    }
}

/// `3 of 12 done`, of a backfill that has its plan.
fn windows(run: &Value) -> String {
    match (number(run, "/windows/done"), number(run, "/windows/total")) {
        (_, total) if total.is_empty() => total,
        (done, total) => format!("{done} of {total} done"),
    }
}

/// A stream's counts are its own fields or under `counts`.
fn count(row: &Value, name: &str) -> String {
    let own = number(row, &format!("/{name}"));
    if own.is_empty() { number(row, &format!("/counts/{name}")) } else { own }
}
