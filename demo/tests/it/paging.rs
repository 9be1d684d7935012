//! Every style of paging: walking everything sees each row once.

use ovia_demo::{DemoServer, ServerOptions};
use serde_json::Value;

use crate::client::{Client, by_id, encoded, full, header, ids, serve, small};

#[tokio::test]
async fn offset_walks_see_every_row_once_in_every_order() {
    let company = full();
    let truth = company.truth().clone();
    let project = truth.projects.iter().next().unwrap().0.clone();
    let server = serve(company);
    let client = Client::new(&server);
    let expected: Vec<&String> =
        truth.merge_requests.iter().filter(|(_, row)| row.project_external_id == project).map(|(id, _)| id).collect();
    assert!(expected.len() > 500);
    for query in ["per_page=100", "order_by=updated_at&sort=asc&per_page=100", "order_by=updated_at&per_page=37", "sort=asc"] {
        let rows = by_id(client.walk(&format!("/projects/{project}/merge_requests?scope=all&state=all&{query}")).await);
        assert_eq!(rows.keys().collect::<Vec<_>>(), expected, "{query}");
    }
    server.shutdown().await;
}

#[tokio::test]
async fn windows_are_inclusive_and_ties_span_pages() {
    let server = serve(full());
    let client = Client::new(&server);
    let path = "/projects/brightloom%2Fapps%2Fweb/merge_requests?order_by=updated_at&sort=asc&per_page=100";
    let all = client.walk(path).await;
    let updated = |row: &Value| row["updated_at"].as_str().unwrap().to_owned();
    assert!(all.is_sorted_by_key(updated));
    let mut counts = std::collections::HashMap::new();
    for row in &all {
        *counts.entry(updated(row)).or_insert(0) += 1;
    }
    let (tied, count) = counts.into_iter().max_by_key(|(_, count)| *count).unwrap();
    assert!(count > 100, "{count} rows share one updated_at");
    let from = client.walk(&format!("{path}&updated_after={tied}")).await;
    let until = client.walk(&format!("{path}&updated_before={tied}")).await;
    assert_eq!(from.len() + until.len(), all.len() + count);
    // Rows that share a time come newest first.
    let tied_ids: Vec<u64> = from[..count].iter().map(|row| row["id"].as_u64().unwrap()).collect();
    assert!(tied_ids.is_sorted_by(|a, b| a > b));
    server.shutdown().await;
}

#[tokio::test]
async fn headers_are_gitlabs() {
    let server = serve(small());
    let client = Client::new(&server);
    let path = "/projects/brightloom%2Fapps%2Fweb/merge_requests";
    let first = client.get(&format!("{path}?per_page=10")).await.unwrap();
    assert_eq!(
        (header(&first, "x-page"), header(&first, "x-per-page"), header(&first, "x-next-page")),
        ("1".into(), "10".into(), "2".into())
    );
    assert_eq!(first.headers()["x-prev-page"], "");
    let pages: u32 = header(&first, "x-total-pages").parse().unwrap();
    assert!(header(&first, "link").contains("rel=\"next\"") && header(&first, "link").contains("rel=\"last\""));
    assert!(header(&first, "ratelimit-remaining").parse::<u32>().is_ok());
    let last = client.get(&format!("{path}?per_page=10&page={pages}")).await.unwrap();
    assert_eq!(last.headers()["x-next-page"], "");
    assert!(!header(&last, "link").contains("rel=\"next\""));
    let default = client.get(path).await.unwrap();
    assert_eq!(header(&default, "x-per-page"), "20");
    let capped = client.get(&format!("{path}?per_page=1000")).await.unwrap();
    assert_eq!(header(&capped, "x-per-page"), "100");
    assert_eq!(client.status(&format!("{path}?per_page=0")).await, 400);
    assert_eq!(client.status(&format!("{path}?per_page=100&page=600")).await, 405);
    server.shutdown().await;
}

#[tokio::test]
async fn keyset_walks_see_every_row_once_and_a_full_last_page_has_a_link() {
    let company = small();
    let truth = company.truth().clone();
    let project = truth.projects.iter().next().unwrap().0.clone();
    let server = serve(company);
    let client = Client::new(&server);
    // Three projects: one full page, then an empty one.
    let (projects, pages) = client.walk_keyset("/projects?membership=true&pagination=keyset&order_by=id&sort=asc&per_page=3").await;
    assert_eq!((projects.len(), pages), (3, 2));
    let (projects, pages) = client.walk_keyset("/projects?membership=true&pagination=keyset&order_by=id&sort=desc&per_page=2").await;
    assert_eq!((by_id(projects).len(), pages), (3, 2));
    for order in ["created_at&sort=asc", "updated_at&sort=desc"] {
        let (issues, _) = client.walk_keyset(&format!("/projects/{project}/issues?pagination=keyset&per_page=7&order_by={order}")).await;
        assert_eq!(by_id(issues).len(), truth.issues.values().filter(|row| row.project_external_id == project).count());
    }
    let (jobs, _) = client.walk_keyset(&format!("/projects/{project}/jobs?pagination=keyset&order_by=id&sort=desc&per_page=50")).await;
    assert!(ids(&jobs).is_sorted_by(|a, b| a > b));
    assert_eq!(by_id(jobs).len(), truth.jobs.values().filter(|row| row.project_external_id == project && row.job_kind == "job").count());
    // Merge requests know no keyset paging.
    assert_eq!(client.status(&format!("/projects/{project}/merge_requests?pagination=keyset&order_by=updated_at&sort=asc")).await, 405);
    server.shutdown().await;
}

#[tokio::test]
async fn times_are_parsed_as_gitlab_does() {
    let server = serve(small());
    let client = Client::new(&server);
    let path = |time: &str| {
        format!("/projects/brightloom%2Fapps%2Fweb/merge_requests?order_by=updated_at&sort=asc&per_page=100&updated_after={time}")
    };
    let utc = client.walk(&path("2025-12-01T00:00:00Z")).await;
    let offset = client.walk(&path("2025-12-01T02:00:00%2B02:00")).await;
    assert_eq!(ids(&utc), ids(&offset));
    assert!(!utc.is_empty());
    let bare_plus = client.get(&path("2025-12-01T02:00:00+02:00")).await.unwrap();
    assert_eq!(bare_plus.status(), 400);
    assert_eq!(bare_plus.json::<Value>().await.unwrap()["error"], "updated_after is invalid");
    server.shutdown().await;
}

#[tokio::test]
async fn links_can_point_elsewhere_and_a_prefix_is_kept() {
    let options = ServerOptions {
        path_prefix: Some("/git/".into()),
        link_origin: Some("https://gitlab.internal.example".into()),
        ..ServerOptions::default()
    };
    let server = DemoServer::start(small(), options).unwrap();
    let client = Client::new(&server);
    assert!(server.base_url().ends_with("/git"));
    let response = client.get(&format!("/projects/{}/issues?per_page=1", encoded("brightloom/apps/web"))).await.unwrap();
    let link = header(&response, "link");
    assert!(
        link.starts_with(
            "<https://gitlab.internal.example/git/api/v4/projects/brightloom%2Fapps%2Fweb/issues?page=2&per_page=1>; rel=\"next\""
        ),
        "{link}"
    );
    server.shutdown().await;
}
