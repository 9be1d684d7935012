//! `ovia backfill`: asks for a stretch of the past, and waits for it where told to.

use clap::Args;
use serde_json::{Value, json};

use super::{reference, runs, watching};
use crate::{
    app::Global,
    client::target,
    exit::CliResult,
    output::{RunProgress, text},
};

#[derive(Debug, Args)]
pub struct BackfillArgs {
    /// The connection's name or id.
    connection: String,
    /// Fetch what was updated at this time or later, as 2026-01-01 or 2026-01-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    from: String,
    /// … and before this time [default: now].
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Only these streams, as issues,merge_requests [default: all that can be walked by time].
    #[arg(long, value_name = "STREAMS", value_delimiter = ',')]
    streams: Vec<String>,
    /// How much is walked at a time, newest first, as 7d or 12h [default: 30d].
    #[arg(long, value_name = "LENGTH")]
    window: Option<String>,
    /// Temporal's priority: 1 is served first, 5 last [default: 4].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=5))]
    priority: Option<u32>,
    /// The same key again is the same run, whatever became of it.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Wait until the backfill is over, with its progress; the exit code says how it ended.
    #[arg(long)]
    wait: bool,
}

pub async fn run(global: &Global, args: &BackfillArgs) -> CliResult {
    let client = target(global)?;
    let connection = reference::connection(&client, &args.connection).await?;
    let path = format!("connections/{}/backfill", text(&connection, "/id"));
    let run = client.post_once(&path, &body(args), args.idempotency_key.as_deref()).await?;
    if !args.wait {
        return runs::show(&run, global.json);
    }
    let run = watching::watch_until_interrupted(&client, &text(&run, "/id"), RunProgress::new(global.json), |_| Ok(())).await?;
    runs::show(&run, global.json)?;
    watching::verdict(&run)
}

/// What was given, and no more: the API knows the defaults.
fn body(args: &BackfillArgs) -> Value {
    let mut body = json!({"from": args.from});
    let streams = (!args.streams.is_empty()).then(|| json!(args.streams));
    let given = [
        ("to", args.to.as_ref().map(|to| json!(to))),
        ("streams", streams),
        ("window", args.window.as_ref().map(|window| json!(window))),
        ("priority", args.priority.map(|priority| json!(priority))),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    body
}
