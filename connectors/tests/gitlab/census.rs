//! All ids of a partition: no live row is missed, and nothing is concluded from a list that cannot be trusted.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use ovia_connectors::gitlab::Gitlab;
use ovia_connectors::{CensusPage, CensusRequest, Connector, ConnectorError};
use ovia_domain::StreamKind;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{error, last_page, ok, open, parameter, serve, walk};
use crate::table::{Headers, Table, at, issue, job, merge_request, pipeline};

async fn server_with(at: &str, table: &Table) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET")).and(path(at)).respond_with(table.clone()).mount(&server).await;
    server
}

/// The census of a partition; `between` runs after every page.
async fn census(connector: &Gitlab, stream: &str, partition: &str, mut between: impl FnMut()) -> Result<CensusPage, ConnectorError> {
    let mut all = CensusPage::default();
    for _ in 0..2_000 {
        let cursor = (!all.cursor.is_null()).then(|| all.cursor.clone());
        let page = connector.census(CensusRequest { stream, partition, cursor: cursor.as_ref() }).await?;
        between();
        all.external_ids.extend(page.external_ids);
        all.requests += page.requests;
        (all.cursor, all.done, all.not_available) = (page.cursor, page.done, page.not_available);
        if all.done || all.not_available.is_some() {
            return Ok(all);
        }
    }
    panic!("the census does not end");
}

fn distinct(page: &CensusPage) -> BTreeSet<String> {
    page.external_ids.iter().cloned().collect()
}

#[tokio::test]
async fn a_census_names_what_a_walk_stores() {
    let server = MockServer::start().await;
    let row = |id: i64| {
        json!({"id": id, "iid": id, "title": "t", "state": "opened", "status": "success", "name": "n", "tag_name": format!("v{id}"),
        "full_path": "a", "path_with_namespace": "a/b", "created_at": at(id), "updated_at": at(id), "web_url": "https://git.example"})
    };
    Mock::given(method("GET")).and(path("/api/v4/groups/acme")).respond_with(ok(row(99))).mount(&server).await;
    Mock::given(method("GET")).respond_with(Table::new((1..=30).map(row).collect(), Headers::NoTotals)).mount(&server).await;
    let connector = open(&server.uri());
    let mut seen = 0;
    for stream in connector.streams().iter().filter(|stream| stream.census) {
        assert!(matches!(stream.kind, StreamKind::List(_)));
        let partition = if matches!(stream.name, "groups" | "projects" | "members") { "group:acme" } else { "7" };
        // The one list whose pages say where they go on by `Link` alone.
        if stream.name == "jobs" {
            continue;
        }
        let walked = walk(&connector, stream.name, partition, None).await.unwrap();
        let found = census(&connector, stream.name, partition, || {}).await.unwrap();
        let expected: BTreeSet<String> = walked.ids().into_iter().map(str::to_owned).collect();
        assert_eq!((distinct(&found), found.done), (expected, true), "{}", stream.name);
        seen += 1;
    }
    assert_eq!(seen, 9);
}

#[tokio::test]
async fn jobs_are_enumerated_by_keyset() {
    let server = server_with("/api/v4/projects/7/jobs", &Table::new((1..=230).map(job).collect(), Headers::Keyset)).await;
    let found = census(&open(&server.uri()), "jobs", "7", || {}).await.unwrap();
    assert_eq!((found.external_ids.len(), found.requests, found.done), (230, 3, true));
}

#[tokio::test]
async fn merge_requests_are_asked_for_in_short_and_a_quiet_list_costs_its_pages() {
    let rows = (1..=450).map(|id| merge_request(id, 0, "merged", "abc")).collect();
    let server = server_with("/api/v4/projects/7/merge_requests", &Table::new(rows, Headers::All)).await;
    let found = census(&open(&server.uri()), "merge_requests", "7", || {}).await.unwrap();
    assert_eq!((distinct(&found).len(), found.requests), (450, 5));
    let first = &server.received_requests().await.unwrap()[0];
    for (name, value) in [("view", "simple"), ("state", "all"), ("order_by", "created_at"), ("sort", "asc"), ("per_page", "100")] {
        assert_eq!(parameter(first, name).as_deref(), Some(value));
    }
}

#[tokio::test]
async fn a_configured_project_is_its_own_census() {
    let server = MockServer::start().await;
    serve(&server, "/api/v4/projects/acme%2Fweb", ok(json!({"id": 7, "name": "web"}))).await;
    let connector = open(&server.uri());
    let found = census(&connector, "projects", "project:acme/web", || {}).await.unwrap();
    assert_eq!((found.external_ids, found.done), (vec!["7".to_owned()], true));
    let none = census(&connector, "groups", "project:acme/web", || {}).await.unwrap();
    assert_eq!((none.external_ids.len(), none.done, none.requests), (0, true, 0));
}

