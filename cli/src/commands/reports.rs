//! `ovia reports`: daily and weekly digests.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{
    listing::{Listing, Paging, filters},
    reports_destinations, runs, watching,
};
use crate::{
    app::Global,
    client::{ApiClient, target},
    exit::{CliError, CliResult},
    output::{Column, RunProgress, number, pairs, print, print_json, short_time, text},
};

#[derive(Debug, Subcommand)]
pub enum ReportsCommand {
    /// List reports, the newest period first.
    List(ListArgs),
    /// Show one report, with its deliveries.
    Show(ReportArg),
    /// Print a report's text, or save it.
    Download(DownloadArgs),
    /// Write the reports that are due, and send them.
    Create(CreateArgs),
    /// Where reports are sent.
    Destinations(reports_destinations::DestinationsArgs),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Kind {
    Daily,
    Weekly,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Format {
    Markdown,
    Html,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[arg(long)]
    kind: Option<Kind>,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
pub struct ReportArg {
    /// The report's id.
    report: uuid::Uuid,
}

#[derive(Debug, Args)]
pub struct DownloadArgs {
    /// The report's id.
    report: uuid::Uuid,
    #[arg(long, default_value = "html")]
    format: Format,
    /// Where to save it [default: stdout].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Only this one [default: both].
    kind: Option<Kind>,
    /// As if it were this time, as 2026-03-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    as_of: Option<String>,
    /// Wait until the run is over; the exit code says how it ended.
    #[arg(long)]
    wait: bool,
}

const COLUMNS: &[Column] = &[
    Column { title: "KIND", cell: |row| text(row, "/kind") },
    // it has the days, as the organisation's clocks show them
    Column { title: "TITLE", cell: |row| text(row, "/title") },
    Column { title: "WRITTEN", cell: |row| short_time(row, "/created_at") },
    Column { title: "SENT", cell: |row| number(row, "/deliveries/delivered") },
    Column { title: "PENDING", cell: |row| number(row, "/deliveries/pending") },
    Column { title: "FAILED", cell: |row| number(row, "/deliveries/failed") },
    Column { title: "ID", cell: |row| text(row, "/id") },
];

const DELIVERY_COLUMNS: &[Column] = &[
    Column { title: "DESTINATION", cell: |row| text(row, "/destination_name") },
    Column { title: "STATUS", cell: |row| text(row, "/status") },
    Column { title: "TRIES", cell: |row| number(row, "/attempts") },
    Column { title: "NEXT", cell: |row| short_time(row, "/next_attempt_at") },
    Column { title: "ERROR", cell: |row| text(row, "/last_error") },
    Column { title: "ID", cell: |row| text(row, "/id") },
];

pub async fn run(global: &Global, command: &ReportsCommand) -> CliResult {
    let client = target(global)?;
    match command {
        ReportsCommand::List(args) => {
            let query = filters(&[("kind", &args.kind.map(name))]);
            let when_empty = "No reports: they come from report runs (ovia reports create).";
            Listing { path: "reports", query, columns: COLUMNS, when_empty }.show(&client, &args.paging, global.json).await
        }
        ReportsCommand::Show(arg) => show(&client, arg, global.json).await,
        ReportsCommand::Download(args) => download(&client, args).await,
        ReportsCommand::Create(args) => create(&client, args, global.json).await,
        ReportsCommand::Destinations(args) => reports_destinations::run(&client, args, global.json).await,
    }
}

/// The word that the API has for it.
pub fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

async fn show(client: &ApiClient, arg: &ReportArg, json: bool) -> CliResult {
    let mut report = client.get(&format!("reports/{}", arg.report), &[]).await?;
    let deliveries = client.get_all("report-deliveries", &[("report", arg.report.to_string())]).await?;
    if json {
        report["delivery_items"] = Value::Array(deliveries);
        return print_json(&report);
    }
    print(&pairs(&[
        ("report", text(&report, "/id")),
        ("title", text(&report, "/title")),
        ("written", short_time(&report, "/created_at")),
        ("run", text(&report, "/run_id")),
        ("text", text(&report, "/content_path")),
    ]))?;
    Listing { path: "", query: Vec::new(), columns: DELIVERY_COLUMNS, when_empty: "It was sent nowhere." }.print(&deliveries, None, false)
}

async fn download(client: &ApiClient, args: &DownloadArgs) -> CliResult {
    let path = format!("reports/{}/content", args.report);
    let content = client.get_text(&path, &[("format", name(args.format))]).await?;
    match &args.output {
        None => print(&content),
        Some(file) => std::fs::write(file, content)
            .map_err(|error| CliError::failure(format!("failed to write {}: {error}", file.display())).hint("Choose another --output.")),
    }
}

async fn create(client: &ApiClient, args: &CreateArgs, json: bool) -> CliResult {
    let mut body = json!({"kind": "report"});
    if let Some(kind) = args.kind {
        body["period"] = json!(name(kind));
    }
    if let Some(as_of) = &args.as_of {
        body["as_of"] = json!(as_of);
    }
    let run = client.post("runs", Some(&body)).await?;
    if !args.wait {
        return runs::show(&run, json);
    }
    let run = watching::watch_until_interrupted(client, &text(&run, "/id"), RunProgress::new(json), |_| Ok(())).await?;
    runs::show(&run, json)?;
    watching::verdict(&run)
}
