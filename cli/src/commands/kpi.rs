//! `ovia kpi`: the numbers.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::listing::{Listing, Paging, filters};
use crate::{
    app::Global,
    client::{page_of, target},
    exit::CliResult,
    output::{Column, number, short_time, text},
};

#[derive(Debug, Subcommand)]
pub enum KpiCommand {
    /// The newest value of every metric.
    Show(ShowArgs),
    /// A metric's values over time.
    History(HistoryArgs),
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// A project's full path [default: the whole organisation].
    #[arg(long)]
    project: Option<String>,
    /// trailing_30_days, week or month.
    #[arg(long)]
    window: Option<String>,
}

#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The metric, as time_to_merge.
    metric: String,
    /// A project's full path [default: the whole organisation].
    #[arg(long)]
    project: Option<String>,
    /// week or month.
    #[arg(long)]
    window: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

pub const COLUMNS: &[Column] = &[
    Column { title: "METRIC", cell: |row| text(row, "/metric") },
    Column { title: "VALUE", cell: value },
    Column { title: "UNIT", cell: |row| text(row, "/unit") },
    Column { title: "P75", cell: |row| number(row, "/stats/p75") },
    Column { title: "P90", cell: |row| number(row, "/stats/p90") },
    Column { title: "FROM", cell: |row| short_time(row, "/window_start") },
    Column { title: "TO", cell: |row| short_time(row, "/window_end") },
    Column { title: "ROWS", cell: |row| number(row, "/row_count") },
];

pub const WHEN_EMPTY: &str = "No KPIs yet: they come from a KPI rollup, which follows every sync.";

pub async fn run(global: &Global, command: &KpiCommand) -> CliResult {
    let client = target(global)?;
    match command {
        KpiCommand::Show(args) => {
            let query = filters(&[("project", &args.project), ("window", &args.window)]);
            let (items, next) = page_of(client.get("team/kpi", &query).await?);
            Listing { path: "team/kpi", query, columns: COLUMNS, when_empty: WHEN_EMPTY }.print(&items, next, global.json)
        }
        KpiCommand::History(args) => {
            let query = filters(&[("metric", &Some(args.metric.clone())), ("project", &args.project), ("window", &args.window)]);
            Listing { path: "team/kpi/history", query, columns: COLUMNS, when_empty: WHEN_EMPTY }.show(&client, &args.paging, global.json).await
        }
    }
}

/// No data is not zero.
fn value(row: &Value) -> String {
    if row["value"].is_null() { "no data".into() } else { number(row, "/value") }
}
