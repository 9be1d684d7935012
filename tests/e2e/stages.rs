//! Pages of one walk that are stored at once: in order, all of them or none behind the one that was not.

use std::time::Duration;

use ovia_domain::Record;
use ovia_store::{
    StoreError,
    ingest::{PageCommit, Stages},
};
use tokio::time::timeout;

use crate::ingest::{Ingest, refused, titled};

/// Far longer than three pages take, and shorter than a test may.
const LONG: Duration = Duration::from_secs(60);

fn titled_page(ids: std::ops::Range<u32>) -> Vec<Record> {
    ids.map(|id| titled(&id.to_string(), "fine")).collect()
}

#[tokio::test]
async fn nothing_is_stored_behind_a_page_that_was_not() {
    let ingest = Ingest::start().await;
    let store = &ingest.app.store;
    let pages = [titled_page(0..5), titled_page(5..10), titled_page(10..15)];
    let stages = Stages::default();
    let lost = PageCommit { fence: ingest.fence() - 1, ..ingest.page(&pages[0]) };
    let (second, third) = (ingest.page(&pages[1]), ingest.page(&pages[2]));
    let all = futures::future::join3(
        store.page_commit_staged(&lost, &stages),
        store.page_commit_staged(&second, &stages),
        store.page_commit_staged(&third, &stages),
    );
    let (first, second, third) = timeout(LONG, all).await.expect("pages wait for each other");
    assert!(matches!(first, Err(StoreError::Fenced)), "{first:?}");
    assert!(matches!(second, Err(StoreError::Conflict(_))), "{second:?}");
    assert!(matches!(third, Err(StoreError::Conflict(_))), "{third:?}");
    for table in ["raw_records", "merge_requests", "run_events where kind = 'page_committed'"] {
        assert_eq!(ingest.count(table).await, 0, "{table}");
    }
}

/// The page in the middle is tried a second time, with savepoints; its neighbours share a row with it (who wrote what).
#[tokio::test]
async fn a_refused_row_costs_its_neighbours_nothing() {
    let ingest = Ingest::start().await;
    let store = &ingest.app.store;
    let mut pages = [titled_page(0..20), titled_page(20..40), titled_page(40..60)];
    pages[1].insert(7, refused());
    let stages = Stages::default();
    let commits = pages.each_ref().map(|records| ingest.page(records));
    let all = futures::future::join_all(commits.iter().map(|page| store.page_commit_staged(page, &stages)));
    let counts = timeout(LONG, all).await.expect("pages wait for each other");
    let counts: Vec<_> = counts.into_iter().map(|counts| counts.unwrap()).map(|it| (it.inserted, it.dead_lettered)).collect();
    assert_eq!(counts, [(20, 0), (20, 1), (20, 0)]);
    assert_eq!(ingest.count("merge_requests").await, 60);
    assert_eq!(ingest.count("dead_letters where external_id = 'bad' and reason like 'Postgres refused%'").await, 1);
    let committed: Vec<i64> =
        sqlx::query_scalar("select (data -> 'page' ->> 'fetched')::bigint from run_events where kind = 'page_committed' order by id")
            .fetch_all(store.pool())
            .await
            .unwrap();
    assert_eq!(committed, [20, 21, 20], "pages were not committed in the order in which they came");
}
