//! Pulls by time: every row of a window, none beside it, whatever the list does meanwhile.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use ovia_connectors::gitlab::Gitlab;
use ovia_connectors::{Connector, ConnectorError, Page, PullRequest};
use ovia_domain::TimeWindow;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer};

use crate::support::{open, open_with, parameter, walk};
use crate::table::{Headers, Table, at, issue, merge_request, pipeline, stamp};

fn time(millis: i64) -> DateTime<Utc> {
    at(millis).parse().unwrap()
}

fn window(from: i64, to: i64) -> TimeWindow {
    TimeWindow { from: time(from), to: time(to) }
}

async fn server_with(stream: &str, table: &Table) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET")).and(path(format!("/api/v4/projects/7/{stream}"))).respond_with(table.clone()).mount(&server).await;
    server
}

/// Walks a window to its end; `between` runs after every page.
async fn pages(connector: &Gitlab, stream: &str, window: TimeWindow, mut between: impl FnMut()) -> Result<Vec<Page>, ConnectorError> {
    let (mut all, mut cursor) = (Vec::<Page>::new(), None);
    loop {
        let page = connector.pull(PullRequest { stream, partition: "7", cursor: cursor.as_ref(), window: Some(window) }).await?;
        between();
        assert!(all.len() < 2_000, "the walk does not end");
        assert_eq!(page.watermark, None, "a window says nothing about what is newer");
        cursor = Some(page.cursor.clone());
        let done = page.done;
        all.push(page);
        if done {
            return Ok(all);
        }
    }
}

fn ids(pages: &[Page]) -> Vec<i64> {
    pages.iter().flat_map(|page| &page.records).map(|record| record.external_id.parse().unwrap()).collect()
}

#[tokio::test]
async fn a_window_is_half_open_and_asked_for_inclusively() {
    for stream in ["issues", "merge_requests", "pipelines", "deployments"] {
        let row = |id: i64, millis: i64| {
            let mut row = merge_request(id, 0, "opened", "abc");
            row["status"] = json!("success");
            row["updated_at"] = json!(at(millis));
            row
        };
        let rows = vec![row(1, 999), row(2, 1_000), row(3, 1_999), row(4, 2_000), row(5, 2_500), row(6, 2_501), row(7, 9_000)];
        let table = Table { cuts_fractions: true, ..Table::new(rows, Headers::All) };
        let server = server_with(stream, &table).await;
        let pages = pages(&open(&server.uri()), stream, window(1_000, 2_500), || {}).await.unwrap();
        assert_eq!(ids(&pages), [2, 3, 4], "{stream}");
        assert_eq!(pages[0].total_hint, Some(5), "as many as the source shows: it cuts fractions off");
        let asked = &server.received_requests().await.unwrap()[0];
        assert_eq!((parameter(asked, "updated_after"), parameter(asked, "updated_before")), (Some(at(1_000)), Some(at(3_000))));
        assert_eq!(parameter(asked, "order_by").as_deref(), Some("updated_at"), "GitLab answers 400 to deployments otherwise");
    }
}

#[tokio::test]
async fn a_source_that_does_not_know_the_windows_end_is_read_to_its_own() {
    let rows = (1..=100).map(|id| issue(id, id)).collect();
    let table = Table::new(rows, Headers::All);
    let server = MockServer::start().await;
    // It knows `updated_after` only: what else it does as asked is anyone's guess.
    let old = move |request: &wiremock::Request| {
        let mut request = request.clone();
        let kept: Vec<(String, String)> = request.url.query_pairs().into_owned().filter(|(name, _)| name != "updated_before").collect();
        request.url.query_pairs_mut().clear().extend_pairs(kept);
        wiremock::Respond::respond(&table, &request)
    };
    Mock::given(method("GET")).respond_with(old).mount(&server).await;
    let connector = open_with(&server.uri(), json!({"projects": ["a"], "page_size": 10}));
    let pages = pages(&connector, "issues", window(20_000, 35_000), || {}).await.unwrap();
    assert_eq!(ids(&pages), (20..35).collect::<Vec<_>>());
    assert!(pages.len() <= 11, "{} pages", pages.len());
}

