//! `ovia runs pause|resume|retry`.

use clap::Args;
use serde_json::{Map, Value, json};

use super::{reference, runs};
use crate::{
    client::ApiClient,
    exit::{CliError, CliResult},
};

#[derive(Debug, Args)]
pub struct RetryArgs {
    /// The run's id.
    run: String,
    /// Only these streams, as issues,merge_requests.
    #[arg(long, value_name = "STREAMS", value_delimiter = ',')]
    streams: Vec<String>,
    /// Rows asked for per page.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    page_size: Option<u32>,
    /// Only what was updated at this time or later, as 2026-01-01: a sync becomes a backfill of it.
    #[arg(long, value_name = "TIME", requires = "to")]
    from: Option<String>,
    /// … and before this time.
    #[arg(long, value_name = "TIME", requires = "from")]
    to: Option<String>,
}

/// Starts a run again, with what is to be otherwise.
pub async fn retry(client: &ApiClient, args: &RetryArgs, json: bool) -> CliResult {
    let id = reference::run_id(&args.run)?;
    runs::show(&client.post(&format!("runs/{id}/retry"), overrides(args).as_ref()).await?, json)
}

/// `POST runs/{id}/{verb}`, and the run as it is then.
pub async fn act(client: &ApiClient, run: &str, verb: &str, json: bool) -> CliResult {
    let id = reference::run_id(run)?;
    runs::show(&client.post(&format!("runs/{id}/{verb}"), None).await?, json)
}

/// `POST connections/{id}/pause` or `resume`.
pub async fn connection(client: &ApiClient, name: &str, verb: &str, json: bool) -> CliResult {
    let connection = reference::connection(client, name).await?;
    let id = connection["id"].as_str().ok_or_else(|| CliError::failure("the connection has no id"))?;
    let set = client.post(&format!("connections/{id}/{verb}"), None).await?;
    if json {
        return crate::output::print_json(&set);
    }
    let (done, runs) = (if set["paused"] == true { "Paused" } else { "Resumed" }, set["runs"].as_i64().unwrap_or(0));
    let runs = if runs == 1 { "1 open run".to_owned() } else { format!("{runs} open runs") };
    crate::output::print(&format!("{done} {}, with {runs}.", crate::output::text(&connection, "/name")))
}

/// The body of a retry; none where nothing is to be otherwise.
fn overrides(args: &RetryArgs) -> Option<Value> {
    let mut body = Map::new();
    if !args.streams.is_empty() {
        body.insert("streams".into(), json!(args.streams));
    }
    if let Some(size) = args.page_size {
        body.insert("page_size".into(), json!(size));
    }
    if let (Some(from), Some(to)) = (&args.from, &args.to) {
        body.insert("window".into(), json!({"from": from, "to": to}));
    }
    (!body.is_empty()).then_some(Value::Object(body))
}
