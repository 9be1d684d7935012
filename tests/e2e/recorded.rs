//! Real recorded GitLab answers, served over HTTP, sync to the facts known about them.
//!
//! The recordings live outside the repository; where they are absent the test says so and passes.

use std::{collections::BTreeMap, path::PathBuf};

use ovia_tests::{TestApp, state};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, Request, Respond, ResponseTemplate,
    matchers::{method, path_regex},
};

const PROJECT: i64 = 12_345_678;

fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/recorded/gitlab");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: ../shared/recorded is absent");
    None
}

fn recorded(folder: &std::path::Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(format!("devlake_gitlab_api_{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn data(folder: &std::path::Path, name: &str) -> Vec<Value> {
    recorded(folder, name).into_iter().map(|row| row["data"].clone()).collect()
}

/// A GitLab made of recordings: lists by path suffix, `updated_after` ignored, one page.
struct Recording {
    lists: BTreeMap<String, Vec<Value>>,
}

impl Recording {
    fn load(folder: &std::path::Path) -> Self {
        let mut lists = BTreeMap::new();
        let project = format!("/api/v4/projects/{PROJECT}");
        let mut merge_requests = BTreeMap::new();
        for file in ["merge_requests", "merge_requests_for_mr_commit_test", "merge_requests_for_mr_notes_test"] {
            for row in data(folder, file) {
                merge_requests.insert(row["iid"].as_i64().unwrap(), row);
            }
        }
        lists.insert(format!("{project}/merge_requests"), sorted(merge_requests.into_values().collect()));
        lists.insert(format!("{project}/issues"), sorted(data(folder, "issues")));
        let details = data(folder, "pipeline_details");
        let mut pipelines = data(folder, "pipeline");
        pipelines.extend(details.iter().cloned());
        lists.insert(format!("{project}/pipelines"), sorted(pipelines));
        for detail in details {
            lists.insert(format!("{project}/pipelines/{}", detail["id"]), vec![detail]);
        }
        lists.insert(format!("{project}/jobs"), data(folder, "job"));
        lists.insert(format!("{project}/deployments"), sorted(data(folder, "deployments")));
        lists.insert(format!("{project}/members/all"), data(folder, "users"));
        for user in data(folder, "users_direct_api") {
            lists.insert(format!("/api/v4/users/{}", user["id"]), vec![user]);
        }
        for row in recorded(folder, "merge_request_notes") {
            let iid = row["data"]["noteable_iid"].to_string();
            lists.entry(format!("{project}/merge_requests/{iid}/notes")).or_default().push(row["data"].clone());
        }
        for row in recorded(folder, "merge_request_commits") {
            let iid = row["input"]["Iid"].to_string();
            lists.entry(format!("{project}/merge_requests/{iid}/commits")).or_default().push(row["data"].clone());
        }
        let own = json!({"id": PROJECT, "name": "recorded", "path_with_namespace": "recorded/project", "default_branch": "main", "archived": false});
        lists.insert(project, vec![own]);
        Self { lists }
    }
}

fn sorted(mut rows: Vec<Value>) -> Vec<Value> {
    rows.sort_by_key(|row| row["updated_at"].as_str().unwrap_or("").to_owned());
    rows
}

impl Respond for Recording {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let path = request.url.path();
        let Some(rows) = self.lists.get(path) else {
            return ResponseTemplate::new(404).set_body_json(json!({"message": "404 Not found"}));
        };
        let single = path.ends_with(&PROJECT.to_string()) || path.contains("/pipelines/") || path.contains("/users/");
        if single {
            return ResponseTemplate::new(200).set_body_json(&rows[0]);
        }
        ResponseTemplate::new(200).insert_header("x-page", "1").insert_header("x-next-page", "").set_body_json(rows)
    }
}

#[tokio::test]
async fn recorded_answers_sync_to_the_known_facts() {
    let Some(folder) = folder() else { return };
    let server = MockServer::start().await;
    Mock::given(method("GET")).and(path_regex(".*")).respond_with(Recording::load(&folder)).mount(&server).await;
    let app = TestApp::start().await;
    let connection = app.connect("recorded", &server.uri(), "t", json!({"projects": [PROJECT]})).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!(run["counts"]["dead_lettered"], 0, "{run}");

    let count = async |what: &str| state::count(&app.store, &format!("select count(*) from {what}")).await;
    for (what, want) in [
        ("merge_requests", 24),
        ("merge_requests where state = 'merged'", 12),
        ("merge_requests where state = 'opened'", 8),
        ("merge_requests where state = 'closed'", 4),
        ("merge_requests where draft", 4),
        ("issues", 16),
        ("merge_request_notes", 26),
        ("merge_request_commits", 37),
        ("pipelines", 45),
        ("pipelines where duration_seconds is not null", 16),
        ("jobs", 75),
        ("jobs where duration_seconds is null", 35),
        ("jobs where duration_seconds = 0", 0),
        ("deployments", 8),
        ("memberships", 6),
    ] {
        assert_eq!(count(what).await, want, "{what}");
    }
    app.follow_ups_end(run["id"].as_str().unwrap()).await;
    facts_of_metrics(&app).await;
}

/// Median time to merge over all, the first human review of merge request 3, and approvals dated before creation left out.
async fn facts_of_metrics(app: &TestApp) {
    let (status, run) = app.http.post("/runs", json!({"kind": "kpi_rollup", "as_of": "2020-08-01T00:00:00Z"})).await;
    assert_eq!(status, 202, "{run}");
    app.run_end(run["id"].as_str().unwrap(), 60).await;
    let review = "select count(*) from kpi_snapshots where metric = 'time_to_first_review' and window_kind = 'month' and scope_kind = 'organisation' \
                  and window_start = '2019-08-01' and value is not null and row_count >= 1";
    assert_eq!(state::count(&app.store, review).await, 1);
    let negative = "select count(*) from kpi_snapshots where value < 0";
    assert_eq!(state::count(&app.store, negative).await, 0);
    let median = "select round((percentile_cont(0.5) within group (order by extract(epoch from merged_at - created_at)) / 3.6)::numeric)::bigint \
                  from merge_requests where merged_at is not null";
    assert_eq!(state::count(&app.store, median).await, 6307, "median time to merge, in thousandths of an hour");
}