#[tokio::test]
async fn nothing_is_concluded_from_a_list_that_is_refused_or_cannot_be_trusted() {
    let unsorted: Vec<Value> = [5, 1, 4, 2, 3].iter().flat_map(|n| (0..30).map(move |m| issue(n * 100 + m, 0))).collect();
    let unsorted: Vec<Value> = unsorted
        .into_iter()
        .map(|mut row| {
            row["created_at"] = json!(at(row["id"].as_i64().unwrap() * 1_000));
            row
        })
        .collect();
    for (stream, answer) in [
        ("issues", error(403, "no")),
        ("issues", error(404, "no")),
        ("pipelines", last_page(json!([{"iid": 4}]))),
        // A proxy that dropped the link to the next page.
        ("jobs", ok(Value::from_iter((0..100).map(job)))),
        ("jobs", ResponseTemplate::new(200).set_body_json(json!([job(1)])).insert_header("x-next-page", "2")),
    ] {
        let server = MockServer::start().await;
        serve(&server, &format!("/api/v4/projects/7/{stream}"), answer).await;
        let found = census(&open(&server.uri()), stream, "7", || {}).await.unwrap();
        assert!(found.not_available.is_some() && !found.done, "{stream}");
    }
    let table = Table { honours_filters: false, ..Table::new(unsorted, Headers::All) };
    let server = server_with("/api/v4/projects/7/issues", &table).await;
    let found = census(&open(&server.uri()), "issues", "7", || {}).await.unwrap();
    assert!(found.not_available.is_some_and(|reason| reason.contains("sorted")));
    for (status, body) in [(500, "boom"), (401, "401 Unauthorized")] {
        let server = MockServer::start().await;
        serve(&server, "/api/v4/projects/7/issues", error(status, body)).await;
        assert!(census(&open(&server.uri()), "issues", "7", || {}).await.is_err(), "{status}");
    }
    let firewall = ResponseTemplate::new(403).set_body_raw("<html>blocked</html>", "text/html");
    let server = MockServer::start().await;
    serve(&server, "/api/v4/projects/7/issues", firewall).await;
    assert!(census(&open(&server.uri()), "issues", "7", || {}).await.is_err());
    assert!(census(&open("http://127.0.0.1:9"), "merge_request_notes", "7", || {}).await.is_err());
}

#[tokio::test]
async fn a_token_that_comes_again_is_an_error_not_an_endless_census() {
    let server = MockServer::start().await;
    let link = "<https://git.example/api/v4/projects/7/jobs?cursor=9>; rel=\"next\"";
    serve(&server, "/api/v4/projects/7/jobs", ok(json!([job(9)])).insert_header("link", link)).await;
    assert!(matches!(census(&open(&server.uri()), "jobs", "7", || {}).await, Err(ConnectorError::Refused { .. })));
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Rows are deleted and added between any two pages, many of them created at one time: what was there throughout is enumerated.
    #[test]
    fn no_live_row_is_missed(
        stream in prop::sample::select(&["issues", "pipelines", "jobs"][..]),
        created in prop::collection::vec(0i64..12, 0..120),
        max_per_page in 20usize..50,
        without_headers in any::<bool>(),
        changes in prop::collection::vec((0i64..3, prop::collection::vec(0usize..120, 0..6)), 0..20),
    ) {
        let mut sorted = created.clone();
        sorted.sort_unstable();
        let row = |id: i64, millis: i64| {
            let mut row = match stream {
                "issues" => issue(id, 0),
                "pipelines" => pipeline(id, None),
                _ => job(id),
            };
            row["created_at"] = json!(at(millis));
            row
        };
        let rows: Vec<Value> = sorted.iter().enumerate().map(|(index, step)| row(index as i64 + 1, step * 400)).collect();
        let throughout = rows.len() as i64;
        let headers = match (stream, without_headers) {
            ("jobs", _) => Headers::Keyset,
            (_, true) => Headers::None,
            (_, false) => Headers::All,
        };
        let table = Table { max_per_page, ..Table::new(rows, headers) };
        let (mut gone, mut newest) = (BTreeSet::new(), 10_000);
        let mut changes = changes.into_iter();
        let found = RUNTIME.block_on(async {
            let server = server_with(&format!("/api/v4/projects/7/{stream}"), &table).await;
            census(&open(&server.uri()), stream, "7", || {
                let Some((added, deleted)) = changes.next() else { return };
                table.change(|rows| {
                    for place in deleted.iter().filter(|place| **place < throughout as usize) {
                        if *place < rows.len() {
                            gone.insert(rows.remove(*place)["id"].to_string());
                        }
                    }
                    for _ in 0..added {
                        newest += 1;
                        rows.push(row(newest, newest * 400));
                    }
                });
            })
            .await
            .unwrap()
        });
        if found.not_available.is_none() {
            let seen = distinct(&found);
            let missed: Vec<i64> = (1..=throughout).filter(|id| !gone.contains(&id.to_string()) && !seen.contains(&id.to_string())).collect();
            prop_assert!(missed.is_empty(), "{:?}", missed);
        }
    }
}
