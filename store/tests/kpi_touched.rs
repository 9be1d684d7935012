//! How what changed is found.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use ovia_store::testing::TestDatabase;
use sqlx::PgPool;

/// How many ranges of pages a look-up has to read row by row. Summarises them.
async fn unread(pool: &PgPool, index: &str) -> i32 {
    sqlx::query_scalar("select brin_summarize_new_values($1::text::regclass)").bind(index).fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn what_came_is_summarised_but_for_tables_that_are_in_use() {
    let db = TestDatabase::create().await;
    db.store.first_token_create("one").await.unwrap().unwrap();
    let pool = db.store.pool();
    // more than the first range, whose summary is made with the index
    sqlx::raw_sql(
        "insert into connections (id, org_id, name, source, base_url, settings, credentials_sealed, credentials_key_id)
         select gen_random_uuid(), id, 'c', 'gitlab', 'http://127.0.0.1', '{}', '', 'k1' from organisations;
         alter table pipelines set (autovacuum_enabled = off);
         alter table references_found set (autovacuum_enabled = off);
         insert into pipelines (org_id, connection_id, external_id, project_external_id, status)
         select c.org_id, c.id, n::text, '1', 'success' from connections c, generate_series(1, 15000) n;
         insert into references_found (org_id, connection_id, external_id, from_table, from_external_id, place, keys)
         select c.org_id, c.id, n::text, 'merge_requests', '1', 'title', '{}' from connections c, generate_series(1, 15000) n;",
    )
    .execute(pool)
    .await
    .unwrap();

    let mut tx = pool.begin().await.unwrap();
    sqlx::query("lock table pipelines in share update exclusive mode").execute(&mut *tx).await.unwrap();
    // it does not wait for the table
    tokio::time::timeout(Duration::from_secs(10), db.store.kpi_changes_summarise()).await.unwrap().unwrap();
    tx.rollback().await.unwrap();
    assert_eq!((unread(pool, "references_found_changed").await, unread(pool, "pipelines_changed").await), (0, 1));
}

/// Paths as kpi/src/item_filter.rs makes them.
#[tokio::test]
async fn a_filter_is_about_items_by_their_fields_in_any_case() {
    let db = TestDatabase::create().await;
    db.store.first_token_create("one").await.unwrap().unwrap();
    let pool = db.store.pool();
    sqlx::raw_sql(
        "insert into connections (id, org_id, name, source, base_url, settings, credentials_sealed, credentials_key_id)
         select gen_random_uuid(), id, 'c', 'jira', 'http://127.0.0.1', '{}', '', 'k1' from organisations;
         insert into projects (org_id, connection_id, external_id, name, full_path, archived)
         select org_id, id, '10', 'Operations', 'OPS', false from connections;",
    )
    .execute(pool)
    .await
    .unwrap();
    let sql = "select item_matches($1::text::jsonpath, id, '10', 'Bug', 'Open', null, '{Outage,\"x y\"}', '{}') from connections";
    for (path, matches) in [
        (r#"$.project[*] == "ops""#, true),
        (r#"$.project[*] == "web""#, false),
        (r#"($.type[*] == "bug" && $.labels[*] == "x y")"#, true),
        (r#"!($.labels[*] == "outage")"#, false),
        (r#"(exists($.priority[*]) && !($.priority[*] == "p1"))"#, false),
        (r#"!($.priority[*] == "p1")"#, true),
        ("!(exists($.component[*]))", true),
        ("exists($.status[*])", true),
    ] {
        let found: bool = sqlx::query_scalar(sql).bind(path).fetch_one(pool).await.unwrap();
        assert_eq!(found, matches, "{path}");
    }
}
