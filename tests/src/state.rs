//! What a database holds, for comparing end states.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset};
use ovia_store::Store;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};

/// Tables a sync of GitLab fills.
pub const TABLES: [&str; 14] = [
    "identities",
    "memberships",
    "groups",
    "projects",
    "issues",
    "merge_requests",
    "merge_request_notes",
    "merge_request_approvals",
    "merge_request_commits",
    "pipelines",
    "jobs",
    "environments",
    "deployments",
    "tag_releases",
];

/// Tables a sync of Jira fills.
pub const JIRA_TABLES: [&str; 13] = [
    "identities",
    "memberships",
    "groups",
    "projects",
    "work_items",
    "work_item_changes",
    "work_item_links",
    "worklogs",
    "versions",
    "boards",
    "sprints",
    "work_item_statuses",
    "work_item_fields",
];

/// Tables a sync of Confluence fills.
pub const CONFLUENCE_TABLES: [&str; 8] =
    ["identities", "memberships", "groups", "spaces", "documents", "document_versions", "document_comments", "references_found"];

/// A table's live rows by external id, without Ovia's own ids and times.
pub async fn rows(store: &Store, table: &str) -> BTreeMap<String, Value> {
    let sql = format!(
        "select external_id, to_jsonb(t) - array['id', 'org_id', 'connection_id', 'ingested_at', 'changed_at', 'tier_changed_at', 'earliest_start_on'] as row from {table} t where deleted_at is null"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(store.pool()).await.unwrap_or_else(|error| panic!("{table}: {error}"));
    rows.iter().map(|row| (row.get("external_id"), row.get("row"))).collect()
}

/// Every table a sync of GitLab fills, by name.
pub async fn all_rows(store: &Store) -> BTreeMap<&'static str, BTreeMap<String, Value>> {
    let mut tables = BTreeMap::new();
    for table in TABLES {
        tables.insert(table, rows(store, table).await);
    }
    tables
}

/// Physical positions of the rows of a table: they change with every write.
pub async fn positions(store: &Store, table: &str) -> Vec<(String, String)> {
    let sql = format!("select ctid::text, xmin::text from {table} order by 1");
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(store.pool()).await.unwrap_or_else(|error| panic!("{table}: {error}"));
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// One number from a query.
pub async fn count(store: &Store, sql: &str) -> i64 {
    let row = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_one(store.pool()).await;
    row.unwrap_or_else(|error| panic!("{sql}: {error}")).get(0)
}

/// Fails with the first few rows that differ.
pub fn assert_same(table: &str, got: &BTreeMap<String, Value>, want: &BTreeMap<String, Value>) {
    let missing: Vec<&String> = want.keys().filter(|key| !got.contains_key(*key)).take(5).collect();
    let extra: Vec<&String> = got.keys().filter(|key| !want.contains_key(*key)).take(5).collect();
    assert!(missing.is_empty() && extra.is_empty(), "{table}: missing {missing:?}, not expected {extra:?}");
    for (key, want) in want {
        assert_eq!(&got[key], want, "{table} {key}");
    }
}

/// JSON of Postgres and of the truth, compared by meaning: instants, numbers, sets of ids; not known is not true.
pub fn same(found: &Value, want: &Value) -> bool {
    match (found, want) {
        (Value::Null, Value::Bool(false)) => true,
        (Value::Number(a), Value::Number(b)) => matches!((a.as_f64(), b.as_f64()), (Some(a), Some(b)) if (a - b).abs() < 1e-6),
        (Value::Array(a), Value::Array(b)) => {
            let sorted = |items: &[Value]| {
                let mut texts: Vec<String> = items.iter().map(Value::to_string).collect();
                texts.sort();
                texts
            };
            sorted(a) == sorted(b)
        }
        (Value::String(a), Value::String(b)) => a == b || instant(a).is_some_and(|a| Some(a) == instant(b)),
        (a, b) => a == b,
    }
}

fn instant(text: &str) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc3339(text).ok()
}
