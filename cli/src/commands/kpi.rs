//! `ovia kpi`: the numbers.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::listing::{Listing, Paging, filters};
use crate::{
    app::Global,
    client::target,
    exit::CliResult,
    output::{Column, number, text},
};

#[derive(Debug, Subcommand)]
pub enum KpiCommand {
    /// The newest value of every metric.
    Show(ShowArgs),
    /// A metric's values over time.
    History(HistoryArgs),
}

/// Which numbers.
#[derive(Debug, Args)]
struct Scope {
    /// One project: its full path or its id in the source [default: the whole organisation].
    #[arg(long)]
    project: Option<String>,
    /// Every project, one row each.
    #[arg(long, conflicts_with = "project")]
    projects: bool,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// One metric, as time_to_merge [default: all].
    metric: Option<String>,
    #[command(flatten)]
    scope: Scope,
    /// trailing_30_days, week or month [default: trailing_30_days].
    #[arg(long)]
    window: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The metric, as time_to_merge.
    metric: String,
    #[command(flatten)]
    scope: Scope,
    /// week or month [default: week].
    #[arg(long)]
    window: Option<String>,
    /// Windows that start at this time or later, as 2026-03-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Windows that start before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

pub const COLUMNS: &[Column] = &[
    Column { title: "METRIC", cell: |row| text(row, "/metric") },
    Column { title: "PROJECT", cell: |row| text(row, "/project") },
    Column { title: "VALUE", cell: value },
    Column { title: "UNIT", cell: |row| text(row, "/unit") },
    Column { title: "P75", cell: |row| number(row, "/stats/p75") },
    Column { title: "P90", cell: |row| number(row, "/stats/p90") },
    Column { title: "FROM", cell: |row| date(row, "/window/start") },
    Column { title: "TO", cell: |row| date(row, "/window/end") },
    Column { title: "ROWS", cell: |row| number(row, "/row_count") },
];

pub const WHEN_EMPTY: &str = "No KPIs yet: they come from a KPI rollup, which follows every sync.";

pub async fn run(global: &Global, command: &KpiCommand) -> CliResult {
    let client = target(global)?;
    let (path, mut query, scope, paging) = match command {
        KpiCommand::Show(args) => ("team/kpi", filters(&[("metric", &args.metric), ("window", &args.window)]), &args.scope, &args.paging),
        KpiCommand::History(args) => {
            let mut query = filters(&[("window", &args.window), ("since", &args.since), ("until", &args.until)]);
            query.push(("metric", args.metric.clone()));
            ("team/kpi/history", query, &args.scope, &args.paging)
        }
    };
    query.extend(filters(&[("project", &scope.project)]));
    if scope.projects {
        query.push(("scope", "project".to_owned()));
    }
    Listing { path, query, columns: COLUMNS, when_empty: WHEN_EMPTY }.show(&client, paging, global.json).await
}

/// No data is not zero.
fn value(row: &Value) -> String {
    if row["value"].is_null() { "no data".into() } else { number(row, "/value") }
}

/// Windows begin and end at midnight UTC.
fn date(row: &Value, pointer: &str) -> String {
    text(row, pointer).chars().take(10).collect()
}
