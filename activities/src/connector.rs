//! Opening the connector of a connection: the one place where sealed credentials become a client.

use std::sync::Arc;

use ovia_connectors::{Connector, ConnectorConfig, connector_open};
use ovia_domain::{BaseUrl, ConnectionId, ErrorCode, OrgId, RunError, Source};
use ovia_store::StoreError;
use temporalio_sdk::activities::ActivityError;

use crate::{Activities, failure};

/// The connector, or why there is none.
pub async fn open(
    activities: &Activities,
    org: OrgId,
    connection: ConnectionId,
) -> Result<Result<Arc<dyn Connector>, RunError>, ActivityError> {
    let Some(sealer) = &activities.sealer else {
        return Ok(Err(no_key("The worker has no sealing key, so it cannot open the connection's credentials.".into())));
    };
    let (row, token) = match activities.store.connection_open_secret(org, connection, sealer).await {
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
    let config = ConnectorConfig {
        source,
        base_url,
        token,
        settings: row.settings,
        allow_private_addresses: activities.allow_private_addresses,
        retry: activities.retry,
        budget: Arc::new(ovia_connectors::Unlimited),
    };
    Ok(connector_open(config).map(Arc::from).map_err(|error| failure::source(&error)))
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
