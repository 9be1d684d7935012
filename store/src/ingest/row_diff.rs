//! What an upsert changed: domain rows before and after, compared field by field.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ovia_domain::Record;
use serde_json::Value;
use sqlx::{PgConnection, Row};

use super::commit::Scope;
use crate::{
    StoreError,
    replay::{FieldDiff, RowDiff, TableDiff},
};

/// Rows shown of each table.
const SAMPLES_MAX: usize = 5;
/// Longest text shown of a field, in characters.
const TEXT_MAX: usize = 200;

/// Rows of the tables that a set of records writes.
pub(super) struct Rows(BTreeMap<&'static str, HashMap<String, Value>>);

/// Ids of rows, by their table.
type Keys<'a> = BTreeMap<&'static str, BTreeSet<&'a str>>;

/// What differs between two looks.
#[derive(Default)]
pub(super) struct Difference {
    pub tables: BTreeMap<&'static str, TableDiff>,
    added: HashSet<(&'static str, String)>,
    changed: HashSet<(&'static str, String)>,
}

fn keys(records: &[Record]) -> Keys<'_> {
    let mut keys = Keys::new();
    for (table, key) in records.iter().flat_map(|record| &record.entities).map(|entity| entity.table_and_key()) {
        keys.entry(table).or_default().insert(key);
    }
    keys
}

/// The rows that `records` write, as they are now.
pub(super) async fn rows_of(tx: &mut PgConnection, scope: Scope, records: &[Record]) -> Result<Rows, StoreError> {
    let mut tables = BTreeMap::new();
    for (table, keys) in keys(records) {
        let ids: Vec<&str> = keys.into_iter().collect();
        // the name of the table is one of ours
        let sql = format!(
            "select k.id, r.fields from unnest($3::text[]) as k (id) cross join lateral (
                 select to_jsonb(t) - array['id', 'org_id', 'connection_id', 'external_id', 'ingested_at', 'changed_at'] as fields
                 from {table} t where t.org_id = $1 and t.connection_id = $2 and t.external_id = k.id limit 1
             ) r"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(scope.org.0).bind(scope.connection.0).bind(ids).fetch_all(&mut *tx).await?;
        tables.insert(table, rows.iter().map(|row| (row.get(0), row.get(1))).collect());
    }
    Ok(Rows(tables))
}

impl Difference {
    pub fn between(before: &Rows, after: &Rows) -> Self {
        let mut difference = Self::default();
        for (table, rows) in &after.0 {
            let known = before.0.get(table);
            let ids: BTreeSet<&String> = rows.keys().collect();
            for id in ids {
                difference.row(table, id, known.and_then(|known| known.get(id)), &rows[id]);
            }
        }
        difference
    }

    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty()
    }

    fn row(&mut self, table: &'static str, id: &str, before: Option<&Value>, after: &Value) {
        let diff = self.tables.entry(table).or_default();
        let fields = fields_differing(before, after);
        let added = before.is_none();
        if added {
            diff.added += 1;
            self.added.insert((table, id.to_owned()));
        } else if fields.is_empty() {
            diff.unchanged += 1;
            return;
        } else {
            diff.changed += 1;
            self.changed.insert((table, id.to_owned()));
        }
        if diff.samples.len() < SAMPLES_MAX {
            diff.samples.push(RowDiff { external_id: id.to_owned(), added, fields });
        }
    }

    /// Whether one of the record's rows was added, and whether one was changed.
    pub fn of_record(&self, record: &Record) -> (bool, bool) {
        let has = |set: &HashSet<(&'static str, String)>| {
            record.entities.iter().map(|entity| entity.table_and_key()).any(|(table, key)| set.contains(&(table, key.to_owned())))
        };
        (has(&self.added), has(&self.changed))
    }
}

impl TableDiff {
    pub(super) fn add(&mut self, other: TableDiff) {
        self.added += other.added;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
        let room = SAMPLES_MAX.saturating_sub(self.samples.len());
        self.samples.extend(other.samples.into_iter().take(room));
    }
}

fn fields_differing(before: Option<&Value>, after: &Value) -> BTreeMap<String, FieldDiff> {
    let Some(after) = after.as_object() else { return BTreeMap::new() };
    let mut differing = BTreeMap::new();
    for (name, value) in after {
        let was = before.and_then(|before| before.get(name)).unwrap_or(&Value::Null);
        if was != value {
            differing.insert(name.clone(), FieldDiff { before: shown(was), after: shown(value) });
        }
    }
    differing
}

/// A value, short enough to be looked at.
fn shown(value: &Value) -> Value {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => value.to_string(),
        other => return other.clone(),
    };
    match text.char_indices().nth(TEXT_MAX) {
        Some((end, _)) => Value::String(format!("{}…", &text[..end])),
        None => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows(rows: &[(&str, Value)]) -> Rows {
        Rows(BTreeMap::from([("issues", rows.iter().map(|(id, row)| ((*id).to_owned(), row.clone())).collect())]))
    }

    #[test]
    fn rows_are_compared_field_by_field() {
        let before = rows(&[("1", json!({"title": "a", "state": "opened"})), ("2", json!({"title": "b"}))]);
        let after = rows(&[
            ("1", json!({"title": "A", "state": "opened"})),
            ("2", json!({"title": "b"})),
            ("3", json!({"title": "c", "url": null})),
        ]);
        let diff = Difference::between(&before, &after);
        let issues = &diff.tables["issues"];
        assert_eq!((issues.added, issues.changed, issues.unchanged), (1, 1, 1));
        let title = |before: Value, after: &str| BTreeMap::from([("title".to_owned(), FieldDiff { before, after: json!(after) })]);
        assert_eq!(
            issues.samples,
            [
                RowDiff { external_id: "1".into(), added: false, fields: title(json!("a"), "A") },
                RowDiff { external_id: "3".into(), added: true, fields: title(Value::Null, "c") },
            ]
        );
    }

    #[test]
    fn long_values_are_cut() {
        assert_eq!(shown(&json!("é".repeat(300))), json!(format!("{}…", "é".repeat(200))));
        assert_eq!(shown(&json!(["a"])), json!(["a"]));
    }
}
