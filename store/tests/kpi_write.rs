//! A slice of a rollup that is cut short, as when its activity is cancelled, spoils nobody's connection.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ovia_domain::{OrgId, RunId, RunKind};
use ovia_store::{
    Store,
    kpi::{
        changes::CauseBook,
        write::{ComputedWindow, NewSnapshot, SliceWrite},
    },
    testing::{TestDatabase, new_run},
};
use serde_json::json;

/// So many that COPY sends more than one piece.
const DAYS: i64 = 30;
const SCOPES: usize = 200;

fn start() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn snapshots(value: f64) -> Vec<NewSnapshot> {
    let of = |day: i64, scope: usize| NewSnapshot {
        metric: "throughput",
        definition_version: 1,
        scope_kind: "project",
        scope_id: format!("project {scope}"),
        window_kind: "day",
        window_start: start() + TimeDelta::days(day),
        window_end: start() + TimeDelta::days(day + 1),
        value: Some(value),
        unit: "items",
        stats: json!({"note": "x".repeat(400)}).to_string(),
        coverage: "{}".to_owned(),
        row_table: "work_items",
        row_count: 1,
        row_ids: Some(vec![1]),
        row_values: None,
        content_hash: 1,
    };
    (0..DAYS).flat_map(|day| (0..SCOPES).map(move |scope| of(day, scope))).collect()
}

async fn run(store: &Store, org: OrgId) -> RunId {
    let run = new_run(org, RunKind::KpiRollup);
    let run_id = run.run_id;
    store.run_create(run).await.unwrap();
    store.run_begin(org, run_id, &[], &[]).await.unwrap();
    run_id
}

/// Once a connection of the test waits for a lock.
async fn somebody_waits(db: &TestDatabase) {
    let sql = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(sql).fetch_one(db.store.pool()).await.unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_write_that_is_cut_short_leaves_every_connection_fit_for_use() {
    let db = TestDatabase::create().await;
    let (org, _) = db.store.first_token_create("Acme").await.unwrap().unwrap();
    let run = run(&db.store, org).await;
    let lock = db.store.kpi_rollup_lock(org).await.unwrap().unwrap();
    let windows: Vec<ComputedWindow> = (0..DAYS).map(|day| ComputedWindow { kind: "day", start: start() + TimeDelta::days(day) }).collect();
    let (snapshots, causes) = (snapshots(1.0), CauseBook::default());
    let write = SliceWrite {
        org,
        run,
        fence: lock.fence,
        slice: "2026-Q1",
        watermark: start(),
        changed_people_id: 0,
        identity_epoch: 0,
        inputs_at: None,
        windows: &windows,
        snapshots: &snapshots,
        causes: &causes,
    };
    db.sql(
        "create function wait() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(42); return new; end $$;
         create trigger wait before insert on kpi_snapshots for each row execute function wait()",
    )
    .await;
    let few = SliceWrite { snapshots: &snapshots[..1], ..write };
    // before the server takes anything; when it has taken so much that no more can be sent; when it has all and has not said so
    for (in_the_way, write) in [
        ("lock table kpi_snapshots in share mode", &write),
        ("select pg_advisory_xact_lock(42)", &write),
        ("select pg_advisory_xact_lock(42) from generate_series(1, 1)", &few),
    ] {
        let mut holder = db.store.pool().begin().await.unwrap();
        sqlx::query(in_the_way).execute(&mut *holder).await.unwrap();
        tokio::select! {
            written = db.store.kpi_slice_write(write) => panic!("{in_the_way}: {written:?}"),
            () = somebody_waits(&db) => {}
        }
        holder.rollback().await.unwrap();
        // every connection of the pool is used, at once
        let asked = (0..10_i64).map(|n| sqlx::query_scalar::<_, i64>("select $1").bind(n).fetch_one(db.store.pool()));
        let answered = futures::future::join_all(asked).await;
        let answered: Result<Vec<i64>, sqlx::Error> = answered.into_iter().collect();
        assert_eq!(answered.unwrap(), (0..10).collect::<Vec<i64>>(), "{in_the_way}");
        let stored: i64 = sqlx::query_scalar("select count(*) from kpi_snapshots").fetch_one(db.store.pool()).await.unwrap();
        assert_eq!(stored, 0, "{in_the_way}");
    }
    assert_eq!(db.store.kpi_slice_write(&write).await.unwrap().inserted, snapshots.len() as u64);
}

#[tokio::test]
async fn what_is_written_again_keeps_its_id_and_what_is_the_same_is_left_alone() {
    let db = TestDatabase::create().await;
    let (org, _) = db.store.first_token_create("Acme").await.unwrap().unwrap();
    let run = run(&db.store, org).await;
    let lock = db.store.kpi_rollup_lock(org).await.unwrap().unwrap();
    let windows = [ComputedWindow { kind: "day", start: start() }];
    let mut snapshots: Vec<NewSnapshot> = snapshots(1.0).into_iter().filter(|one| one.window_start == start()).collect();
    let causes = CauseBook::default();
    let write = async |snapshots: &[NewSnapshot]| {
        let (fence, slice) = (lock.fence, "2026-Q1");
        let (watermark, changed_people_id, identity_epoch, inputs_at) = (start(), 0, 0, None);
        let (windows, causes) = (windows.as_slice(), &causes);
        let write =
            SliceWrite { org, run, fence, slice, watermark, changed_people_id, identity_epoch, inputs_at, windows, snapshots, causes };
        db.store.kpi_slice_write(&write).await.unwrap()
    };
    let stored = async || {
        let sql = "select id, scope_id, value, stats, row_ids from kpi_snapshots order by scope_id";
        sqlx::query_as::<_, (i64, String, f64, serde_json::Value, Vec<i64>)>(sql).fetch_all(db.store.pool()).await.unwrap()
    };
    assert_eq!(write(&snapshots).await.inserted, SCOPES as u64);
    let before = stored().await;
    let changed = &mut snapshots[7];
    (changed.value, changed.row_ids) = (Some(2.0), Some(vec![3, 4]));
    changed.stats = json!({"tab": "a\tb\\c\n\"d\""}).to_string();
    changed.content_hash = changed.hash();
    let scope = changed.scope_id.clone();
    snapshots.pop();
    let written = write(&snapshots).await;
    assert_eq!((written.inserted, written.updated, written.deleted), (0, 1, 1));
    let after = stored().await;
    assert_eq!(after.len(), SCOPES - 1);
    for row in &after {
        let old = before.iter().find(|old| old.1 == row.1).unwrap();
        assert_eq!(row.0, old.0, "the id of {}", row.1);
        if row.1 == scope {
            assert_eq!((row.2, &row.4, &row.3["tab"]), (2.0, &vec![3, 4], &json!("a\tb\\c\n\"d\"")));
        } else {
            assert_eq!(row, old);
        }
    }
}
