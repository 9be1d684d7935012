//! `ovia sync`: asks for a sync, and waits for it where told to.

use clap::Args;
use serde_json::Value;

use super::{reference, runs, watching};
use crate::{
    app::Global,
    client::{ApiClient, target},
    exit::CliResult,
    output::{RunProgress, text},
};

#[derive(Debug, Args)]
pub struct SyncArgs {
    /// The connection's name or id.
    connection: String,
    /// Wait until the sync is over, with its progress; the exit code says how it ended.
    #[arg(long)]
    wait: bool,
}

pub async fn run(global: &Global, args: &SyncArgs) -> CliResult {
    let client = target(global)?;
    let connection = reference::connection(&client, &args.connection).await?;
    let run = start(&client, &text(&connection, "/id")).await?;
    if !args.wait {
        return runs::show(&run, global.json);
    }
    let run = watching::watch_until_interrupted(&client, &text(&run, "/id"), RunProgress::new(global.json), |_| Ok(())).await?;
    runs::show(&run, global.json)?;
    watching::verdict(&run)
}

/// Starts a sync of the connection `id` and answers the run.
pub async fn start(client: &ApiClient, id: &str) -> CliResult<Value> {
    client.post(&format!("connections/{id}/sync"), None).await
}
