//! Every id of a partition, so that what vanished is found. What is missed here is asked for by `presence` before anything is concluded.

use chrono::Utc;
use serde::Deserialize;
use serde_json::Value;

use super::client::SearchPage;
use super::cursor::Position;
use super::lists::Lists;
use super::search::quoted;
use super::streams::ISSUES;
use super::walk::{Search, SearchFacts, Step};
use crate::ConnectorError;
use crate::contract::{CensusPage, CensusRequest};
use crate::http::{HttpError, RequestCount, server_time};
use crate::lenient::{Id, parse_row};
use crate::offset::Offset;

/// Jira allows so many where only ids are asked for.
const PAGE_SIZE: u32 = 5000;

#[derive(Deserialize)]
struct IdRow {
    id: Id,
}

impl Lists<'_> {
    /// One page of ids.
    pub async fn census(&self, request: &CensusRequest<'_>) -> Result<CensusPage, ConnectorError> {
        let requests = RequestCount::to(request.stream);
        // a cursor that cannot be read starts over: ids are only ever added
        let place: Option<Position> = request.cursor.and_then(|stored| serde_json::from_value(stored.clone()).ok());
        if request.stream == ISSUES {
            let search = match place {
                Some(Position::Search(search)) => search,
                _ => Search::by_tokens(),
            };
            return self.issue_ids(request.partition, search, &requests).await;
        }
        let offset = match place {
            Some(Position::Offset(offset)) => offset,
            _ => Offset::default(),
        };
        let page = self.ids(request.stream, request.partition, &offset, &requests).await?;
        if let Some(reason) = page.not_available {
            return Ok(unsound(reason, &requests));
        }
        Ok(CensusPage {
            external_ids: page.ids,
            done: page.next.is_none(),
            cursor: page.next.map_or(Value::Null, |next| cursor(&Position::Offset(next))),
            requests: requests.get(),
            not_available: None,
        })
    }

    /// By key, which does not change while issues are worked on, and so by tokens from page to page.
    async fn issue_ids(&self, project: &str, mut search: Search, requests: &RequestCount) -> Result<CensusPage, ConnectorError> {
        let jql = format!("project = {} ORDER BY key ASC", quoted(project));
        let fields = ["id".to_owned()];
        let page = loop {
            let page = self.search(&jql, &fields, PAGE_SIZE, search.token.as_deref(), requests).await;
            // a dead token: from the start, a few times
            let refused = page.as_ref().is_err_and(|error| matches!(error.status(), Some(400 | 410)));
            match search.without_token().filter(|_| refused) {
                Some(again) => search = again,
                None => break page,
            }
        };
        let (page, now) = match page {
            Ok(page) => (page.body, server_time(&page.headers).unwrap_or_else(Utc::now)),
            Err(HttpError::Status { status: 400 | 403 | 404, message, from_api: true, .. }) => {
                return Ok(unsound(format!("issues: the project cannot be read ({message})"), requests));
            }
            Err(error) => return Err(error.into()),
        };
        let SearchPage { issues, token, is_last } = page;
        let Some(ids) = issues.iter().map(|row| parse_row::<IdRow>(row.get()).ok().map(|row| row.id.0)).collect::<Option<Vec<_>>>() else {
            return Ok(unsound("issues: a row has no id".into(), requests));
        };
        let rows: Vec<_> = ids.iter().map(|id| (id.as_str(), None)).collect();
        let step = search.after(&SearchFacts { rows: &rows, token: token.as_deref(), is_last }, now);
        let (cursor, done) = match step.map_err(|error| self.no_end(&error))? {
            Step::Done => (Value::Null, true),
            Step::Go(next) => (cursor(&Position::Search(next)), false),
        };
        Ok(CensusPage { external_ids: ids, cursor, done, requests: requests.get(), not_available: None })
    }
}

fn cursor(place: &Position) -> Value {
    serde_json::to_value(place).unwrap_or(Value::Null)
}

fn unsound(reason: String, requests: &RequestCount) -> CensusPage {
    let not_available = Some(format!("the ids cannot be enumerated: {reason}"));
    CensusPage { not_available, requests: requests.get(), ..CensusPage::default() }
}
