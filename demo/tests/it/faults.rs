//! Each fault as a client meets it.

use std::time::{Duration, Instant};

use ovia_demo::{DemoServer, FaultKind, FaultRule, Faults, RateLimit, ServerOptions, When};

use crate::client::{Client, header, serve, small};

const PATH: &str = "/projects/brightloom%2Fapps%2Fweb/merge_requests?per_page=100";

#[tokio::test]
async fn too_many_requests_in_plain_text() {
    let server = serve(small());
    let client = Client::new(&server);
    let limited = |as_http_date| FaultRule::always(FaultKind::RateLimited { retry_after: Some(3600), as_http_date });
    server.set_faults(limited(false).when(When::Every(2)).into());
    assert_eq!(client.status(PATH).await, 200);
    let response = client.get(PATH).await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (429, "3600".into()));
    assert_eq!(header(&response, "content-type"), "text/plain");
    assert_eq!(response.text().await.unwrap(), "Retry later\n");
    server.set_faults(limited(true).into());
    let response = client.get(PATH).await.unwrap();
    assert!(header(&response, "retry-after").ends_with(" GMT"));
    server.set_faults(Faults::default());
    assert_eq!(client.status(PATH).await, 200);
    assert_eq!(server.stats().rate_limited, 2);
    server.shutdown().await;
}

#[tokio::test]
async fn dropped_and_truncated_answers_are_transport_errors() {
    let server = serve(small());
    let client = Client::new(&server);
    server.set_faults(FaultRule::always(FaultKind::Drop).times(1).into());
    assert!(client.get(PATH).await.is_err());
    server.set_faults(FaultRule::always(FaultKind::Truncate(40)).times(1).into());
    let response = client.get(PATH).await.unwrap();
    assert_eq!(response.status(), 200);
    let claimed: u64 = header(&response, "content-length").parse().unwrap();
    assert!(claimed > 1000 && response.bytes().await.is_err());
    assert_eq!(client.status(PATH).await, 200);
    let stats = server.stats();
    assert_eq!((stats.dropped, stats.truncated, stats.requests), (1, 1, 3));
    server.shutdown().await;
}

#[tokio::test]
async fn errors_html_slowness_and_a_revoked_token() {
    let server = serve(small());
    let client = Client::new(&server);
    for status in [500, 502, 503] {
        server.set_faults(FaultRule::always(FaultKind::Status(status)).into());
        assert_eq!(client.status(PATH).await, status);
    }
    server.set_faults(FaultRule::always(FaultKind::Html).into());
    let page = client.get(PATH).await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().starts_with("<!DOCTYPE html>"));
    server.set_faults(FaultRule::always(FaultKind::Slow(120)).route("/merge_requests$").into());
    let start = Instant::now();
    assert_eq!(client.status(PATH).await, 200);
    assert!(start.elapsed() >= Duration::from_millis(120));
    server.set_faults(FaultRule::always(FaultKind::Unauthorized).when(When::Between { first: 2, last: None }).into());
    assert_eq!([client.status(PATH).await, client.status(PATH).await, client.status(PATH).await], [200, 401, 401]);
    server.shutdown().await;
}

#[tokio::test]
async fn an_enforced_rate_limit_counts_down_and_refuses() {
    let options = ServerOptions { rate_limit: Some(RateLimit { requests: 2, per: Duration::from_secs(600) }), ..ServerOptions::default() };
    let server = DemoServer::start(small(), options).unwrap();
    let client = Client::new(&server);
    assert_eq!(header(&client.get("/version").await.unwrap(), "ratelimit-remaining"), "1");
    assert_eq!(header(&client.get("/version").await.unwrap(), "ratelimit-remaining"), "0");
    let refused = client.get("/version").await.unwrap();
    assert_eq!(refused.status(), 429);
    let wait: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!((590..=600).contains(&wait), "{wait}");
    server.shutdown().await;
}
