//! `ovia kpi`: the numbers, what is behind them, and what changed them.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::listing::{Listing, Paging, filters};
use crate::{
    app::Global,
    client::{ApiClient, target},
    exit::CliResult,
    output::{Column, number, print, short_time, text},
};

mod days;
mod explain;
pub mod notes;
mod settings;
mod spark;

use settings::{PeopleAccessArgs, SettingsCommand};

#[derive(Debug, Subcommand)]
pub enum KpiCommand {
    /// The newest value of every metric.
    Show(ShowArgs),
    /// A metric's values over time.
    History(HistoryArgs),
    /// What a metric means, and what its newest value is made of.
    Explain(ExplainArgs),
    /// The rows behind a number.
    Rows(RowsArgs),
    /// Numbers that changed after they were told, and why.
    Changes(ChangesArgs),
    /// Time zone, incidents, bands and figures of single people.
    #[command(subcommand)]
    Settings(SettingsCommand),
    /// Let a token see figures of single people, or not. On the server: with OVIA_DATABASE_URL, or beside `ovia dev`.
    PeopleAccess(PeopleAccessArgs),
}

/// One scope.
#[derive(Debug, Args)]
struct OneScope {
    /// One project: its full path or its id in the source [default: the whole organisation].
    #[arg(long)]
    project: Option<String>,
    /// One team: its name or id.
    #[arg(long, conflicts_with = "project")]
    team: Option<String>,
    /// One person's id.
    #[arg(long, conflicts_with_all = ["project", "team"])]
    person: Option<String>,
}

impl OneScope {
    fn query(&self) -> Vec<(&'static str, String)> {
        filters(&[("project", &self.project), ("team", &self.team), ("person", &self.person)])
    }
}

/// Which numbers.
#[derive(Debug, Args)]
struct Scope {
    #[command(flatten)]
    one: OneScope,
    /// Every project, one row each.
    #[arg(long, conflicts_with_all = ["project", "team", "person"])]
    projects: bool,
    /// Every team, one row each.
    #[arg(long, conflicts_with_all = ["project", "team", "person", "projects"])]
    teams: bool,
}

impl Scope {
    fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = self.one.query();
        if self.projects {
            query.push(("scope", "project".to_owned()));
        }
        if self.teams {
            query.push(("scope", "team".to_owned()));
        }
        query
    }

    fn is_one(&self) -> bool {
        !self.projects && !self.teams
    }
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// One metric, as time_to_merge [default: all].
    metric: Option<String>,
    #[command(flatten)]
    scope: Scope,
    /// trailing_30_days, day, week, month or quarter [default: trailing_30_days].
    #[arg(long)]
    window: Option<String>,
    /// The window that this moment lies in [default: the newest].
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The metric, as time_to_merge.
    metric: String,
    #[command(flatten)]
    scope: Scope,
    /// day, week, month, quarter or trailing_30_days [default: week].
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

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The metric, as time_to_merge.
    metric: String,
    #[command(flatten)]
    scope: OneScope,
    /// trailing_30_days, day, week, month or quarter [default: trailing_30_days].
    #[arg(long)]
    window: Option<String>,
}

