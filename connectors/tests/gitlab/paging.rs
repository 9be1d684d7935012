//! The paging pitfalls, each by name.

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::{Connector, ConnectorError, PullRequest};
use serde_json::{Value, json};
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{TOKEN, last_page, ok, open, open_with, parameter, pull_error, serve, walk};
use crate::table::{Headers, Table, issue, job, merge_request, pipeline, stamp};

const ISSUES: &str = "/api/v4/projects/7/issues";

async fn server_with(at: &str, table: Table) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET")).and(path(at)).respond_with(table).mount(&server).await;
    server
}

fn small(page_size: u32) -> Value {
    json!({"projects": ["acme/web"], "page_size": page_size})
}

fn numbers(from: i64, to: i64) -> Vec<String> {
    (from..=to).map(|id| id.to_string()).collect()
}

async fn all_issues_arrive(headers: Headers) {
    let rows = (1..=25).map(|id| issue(id, id)).collect();
    let server = server_with(ISSUES, Table::new(rows, headers)).await;
    let walked = walk(&open_with(&server.uri(), small(10)), "issues", "7", None).await.unwrap();
    assert_eq!(walked.ids(), numbers(1, 25), "every row once, in order");
    assert!(walked.dead_letters.is_empty());
}

#[tokio::test]
async fn an_empty_string_next_page_ends_the_walk() {
    all_issues_arrive(Headers::All).await;
}

#[tokio::test]
async fn missing_totals_above_ten_thousand_rows_do_not_matter() {
    all_issues_arrive(Headers::NoTotals).await;
}

#[tokio::test]
async fn without_any_paging_header_the_walk_goes_on_to_an_empty_page() {
    all_issues_arrive(Headers::None).await;
}

#[tokio::test]
async fn a_link_host_behind_a_proxy_is_not_followed_but_its_page_is() {
    all_issues_arrive(Headers::ForeignLink).await;
}

#[tokio::test]
async fn a_short_page_is_not_the_last() {
    let rows = (1..=25).map(|id| issue(id, id)).collect();
    let table = Table { max_per_page: 4, ..Table::new(rows, Headers::All) };
    let server = server_with(ISSUES, table).await;
    let walked = walk(&open_with(&server.uri(), small(10)), "issues", "7", None).await.unwrap();
    assert_eq!(walked.ids(), numbers(1, 25), "the server's maximum is below the page size asked for");
    assert_eq!(walked.total_hint, Some(25));
}

#[tokio::test]
async fn another_page_size_in_mid_walk_skips_nothing() {
    // all of one time, so that the walk has to turn pages
    let server = server_with(ISSUES, Table::new((1..=65).map(|id| issue(id, 5)).collect(), Headers::All)).await;
    for (first, then) in [(10, 25), (25, 10)] {
        let mut seen = std::collections::BTreeSet::new();
        let mut cursor: Option<Value> = None;
        for _ in 0..2 {
            let connector = open_with(&server.uri(), small(first));
            let page =
                connector.pull(PullRequest { stream: "issues", partition: "7", cursor: cursor.as_ref(), window: None }).await.unwrap();
            seen.extend(page.records.into_iter().map(|record| record.external_id));
            assert!(!page.done);
            cursor = Some(page.cursor);
        }
        let walked = walk(&open_with(&server.uri(), small(then)), "issues", "7", cursor).await.unwrap();
        seen.extend(walked.records.into_iter().map(|record| record.external_id));
        assert_eq!(seen.len(), 65, "pages of {first}, then of {then}");
    }
}

#[tokio::test]
async fn a_full_last_keyset_page_leads_to_an_empty_one() {
    let server = server_with("/api/v4/projects/7/jobs", Table::new((1..=4).map(job).collect(), Headers::Keyset)).await;
    let connector = open_with(&server.uri(), small(2));
    let walked = walk(&connector, "jobs", "7", None).await.unwrap();
    assert_eq!(walked.ids(), ["4", "3", "2", "1"]);
    assert_eq!(walked.pages, 3, "two full pages and the empty one their link leads to");
    let first = &server.received_requests().await.unwrap()[0];
    for (name, value) in [("pagination", "keyset"), ("order_by", "id"), ("sort", "desc")] {
        assert_eq!(parameter(first, name).as_deref(), Some(value));
    }
    let again = walk(&connector, "jobs", "7", Some(walked.cursor)).await.unwrap();
    assert_eq!((again.records.len(), again.requests), (0, 0), "later walks leave jobs to the pipelines");
}

