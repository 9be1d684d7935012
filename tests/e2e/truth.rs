//! Comparing what is stored with what the demo company knows to be true.

use chrono::DateTime;
use ovia_demo::Truth;
use ovia_store::Store;
use ovia_tests::state;
use serde_json::Value;

/// Every table equals the truth, row for row, in every column the truth names.
pub async fn assert_synced(store: &Store, truth: &Truth) {
    let truth = serde_json::to_value(truth).unwrap();
    for table in state::TABLES {
        let got = state::rows(store, table).await;
        let want = truth[table].as_object().unwrap_or_else(|| panic!("the truth has no table {table}"));
        let missing: Vec<&String> = want.keys().filter(|key| !got.contains_key(*key)).take(5).collect();
        let extra: Vec<&String> = got.keys().filter(|key| !want.contains_key(*key)).take(5).collect();
        assert!(missing.is_empty() && extra.is_empty(), "{table}: missing {missing:?}, not expected {extra:?}");
        for (key, row) in want {
            for (column, want) in row.as_object().unwrap() {
                let found = &got[key][column];
                assert!(same(found, want), "{table} {key} {column}: stored {found}, truth {want}");
            }
        }
    }
}

/// JSON of Postgres and of the truth, compared by meaning: instants, numbers, sets of ids; not known is not true.
pub fn same(found: &Value, want: &Value) -> bool {
    match (found, want) {
        (Value::Null, Value::Bool(false)) => true,
        (Value::Number(a), Value::Number(b)) => (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-6,
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

fn instant(text: &str) -> Option<DateTime<chrono::FixedOffset>> {
    DateTime::parse_from_rfc3339(text).ok()
}
