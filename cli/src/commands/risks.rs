//! `ovia risks`: what needs attention.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::listing::{Listing, Paging, filters};
use crate::{
    app::Global,
    client::target,
    exit::CliResult,
    output::{Column, pairs, print, print_json, short_time, text},
};

#[derive(Debug, Subcommand)]
pub enum RisksCommand {
    /// List risks, the most severe first.
    List(ListArgs),
    /// Leave a risk as it is, and say why.
    Mute(MuteArgs),
    /// Take a mute back.
    Unmute(RiskArg),
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// open, muted or resolved [default: open].
    #[arg(long)]
    status: Option<String>,
    /// As stale_merge_request, ageing_work_item, failing_pipelines, release_at_risk, review_load.
    #[arg(long)]
    kind: Option<String>,
    /// high, medium or low.
    #[arg(long)]
    severity: Option<String>,
    /// One project: its full path or its id in the source.
    #[arg(long)]
    project: Option<String>,
    /// A person's id, or an account's.
    #[arg(long)]
    owner: Option<String>,
    #[command(flatten)]
    paging: Paging,
}

#[derive(Debug, Args)]
pub struct RiskArg {
    id: i64,
}

#[derive(Debug, Args)]
pub struct MuteArgs {
    id: i64,
    /// A sentence that says why; it is kept.
    #[arg(long, value_name = "SENTENCE")]
    reason: String,
    /// Until when, as 2026-04-01 [default: until it is taken back].
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

const COLUMNS: &[Column] = &[
    Column { title: "ID", cell: |row| text(row, "/id") },
    Column { title: "SEVERITY", cell: |row| text(row, "/severity") },
    Column { title: "KIND", cell: |row| text(row, "/kind") },
    Column { title: "SINCE", cell: |row| short_time(row, "/first_seen_at") },
    Column { title: "OWNER", cell: owner },
    Column { title: "SUMMARY", cell: |row| text(row, "/summary") },
    Column { title: "URL", cell: |row| text(row, "/url") },
];

pub async fn run(global: &Global, command: &RisksCommand) -> CliResult {
    let client = target(global)?;
    match command {
        RisksCommand::List(args) => {
            let query = filters(&[
                ("status", &args.status),
                ("kind", &args.kind),
                ("severity", &args.severity),
                ("project", &args.project),
                ("owner", &args.owner),
            ]);
            let when_empty = "No risks: they are looked for after every rollup, and by quality runs (ovia runs start quality).";
            Listing { path: "team/kpi/risks", query, columns: COLUMNS, when_empty }.show(&client, &args.paging, global.json).await
        }
        RisksCommand::Mute(args) => {
            let mut body = json!({"reason": args.reason});
            if let Some(until) = &args.until {
                body["until"] = json!(until);
            }
            show(&client.post(&format!("team/kpi/risks/{}/mute", args.id), Some(&body)).await?, global.json)
        }
        RisksCommand::Unmute(arg) => show(&client.post(&format!("team/kpi/risks/{}/unmute", arg.id), None).await?, global.json),
    }
}

fn show(risk: &Value, json: bool) -> CliResult {
    if json {
        return print_json(risk);
    }
    print(&pairs(&[
        ("id", text(risk, "/id")),
        ("kind", text(risk, "/kind")),
        ("severity", text(risk, "/severity")),
        ("status", text(risk, "/status")),
        ("summary", text(risk, "/summary")),
        ("owner", owner(risk)),
        ("url", text(risk, "/url")),
        ("first seen", short_time(risk, "/first_seen_at")),
        ("last seen", short_time(risk, "/last_seen_at")),
        ("muted by", text(risk, "/muted_by")),
        ("because", text(risk, "/mute_reason")),
        ("until", short_time(risk, "/muted_until")),
    ]))
}

fn owner(risk: &Value) -> String {
    let name = ["/owner/person_name", "/owner/display_name", "/owner/username"].into_iter().map(|pointer| text(risk, pointer));
    name.into_iter().find(|name| !name.is_empty()).unwrap_or_default()
}