#[tokio::test]
async fn pipelines_without_an_update_time_count_when_they_were_created() {
    let untimed = |id: i64, second: i64| {
        let mut row = pipeline(id, None);
        row["created_at"] = json!(stamp(second));
        row
    };
    let rows = (1..=50).map(|id| pipeline(id, Some(id))).chain((51..=110).map(|id| untimed(id, id - 50))).collect();
    let server = server_with("pipelines", &Table::new(rows, Headers::All)).await;
    let pages = pages(&open(&server.uri()), "pipelines", window(10_000, 20_000), || {}).await.unwrap();
    let found: BTreeSet<i64> = ids(&pages).into_iter().collect();
    assert_eq!(found, (10..20).chain(60..70).collect());
    let streams: Vec<_> = pages[0].records[0].details.iter().map(|detail| detail.stream.as_str()).collect();
    assert_eq!(streams, ["pipeline_details", "pipeline_bridges", "pipeline_jobs"], "the project's job list is no part of a backfill");
}

#[tokio::test]
async fn a_window_that_was_walked_is_not_walked_again_and_an_empty_one_never() {
    let server = server_with("issues", &Table::new(vec![issue(1, 1)], Headers::All)).await;
    let connector = open(&server.uri());
    let done = pages(&connector, "issues", window(0, 5_000), || {}).await.unwrap().pop().unwrap();
    let request = PullRequest { stream: "issues", partition: "7", cursor: Some(&done.cursor), window: Some(window(0, 5_000)) };
    let again = connector.pull(request).await.unwrap();
    assert_eq!((again.done, again.records.len(), again.requests), (true, 0, 0));
    let empty = pages(&connector, "issues", window(5_000, 5_000), || {}).await.unwrap();
    assert_eq!((empty.len(), empty[0].requests), (1, 0));
    for stream in ["jobs", "environments", "projects"] {
        assert!(pages(&connector, stream, window(0, 1), || {}).await.is_err(), "{stream} cannot be pulled by time");
    }
}

#[tokio::test]
async fn windows_and_live_walks_do_not_know_of_each_other() {
    let server = server_with("issues", &Table::new((1..=5).map(|id| issue(id, id)).collect(), Headers::All)).await;
    let connector = open(&server.uri());
    let live = walk(&connector, "issues", "7", None).await.unwrap();
    let window = pages(&connector, "issues", window(0, 3_000), || {}).await.unwrap();
    assert_eq!(ids(&window), [1, 2]);
    assert_eq!(live.watermark, stamp(5).parse().ok());
}

struct Fixture {
    runtime: Runtime,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| Fixture { runtime: Runtime::new().unwrap() });

