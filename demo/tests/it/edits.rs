//! Changes show in the API and in the truth alike.

use chrono::Duration;

use crate::client::{Client, as_of, serve, small};

#[tokio::test]
async fn edited_rows_move_to_their_new_time() {
    let server = serve(small());
    let client = Client::new(&server);
    let before = server.truth();
    let at = as_of() + Duration::hours(2);
    let edited = server.edit_merge_requests(7, at);
    let truth = server.truth();
    assert_eq!(edited.len(), 7);
    for id in &edited {
        let row = &truth.merge_requests[id];
        assert_eq!(row.updated_at, at);
        assert_ne!(row.title, before.merge_requests[id].title);
        let served = client.json(&format!("/projects/{}/merge_requests/{}", row.project_external_id, row.number)).await;
        assert_eq!(served["title"], row.title.as_str());
    }
    assert_eq!(truth.counts.merge_request_notes, before.counts.merge_request_notes + 7);
    let mut changed = 0;
    for project in truth.projects.keys() {
        changed += client.walk(&format!("/projects/{project}/merge_requests?updated_after=2026-03-18T10:00:00.001Z")).await.len();
    }
    assert_eq!(changed, 7);
    server.shutdown().await;
}

#[tokio::test]
async fn a_push_changes_the_sha_and_not_the_time() {
    let server = serve(small());
    let before = server.truth();
    let pushed = server.push_merge_requests(4, as_of() + Duration::hours(1));
    let truth = server.truth();
    for id in &pushed {
        assert_ne!(truth.merge_requests[id].head_sha, before.merge_requests[id].head_sha);
        assert_eq!(truth.merge_requests[id].updated_at, before.merge_requests[id].updated_at);
    }
    assert_eq!(truth.counts.merge_request_commits, before.counts.merge_request_commits + 4);
    server.shutdown().await;
}

#[tokio::test]
async fn deleted_and_added_rows() {
    let server = serve(small());
    let client = Client::new(&server);
    let before = server.truth();
    let deleted = server.delete_merge_requests(5);
    let row = &before.merge_requests[&deleted[0]];
    assert_eq!(client.status(&format!("/projects/{}/merge_requests/{}", row.project_external_id, row.number)).await, 404);
    let at = as_of() + Duration::hours(3);
    let added = server.add_merge_requests(3, at);
    server.add_pipelines(2, at);
    server.add_deployments(2, at);
    let truth = server.truth();
    assert_eq!(truth.counts.merge_requests, before.counts.merge_requests - 5 + 3);
    assert_eq!((truth.counts.pipelines, truth.counts.deployments), (before.counts.pipelines + 2, before.counts.deployments + 2));
    assert!(deleted.iter().all(|id| !truth.merge_requests.contains_key(id)));
    let fresh = &truth.merge_requests[&added[0]];
    assert_eq!((fresh.state.as_str(), fresh.created_at), ("opened", at));
    let served = client.json(&format!("/projects/{}/merge_requests/{}", fresh.project_external_id, fresh.number)).await;
    assert_eq!(served["id"].to_string(), added[0]);
    server.shutdown().await;
}
