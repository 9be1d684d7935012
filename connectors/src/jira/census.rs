//! Every id of a partition, so that what vanished is found. What is missed here is asked for by `presence` before anything is concluded.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::client::SearchPage;
use super::lists::Lists;
use super::search::quoted;
use super::streams::ISSUES;
use crate::ConnectorError;
use crate::contract::{CensusPage, CensusRequest};
use crate::http::{HttpError, RequestCount, request_text_of};
use crate::lenient::{Id, parse_row};

/// Jira allows so many where only ids are asked for.
const PAGE_SIZE: u32 = 5000;

/// Where a census of one partition stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    Start(u64),
    Token(String),
}

#[derive(Deserialize)]
struct IdRow {
    id: Id,
}

impl Lists<'_> {
    /// One page of ids.
    pub async fn census(&self, request: &CensusRequest<'_>) -> Result<CensusPage, ConnectorError> {
        let requests = RequestCount::to(request.stream);
        // a cursor that cannot be read starts over: ids are only ever added
        let place: Option<Place> = request.cursor.and_then(|stored| serde_json::from_value(stored.clone()).ok());
        if request.stream == ISSUES {
            let token = match place {
                Some(Place::Token(token)) => Some(token),
                _ => None,
            };
            return self.issue_ids(request.partition, token, &requests).await;
        }
        let start = match place {
            Some(Place::Start(start)) => start,
            _ => 0,
        };
        let page = self.ids(request.stream, request.partition, start, &requests).await?;
        if let Some(reason) = page.not_available {
            return Ok(unsound(reason, &requests));
        }
        Ok(CensusPage {
            external_ids: page.ids,
            cursor: page.next.map_or(Value::Null, |next| cursor(&Place::Start(next))),
            done: page.next.is_none(),
            requests: requests.get(),
            not_available: None,
        })
    }

    /// By key, which does not change while issues are worked on.
    async fn issue_ids(&self, project: &str, token: Option<String>, requests: &RequestCount) -> Result<CensusPage, ConnectorError> {
        let jql = format!("project = {} ORDER BY key ASC", quoted(project));
        let fields = ["id".to_owned()];
        let page = match self.search(&jql, &fields, PAGE_SIZE, token.as_deref(), requests).await {
            // a dead token: from the start
            Err(HttpError::Status { status: 400 | 410, .. }) if token.is_some() => {
                self.search(&jql, &fields, PAGE_SIZE, None, requests).await
            }
            page => page,
        };
        let SearchPage { issues, token: next, is_last } = match page {
            Ok(page) => page.body,
            Err(HttpError::Status { status: 400 | 403 | 404, message, from_api: true, .. }) => {
                return Ok(unsound(format!("issues: the project cannot be read ({message})"), requests));
            }
            Err(error) => return Err(error.into()),
        };
        let Some(ids) = issues.iter().map(|row| parse_row::<IdRow>(row.get()).ok().map(|row| row.id.0)).collect::<Option<Vec<_>>>() else {
            return Ok(unsound("issues: a row has no id".into(), requests));
        };
        let done = is_last.unwrap_or(next.is_none());
        let circles = !done && (ids.is_empty() || next.is_none() || next == token);
        if circles {
            let message = "the ids of the issues do not end".to_owned();
            return Err(ConnectorError::Unreachable { request: request_text_of("POST", &self.search_url()), message });
        }
        let cursor = next.filter(|_| !done).map_or(Value::Null, |next| cursor(&Place::Token(next)));
        Ok(CensusPage { external_ids: ids, cursor, done, requests: requests.get(), not_available: None })
    }
}

fn cursor(place: &Place) -> Value {
    serde_json::to_value(place).unwrap_or(Value::Null)
}

fn unsound(reason: String, requests: &RequestCount) -> CensusPage {
    let not_available = Some(format!("the ids cannot be enumerated: {reason}"));
    CensusPage { not_available, requests: requests.get(), ..CensusPage::default() }
}
