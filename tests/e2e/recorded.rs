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

/// The facts that are known of the recordings, as the API tells them.
async fn facts_of_metrics(app: &TestApp) {
    for (asked, want) in [("state=merged", 12), ("state=opened", 8), ("state=closed", 4), ("draft=true", 4)] {
        assert_eq!(app.http.get_all(&format!("/merge-requests?{asked}")).await.len(), want, "{asked}");
    }
    // three years of months: the newest 24 as of two moments
    let mut merged: BTreeMap<String, f64> = BTreeMap::new();
    let (mut throughput, mut negative) = (0.0, 0);
    for (as_of, since, until) in
        [("2020-08-01T00:00:00Z", "2018-09-01", "2020-08-01"), ("2022-07-01T00:00:00Z", "2020-08-01", "2022-08-01")]
    {
        let (status, run) = app.http.post("/runs", json!({"kind": "kpi_rollup", "as_of": as_of})).await;
        assert_eq!(status, 202, "{run}");
        assert_eq!(app.run_end(run["id"].as_str().unwrap(), 60).await["status"], "succeeded");
        let history = async |metric: &str| {
            let path = format!("/team/kpi/history?metric={metric}&window=month&since={since}T00:00:00Z&until={until}T00:00:00Z");
            app.http.get_all(&path).await
        };
        throughput += history("merge_throughput").await.iter().filter_map(|month| month["value"].as_f64()).sum::<f64>();
        for month in history("time_to_merge").await.iter().filter(|month| month["value"].is_f64()) {
            let path = format!("/team/kpi/time_to_merge/rows?kpi_snapshot_id={}", month["id"]);
            let rows = app.http.get_all(&path).await;
            merged.extend(rows.iter().map(|row| (row["reference"].to_string(), row["value"].as_f64().unwrap())));
        }
        for metric in ovia_domain::MetricKey::ALL {
            for month in history(metric.as_str()).await {
                negative += usize::from(month["value"].as_f64().is_some_and(|value| value < 0.0));
            }
        }
        if as_of.starts_with("2020") {
            first_review_of_the_third(app).await;
        }
    }
    assert_eq!((throughput, merged.len()), (12.0, 12));
    let mut hours: Vec<f64> = merged.into_values().collect();
    hours.sort_by(f64::total_cmp);
    assert_eq!(format!("{:.3}", f64::midpoint(hours[5], hours[6])), "6.307", "median time to merge");
    // approvals of 29, 30, 37 and 46 are dated before their creation
    assert_eq!(negative, 0, "figures below zero");
}

/// Merge request 3, created 2019-08-15T19:34:32.706Z, was first reviewed 2019-08-26T12:14:39.003Z.
async fn first_review_of_the_third(app: &TestApp) {
    let day = app.http.get_all("/team/kpi/time_to_first_review/rows?window=day&at=2019-08-26T00:00:00Z").await;
    let third = day.iter().find(|row| row["reference"] == "!3").unwrap_or_else(|| panic!("{day:?}"));
    assert!((third["value"].as_f64().unwrap() - 924_006.297 / 3_600.0).abs() < 1e-6, "{third}");
}
