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