#[tokio::test]
async fn a_next_link_to_another_host_never_gets_the_token() {
    let elsewhere = MockServer::start().await;
    Mock::given(any()).respond_with(ok(json!([]))).mount(&elsewhere).await;
    let server = MockServer::start().await;
    let link = format!("<{}/api/v4/projects/7/jobs?cursor=2>; rel=\"next\"", elsewhere.uri());
    let first = ResponseTemplate::new(200).set_body_json(json!([job(2)])).insert_header("link", link);
    Mock::given(method("GET")).and(wiremock::matchers::query_param("cursor", "2")).respond_with(ok(json!([job(1)]))).mount(&server).await;
    Mock::given(method("GET")).and(wiremock::matchers::query_param_is_missing("cursor")).respond_with(first).mount(&server).await;
    let walked = walk(&open(&server.uri()), "jobs", "7", None).await.unwrap();
    assert_eq!(walked.ids(), ["2", "1"], "the configured host answered the link's query");
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_base_url_with_a_path_prefix_keeps_it() {
    let server =
        server_with("/git/api/v4/projects/7/issues", Table::new((1..=3).map(|id| issue(id, id)).collect(), Headers::ForeignLink)).await;
    for base in ["/git", "/git/", "/git/api/v4"] {
        let walked = walk(&open_with(&format!("{}{base}", server.uri()), small(2)), "issues", "7", None).await.unwrap();
        assert_eq!(walked.ids(), numbers(1, 3));
    }
}

#[tokio::test]
async fn ties_over_several_pages_are_all_read() {
    let rows = (1..=25).map(|id| issue(id, if id <= 22 { 1 } else { id })).collect();
    let server = server_with(ISSUES, Table::new(rows, Headers::All)).await;
    let walked = walk(&open_with(&server.uri(), small(10)), "issues", "7", None).await.unwrap();
    let mut ids: Vec<i64> = walked.ids().iter().map(|id| id.parse().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids, (1..=25).collect::<Vec<_>>());
}

#[tokio::test]
async fn rows_that_move_while_they_are_walked_are_not_lost() {
    let table = Table::new((1..=30).map(|id| issue(id, id)).collect(), Headers::All);
    let server = server_with(ISSUES, table.clone()).await;
    let connector = open_with(&server.uri(), small(10));
    let (mut cursor, mut ids) = (None, Vec::new());
    for page in 0.. {
        let pulled = connector.pull(PullRequest { stream: "issues", partition: "7", cursor: cursor.as_ref(), window: None }).await.unwrap();
        ids.extend(pulled.records.iter().map(|record| record.external_id.parse::<i64>().unwrap()));
        // Rows of the pages already read are edited and go to the end: everything else moves up.
        table.rows.lock().unwrap()[page] = issue(page as i64 + 1, 1_000 + page as i64);
        cursor = Some(pulled.cursor);
        if pulled.done {
            break;
        }
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids, (1..=30).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_plus_in_a_timestamp_cannot_happen_and_colons_are_encoded() {
    let server = server_with(ISSUES, Table::new(vec![issue(1, 1)], Headers::All)).await;
    let settings = json!({"projects": ["acme/web"], "since": "2025-12-31T23:30:00.500+01:00"});
    walk(&open_with(&server.uri(), settings), "issues", "7", None).await.unwrap();
    let query = server.received_requests().await.unwrap()[0].url.query().unwrap().to_owned();
    assert!(query.contains("updated_after=2025-12-31T22%3A30%3A00.500Z"), "{query}");
    assert!(!query.contains('+'), "{query}");
}

#[tokio::test]
async fn the_second_walk_starts_five_minutes_before_the_first_ones_newest_row() {
    let server = server_with(ISSUES, Table::new(vec![issue(1, 1), issue(2, 3_600)], Headers::All)).await;
    let connector = open(&server.uri());
    let first = walk(&connector, "issues", "7", None).await.unwrap();
    assert_eq!(first.watermark, stamp(3_600).parse().ok());
    let second = walk(&connector, "issues", "7", Some(first.cursor)).await.unwrap();
    assert_eq!(second.ids(), ["2"]);
    let asked = parameter(server.received_requests().await.unwrap().last().unwrap(), "updated_after");
    assert_eq!(asked, Some(stamp(3_300)));
}

#[tokio::test]
async fn a_row_dated_in_the_future_does_not_hide_what_comes_before_it() {
    let mut odd = issue(1, 1);
    odd["updated_at"] = json!("2999-01-01T00:00:00.000Z");
    let server = server_with(ISSUES, Table::new(vec![odd], Headers::All)).await;
    let walked = walk(&open(&server.uri()), "issues", "7", None).await.unwrap();
    assert!(walked.watermark.unwrap() <= chrono::Utc::now() + chrono::TimeDelta::minutes(1));
}

#[tokio::test]
async fn pushes_do_not_bump_updated_at_so_open_merge_requests_are_read_again() {
    let table = Table::new(vec![merge_request(1, 10, "opened", "aaa"), merge_request(2, 20_000, "merged", "bbb")], Headers::All);
    let server = server_with("/api/v4/projects/7/merge_requests", table.clone()).await;
    let connector = open(&server.uri());
    let first = walk(&connector, "merge_requests", "7", None).await.unwrap();
    assert_eq!((first.ids(), first.pages), (vec!["1", "2"], 1));
    table.rows.lock().unwrap()[0]["sha"] = json!("ccc");
    let second = walk(&connector, "merge_requests", "7", Some(first.cursor)).await.unwrap();
    assert_eq!(second.ids(), ["2", "1"], "the overlap, then the open one");
    assert_ne!(second.records[1].content_hash, first.records[0].content_hash);
    let last = server.received_requests().await.unwrap().pop().unwrap();
    assert_eq!((parameter(&last, "state").as_deref(), parameter(&last, "updated_after")), (Some("opened"), None));
}

#[tokio::test]
async fn pipelines_without_an_update_time_are_not_lost_to_the_window() {
    let rows = (1..=5).map(|id| pipeline(id, Some(id))).chain([pipeline(8, None), pipeline(9, None)]).collect();
    let server = server_with("/api/v4/projects/7/pipelines", Table::new(rows, Headers::All)).await;
    let walked = walk(&open_with(&server.uri(), small(2)), "pipelines", "7", None).await.unwrap();
    let mut ids = walked.ids();
    ids.sort_unstable();
    assert_eq!(ids, ["1", "2", "3", "4", "5", "8", "9"]);
}

#[tokio::test]
async fn a_server_that_ignores_filters_and_order_is_still_read_whole() {
    let rows = [3, 1, 2, 9, 4, 8, 5].map(|id| issue(id, 100 - id)).into();
    let table = Table { honours_filters: false, ..Table::new(rows, Headers::All) };
    let server = server_with(ISSUES, table).await;
    let walked = walk(&open_with(&server.uri(), small(2)), "issues", "7", None).await.unwrap();
    let mut ids = walked.ids();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids, ["1", "2", "3", "4", "5", "8", "9"]);
}

#[tokio::test]
async fn a_server_that_repeats_a_page_is_an_error_not_an_endless_walk() {
    let server = MockServer::start().await;
    let same = ResponseTemplate::new(200).set_body_json(json!([{"id": 1, "name": "production"}])).insert_header("x-next-page", "99");
    serve(&server, "/api/v4/projects/7/environments", same).await;
    let error = walk(&open(&server.uri()), "environments", "7", None).await.unwrap_err();
    assert!(matches!(&error, ConnectorError::Refused { message, .. } if message.contains("same page")), "{error}");
}

#[tokio::test]
async fn an_object_instead_of_a_list_is_an_error_not_an_empty_page() {
    let server = MockServer::start().await;
    serve(&server, ISSUES, ok(json!({"message": "temporarily off"}))).await;
    let error = pull_error(&open(&server.uri()), "issues", "7").await;
    assert!(matches!(error, ConnectorError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn the_token_is_sent_as_settings_say_and_page_size_too() {
    let server = MockServer::start().await;
    serve(&server, ISSUES, last_page(json!([]))).await;
    walk(&open(&server.uri()), "issues", "7", None).await.unwrap();
    walk(&open_with(&server.uri(), json!({"projects": ["a"], "auth": "bearer", "page_size": 50})), "issues", "7", None).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[0].headers["private-token"], TOKEN);
    assert!(!requests[0].headers.contains_key("authorization"));
    assert_eq!(requests[1].headers["authorization"], format!("Bearer {TOKEN}"));
    assert_eq!(parameter(&requests[1], "per_page").as_deref(), Some("50"));
    assert!(!requests[0].headers.contains_key("referer"));
}
