//! The rows of a number, page by page: each once, in the order of days and ids, however many are asked for at a time.

#![expect(clippy::unwrap_used, reason = "tests")]

use chrono::{DateTime, TimeDelta, Utc};
use ovia_domain::{MetricKey, RunKind};
use ovia_store::{
    PageToken,
    kpi::{
        changes::CauseBook,
        rows::SnapshotAsked,
        write::{ComputedWindow, NewSnapshot, SliceWrite},
    },
    testing::{TestDatabase, new_run},
};

/// Rows of each day of a week. The ids of a day lie between those of others.
const ROWS: [i64; 7] = [3, 0, 5, 1, 0, 0, 120];

fn day(number: i64) -> DateTime<Utc> {
    "2026-01-05T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::days(number)
}

fn ids(number: i64) -> Vec<i64> {
    (0..ROWS[usize::try_from(number).unwrap()]).map(|row| row * 10 + (number * 3) % 7).collect()
}

fn snapshot(window_kind: &'static str, (start, days): (i64, i64), row_ids: Option<Vec<i64>>, row_count: i64) -> NewSnapshot {
    NewSnapshot {
        metric: "throughput",
        definition_version: 1,
        scope_kind: "organisation",
        scope_id: String::new(),
        window_kind,
        window_start: day(start),
        window_end: day(start + days),
        value: Some(1.0),
        unit: "items",
        stats: "{}".to_owned(),
        coverage: "{}".to_owned(),
        row_table: "work_items",
        row_count: i32::try_from(row_count).unwrap(),
        row_values: row_ids.as_ref().map(|ids| ids.iter().map(|id| *id as f64).collect()),
        row_ids,
        content_hash: 1,
    }
}

#[tokio::test]
async fn pages_of_a_number_s_rows_are_the_rows_of_its_days() {
    let db = TestDatabase::create().await;
    let (org, _) = db.store.first_token_create("Acme").await.unwrap().unwrap();
    let new = new_run(org, RunKind::KpiRollup);
    let run = new.run_id;
    db.store.run_create(new).await.unwrap();
    let lock = db.store.kpi_rollup_lock(org).await.unwrap().unwrap();
    let mut snapshots: Vec<NewSnapshot> = (0..7)
        .filter(|number| *number != 4)
        .map(|number| snapshot("day", (number, 1), Some(ids(number)), ids(number).len() as i64))
        .collect();
    snapshots.push(snapshot("week", (0, 7), None, ROWS.iter().sum()));
    // one that keeps its rows itself
    snapshots.push(snapshot("month", (-4, 31), Some(vec![1, 5, 9]), 3));
    let windows: Vec<ComputedWindow> =
        snapshots.iter().map(|one| ComputedWindow { kind: one.window_kind, start: one.window_start }).collect();
    let write = SliceWrite {
        org,
        run,
        fence: lock.fence,
        slice: "week",
        watermark: day(0),
        changed_people_id: 0,
        identity_epoch: 0,
        inputs_at: None,
        windows: &windows,
        snapshots: &snapshots,
        causes: &CauseBook::default(),
    };
    db.store.kpi_slice_write(&write).await.unwrap();

    let of_days: Vec<(DateTime<Utc>, i64)> = (0..7).flat_map(|number| ids(number).into_iter().map(move |id| (day(number), id))).collect();
    assert_eq!(of_days.len(), 129);
    for (window_kind, start, want) in [("week", 0, of_days), ("month", -4, [1, 5, 9].map(|id| (day(-4), id)).to_vec())] {
        let asked = SnapshotAsked {
            metric: MetricKey::Throughput,
            scope_kind: "organisation",
            scope_id: String::new(),
            window_kind,
            window_start: day(start),
        };
        let head = db.store.kpi_snapshot_of(org, &asked).await.unwrap().unwrap();
        let all = "select day, row_id from kpi_rows($1, $2) order by day, row_id";
        let all: Vec<(DateTime<Utc>, i64)> = sqlx::query_as(all).bind(org.0).bind(head.id).fetch_all(db.store.pool()).await.unwrap();
        assert_eq!(all, want, "{window_kind}");
        for limit in [1, 2, 3, 4, 5, 8, 9, 10, 64, 128, 129, 130] {
            let (mut got, mut cursor) = (Vec::new(), None);
            loop {
                let page = db.store.kpi_source_rows(org, &head, &PageToken::new(Some(limit), cursor)).await.unwrap();
                assert!(page.items.iter().all(|row| row.row_value == Some(row.row_id as f64)));
                assert!(page.next_cursor.is_none() || page.items.len() == limit as usize, "a page that is not the last is full");
                got.extend(page.items.into_iter().map(|row| (row.counted_on, row.row_id)));
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(got, want, "{window_kind} by {limit}");
        }
    }
}
