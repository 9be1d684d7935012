//! Issues read alone, by id: not from the search index, which lags behind what has just been written.

use std::collections::HashMap;

use ovia_domain::ItemRef;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::lists::{Lists, no_stream};
use super::normalise::{self, Context, normalise_rows};
use super::streams::ISSUES;
use crate::ConnectorError;
use crate::contract::PulledItem;
use crate::http::{HttpError, RequestCount};
use crate::lenient::{Id, or_default, parse_row};

/// `issue/bulkfetch`, rows verbatim. What is not there is left out.
#[derive(Default, Deserialize)]
struct Fetched {
    #[serde(default, deserialize_with = "or_default")]
    issues: Vec<Box<RawValue>>,
}

/// What says which issue a row is, and where it is now.
#[derive(Deserialize)]
struct Home {
    id: Id,
    #[serde(default)]
    fields: Fields,
}

#[derive(Default, Deserialize)]
struct Fields {
    #[serde(default)]
    project: Option<Project>,
}

#[derive(Deserialize)]
struct Project {
    id: Id,
}

impl Lists<'_> {
    /// Issues, with the fields that the search asks for: up to a hundred in one request.
    pub async fn items(&self, items: &[ItemRef]) -> Result<Vec<PulledItem>, ConnectorError> {
        if let Some(other) = items.iter().find(|item| item.stream != ISSUES) {
            return Err(no_stream(format!("items of `{}` cannot be read alone", other.stream)));
        }
        let requests = RequestCount::to("issue");
        let ids: Vec<&str> = items.iter().map(|item| item.external_id.as_str()).collect();
        let body = json!({"issueIdsOrKeys": ids, "fields": self.issue_fields(&requests).await?});
        let url = self.client.api(&["issue", "bulkfetch"], &[]);
        let fetched = match self.client.ask::<Fetched>(&url, &body, &requests).await {
            Ok(answer) => answer.body,
            // Jira's own: none of them is there
            Err(HttpError::Status { status: 404 | 410, from_api: true, .. }) => Fetched::default(),
            Err(error) => return Err(error.into()),
        };
        let mut rows: HashMap<String, (String, Box<RawValue>)> = HashMap::with_capacity(items.len());
        for row in fetched.issues {
            if let Ok(home) = parse_row::<Home>(row.get()) {
                rows.insert(home.id.0, (home.fields.project.map(|project| project.id.0).unwrap_or_default(), row));
            }
        }
        let mut sent = requests.get();
        let pulled = items.iter().map(|item| {
            let requests = std::mem::take(&mut sent);
            let Some((partition, row)) = rows.remove(&item.external_id) else {
                return PulledItem { requests, gone: Some("Jira does not show this issue.".into()), ..PulledItem::default() };
            };
            let rows = normalise_rows(vec![row], &Context { partition: &partition, settings: self.settings }, normalise::issue);
            PulledItem { partition, records: rows.records, dead_letters: rows.dead_letters, requests, gone: None }
        });
        Ok(pulled.collect())
    }
}
