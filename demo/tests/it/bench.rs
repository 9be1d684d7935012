//! The benchmark server: sizes, both ways of walking, details.

use ovia_demo::{BenchOptions, BenchServer};

use crate::client::{Client, by_id, encoded, header};

fn start(details: bool) -> (BenchServer, Client) {
    let server = BenchServer::start(BenchOptions { merge_requests: 10_250, details, ..BenchOptions::default() }).unwrap();
    let client = Client::at(server.base_url(), server.token());
    (server, client)
}

#[tokio::test]
async fn offset_and_windows_see_the_same_rows() {
    let (server, client) = start(false);
    let path = format!("/projects/{}/merge_requests?order_by=updated_at&sort=asc&per_page=100", encoded(server.project()));
    let first = client.get(&path).await.unwrap();
    // More than 10,000 rows are not counted.
    assert!(first.headers().get("x-total").is_none() && !header(&first, "link").contains("rel=\"last\""));
    let all = client.walk(&path).await;
    assert_eq!(all.len(), 10_250);
    let size = all.iter().map(|row| row.to_string().len()).sum::<usize>() / all.len();
    assert!((3_300..3_500).contains(&size), "{size} bytes a row on average");
    let tail = client.walk(&format!("{path}&updated_after={}", all[10_000]["updated_at"].as_str().unwrap())).await;
    assert_eq!(tail[..], all[10_000..]);
    assert_eq!(by_id(all).len(), 10_250);
    let newest = client.json(&format!("/projects/{}/merge_requests?per_page=1", encoded(server.project()))).await;
    assert_eq!(newest[0]["iid"], 10_250);
    assert_eq!(client.json(&format!("/projects/{}/issues", encoded(server.project()))).await, serde_json::json!([]));
    server.shutdown().await;
}

#[tokio::test]
async fn details_are_there_when_asked_for() {
    let (server, client) = start(true);
    let path = format!("/projects/{}/merge_requests/17", encoded(server.project()));
    let own = client.json(&path).await;
    assert_eq!(own["iid"], 17);
    let notes = client.json(&format!("{path}/notes")).await;
    assert_eq!((notes.as_array().unwrap().len(), notes[0]["noteable_id"].clone()), (3, own["id"].clone()));
    assert_eq!(client.json(&format!("{path}/approvals")).await["approved_by"].as_array().unwrap().len(), 1);
    assert_eq!(client.json(&format!("{path}/commits")).await[0]["id"], own["sha"]);
    assert!(client.json(&format!("{path}/diffs")).await[0]["diff"].as_str().unwrap().starts_with("@@"));
    let next = client.json(&format!("/projects/{}/merge_requests/18/notes", encoded(server.project()))).await;
    assert_ne!(next[0]["id"], notes[0]["id"]);
    assert_eq!(client.status(&format!("/projects/{}/merge_requests/99999/notes", encoded(server.project()))).await, 404);
    server.shutdown().await;
    let (server, client) = start(false);
    assert_eq!(client.json(&format!("/projects/{}/merge_requests/17/notes", encoded(server.project()))).await, serde_json::json!([]));
    server.shutdown().await;
}
