//! `ovia census`: asks for a census, and waits for it where told to.

use clap::Args;
use serde_json::json;

use super::{reference, runs, watching};
use crate::{
    app::Global,
    client::target,
    exit::CliResult,
    output::{RunProgress, text},
};

#[derive(Debug, Args)]
pub struct CensusArgs {
    /// The connection's name or id.
    connection: String,
    /// Wait until the census is over, with its progress; the exit code says how it ended.
    #[arg(long)]
    wait: bool,
    /// Change nothing of a list that misses more than this share of what is stored [default: 30].
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    max_missing_percent: Option<u32>,
    /// Believe an empty list.
    #[arg(long)]
    allow_empty: bool,
}

pub async fn run(global: &Global, args: &CensusArgs) -> CliResult {
    let client = target(global)?;
    let connection = reference::connection(&client, &args.connection).await?;
    let mut body = json!({"allow_empty": args.allow_empty});
    if let Some(percent) = args.max_missing_percent {
        body["max_missing_percent"] = json!(percent);
    }
    let run = client.post(&format!("connections/{}/census", text(&connection, "/id")), Some(&body)).await?;
    if !args.wait {
        return runs::show(&run, global.json);
    }
    let run = watching::watch_until_interrupted(&client, &text(&run, "/id"), RunProgress::new(global.json), |_| Ok(())).await?;
    runs::show(&run, global.json)?;
    watching::verdict(&run)
}
