//! Real recorded responses, where they are at hand: every object is understood.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ovia_connectors::Connector;
use ovia_domain::Entity;
use serde_json::{Value, json};
use wiremock::MockServer;

use crate::support::{Walked, detail, last_page, ok, open, serve, walk};

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/recorded/gitlab");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: ../shared is absent");
    None
}

fn rows(folder: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(format!("devlake_gitlab_api_{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn data(folder: &Path, name: &str) -> Vec<Value> {
    rows(folder, name).into_iter().map(|row| row["data"].clone()).collect()
}

async fn walked(folder: &Path, name: &str, stream: &str) -> Walked {
    let server = MockServer::start().await;
    let all = data(folder, name);
    let (at, partition) = match stream {
        "members" => ("/api/v4/projects/acme%2Fweb/members/all".to_owned(), "project:acme/web"),
        _ => (format!("/api/v4/projects/7/{stream}"), "7"),
    };
    serve(&server, &at, last_page(json!(all))).await;
    let walked = walk(&open(&server.uri()), stream, partition, None).await.unwrap();
    assert!(walked.dead_letters.is_empty(), "{name}: {:?}", walked.dead_letters);
    assert_eq!(walked.records.len(), all.len(), "{name}");
    walked
}

#[tokio::test]
async fn recorded_lists_are_understood() {
    let Some(folder) = folder() else { return };
    for (name, stream) in
        [("issues", "issues"), ("pipeline", "pipelines"), ("deployments", "deployments"), ("users", "members"), ("trigger_job", "jobs")]
    {
        walked(&folder, name, stream).await;
    }
    let jobs = walked(&folder, "job", "jobs").await;
    let unknown = jobs.entities().filter(|entity| matches!(entity, Entity::Job(job) if job.duration_seconds.is_none())).count();
    assert_eq!((jobs.records.len(), unknown), (75, 35));
}

#[tokio::test]
async fn recorded_merge_requests_have_the_facts_of_their_readme() {
    let Some(folder) = folder() else { return };
    let mut by_number = BTreeMap::new();
    for name in ["merge_requests", "merge_requests_for_mr_commit_test", "merge_requests_for_mr_notes_test"] {
        for entity in walked(&folder, name, "merge_requests").await.entities() {
            if let Entity::MergeRequest(merge_request) = entity {
                by_number.insert(merge_request.number, merge_request.clone());
            }
        }
    }
    let count = |state: &str| by_number.values().filter(|it| it.state == state).count();
    assert_eq!((by_number.len(), count("merged"), count("opened"), count("closed")), (24, 12, 8, 4));
    assert_eq!(by_number.values().filter(|it| it.draft).count(), 4);
}

#[tokio::test]
async fn recorded_details_are_understood() {
    let Some(folder) = folder() else { return };
    for (name, list, stream) in
        [("merge_request_notes", "notes", "merge_request_notes"), ("merge_request_commits", "commits", "merge_request_commits")]
    {
        let mut items: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
        for row in rows(&folder, name) {
            items.entry(row["input"]["Iid"].as_i64().unwrap()).or_default().push(row["data"].clone());
        }
        let server = MockServer::start().await;
        for (iid, all) in items {
            serve(&server, &format!("/api/v4/projects/7/merge_requests/{iid}/{list}"), last_page(json!(all))).await;
            let found =
                open(&server.uri()).pull_detail(&detail(stream, &iid.to_string(), json!({"project": "7", "iid": iid}))).await.unwrap();
            assert_eq!((found.records.len(), found.dead_letters.len()), (all.len(), 0), "{name} {iid}: {:?}", found.dead_letters);
        }
    }
    for (name, prefix, stream) in
        [("pipeline_details", "projects/7/pipelines", "pipeline_details"), ("users_direct_api", "users", "user_details")]
    {
        let server = MockServer::start().await;
        for row in data(&folder, name) {
            let id = row["id"].to_string();
            serve(&server, &format!("/api/v4/{prefix}/{id}"), ok(row)).await;
            let found = open(&server.uri()).pull_detail(&detail(stream, &id, json!({"project": "7"}))).await.unwrap();
            assert_eq!((found.records.len(), found.dead_letters.len()), (1, 0), "{name} {id}: {:?}", found.dead_letters);
        }
    }
}
