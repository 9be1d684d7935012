//! What vanishes is gone from lists, from its own address and from the truth; items and windows are answered as GitLab does.

use ovia_demo::{FaultKind, FaultRule, Faults};
use serde_json::json;

use crate::client::{Client, by_id, header, ids, serve, small};

#[tokio::test]
async fn deleted_rows_are_gone_everywhere() {
    let server = serve(small());
    let client = Client::new(&server);
    let before = server.truth();
    let issues = server.delete_issues(4);
    let pipelines = server.delete_pipelines(6);
    let deployments = server.delete_deployments(3);
    let releases = server.delete_releases(1);
    let merge_request = before.merge_requests.keys().next().unwrap().clone();
    assert!(server.delete_merge_request(&merge_request) && !server.delete_merge_request(&merge_request));
    assert_eq!((issues.len(), pipelines.len(), deployments.len(), releases.len()), (4, 6, 3, 1));
    let truth = server.truth();
    assert!(issues.iter().all(|id| !truth.issues.contains_key(id)) && !truth.merge_requests.contains_key(&merge_request));
    assert!(truth.jobs.values().all(|job| truth.pipelines.contains_key(&job.pipeline_external_id)));
    assert_eq!(truth.counts.deployments, before.counts.deployments - 3);
    let mut found = [0; 6];
    for project in truth.projects.keys() {
        for (index, list) in ["issues", "merge_requests", "pipelines", "deployments", "releases"].into_iter().enumerate() {
            found[index] += client.walk(&format!("/projects/{project}/{list}?per_page=100")).await.len();
        }
        found[5] += client.walk(&format!("/projects/{project}/jobs?per_page=100")).await.len();
    }
    let counts = truth.counts;
    let jobs = truth.jobs.values().filter(|job| job.job_kind == "job").count();
    assert_eq!(found, [counts.issues, counts.merge_requests, counts.pipelines, counts.deployments, counts.releases, jobs]);
    for id in &pipelines {
        assert_eq!(client.status(&format!("/projects/{}/pipelines/{id}", before.pipelines[id].project_external_id)).await, 404);
    }
    server.shutdown().await;
}

#[tokio::test]
async fn every_listed_row_has_an_address() {
    let server = serve(small());
    let client = Client::new(&server);
    let truth = server.truth();
    let project = truth.issues.values().next().unwrap().project_external_id.clone();
    for (list, key) in [
        ("issues", "iid"),
        ("merge_requests", "iid"),
        ("pipelines", "id"),
        ("jobs", "id"),
        ("environments", "id"),
        ("deployments", "id"),
        ("releases", "tag_name"),
        ("members/all", "id"),
    ] {
        let row = client.json(&format!("/projects/{project}/{list}?per_page=1")).await[0].clone();
        let address = row[key].as_str().map_or_else(|| row[key].to_string(), |tag| tag.replace('/', "%2F"));
        let own = client.json(&format!("/projects/{project}/{list}/{address}")).await;
        assert_eq!(own[key], row[key], "{list}");
        assert_eq!(client.status(&format!("/projects/{project}/{list}/999999999")).await, 404, "{list}");
    }
    assert!(client.json(&format!("/projects/{project}")).await["permissions"]["group_access"]["access_level"].is_u64());
    server.shutdown().await;
}

#[tokio::test]
async fn a_project_out_of_sight_and_one_that_is_deleted() {
    let server = serve(small());
    let client = Client::new(&server);
    let before = server.truth();
    let projects: Vec<String> = before.projects.keys().cloned().collect();
    let account = client.json("/user").await["id"].to_string();
    let member = format!("/groups/{}/members/all/{account}", server.top_group());
    assert!(server.delete_project(&projects[0]) && !server.delete_project("no/such"));
    assert_eq!(client.status(&format!("/projects/{}", projects[0])).await, 404);
    assert_eq!(client.status(&member).await, 200);
    assert!(server.hide_project(&before.projects[&projects[1]].full_path));
    for list in ["", "/issues", "/pipelines?per_page=100"] {
        assert_eq!(client.status(&format!("/projects/{}{list}", projects[1])).await, 404);
    }
    assert_eq!(client.status(&member).await, 404, "else it would see the project");
    let listed =
        client.walk(&format!("/groups/{}/projects?include_subgroups=true&simple=true&order_by=id&sort=asc", server.top_group())).await;
    assert_eq!(ids(&listed), projects[2..]);
    assert!(listed[0].get("merge_method").is_none());
    let truth = server.truth();
    assert!(truth.merge_requests.values().all(|row| row.project_external_id == projects[2]) && truth.counts.merge_requests > 0);
    assert!(truth.merge_request_notes.values().all(|row| truth.merge_requests.contains_key(&row.merge_request_external_id)));
    assert!(server.show_project(&projects[1]));
    assert_eq!(client.status(&member).await, 200);
    assert_eq!(server.truth().counts.projects, before.counts.projects - 1);
    server.shutdown().await;
}

#[tokio::test]
async fn lists_by_id_by_creation_and_in_short() {
    let server = serve(small());
    let client = Client::new(&server);
    let project = server.truth().merge_requests.values().next().unwrap().project_external_id.clone();
    for list in ["pipelines", "deployments"] {
        let rows = client.walk(&format!("/projects/{project}/{list}?order_by=id&sort=asc&per_page=7")).await;
        let numbers: Vec<u64> = rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
        assert!(numbers.is_sorted() && !numbers.is_empty(), "{list}");
        assert_eq!(by_id(rows).len(), numbers.len());
    }
    let path = format!("/projects/{project}/merge_requests?order_by=created_at&sort=asc&per_page=100");
    let full = client.walk(&path).await;
    let short = client.walk(&format!("{path}&view=simple")).await;
    assert_eq!(ids(&full), ids(&short));
    assert!(short.iter().all(|row| row["created_at"].is_string() && row.get("sha").is_none()));
    assert!(full.is_sorted_by_key(|row| row["created_at"].as_str().unwrap().to_owned()));
    let middle = full[full.len() / 2]["created_at"].as_str().unwrap();
    let later = client.walk(&format!("{path}&created_after={middle}")).await;
    assert_eq!(later[0]["created_at"], middle, "inclusive");
    let releases = client.walk(&format!("/projects/{project}/releases?order_by=created_at&sort=asc")).await;
    assert!(releases.is_sorted_by_key(|row| row["created_at"].as_str().unwrap().to_owned()));
    server.shutdown().await;
}

#[tokio::test]
async fn refusals_and_empty_answers_on_request() {
    let server = serve(small());
    let client = Client::new(&server);
    let project = server.truth().projects.keys().next().unwrap().clone();
    let path = format!("/projects/{project}/pipelines");
    server.set_faults(FaultRule::always(FaultKind::Empty).route("/pipelines$").into());
    let response = client.get(&path).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), header(&response, "x-next-page"), header(&response, "x-total")),
        (200, String::new(), "0".into())
    );
    assert_eq!(response.json::<serde_json::Value>().await.unwrap(), json!([]));
    for status in [403, 404] {
        server.set_faults(FaultRule::always(FaultKind::Status(status)).path(format!("/projects/{project}/")).into());
        let response = client.get(&path).await.unwrap();
        assert_eq!(response.status(), status);
        assert!(response.json::<serde_json::Value>().await.unwrap()["message"].as_str().unwrap().starts_with(&status.to_string()));
        assert_eq!(client.status(&format!("/projects/{project}")).await, 200);
    }
    server.set_faults(Faults::default());
    server.shutdown().await;
}
