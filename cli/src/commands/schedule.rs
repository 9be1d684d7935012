//! `ovia schedule`: show, set, delete, trigger, list.

use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{
    listing::{Listing, Paging},
    reference,
};
use crate::{
    app::Global,
    client::{ApiClient, target},
    exit::CliResult,
    output::{Column, flag, list, pairs, print, print_json, short_time, table, text},
};

#[derive(Debug, Subcommand)]
pub enum ScheduleCommand {
    /// Show one schedule, its next starts and its last runs.
    Show(OfArgs),
    /// Make or replace a schedule.
    Set(SetArgs),
    /// Remove a schedule.
    Delete(OfArgs),
    /// Start a schedule's run now.
    Trigger(OfArgs),
    /// List schedules, oldest first.
    List(Paging),
}

#[derive(Debug, Args)]
pub struct OfArgs {
    /// A connection's name or id; or matching, kpi_rollup, quality, report or retention, which are the organisation's.
    of: String,
    /// Which of a connection's schedules.
    #[arg(long, value_enum, default_value_t = Kind::Sync)]
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Sync,
    Census,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Overlap {
    Skip,
    BufferOne,
    BufferAll,
    CancelOther,
    TerminateOther,
    AllowAll,
}

#[derive(Debug, Args)]
pub struct SetArgs {
    #[command(flatten)]
    of: OfArgs,
    /// How often, as 15m or 2h; at least 10s.
    #[arg(long, value_name = "DURATION", required_unless_present = "cron", conflicts_with = "cron")]
    interval: Option<String>,
    /// Five fields, as "0 */2 * * *".
    #[arg(long, value_name = "CRON")]
    cron: Option<String>,
    /// The time zone a cron is read in, as Europe/Berlin [default: UTC].
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Put each start off by up to this much, at random.
    #[arg(long, value_name = "DURATION")]
    jitter: Option<String>,
    /// When it is time and the last run has not ended.
    #[arg(long, value_enum, default_value_t = Overlap::Skip)]
    overlap: Overlap,
    /// How late a start may be after Temporal was away [default: 1m].
    #[arg(long, value_name = "DURATION")]
    catch_up_window: Option<String>,
    /// Keep it, but start nothing.
    #[arg(long)]
    paused: bool,
    /// For people.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Of reports: daily or weekly [default: both].
    #[arg(long, value_name = "PERIOD")]
    period: Option<String>,
}

const ORG_KINDS: [&str; 5] = ["matching", "kpi_rollup", "quality", "report", "retention"];

const COLUMNS: &[Column] = &[
    Column { title: "KIND", cell: |row| text(row, "/kind") },
    Column { title: "CONNECTION", cell: |row| text(row, "/connection_name") },
    Column { title: "WHEN", cell: when },
    Column { title: "TIME ZONE", cell: |row| text(row, "/time_zone") },
    Column { title: "PAUSED", cell: |row| flag(row, "/paused") },
    Column { title: "NEXT", cell: |row| short_time(row, "/next_runs/0") },
    Column { title: "LAST", cell: |row| text(row, "/recent_runs/0/status") },
    Column { title: "NOTE", cell: |row| text(row, "/note") },
];

const RUN_COLUMNS: &[Column] = &[
    Column { title: "CREATED", cell: |row| short_time(row, "/created_at") },
    Column { title: "STATUS", cell: |row| text(row, "/status") },
    Column { title: "RUN", cell: |row| text(row, "/id") },
    Column { title: "WHY", cell: |row| text(row, "/message") },
];

pub async fn run(global: &Global, command: &ScheduleCommand) -> CliResult {
    let client = target(global)?;
    match command {
        ScheduleCommand::Show(of) => show(&call(&client, of, Method::GET, "", None).await?, global.json),
        ScheduleCommand::Set(args) => show(&call(&client, &args.of, Method::PUT, "", Some(&body(args))).await?, global.json),
        ScheduleCommand::Trigger(of) => show(&call(&client, of, Method::POST, "/trigger", None).await?, global.json),
        ScheduleCommand::Delete(of) => {
            call(&client, of, Method::DELETE, "", None).await?;
            if global.json {
                print_json(&json!({"of": of.of, "removed": true}))
            } else {
                print(&format!("Removed the schedule of {}.", of.of))
            }
        }
        ScheduleCommand::List(paging) => {
            let when_empty = "No schedules yet. Make one with `ovia schedule set`.";
            Listing { path: "schedules", query: Vec::new(), columns: COLUMNS, when_empty }.show(&client, paging, global.json).await
        }
    }
}

async fn call(client: &ApiClient, of: &OfArgs, method: Method, verb: &str, body: Option<&Value>) -> CliResult<Value> {
    if ORG_KINDS.contains(&of.of.as_str()) {
        return client.call(method, &format!("schedules/{}{verb}", of.of), &[], body).await;
    }
    let id = text(&reference::connection(client, &of.of).await?, "/id");
    let kind = of.kind.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    client.call(method, &format!("connections/{id}/schedule{verb}"), &[("kind", kind)], body).await
}

/// Only what was given: the API knows the defaults.
fn body(args: &SetArgs) -> Value {
    let mut body = Map::new();
    let given = [
        ("interval", &args.interval),
        ("cron", &args.cron),
        ("time_zone", &args.time_zone),
        ("jitter", &args.jitter),
        ("catch_up_window", &args.catch_up_window),
        ("note", &args.note),
        ("period", &args.period),
    ];
    body.extend(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?)))));
    body.insert("overlap".into(), json!(args.overlap.to_possible_value().map(|value| value.get_name().to_owned())));
    body.insert("paused".into(), json!(args.paused));
    Value::Object(body)
}

