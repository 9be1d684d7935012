//! The moment from which on the next rollup reads rows again: whatever may still be committed is later.

use ovia_store::Store;
use ovia_tests::{PrivateEngines, eventually};
use sqlx::{Connection, Executor, PgConnection};

/// Since when the one autovacuum worker works, in microseconds.
async fn autovacuum_since(store: &Store) -> Option<i64> {
    let sql = "select (extract(epoch from min(xact_start)) * 1e6)::bigint from pg_stat_activity
        where backend_type = 'autovacuum worker' and datname = current_database() and query like '%public.rested%'";
    sqlx::query_scalar(sql).fetch_one(store.pool()).await.unwrap()
}

async fn now(postgres: &mut PgConnection) -> i64 {
    sqlx::query_scalar("select (extract(epoch from clock_timestamp()) * 1e6)::bigint").fetch_one(postgres).await.unwrap()
}

#[tokio::test]
async fn autovacuum_holds_no_watermark_back_and_an_open_transaction_does() {
    let engines = PrivateEngines::start().await;
    let store = Store::connect(&engines.database_url, 4).await.unwrap();
    let mut postgres = PgConnection::connect(&engines.database_url).await.unwrap();
    // a worker looks every second, and rests a tenth of one after every page: it is busy for minutes
    postgres.execute("alter system set autovacuum_naptime = '1s'").await.unwrap();
    postgres.execute("select pg_reload_conf()").await.unwrap();
    let rested = "create table rested (text text) with (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0,
            autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1);
        insert into rested select repeat('x', 1000) from generate_series(1, 20000);
        delete from rested";
    postgres.execute(rested).await.unwrap();
    let since = eventually("autovacuum", 60, async || autovacuum_since(&store).await).await;

    let asked = now(&mut postgres).await;
    assert!(store.kpi_watermark().await.unwrap().timestamp_micros() >= asked);
    assert!(since < asked);
    assert_eq!(autovacuum_since(&store).await, Some(since), "it was there all the time");

    let mut open = PgConnection::connect(&engines.database_url).await.unwrap();
    let mut transaction = open.begin().await.unwrap();
    let begun = now(&mut transaction).await;
    assert!(store.kpi_watermark().await.unwrap().timestamp_micros() <= begun, "what it writes is read by the next rollup");
    transaction.rollback().await.unwrap();
    assert!(store.kpi_watermark().await.unwrap().timestamp_micros() > begun);
}
