//! Domain rows of changed records, one statement per kind of entity.

use std::collections::{BTreeMap, HashSet};

use ovia_domain::{DetailRequest, Entity, IdentityRef, Record, WholeList};
use sqlx::{PgConnection, Row};

use super::{
    commit::{Scope, WholeLists},
    tables::STATEMENTS,
    whole_lists::whole_lists_settle,
};
use crate::StoreError;

/// Upserts the entities of `records`. Answers detail requests for accounts that were not known before.
pub(super) async fn entities_upsert<'a>(
    tx: &mut PgConnection,
    scope: Scope,
    records: &[&'a Record],
) -> Result<Vec<&'a DetailRequest>, StoreError> {
    let mut groups: BTreeMap<&'static str, BTreeMap<&'a str, &'a Entity>> = BTreeMap::new();
    for entity in records.iter().flat_map(|record| &record.entities) {
        let (_, key) = entity.table_and_key();
        groups.entry(statement_name(entity)).or_default().insert(key, entity);
    }
    let known: HashSet<&str> = groups.get("identities").map(|group| group.keys().copied().collect()).unwrap_or_default();
    let mut discovered = Vec::new();
    for (name, group) in &groups {
        let rows = json_rows(group.values().copied())?;
        if *name == "identities.refs" {
            let new = refs_insert(tx, scope, &rows).await?;
            discovered.extend(group.values().filter_map(|entity| detail_of_new(entity, &new, &known)));
        } else {
            upsert(tx, scope, name, &rows).await?;
        }
    }
    let lists: Vec<WholeList> = records.iter().flat_map(|record| &record.whole_lists).cloned().collect();
    whole_lists_settle(tx, scope, WholeLists { lists: &lists, read_at: None }).await?;
    Ok(discovered)
}

fn statement_name(entity: &Entity) -> &'static str {
    match entity {
        Entity::IdentityRef(_) => "identities.refs",
        Entity::MergeRequestSize(_) => "merge_requests.size",
        Entity::PipelineTimes(_) => "pipelines.times",
        Entity::DocumentLabels(_) => "documents.labels",
        other => other.table_and_key().0,
    }
}

fn detail_of_new<'a>(entity: &'a Entity, new: &HashSet<String>, known: &HashSet<&str>) -> Option<&'a DetailRequest> {
    match entity {
        Entity::IdentityRef(IdentityRef { external_id, detail: Some(detail), .. })
            if new.contains(external_id) && !known.contains(external_id.as_str()) =>
        {
            Some(detail)
        }
        _ => None,
    }
}

/// A JSON array of the entities. Postgres' text cannot hold NUL, so an escaped NUL inside a string is dropped here; the raw record
/// keeps it.
fn json_rows<'a>(entities: impl Iterator<Item = &'a Entity>) -> Result<String, StoreError> {
    let mut rows = String::from("[");
    for (index, entity) in entities.enumerate() {
        if index > 0 {
            rows.push(',');
        }
        rows.push_str(&entity.to_json()?);
    }
    rows.push(']');
    if rows.contains("\\u0000") {
        let mut value: serde_json::Value = serde_json::from_str(&rows)?;
        strip_nul(&mut value);
        rows = value.to_string();
    }
    Ok(rows)
}

fn strip_nul(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => text.retain(|c| c != '\0'),
        serde_json::Value::Array(items) => items.iter_mut().for_each(strip_nul),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(strip_nul),
        _ => {}
    }
}

fn sql(name: &str) -> &'static str {
    STATEMENTS.get(name).map_or("", String::as_str)
}

async fn upsert(tx: &mut PgConnection, scope: Scope, name: &str, rows: &str) -> Result<(), StoreError> {
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql(name))).bind(scope.org.0).bind(scope.connection.0).bind(rows);
    if name == "identities" {
        query = query.bind(scope.source.as_str());
    }
    query.execute(tx).await?;
    Ok(())
}

async fn refs_insert(tx: &mut PgConnection, scope: Scope, rows: &str) -> Result<HashSet<String>, StoreError> {
    let query = sqlx::query(sqlx::AssertSqlSafe(sql("identities.refs")));
    let inserted = query.bind(scope.org.0).bind(scope.connection.0).bind(rows).bind(scope.source.as_str()).fetch_all(tx).await?;
    Ok(inserted.iter().map(|row| row.get::<String, _>(0)).collect())
}