/// `every 15m` or the cron.
fn when(row: &Value) -> String {
    let interval = text(row, "/interval");
    if interval.is_empty() { text(row, "/cron") } else { format!("every {interval}") }
}

fn show(schedule: &Value, json: bool) -> CliResult {
    if json {
        return print_json(schedule);
    }
    print(&pairs(&[
        ("kind", text(schedule, "/kind")),
        ("connection", text(schedule, "/connection_name")),
        ("when", when(schedule)),
        ("time zone", text(schedule, "/time_zone")),
        ("jitter", text(schedule, "/jitter")),
        ("overlap", text(schedule, "/overlap")),
        ("catch-up window", text(schedule, "/catch_up_window")),
        ("paused", flag(schedule, "/paused")),
        ("note", text(schedule, "/note")),
        ("period", text(schedule, "/period")),
        ("in temporal", text(schedule, "/in_temporal")),
        ("stopped by", text(schedule, "/stopped_by")),
        ("next runs", list(schedule, "/next_runs")),
        ("id", text(schedule, "/id")),
    ]))?;
    match schedule["recent_runs"].as_array() {
        Some(runs) if !runs.is_empty() => print(&format!("\n{}", table(runs, RUN_COLUMNS, ""))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(subcommand)]
        command: ScheduleCommand,
    }

    #[test]
    fn a_schedule_is_set_by_interval_or_by_cron() {
        let parse = |args: &[&str]| Cli::try_parse_from([&["schedule", "set", "acme"], args].concat());
        assert!(parse(&[]).is_err());
        assert!(parse(&["--interval", "15m", "--cron", "0 * * * *"]).is_err());
        let Ok(Cli { command: ScheduleCommand::Set(args) }) =
            parse(&["--cron", "0 * * * *", "--overlap", "buffer_one", "--kind", "census"])
        else {
            panic!("not parsed");
        };
        assert_eq!(args.of.kind, Kind::Census);
        assert_eq!(body(&args), json!({"cron": "0 * * * *", "overlap": "buffer_one", "paused": false}));
    }
}
