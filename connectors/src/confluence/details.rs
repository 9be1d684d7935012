//! The detail streams: versions, labels and late texts of one document, and accounts, many at a time.
//!
//! An item the source no longer has is "not available": the note is done with, nothing failed.

use std::collections::HashMap;

use ovia_domain::DetailRequest;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use url::Url;

use super::client::{Next, not_offered};
use super::cursor::WalkError;
use super::lists::{Lists, stuck};
use super::normalise;
use super::rows::{Row, RowContext, Rows, normalise_rows};
use super::streams::{ARCHIVED_PAGES, Kind, USER_DETAILS};
use super::wire;
use crate::ConnectorError;
use crate::contract::Detail;
use crate::http::{HttpError, RequestCount};
use crate::lenient::parse_row;

/// Accounts in one question; Confluence takes no more.
pub const USERS_AT_ONCE: usize = 250;
/// Pages of versions or labels of one document, 250 each.
const MAX_PAGES: usize = 1_000;

impl Lists<'_> {
    /// Fetches one queued item, all its pages.
    pub async fn detail(&self, request: &DetailRequest) -> Result<Detail, ConnectorError> {
        if request.stream == USER_DETAILS {
            let found = self.users(std::slice::from_ref(request)).await?;
            return Ok(found.into_iter().next().unwrap_or_default());
        }
        let requests = RequestCount::to(&request.stream);
        let Some(kind) = Kind::of_stream(&request.stream) else {
            let message = format!("there is no detail stream `{}`", request.stream);
            return Err(ConnectorError::Configuration { field: "stream".into(), message });
        };
        let detail = self.document_detail(kind, request, &requests).await;
        let detail = match detail {
            Ok(detail) => detail,
            Err(error) => match not_offered(&error, &request.stream.replace('_', " ")) {
                Some(reason) => Detail { not_available: Some(reason), ..Detail::default() },
                None => return Err(error.into()),
            },
        };
        Ok(Detail { requests: requests.get(), ..detail })
    }

    async fn document_detail(&self, kind: Kind, request: &DetailRequest, requests: &RequestCount) -> Result<Detail, HttpError> {
        let id = request.external_id.as_str();
        let site = self.client.site();
        let context = RowContext { kind, document: id, ..self.context(site.as_deref()) };
        let (rows, row): (_, Row) = if request.stream == ARCHIVED_PAGES {
            let url = self.client.v2(&["pages", id], &[("status", "archived"), ("body-format", "storage")]);
            (vec![self.client.object(&url, requests).await?.0], normalise::archived_page)
        } else if request.stream == kind.labels() {
            // One record: what is no longer in it is no longer a label.
            let labels = self.all(|query| self.client.v2(&[kind.segment(), id, "labels"], query), requests).await?;
            (vec![together(labels)], normalise::labels)
        } else {
            (self.all(|query| self.client.v2(&[kind.segment(), id, "versions"], query), requests).await?, normalise::version)
        };
        Ok(detail(normalise_rows(rows, &context, row)))
    }

    /// All pages of a list.
    async fn all(&self, url: impl Fn(&[(&str, &str)]) -> Url, requests: &RequestCount) -> Result<Vec<Box<RawValue>>, HttpError> {
        let mut rows = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let mut query = vec![("limit", "250")];
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let asked = url(&query);
            let listing = self.client.list(&asked, requests).await?;
            rows.extend(listing.rows);
            match listing.next {
                Next::End => return Ok(rows),
                Next::Cursor(next) if Some(&next) != cursor.as_ref() => cursor = Some(next),
                Next::Cursor(_) => return Err(stuck(&asked, &WalkError::SamePage)),
                Next::Unnamed => return Err(stuck(&asked, &WalkError::Nowhere)),
            }
        }
        Err(stuck(&url(&[]), &WalkError::SamePage))
    }

    /// Accounts, in the order asked for. Those the source does not tell about are not available.
    pub async fn users(&self, asked: &[DetailRequest]) -> Result<Vec<Detail>, ConnectorError> {
        let requests = RequestCount::to(USER_DETAILS);
        let ids: Vec<&str> = asked.iter().map(|request| request.external_id.as_str()).collect();
        let mut details = match self.users_found(&ids, &requests).await {
            Ok(mut found) => {
                let context = self.context(None);
                let answer = |id: &&str| match found.remove(*id) {
                    Some(raw) => detail(normalise_rows(vec![raw], &context, normalise::user)),
                    None => unavailable("user details: the account is not known here"),
                };
                ids.iter().map(answer).collect::<Vec<_>>()
            }
            Err(error) => match not_offered(&error, "user details") {
                Some(reason) => ids.iter().map(|_| unavailable(&reason)).collect(),
                None => return Err(error.into()),
            },
        };
        if let Some(first) = details.first_mut() {
            first.requests = requests.get();
        }
        Ok(details)
    }

    /// Asks for accounts. Where the question is refused, its halves are asked: one id that is none must not hide all the others.
    async fn users_found(&self, ids: &[&str], requests: &RequestCount) -> Result<HashMap<String, Box<RawValue>>, HttpError> {
        let url = self.client.v2(&["users-bulk"], &[]);
        let mut found = HashMap::with_capacity(ids.len());
        let mut left: Vec<&[&str]> = vec![ids];
        while let Some(ids) = left.pop() {
            match self.client.ask(&url, &json!({ "accountIds": ids }), requests).await {
                Ok(listing) => found.extend(listing.rows.into_iter().filter_map(|raw| Some((account_id(&raw)?, raw)))),
                // Said by the API itself: a proxy's refusal is not about any account.
                Err(HttpError::Status { status: 400, from_api: true, .. }) if ids.len() > 1 => {
                    let (one, other) = ids.split_at(ids.len() / 2);
                    left.extend([other, one]);
                }
                // The one that is none.
                Err(HttpError::Status { status: 400, from_api: true, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }
}

fn unavailable(reason: &str) -> Detail {
    Detail { not_available: Some(reason.to_owned()), ..Detail::default() }
}

fn account_id(raw: &RawValue) -> Option<String> {
    parse_row::<wire::User>(raw.get()).ok()?.account_id
}

/// Rows as one payload, `{"results": […]}`.
fn together(rows: Vec<Box<RawValue>>) -> Box<RawValue> {
    #[derive(serde::Serialize)]
    struct Results {
        results: Vec<Box<RawValue>>,
    }
    to_raw_value(&Results { results: rows }).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

fn detail(rows: Rows) -> Detail {
    Detail { records: rows.records, dead_letters: rows.dead_letters, ..Detail::default() }
}
