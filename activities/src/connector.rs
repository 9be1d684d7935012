//! Opening the connector of a connection: the one place where sealed credentials become a client.

use std::sync::Arc;

use ovia_connectors::{Connector, ConnectorConfig, Credentials, connector_open};
use ovia_domain::{BaseUrl, ConnectionId, ErrorCode, OrgId, RunError, Source};
use ovia_store::StoreError;
use serde_json::Value;
use temporalio_sdk::activities::ActivityError;

use crate::{Activities, budget::BudgetClass, failure};

/// The connector, or why there is none.
pub async fn open(
    activities: &Activities,
    org: OrgId,
    connection: ConnectionId,
    class: BudgetClass,
) -> Result<Result<Arc<dyn Connector>, RunError>, ActivityError> {
    open_with(activities, org, connection, class, &Value::Null).await
}

/// The same with a run's own parameters: `page_size` wins over the connection's setting.
pub async fn open_with(
    activities: &Activities,
    org: OrgId,
    connection: ConnectionId,
    class: BudgetClass,
    params: &Value,
) -> Result<Result<Arc<dyn Connector>, RunError>, ActivityError> {
    let Some(sealer) = &activities.sealer else {
        return Ok(Err(no_key("The worker has no sealing key, so it cannot open the connection's credentials.".into())));
    };
    let (row, sealed) = match activities.store.connection_open_secret(org, connection, sealer).await {
        Ok(Some(opened)) => opened,
        Ok(None) => return Ok(Err(gone())),
        Err(StoreError::Seal(reason)) => return Ok(Err(no_key(format!("The connection's credentials cannot be opened: {reason}.")))),
        Err(error) => return Err(failure::store(error)),
    };
    let base_url = match BaseUrl::parse(&row.base_url, activities.allow_private_addresses) {
        Ok(base_url) => base_url,
        Err(error) => return Ok(Err(misconfigured(format!("The connection's base URL cannot be used: {error}.")))),
    };
    let Some(source) = Source::parse(&row.source) else {
        return Ok(Err(misconfigured(format!("This worker does not know the source `{}`; it is older than the API.", row.source))));
    };
    let credentials = Credentials::parse(&sealed);
    let key = sealer.fingerprint(&place(source, &base_url), &credentials.canonical());
    activities.store.connection_budget_set(org, connection, &key).await.map_err(failure::store)?;
    let budget = activities.budgets.open(&activities.store, &key, org, class);
    let config = ConnectorConfig {
        source,
        base_url,
        credentials,
        settings: settings_with(row.settings, params),
        allow_private_addresses: activities.allow_private_addresses,
        retry: activities.retry,
        budget: Arc::new(budget),
    };
    Ok(connector_open(config).map(Arc::from).map_err(|error| failure::source(&error, source)))
}

fn settings_with(mut settings: Value, params: &Value) -> Value {
    if let (Some(settings), Some(page_size)) = (settings.as_object_mut(), params.get("page_size").filter(|size| size.is_u64())) {
        settings.insert("page_size".into(), page_size.clone());
    }
    settings
}

/// What a credential's limit is bound to: host and port, and with Atlassian the product and the site, which the path may name.
fn place(source: Source, base_url: &BaseUrl) -> String {
    let url = base_url.as_url();
    let host = format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    match source {
        Source::Gitlab => host,
        Source::Jira | Source::Confluence => format!("{source}:{host}{}", url.path().trim_end_matches('/')),
    }
}

fn gone() -> RunError {
    RunError {
        code: ErrorCode::NotFound,
        message: "The connection was removed.".into(),
        hint: "Add it again with POST /connections.".into(),
        request: None,
    }
}

fn no_key(message: String) -> RunError {
    RunError {
        code: ErrorCode::NotConfigured,
        message,
        hint: "Start the worker with the OVIA_SEALING_KEY the API has, or set the credentials again with PATCH /connections/{id}.".into(),
        request: None,
    }
}

fn misconfigured(message: String) -> RunError {
    RunError {
        code: ErrorCode::ValidationError,
        message,
        hint: "Change the connection with PATCH /connections/{id}.".into(),
        request: None,
    }
}
