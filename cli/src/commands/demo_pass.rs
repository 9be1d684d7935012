//! One complete pass over HTTP, as an operator would do it: connect, sync, wait for the matching run and the rollup that follow.

use std::time::Duration;

use serde_json::{Value, json};

use super::{demo_company::DemoCompany, sync, watching};
use crate::{
    client::{ApiClient, page_of},
    exit::{CliError, CliResult, Exit},
    output::{RunProgress, text},
};

pub const CONNECTION_NAME: &str = "demo company";
/// A follow-up is started with its parent's end; this is for a busy machine.
const FOLLOW_UP_TIMEOUT: Duration = Duration::from_secs(60);

/// What a pass did and found.
pub struct Pass {
    pub connection: Value,
    /// The sync, the matching run and the rollup.
    pub runs: Vec<Value>,
    pub kpis: Vec<Value>,
    pub people: Vec<Value>,
}

/// Runs the pass. Fails if one of its runs does not succeed.
pub async fn run(client: &ApiClient, company: &DemoCompany, progress: impl Fn() -> RunProgress) -> CliResult<Pass> {
    let connection = connection(client, company).await?;
    let sync = sync_id(client, &text(&connection, "/id")).await?;
    let mut runs = vec![finished(client, &sync, progress()).await?];
    for kind in ["matching", "kpi_rollup"] {
        let parents: Vec<String> = runs.iter().map(|run| text(run, "/id")).collect();
        let id = follow_up(client, kind, &parents).await?;
        runs.push(finished(client, &id, progress()).await?);
    }
    let (kpis, _) = page_of(client.get("team/kpi", &[]).await?);
    let people = client.get_all("team/people", &[("limit", "200".to_owned())]).await?;
    Ok(Pass { connection, runs, kpis, people })
}

/// The company's connection: made once, and moved along when the company had to take another port.
async fn connection(client: &ApiClient, company: &DemoCompany) -> CliResult<Value> {
    let known = client.get_all("connections", &[]).await?;
    let credentials = json!({"token": company.token});
    match known.into_iter().find(|connection| connection["name"] == CONNECTION_NAME) {
        Some(connection) if connection["base_url"] == company.base_url => Ok(connection),
        Some(connection) => {
            let patch = json!({"base_url": company.base_url, "credentials": credentials});
            client.patch(&format!("connections/{}", text(&connection, "/id")), &patch).await
        }
        None => {
            let body = json!({
                "source": "gitlab",
                "name": CONNECTION_NAME,
                "base_url": company.base_url,
                "credentials": credentials,
                "settings": {"groups": [company.group]},
            });
            client.post("connections", Some(&body)).await
        }
    }
}

/// A new sync, or the one that an earlier, interrupted start left running.
async fn sync_id(client: &ApiClient, connection: &str) -> CliResult<String> {
    match sync::start(client, connection).await {
        Ok(run) => Ok(text(&run, "/id")),
        Err(error) if error.exit == Exit::Conflict => error.run_id.clone().ok_or(error),
        Err(error) => Err(error),
    }
}

async fn finished(client: &ApiClient, run_id: &str, progress: RunProgress) -> CliResult<Value> {
    let run = watching::watch(client, run_id, progress, |_| Ok(())).await?;
    watching::verdict(&run).map(|()| run)
}

/// The run of `kind` that one of `parents` started.
async fn follow_up(client: &ApiClient, kind: &str, parents: &[String]) -> CliResult<String> {
    let query = [("kind", kind.to_owned()), ("limit", "20".to_owned())];
    let found = async {
        loop {
            let (runs, _) = page_of(client.get("runs", &query).await?);
            let child = runs.iter().find(|run| parents.iter().any(|parent| run["parent_run_id"] == *parent));
            if let Some(run) = child {
                return Ok(text(run, "/id"));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let in_vain = |_| {
        Err(CliError::failure(format!("no {kind} run followed within {} s", FOLLOW_UP_TIMEOUT.as_secs()))
            .hint("The log says why; `ovia runs list` shows what there is."))
    };
    tokio::time::timeout(FOLLOW_UP_TIMEOUT, found).await.unwrap_or_else(in_vain)
}
