//! Stored rows against the truth, row for row and column for column.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ovia_demo::Truth;
use ovia_store::Store;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::state::{TABLES, same};

/// What a connection without details does not fill.
const DETAIL_TABLES: [&str; 5] = ["identities", "merge_request_notes", "merge_request_approvals", "merge_request_commits", "jobs"];
const DETAIL_COLUMNS: [(&str, &[&str]); 2] = [
    ("merge_requests", &["additions", "deletions", "changed_files", "size_is_partial"]),
    ("pipelines", &["started_at", "finished_at", "duration_seconds", "queued_seconds", "coverage", "identity_external_id"]),
];
/// Streams whose rows are the records of a list, and their tables.
const LISTS: [(&str, &str); 6] = [
    ("issues", "issues"),
    ("merge_requests", "merge_requests"),
    ("pipelines", "pipelines"),
    ("deployments", "deployments"),
    ("environments", "environments"),
    ("releases", "tag_releases"),
];
/// Differences told per table.
const TOLD: usize = 4;

type Rows = BTreeMap<String, Value>;

/// The truth as rows by table.
pub(super) struct Wanted {
    pub tables: BTreeMap<String, Rows>,
    details: bool,
}

impl Wanted {
    pub fn new(truth: &Truth, details: bool) -> Self {
        let truth = serde_json::to_value(truth).unwrap_or_else(|error| panic!("{error}"));
        let table = |name: &str| {
            let rows = truth[name].as_object().unwrap_or_else(|| panic!("the truth has no table {name}"));
            (name.to_owned(), rows.clone().into_iter().collect())
        };
        let names = TABLES.into_iter().filter(|name| details || !DETAIL_TABLES.contains(name));
        Self { tables: names.map(table).collect(), details }
    }

    pub fn rows(&self) -> usize {
        self.tables.values().map(BTreeMap::len).sum()
    }

    fn is_known(&self, table: &str, column: &str) -> bool {
        self.details || !DETAIL_COLUMNS.iter().any(|(other, columns)| *other == table && columns.contains(&column))
    }
}

/// What differs: zero lost, zero doubled, nothing old.
pub(super) async fn differences(store: &Store, connection: Uuid, wanted: &Wanted) -> anyhow::Result<Vec<String>> {
    let mut differences = Vec::new();
    for (table, want) in &wanted.tables {
        let got = rows(store, connection, table).await?;
        let lost: Vec<&String> = want.keys().filter(|key| !got.contains_key(*key)).collect();
        let extra: Vec<&String> = got.keys().filter(|key| !want.contains_key(*key)).collect();
        if !lost.is_empty() {
            differences.push(format!("{table}: {} lost, as {:?}", lost.len(), &lost[..lost.len().min(TOLD)]));
        }
        if !extra.is_empty() {
            differences.push(format!("{table}: {} that the source has not, as {:?}", extra.len(), &extra[..extra.len().min(TOLD)]));
        }
        let wrong = want.iter().filter_map(|(key, want)| wrong(wanted, table, key, got.get(key)?, want));
        let wrong: Vec<String> = wrong.collect();
        if !wrong.is_empty() {
            differences.push(format!("{table}: {} wrong, as {}", wrong.len(), wrong[..wrong.len().min(TOLD)].join("; ")));
        }
    }
    differences.extend(raw_differences(store, connection, wanted).await?);
    Ok(differences)
}

fn wrong(wanted: &Wanted, table: &str, key: &str, got: &Value, want: &Value) -> Option<String> {
    let columns = want.as_object()?.iter().filter(|(column, _)| wanted.is_known(table, column));
    columns
        .filter(|(column, want)| !same(&got[column.as_str()], want))
        .map(|(column, want)| format!("{key} {column}: stored {}, truth {want}", got[column]))
        .next()
}

/// Every record of a list is stored verbatim once, and is as new as its row.
async fn raw_differences(store: &Store, connection: Uuid, wanted: &Wanted) -> anyhow::Result<Vec<String>> {
    let mut differences = Vec::new();
    for (stream, table) in LISTS {
        let sql = "select external_id, payload ->> 'updated_at' as updated_at from raw_records
                   where connection_id = $1 and stream = $2 and deleted_at is null";
        let raw = sqlx::query(AssertSqlSafe(sql)).bind(connection).bind(stream).fetch_all(store.pool()).await?;
        let raw: BTreeMap<String, Option<String>> = raw.iter().map(|row| (row.get(0), row.get(1))).collect();
        let want = &wanted.tables[table];
        if raw.len() != want.len() {
            differences.push(format!("raw {stream}: {} records, the source has {}", raw.len(), want.len()));
        }
        let is_old = |(key, want): &(&String, &Value)| {
            let stored = raw.get(*key).cloned().flatten().map_or(Value::Null, Value::String);
            want.get("updated_at").is_some_and(|want| !same(&stored, want))
        };
        if let Some((key, _)) = want.iter().find(is_old) {
            differences.push(format!("raw {stream}: {key} is missing or old"));
        }
    }
    Ok(differences)
}

/// A table's live rows of a connection by external id.
async fn rows(store: &Store, connection: Uuid, table: &str) -> anyhow::Result<Rows> {
    let sql = format!("select external_id, to_jsonb(t) as row from {table} t where connection_id = $1 and deleted_at is null");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(connection).fetch_all(store.pool()).await?;
    Ok(rows.iter().map(|row| (row.get("external_id"), row.get("row"))).collect())
}

/// Rows of the source that a live cursor has passed and that are not stored as they are.
pub(super) async fn cursors_ahead(store: &Store, connection: Uuid, since: DateTime<Utc>, wanted: &Wanted) -> anyhow::Result<Vec<String>> {
    type Watermark = (String, String, DateTime<Utc>, Option<DateTime<Utc>>);
    let mut ahead = Vec::new();
    let sql = "select c.stream, c.partition, c.watermark,
                      (select max((r.payload ->> 'updated_at')::timestamptz) from raw_records r
                       where r.connection_id = c.connection_id and r.stream = c.stream and r.partition = c.partition) as newest
               from stream_cursors c where c.connection_id = $1 and c.watermark is not null";
    let watermarks: Vec<Watermark> = sqlx::query_as(AssertSqlSafe(sql)).bind(connection).fetch_all(store.pool()).await?;
    for (stream, partition, watermark, newest) in watermarks {
        if newest.is_none_or(|newest| newest < watermark) {
            ahead.push(format!("cursor of {stream} in {partition}: watermark {watermark}, newest row {newest:?}"));
        }
        let Some(want) = wanted.tables.get(&stream).filter(|_| LISTS[..4].iter().any(|(list, _)| *list == stream)) else { continue };
        let got = rows(store, connection, &stream).await?;
        let passed = want.iter().filter(|(_, row)| {
            row["project_external_id"] == partition.as_str() && {
                let updated = row["updated_at"].as_str().and_then(|text| text.parse::<DateTime<Utc>>().ok());
                updated.is_some_and(|updated| since <= updated && updated <= watermark)
            }
        });
        let missed = passed.filter(|(key, want)| got.get(*key).is_none_or(|got| !same(&got["updated_at"], &want["updated_at"])));
        let missed: Vec<&String> = missed.map(|(key, _)| key).collect();
        if !missed.is_empty() {
            ahead.push(format!(
                "cursor of {stream} in {partition} is at {watermark}, and {} rows before it are missing or old, as {:?}",
                missed.len(),
                &missed[..missed.len().min(TOLD)]
            ));
        }
    }
    Ok(ahead)
}
