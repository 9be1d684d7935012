//! The detail streams: one or a few requests about one item.
//!
//! An item the source no longer has, or a detail it does not offer, is "not available": the note is done with, nothing failed.

mod items;

use ovia_domain::{DetailRequest, GitlabSettings};
use serde::Deserialize;

use super::client::{GitlabClient, not_offered};
use super::streams;
use crate::ConnectorError;
use crate::contract::Detail;
use crate::http::{HttpError, RequestCount};
use items::{Item, ItemError};

/// `args` of a detail request, as the normalisers write them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Args {
    project: String,
    iid: i64,
}

/// Fetches one queued item, all its pages.
pub async fn pull_detail(client: &GitlabClient, settings: &GitlabSettings, request: &DetailRequest) -> Result<Detail, ConnectorError> {
    let args: Args = serde_json::from_value(request.args.clone())
        .map_err(|error| configuration(format!("a queued detail request cannot be read: {error}")))?;
    let requests = RequestCount::to(&request.stream);
    let item = Item {
        client,
        requests: &requests,
        page_size: settings.page_size,
        details: settings.details,
        id: &request.external_id,
        project: &args.project,
    };
    let fetched = fetch(&item, &request.stream, args.iid).await;
    let mut detail = match fetched {
        Ok(detail) => detail,
        Err(ItemError::Http(error)) => match not_offered(&error, &request.stream.replace('_', " ")) {
            Some(reason) => Detail { not_available: Some(reason), ..Detail::default() },
            None => return Err(error.into()),
        },
        Err(ItemError::Connector(error)) => return Err(error),
    };
    detail.requests = requests.get();
    Ok(detail)
}

async fn fetch(item: &Item<'_>, stream: &str, iid: i64) -> Result<Detail, ItemError> {
    match stream {
        streams::USER_DETAILS => item.user().await,
        streams::MERGE_REQUEST_NOTES => item.notes(iid).await,
        streams::MERGE_REQUEST_APPROVALS => item.approvals(iid).await,
        streams::MERGE_REQUEST_COMMITS => item.commits(iid).await,
        streams::MERGE_REQUEST_DIFFS => item.size(iid).await,
        streams::PIPELINE_DETAILS => item.pipeline().await,
        streams::PIPELINE_JOBS => item.jobs().await,
        streams::PIPELINE_BRIDGES => item.bridges().await,
        other => Err(ItemError::Connector(configuration(format!("there is no detail stream `{other}`")))),
    }
}

fn configuration(message: String) -> ConnectorError {
    ConnectorError::Configuration { field: "stream".into(), message }
}

impl From<HttpError> for ItemError {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}
