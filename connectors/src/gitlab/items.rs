//! Items read alone. Issues and merge requests come from their lists, filtered by number: one request for many, and rows as every walk
//! sees them. Pipelines and deployments have no such filter; what `/pipelines/:id` says beyond a row of the list is left to its detail.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use futures::{StreamExt, TryStreamExt, stream};
use ovia_domain::ItemRef;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::lists::Lists;
use super::no_stream;
use super::normalise::{RowContext, normalise_rows};
use super::stored::row_of;
use super::wire::{Id, parse_row};
use crate::ConnectorError;
use crate::contract::PulledItem;
use crate::http::{HttpError, RequestCount};

/// GitLab's maximum on a page.
const PAGE: &str = "100";
/// What a row of the list of pipelines has.
const PIPELINE_FIELDS: [&str; 11] =
    ["id", "iid", "project_id", "sha", "ref", "status", "source", "created_at", "updated_at", "web_url", "name"];

#[derive(Deserialize)]
struct Identified {
    id: Id,
}

impl Lists<'_> {
    /// Items of one stream, in their order.
    pub async fn items(&self, items: &[ItemRef]) -> Result<Vec<PulledItem>, ConnectorError> {
        let mut by_place: BTreeMap<(String, String), Vec<ItemRef>> = BTreeMap::new();
        for item in items {
            let project = item.partition.clone().ok_or_else(|| no_stream(format!("{} has no project", item.external_id)))?;
            by_place.entry((item.stream.clone(), project)).or_default().push(item.clone());
        }
        let mut read: HashMap<ItemRef, PulledItem> = HashMap::with_capacity(items.len());
        for ((stream, project), items) in by_place {
            self.items_of(&stream, &project, items, &mut read).await?;
        }
        Ok(items.iter().map(|item| read.remove(item).unwrap_or_else(|| gone(item, 0))).collect())
    }

    /// Items of one project.
    async fn items_of(
        &self,
        stream: &str,
        project: &str,
        items: Vec<ItemRef>,
        read: &mut HashMap<ItemRef, PulledItem>,
    ) -> Result<(), ConnectorError> {
        let requests = RequestCount::to(stream);
        let rows = match stream {
            "issues" | "merge_requests" => self.numbered(stream, project, &items, &requests).await?,
            "pipelines" | "deployments" => self.identified(stream, project, &items, &requests).await?,
            other => return Err(no_stream(format!("items of `{other}` cannot be read alone"))),
        };
        let mut rows: HashMap<String, Box<RawValue>> =
            rows.into_iter().filter_map(|row| Some((parse_row::<Identified>(row.get()).ok()?.id.0, row))).collect();
        let context = RowContext { project, details: self.settings.details, incremental: true, ..RowContext::default() };
        let mut sent = requests.get();
        for item in items {
            let requests = std::mem::take(&mut sent);
            // numbers are the project's own, and a project can be replaced: only the id says that it is the item
            let pulled = match rows.remove(&item.external_id) {
                None => gone(&item, requests),
                Some(row) => {
                    let rows = normalise_rows(vec![row], &context, row_of(stream));
                    let partition = project.to_owned();
                    PulledItem { partition, records: rows.records, dead_letters: rows.dead_letters, requests, gone: None }
                }
            };
            read.insert(item, pulled);
        }
        Ok(())
    }

    /// Rows of a list, by number.
    async fn numbered(
        &self,
        stream: &str,
        project: &str,
        items: &[ItemRef],
        requests: &RequestCount,
    ) -> Result<Vec<Box<RawValue>>, ConnectorError> {
        let numbers: Vec<String> = items.iter().filter_map(|item| item.number).map(|number| number.to_string()).collect();
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        let mut query = vec![("scope", "all"), ("state", "all"), ("per_page", PAGE)];
        query.extend(numbers.iter().map(|number| ("iids[]", number.as_str())));
        match self.client.list(&self.client.url(&["projects", project, stream], &query), requests).await {
            Ok(listing) => Ok(listing.rows),
            Err(error) => none_if_missing(error).map(|()| Vec::new()),
        }
    }

    /// Objects, by id.
    async fn identified(
        &self,
        stream: &str,
        project: &str,
        items: &[ItemRef],
        requests: &RequestCount,
    ) -> Result<Vec<Box<RawValue>>, ConnectorError> {
        let ids: Vec<String> = items.iter().map(|item| item.external_id.clone()).collect();
        let read = stream::iter(ids).map(|id: String| async move {
            let url = self.client.url(&["projects", project, stream, &id], &[]);
            match self.client.object(&url, requests).await {
                Ok(row) if stream == "pipelines" => Ok(Some(as_listed(row))),
                Ok(row) => Ok(Some(row)),
                Err(error) => none_if_missing(error).map(|()| None),
            }
        });
        let rows: Vec<Option<Box<RawValue>>> = read.buffered(self.settings.max_in_flight as usize).try_collect().await?;
        Ok(rows.into_iter().flatten().collect())
    }
}

fn gone(item: &ItemRef, requests: i64) -> PulledItem {
    let gone = Some("GitLab does not show this item.".into());
    PulledItem { partition: item.partition.clone().unwrap_or_default(), requests, gone, ..PulledItem::default() }
}

/// GitLab's own 404 and 410 are an answer; a proxy's are not.
fn none_if_missing(error: HttpError) -> Result<(), ConnectorError> {
    match error {
        HttpError::Status { status: 404 | 410, from_api: true, .. } => Ok(()),
        error => Err(error.into()),
    }
}

/// The fields of a pipeline that its list shows, verbatim and in their order: a row that differs from the list's would be written again by
/// every sync.
fn as_listed(pipeline: Box<RawValue>) -> Box<RawValue> {
    let Ok(Fields(fields)) = serde_json::from_str::<Fields<'_>>(pipeline.get()) else { return pipeline };
    let kept = fields.iter().filter(|(name, _)| PIPELINE_FIELDS.contains(&name.as_str()));
    let text: Vec<String> = kept.map(|(name, value)| format!("\"{name}\":{}", value.get())).collect();
    RawValue::from_string(format!("{{{}}}", text.join(","))).unwrap_or(pipeline)
}

/// An object's fields, in their order.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_pipeline_read_alone_is_the_row_of_its_list() {
        let alone = r#"{"id":7,"iid":2,"project_id":1,"sha":"abc","ref":"main","status":"success","source":"push","created_at":"2026-01-01T00:00:00.000Z","updated_at":null,"web_url":"https://x/7","before_sha":"000","user":{"id":1,"name":"Ada"},"duration":12}"#;
        let listed = r#"{"id":7,"iid":2,"project_id":1,"sha":"abc","ref":"main","status":"success","source":"push","created_at":"2026-01-01T00:00:00.000Z","updated_at":null,"web_url":"https://x/7"}"#;
        assert_eq!(as_listed(RawValue::from_string(alone.into()).unwrap()).get(), listed);
        let odd = RawValue::from_string("[1]".into()).unwrap();
        assert_eq!(as_listed(odd).get(), "[1]");
    }
}
