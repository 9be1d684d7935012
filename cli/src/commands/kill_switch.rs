//! `ovia kill-switch`: on, off, show.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::{
    app::Global,
    client::target,
    exit::CliResult,
    output::{pairs, print, print_json, short_time, text},
};

#[derive(Debug, Subcommand)]
pub enum KillSwitchCommand {
    /// Stop scheduled and background work at once; what a person starts still runs.
    On(SetArgs),
    /// Let it go on.
    Off(SetArgs),
    /// Whether it is on, and who set it.
    Show,
}

#[derive(Debug, Args)]
pub struct SetArgs {
    /// Shown wherever the switch keeps something from starting.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub async fn run(global: &Global, command: &KillSwitchCommand) -> CliResult {
    let client = target(global)?;
    let body = |engaged: bool, args: &SetArgs| json!({"engaged": engaged, "reason": args.reason});
    let switch = match command {
        KillSwitchCommand::On(args) => client.put("admin/kill-switch", &body(true, args)).await?,
        KillSwitchCommand::Off(args) => client.put("admin/kill-switch", &body(false, args)).await?,
        KillSwitchCommand::Show => client.get("admin/kill-switch", &[]).await?,
    };
    show(&switch, global.json)
}

fn show(switch: &Value, json: bool) -> CliResult {
    if json {
        return print_json(switch);
    }
    let state = |pointer: &str| if switch.pointer(pointer) == Some(&Value::Bool(true)) { "on" } else { "off" };
    print(&pairs(&[
        ("kill switch", state("/engaged").into()),
        ("reason", text(switch, "/reason")),
        ("set by", text(switch, "/changed_by")),
        ("set at", short_time(switch, "/changed_at")),
        ("whole installation", state("/engaged_by_environment").into()),
    ]))
}
