//! Comparing what is stored with what the demo company knows to be true.

use ovia_demo::{CompanySize, Truth};
use ovia_store::Store;
pub use ovia_tests::state::same;
use ovia_tests::{TestApp, state};
use serde_json::Value;

use crate::demo;

/// Everything else compares a small company; this is the one that `make demo` shows.
#[tokio::test]
async fn the_full_company_equals_its_truth() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::full()).await;
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync_start(&connection).await;
    let run = app.run_end(&run, 500).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!(run["counts"]["dead_lettered"], 0, "{run}");
    assert_synced(&app.store, &demo.truth()).await;
}

/// Every table equals the truth, row for row, in every column the truth names.
pub async fn assert_synced(store: &Store, truth: &Truth) {
    assert_tables(store, truth, &state::TABLES).await;
}

/// The same of some tables.
pub async fn assert_tables(store: &Store, truth: &Truth, tables: &[&str]) {
    assert_rows(store, &serde_json::to_value(truth).unwrap(), tables).await;
}

/// The same of any truth that has tables by name.
pub async fn assert_rows(store: &Store, truth: &Value, tables: &[&str]) {
    for &table in tables {
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