fn headers() -> impl Strategy<Value = Headers> {
    prop_oneof![Just(Headers::All), Just(Headers::NoTotals), Just(Headers::ForeignLink), Just(Headers::None)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Rows with few distinct times, so that many share one and some lie on boundaries; some pipelines have none. Between any two pages
    /// a row may be edited, which moves it out of every window.
    #[test]
    fn windows_that_touch_see_each_row_once(
        rows in prop::collection::vec((prop::option::weighted(0.85, 0i64..12), 0i64..12), 0..50),
        page_size in 2u32..9,
        max_per_page in 20usize..60,
        headers in headers(),
        honours_filters in prop::bool::weighted(0.85),
        cuts_fractions in any::<bool>(),
        length in 400i64..4_000,
        edits in prop::collection::vec(prop::option::weighted(0.4, 0usize..50), 0..60),
    ) {
        let stamps = |step: &i64| step * 500;
        let table: Vec<Value> = rows.iter().enumerate().map(|(index, (updated, created))| {
            let mut row = pipeline(index as i64 + 1, None);
            row["created_at"] = json!(at(stamps(created)));
            row["updated_at"] = updated.as_ref().map_or(Value::Null, |updated| json!(at(stamps(updated))));
            row
        }).collect();
        let place = |index: usize| stamps(rows[index].0.as_ref().unwrap_or(&rows[index].1));
        let table = Table { honours_filters, cuts_fractions, max_per_page, ..Table::new(table, headers) };
        let windows = window(0, 6_000).split(TimeDelta::milliseconds(length));
        let mut edits = edits.into_iter();
        let mut edited = BTreeSet::new();
        let mut found: BTreeMap<i64, BTreeSet<usize>> = BTreeMap::new();
        FIXTURE.runtime.block_on(async {
            let server = server_with("pipelines", &table).await;
            let connector = open_with(&server.uri(), json!({"projects": ["a"], "page_size": page_size}));
            for (number, window) in windows.iter().enumerate() {
                let all = pages(&connector, "pipelines", *window, || {
                    if let Some(Some(index)) = edits.next().map(|edit| edit.filter(|index| *index < rows.len())) {
                        edited.insert(index as i64 + 1);
                        table.change(|rows| rows[index]["updated_at"] = json!(at(1_000_000 + index as i64)));
                    }
                }).await.unwrap();
                for id in ids(&all) {
                    found.entry(id).or_default().insert(number);
                }
            }
        });
        for index in 0..rows.len() {
            let id = index as i64 + 1;
            let home = windows.iter().position(|window| window.contains(time(place(index))));
            let seen = found.get(&id).cloned().unwrap_or_default();
            if !edited.contains(&id) {
                prop_assert_eq!(&seen, &home.into_iter().collect::<BTreeSet<_>>(), "row {}", id);
            }
            prop_assert!(seen.iter().all(|number| Some(*number) == home), "row {} is not of those windows", id);
        }
    }

    /// A first walk over everything, however the server pages: a row that stays is seen, and one that is edited is seen as it was or left
    /// to the next walk, which begins before its new time.
    #[test]
    fn a_full_walk_sees_every_row_that_stays(
        times in prop::collection::vec(0i64..8, 1..50),
        page_size in 2u32..9,
        max_per_page in 3usize..12,
        headers in headers(),
        edits in prop::collection::vec(prop::option::weighted(0.5, 0usize..50), 0..40),
    ) {
        let rows: Vec<Value> = times.iter().enumerate().map(|(index, second)| issue(index as i64 + 1, *second)).collect();
        let table = Table { max_per_page, ..Table::new(rows, headers) };
        let mut edits = edits.into_iter();
        let mut found: BTreeMap<i64, String> = BTreeMap::new();
        let watermark = FIXTURE.runtime.block_on(async {
            let server = server_with("issues", &table).await;
            let connector = open_with(&server.uri(), json!({"projects": ["a"], "page_size": page_size}));
            let mut cursor = None;
            for edit in 0.. {
                let page = connector.pull(PullRequest { stream: "issues", partition: "7", cursor: cursor.as_ref(), window: None }).await.unwrap();
                for record in &page.records {
                    let row: Value = serde_json::from_str(record.raw.get()).unwrap();
                    found.insert(record.external_id.parse().unwrap(), row["updated_at"].as_str().unwrap().to_owned());
                }
                if page.done {
                    return page.watermark;
                }
                assert!(edit < 2_000, "the walk does not end");
                if let Some(Some(index)) = edits.next().map(|edit| edit.filter(|index| *index < times.len())) {
                    table.change(|rows| rows[index]["updated_at"] = json!(stamp(1_000 + edit)));
                }
                cursor = Some(page.cursor);
            }
            None
        });
        let overlap = TimeDelta::minutes(5);
        table.change(|rows| for row in rows {
            let (id, updated) = (row["id"].as_i64().unwrap(), row["updated_at"].as_str().unwrap());
            assert!(found.contains_key(&id), "row {id} was never seen");
            let is_left = watermark.is_some_and(|watermark| updated.parse::<DateTime<Utc>>().unwrap() >= watermark - overlap);
            assert!(found[&id] == *updated || is_left, "row {id} is known as of {}, not {updated}", found[&id]);
        });
    }
}
