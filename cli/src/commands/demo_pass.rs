//! One complete pass over HTTP, as an operator would do it: connect, sync, wait for the matching runs and the rollups that follow.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    demo_company::{DemoCompany, DemoSource},
    sync, watching,
};
use crate::{
    client::{ApiClient, page_of},
    exit::{CliError, CliResult, Exit},
    output::{RunProgress, text},
};

/// A follow-up is started with its parent's end; this is for a busy machine.
const FOLLOW_UP_TIMEOUT: Duration = Duration::from_secs(60);

/// What a pass did and found.
pub struct Pass {
    /// As the company's sources.
    pub connections: Vec<Value>,
    /// The syncs, the matching runs and the rollups, in the order of their ends.
    pub runs: Vec<Value>,
    pub first_kpi_at: Instant,
    pub kpis: Vec<Value>,
    pub people: Vec<Value>,
}

/// Runs the pass. Fails if one of its runs does not succeed.
pub async fn run(client: &ApiClient, company: &DemoCompany, progress: impl Fn() -> RunProgress) -> CliResult<Pass> {
    let mut connections = Vec::new();
    for source in &company.sources {
        connections.push(connection(client, source).await?);
    }
    let mut runs = Vec::new();
    let mut first_kpi_at = None;
    // The first one alone, for an early KPI; the others side by side.
    let mut started = Vec::new();
    for connection in &connections {
        let sync = sync_id(client, &text(connection, "/id")).await?;
        if started.is_empty() {
            runs.push(finished(client, &sync, progress()).await?);
        }
        started.push(sync);
    }
    for (nth, sync) in started.into_iter().enumerate() {
        if nth > 0 {
            runs.push(finished(client, &sync, progress()).await?);
        }
        let mut parent = sync;
        for kind in ["matching", "kpi_rollup"] {
            parent = follow_up(client, kind, &parent).await?;
            runs.push(finished(client, &parent, progress()).await?);
        }
        first_kpi_at.get_or_insert_with(Instant::now);
    }
    let (kpis, _) = page_of(client.get("team/kpi", &[]).await?);
    let people = client.get_all("team/people", &[("limit", "200".to_owned())]).await?;
    Ok(Pass { connections, runs, first_kpi_at: first_kpi_at.unwrap_or_else(Instant::now), kpis, people })
}

/// A source's connection: made once, and moved along when the source had to take another port.
async fn connection(client: &ApiClient, source: &DemoSource) -> CliResult<Value> {
    let DemoSource { name, base_url, credentials, .. } = source;
    let known = client.get_all("connections", &[]).await?;
    match known.into_iter().find(|connection| connection["name"] == *name) {
        Some(connection) if connection["base_url"] == *base_url => Ok(connection),
        Some(connection) => {
            let patch = json!({"base_url": base_url, "credentials": credentials});
            client.patch(&format!("connections/{}", text(&connection, "/id")), &patch).await
        }
        None => client.post("connections", Some(&json!(source))).await,
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

/// The run of `kind` that `parent` started.
async fn follow_up(client: &ApiClient, kind: &str, parent: &str) -> CliResult<String> {
    let query = [("kind", kind.to_owned()), ("limit", "20".to_owned())];
    let found = async {
        loop {
            let (runs, _) = page_of(client.get("runs", &query).await?);
            if let Some(run) = runs.iter().find(|run| run["parent_run_id"] == *parent) {
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
