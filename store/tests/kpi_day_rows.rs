//! What is kept of days: one organisation's, one attempt's, and whole or not at all; and what reads it.

#![expect(clippy::unwrap_used, reason = "tests")]

use chrono::{DateTime, TimeDelta, Utc};
use ovia_domain::OrgId;
use ovia_store::{Store, StoreError, kpi::state::RollupLock, testing::TestDatabase};

const FORMAT: i16 = 1;
const BOTH: [&str; 2] = ["cycle_time", "throughput"];

fn day(number: i64) -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::days(number)
}

async fn kept(store: &Store, org: OrgId, metric: &str) -> Vec<(DateTime<Utc>, Vec<u8>)> {
    let mut rows = Vec::new();
    let mut reader = store.kpi_reader(org).await.unwrap();
    reader.day_rows(metric, (day(0), day(100)), |day, bytes| rows.push((day, bytes.to_vec()))).await.unwrap();
    rows
}

async fn lock(store: &Store, org: OrgId) -> RollupLock {
    loop {
        if let Some(lock) = store.kpi_rollup_lock(org).await.unwrap() {
            return lock;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn days_are_kept_read_and_forgotten_by_organisation() {
    let db = TestDatabase::create().await;
    let (one, _) = db.store.first_token_create("one").await.unwrap().unwrap();
    let two: uuid::Uuid = sqlx::query_scalar("insert into organisations (id, name) values (gen_random_uuid(), 'two') returning id")
        .fetch_one(db.store.pool())
        .await
        .unwrap();
    let orgs = [one, OrgId(two)];
    let mut fences = Vec::new();
    let mut locks = Vec::new();
    for org in orgs {
        let lock = lock(&db.store, org).await;
        fences.push((org, lock.fence));
        locks.push(lock);
        for metric in BOTH {
            let days: Vec<_> = (0..5).map(|number| (day(number), vec![u8::try_from(number).unwrap(); 3])).collect();
            db.store.kpi_day_rows_write((org, fences.last().unwrap().1), metric, FORMAT, &days).await.unwrap();
        }
    }
    // of one metric a day less, and one that is written in another way
    db.store.kpi_day_rows_write(fences[0], "cycle_time", FORMAT, &[(day(5), vec![9])]).await.unwrap();
    db.store.kpi_day_rows_write(fences[0], "cycle_time", FORMAT + 1, &[(day(1), vec![8])]).await.unwrap();
    let mut reader = db.store.kpi_reader(orgs[0]).await.unwrap();
    let days = reader.kept_days(FORMAT, &BOTH).await.unwrap();
    assert_eq!(days.into_iter().collect::<Vec<_>>(), [0, 2, 3, 4].map(day), "whole days, as they can be read");
    assert_eq!(kept(&db.store, orgs[0], "cycle_time").await[1], (day(1), vec![8]), "in the place of what was there");

    db.store.kpi_day_rows_retain(fences[0], &[1, 2, 4, 7].map(day), ("cycle_time", &[3, 5, 7].map(day))).await.unwrap();
    let left = |rows: Vec<(DateTime<Utc>, Vec<u8>)>| rows.into_iter().map(|row| row.0).collect::<Vec<_>>();
    assert_eq!(left(kept(&db.store, orgs[0], "throughput").await), [1, 2, 4].map(day));
    assert_eq!(left(kept(&db.store, orgs[0], "cycle_time").await), [3, 5].map(day), "by days of its own");
    db.store.kpi_day_rows_retain(fences[0], &[], ("cycle_time", &[day(5)])).await.unwrap();
    assert!(kept(&db.store, orgs[0], "throughput").await.is_empty());
    assert_eq!(left(kept(&db.store, orgs[0], "cycle_time").await), [day(5)]);
    assert_eq!(left(kept(&db.store, orgs[1], "throughput").await), [0, 1, 2, 3, 4].map(day), "another organisation's are its own");
}

#[tokio::test]
async fn an_attempt_that_was_overtaken_keeps_and_forgets_nothing() {
    let db = TestDatabase::create().await;
    let (org, _) = db.store.first_token_create("one").await.unwrap().unwrap();
    let first = lock(&db.store, org).await;
    let days = [(day(0), vec![1])];
    db.store.kpi_day_rows_write((org, first.fence), "throughput", FORMAT, &days).await.unwrap();
    let old = (org, first.fence);
    drop(first);
    let _second = lock(&db.store, org).await;
    let refused = db.store.kpi_day_rows_write(old, "throughput", FORMAT, &[(day(0), vec![2])]).await;
    assert!(matches!(refused, Err(StoreError::Fenced)), "{refused:?}");
    let refused = db.store.kpi_day_rows_retain(old, &[], ("cycle_time", &[])).await;
    assert!(matches!(refused, Err(StoreError::Fenced)), "{refused:?}");
    let refused = db.store.kpi_rollup_begin(old.0, old.1, &[]).await;
    assert!(matches!(refused, Err(StoreError::Fenced)), "{refused:?}");
    assert_eq!(kept(&db.store, org, "throughput").await, days);
}

#[tokio::test]
async fn a_second_reader_is_opened_where_there_is_room_for_one() {
    let db = TestDatabase::create().await;
    let (org, _) = db.store.first_token_create("one").await.unwrap().unwrap();
    let store = Store::connect(&db.url(), 3).await.unwrap();
    let mut first = store.kpi_reader(org).await.unwrap();
    // the first of the two is closed in the end: for the second, no connection is idle
    for time in 1..=2 {
        assert!(store.kpi_reader_beside(&mut first).await.unwrap().is_some(), "time {time}");
    }
    let small = Store::connect(&db.url(), 1).await.unwrap();
    let mut only = small.kpi_reader(org).await.unwrap();
    assert!(small.kpi_reader_beside(&mut only).await.unwrap().is_none(), "the pool is empty, and that is no error");
}

#[tokio::test]
async fn a_reader_that_is_done_gives_its_connection_back_as_it_was() {
    let db = TestDatabase::create().await;
    let (org, _) = db.store.first_token_create("one").await.unwrap().unwrap();
    let store = Store::connect(&db.url(), 1).await.unwrap();
    let backend = async || sqlx::query_scalar::<_, i32>("select pg_backend_pid()").fetch_one(store.pool()).await.unwrap();
    let setting =
        async |name: &str| sqlx::query_scalar::<_, String>("select current_setting($1)").bind(name).fetch_one(store.pool()).await.unwrap();
    let (before, jit) = (backend().await, setting("jit").await);
    let mut reader = store.kpi_reader(org).await.unwrap();
    assert!(reader.kept_days(FORMAT, &BOTH).await.unwrap().is_empty());
    reader.day_rows("cycle_time", (day(0), day(100)), |_, _| {}).await.unwrap();
    reader.finish().await;
    assert_eq!(backend().await, before, "the same one");
    assert_eq!(
        (setting("transaction_read_only").await, setting("jit").await),
        ("off".to_owned(), jit),
        "nothing of its transaction is left"
    );
    drop(store.kpi_reader(org).await.unwrap());
    assert_ne!(backend().await, before, "one that stopped in the middle is closed");
}