#[derive(Debug, Args)]
pub struct RowsArgs {
    /// The metric, as time_to_merge.
    metric: String,
    #[command(flatten)]
    scope: OneScope,
    /// trailing_30_days, day, week, month or quarter [default: trailing_30_days].
    #[arg(long)]
    window: Option<String>,
    /// The window that this moment lies in [default: the newest].
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
pub struct ChangesArgs {
    /// One metric [default: all].
    metric: Option<String>,
    #[command(flatten)]
    scope: Scope,
    /// day, week, month, quarter or trailing_30_days [default: all].
    #[arg(long)]
    window: Option<String>,
    /// settings, definition, decision, override or late_row [default: all].
    #[arg(long)]
    cause: Option<String>,
    /// What one decision did.
    #[arg(long, value_name = "ID")]
    decision: Option<String>,
    /// Found at this time or later.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

pub const COLUMNS: &[Column] = &[
    Column { title: "METRIC", cell: |row| text(row, "/metric") },
    Column { title: "OF", cell: |row| text(row, "/scope_name") },
    Column { title: "VALUE", cell: value },
    Column { title: "UNIT", cell: |row| text(row, "/unit") },
    Column { title: "BAND", cell: |row| text(row, "/band") },
    Column { title: "P75", cell: |row| number(row, "/stats/p75") },
    Column { title: "P90", cell: |row| number(row, "/stats/p90") },
    Column { title: "FROM", cell: |row| days::day(row, "first") },
    Column { title: "TO", cell: |row| days::day(row, "last") },
    Column { title: "ROWS", cell: |row| number(row, "/row_count") },
];

const HISTORY: &[Column] = &[
    Column { title: "FROM", cell: |row| days::day(row, "first") },
    Column { title: "TO", cell: |row| days::day(row, "last") },
    Column { title: "OF", cell: |row| text(row, "/scope_name") },
    Column { title: "VALUE", cell: value },
    Column { title: "UNIT", cell: |row| text(row, "/unit") },
    Column { title: "CHANGE", cell: |row| signed(row, "/change") },
    Column { title: "BAND", cell: |row| text(row, "/band") },
    Column { title: "ROWS", cell: |row| number(row, "/row_count") },
];

const ROWS: &[Column] = &[
    Column { title: "ROW", cell: |row| text(row, "/reference") },
    Column { title: "PROJECT", cell: |row| text(row, "/project") },
    Column { title: "VALUE", cell: |row| number(row, "/value") },
    Column { title: "COUNTED ON", cell: |row| days::day(row, "counted") },
    Column { title: "TITLE", cell: |row| text(row, "/title") },
    Column { title: "URL", cell: |row| text(row, "/url") },
];

const CHANGES: &[Column] = &[
    Column { title: "AT", cell: |row| short_time(row, "/at") },
    Column { title: "METRIC", cell: |row| text(row, "/metric") },
    Column { title: "OF", cell: |row| text(row, "/scope_name") },
    Column { title: "WINDOW", cell: |row| text(row, "/window/kind") },
    Column { title: "FROM", cell: |row| days::day(row, "first") },
    Column { title: "BEFORE", cell: |row| apart(row, "/before") },
    Column { title: "AFTER", cell: |row| apart(row, "/after") },
    Column { title: "CAUSE", cell: cause },
    Column { title: "DECISION", cell: |row| number(row, "/decision_id") },
];

/// The number before or after, with all of its digits where fewer do not tell the two apart.
fn apart(row: &Value, pointer: &str) -> String {
    let rounded = |side| row.pointer(side).and_then(Value::as_f64).map(|value| format!("{value:.2}"));
    if rounded("/before") == rounded("/after") { text(row, pointer) } else { or_no_data(row, pointer) }
}

/// What changed a number; of what nobody decided, what did it.
fn cause(row: &Value) -> String {
    let (cause, reason) = (text(row, "/cause"), text(row, "/causes/0/reason"));
    if cause == "decision" && row["causes"][0]["decision_id"].is_null() && !reason.is_empty() { reason } else { cause }
}

pub const WHEN_EMPTY: &str = "No KPIs yet: they come from a KPI rollup, which follows every sync.";

pub async fn run(global: &Global, command: &KpiCommand) -> CliResult {
    if let KpiCommand::PeopleAccess(args) = command {
        return settings::people_access(global, args).await;
    }
    let client = target(global)?;
    match command {
        KpiCommand::Show(args) => {
            let mut query = filters(&[("metric", &args.metric), ("window", &args.window), ("at", &args.at)]);
            query.extend(args.scope.query());
            let listing = Listing { path: "team/kpi", query, columns: COLUMNS, when_empty: WHEN_EMPTY };
            let items = show(&client, &listing, &args.paging, global.json).await?;
            print_notes(&items, notes::figure, global.json)
        }
        KpiCommand::History(args) => history(&client, args, global.json).await,
        KpiCommand::Explain(args) => explain::run(&client, &args.metric, &args.window, args.scope.query(), global.json).await,
        KpiCommand::Rows(args) => {
            let path = metric_path(&args.metric, "rows");
            let mut query = filters(&[("window", &args.window), ("at", &args.at)]);
            query.extend(args.scope.query());
            let listing = Listing { path: &path, query, columns: ROWS, when_empty: "No rows: there is no data in this window." };
            show(&client, &listing, &args.paging, global.json).await.map(|_| ())
        }
        KpiCommand::Changes(args) => {
            let mut query = filters(&[
                ("metric", &args.metric),
                ("window", &args.window),
                ("cause", &args.cause),
                ("decision", &args.decision),
                ("since", &args.since),
            ]);
            query.extend(args.scope.query());
            let when_empty = "No number changed after it was told.";
            let listing = Listing { path: "team/kpi/changes", query, columns: CHANGES, when_empty };
            show(&client, &listing, &args.paging, global.json).await.map(|_| ())
        }
        KpiCommand::Settings(command) => settings::run(&client, command, global.json).await,
        KpiCommand::PeopleAccess(_) => Ok(()),
    }
}

/// Prints a list, in a table with the organisation's days; answers its items.
async fn show(client: &ApiClient, listing: &Listing<'_>, paging: &Paging, json: bool) -> CliResult<Vec<Value>> {
    let (mut items, next_cursor) = listing.fetch(client, paging).await?;
    if !json {
        days::put(client, &mut items).await?;
    }
    listing.print(&items, next_cursor, json)?;
    Ok(items)
}

/// Values over time; of one scope with a line that shows their course, oldest first.
async fn history(client: &ApiClient, args: &HistoryArgs, json: bool) -> CliResult {
    let mut query = filters(&[("window", &args.window), ("since", &args.since), ("until", &args.until)]);
    query.push(("metric", args.metric.clone()));
    query.extend(args.scope.query());
    let listing = Listing { path: "team/kpi/history", query, columns: HISTORY, when_empty: WHEN_EMPTY };
    let (mut items, next_cursor) = listing.fetch(client, &args.paging).await?;
    if !json {
        days::put(client, &mut items).await?;
    }
    if !json && args.scope.is_one() && items.len() > 1 && std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        let course: Vec<Option<f64>> = items.iter().rev().map(|item| item["value"].as_f64()).collect();
        print(&format!("{}  {}\n", args.metric, spark::line(&course)))?;
    }
    listing.print(&items, next_cursor, json)?;
    let one = args.scope.is_one();
    print_notes(
        &items,
        |row| if one { days::day(row, "first") } else { format!("{} of {}", days::day(row, "first"), text(row, "/scope_name")) },
        json,
    )
}

/// What is known against the data behind the numbers that were shown; JSON has it already.
fn print_notes(items: &[Value], name: impl Fn(&Value) -> String, json: bool) -> CliResult {
    match notes::lines(items, name) {
        lines if lines.is_empty() || json => Ok(()),
        lines => print(&format!("\n{lines}")),
    }
}

/// `team/kpi/{metric}/{what}`; a metric's name has nothing in it that a path would take for its own.
fn metric_path(metric: &str, what: &str) -> String {
    let name: String = metric.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    format!("team/kpi/{name}/{what}")
}

/// No data is not zero. A mark says that there are notes.
fn value(row: &Value) -> String {
    format!("{}{}", or_no_data(row, "/value"), notes::mark(row))
}

fn or_no_data(row: &Value, pointer: &str) -> String {
    if row.pointer(pointer).is_none_or(Value::is_null) { "no data".into() } else { number(row, pointer) }
}

fn signed(row: &Value, pointer: &str) -> String {
    let sign = if row.pointer(pointer).and_then(Value::as_f64).is_some_and(|number| number > 0.0) { "+" } else { "" };
    format!("{sign}{}", number(row, pointer))
}
