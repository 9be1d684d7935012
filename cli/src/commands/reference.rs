//! Connections and runs as people name them.

use serde_json::Value;
use uuid::Uuid;

use crate::{
    client::ApiClient,
    exit::{CliError, CliResult, Exit},
    output::text,
};

/// The connection called `reference`, which is its id or its name.
pub async fn connection(client: &ApiClient, reference: &str) -> CliResult<Value> {
    if let Ok(id) = reference.parse::<Uuid>() {
        return client.get(&format!("connections/{id}"), &[]).await;
    }
    let connections = client.get_all("connections", &[]).await?;
    let found = connections.iter().find(|connection| connection["name"] == *reference);
    found.cloned().ok_or_else(|| {
        let names: Vec<String> = connections.iter().map(|connection| text(connection, "/name")).collect();
        let known = if names.is_empty() {
            "There are none yet; make one with `ovia connections add`.".into()
        } else {
            format!("There are: {}.", names.join(", "))
        };
        CliError::new(Exit::NotFound, format!("there is no connection `{reference}`")).hint(known)
    })
}

/// `connection=` with the id of the connection called `reference`, if one is given.
pub async fn connection_filter(client: &ApiClient, reference: Option<&str>) -> CliResult<Vec<(&'static str, String)>> {
    match reference {
        Some(reference) => Ok(vec![("connection", text(&connection(client, reference).await?, "/id"))]),
        None => Ok(Vec::new()),
    }
}

/// A run's id, checked before it becomes part of a path.
pub fn run_id(text: &str) -> CliResult<Uuid> {
    text.parse().map_err(|_| CliError::usage(format!("`{text}` is not a run's id")).hint("`ovia runs list` shows the ids."))
}
