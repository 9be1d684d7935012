//! What is served is what the truth says, and the company has every special case.

use std::collections::BTreeSet;

use crate::client::{Client, by_id, full, serve, small};

#[tokio::test]
async fn details_served_are_the_rows_of_the_truth() {
    let company = small();
    let truth = company.truth().clone();
    let server = serve(company);
    let client = Client::new(&server);
    let (mut notes, mut commits, mut approvals, mut jobs) = (0, 0, 0, 0);
    for (id, row) in &truth.merge_requests {
        let path = format!("/projects/{}/merge_requests/{}", row.project_external_id, row.number);
        let served = by_id(client.walk(&format!("{path}/notes?sort=asc&order_by=created_at&per_page=5")).await);
        notes += served.len();
        for (note, served) in served {
            assert_eq!(truth.merge_request_notes[&note].system, served["system"].as_bool().unwrap());
        }
        commits += client.walk(&format!("{path}/commits?per_page=100")).await.len();
        for approval in client.json(&format!("{path}/approvals")).await["approved_by"].as_array().unwrap() {
            let expected = &truth.merge_request_approvals[&format!("{id}:{}", approval["user"]["id"])];
            assert_eq!(approval.get("approved_at").is_some(), expected.approved_at.is_some());
            approvals += 1;
        }
        let diffs = client.walk(&format!("{path}/diffs?per_page=100")).await;
        let lines = |mark: char| {
            diffs.iter().flat_map(|diff| diff["diff"].as_str().unwrap().lines()).filter(|line| line.starts_with(mark)).count() as i64
        };
        assert_eq!((lines('+'), lines('-'), diffs.len() as i64), (row.additions, row.deletions, row.changed_files));
    }
    for (id, row) in &truth.pipelines {
        let path = format!("/projects/{}/pipelines/{id}", row.project_external_id);
        assert_eq!(client.json(&path).await["duration"].as_f64(), row.duration_seconds);
        jobs += client.walk(&format!("{path}/jobs?include_retried=true")).await.len() + client.walk(&format!("{path}/bridges")).await.len();
    }
    let counts = truth.counts;
    assert_eq!(
        (notes, commits, approvals, jobs),
        (counts.merge_request_notes, counts.merge_request_commits, counts.merge_request_approvals, counts.jobs)
    );
    server.shutdown().await;
}

#[tokio::test]
async fn lists_served_are_the_rows_of_the_truth() {
    let company = full();
    let truth = company.truth().clone();
    let server = serve(company);
    let client = Client::new(&server);
    let mut found = [0; 6];
    for project in truth.projects.keys() {
        for (index, list) in ["issues", "merge_requests", "pipelines", "environments", "deployments", "releases"].into_iter().enumerate() {
            found[index] += client.walk(&format!("/projects/{project}/{list}?per_page=100")).await.len();
        }
    }
    let counts = truth.counts;
    assert_eq!(found, [counts.issues, counts.merge_requests, counts.pipelines, counts.environments, counts.deployments, counts.releases]);
    // A row without updated_at is in the plain list and in no window.
    let untimed: Vec<_> = truth.pipelines.iter().filter(|(_, row)| row.updated_at.is_none()).collect();
    assert!(!untimed.is_empty());
    let path = format!("/projects/{}/pipelines?order_by=updated_at&sort=asc&per_page=100", untimed[0].1.project_external_id);
    assert!(by_id(client.walk(&path).await).contains_key(untimed[0].0));
    assert!(!by_id(client.walk(&format!("{path}&updated_after=2000-01-01T00:00:00Z")).await).contains_key(untimed[0].0));
    server.shutdown().await;
}

#[test]
fn the_company_has_every_special_case() {
    let company = full();
    let truth = company.truth();
    let merge_requests = || truth.merge_requests.values();
    let states: BTreeSet<&str> = merge_requests().map(|row| row.state.as_str()).collect();
    assert_eq!(states, ["closed", "locked", "merged", "opened", "quarantined"].into());
    assert!(merge_requests().any(|row| row.merged_at.is_some_and(|at| at < row.created_at)));
    assert!(merge_requests().any(|row| row.is_fork && row.source_project_external_id.is_none()));
    assert!(merge_requests().any(|row| row.is_fork && row.source_project_external_id.is_some()));
    assert!(merge_requests().any(|row| row.size_is_partial) && merge_requests().any(|row| row.changed_files > 100));
    assert!(merge_requests().any(|row| truth.identities[&row.author_external_id].is_bot));
    let created = |id: &String| truth.merge_requests[id].created_at;
    let approvals = || truth.merge_request_approvals.values();
    assert!(approvals().any(|row| row.approved_at.is_some_and(|at| at < created(&row.merge_request_external_id))));
    assert!(approvals().any(|row| row.approved_at.is_none()));
    let events: BTreeSet<&str> = truth.merge_request_notes.values().filter_map(|note| note.event.as_deref()).collect();
    assert_eq!(events.len(), 8, "{events:?}");
    let statuses: BTreeSet<&str> = truth.deployments.values().map(|row| row.status.as_str()).collect();
    assert_eq!(statuses.len(), 9, "{statuses:?}");
    assert!(truth.pipelines.values().any(|row| row.status == "frozen"));
    assert!(truth.pipelines.values().any(|row| row.status == "success" && row.duration_seconds.is_none()));
    assert!(truth.jobs.values().any(|row| row.job_kind == "bridge") && truth.jobs.values().any(|row| row.duration_seconds.is_none()));
    assert!(truth.releases.values().any(|row| row.upcoming));
    assert!(truth.identities.values().any(|row| row.state == "blocked"));
    assert!(truth.projects.values().any(|row| row.archived));
    let shares: Vec<&str> = truth.people.duplicates.iter().map(|pair| pair.shares.as_str()).collect();
    assert_eq!(shares, ["email", "name", "nothing"]);
    let [one, other] = &truth.people.conflict_pairs[0];
    assert_eq!(truth.identities[one].display_name, truth.identities[other].display_name);
    assert_ne!(truth.identities[one].email, truth.identities[other].email);
    assert!(truth.identities.values().any(|row| row.display_name.contains("Abbott") && !row.is_bot));
}

#[test]
fn metrics_cover_every_scope_and_window() {
    let company = full();
    let truth = company.truth();
    let metrics = company.kpi_truth(&ovia_demo::KpiQuestion::at(truth.as_of));
    let trailing: Vec<_> = metrics.iter().filter(|metric| metric.window == "trailing_30_days").collect();
    assert_eq!(trailing.len(), 21 * 13);
    let of_jira = ["cycle_time", "throughput", "work_in_progress", "work_item_age", "bug_ratio"];
    let told = |metric: &&&ovia_demo::MetricTruth| !of_jira.contains(&metric.metric) && !metric.metric.starts_with("release_");
    assert!(
        trailing
            .iter()
            .filter(told)
            .filter(|one| one.scope == "organisation")
            .all(|one| one.value.is_some() && one.coverage["partial"] == true)
    );
    let weeks =
        metrics.iter().filter(|metric| metric.window == "week" && metric.scope_id.is_empty() && metric.metric == "merge_throughput");
    let merged: f64 = weeks.map(|metric| metric.value.unwrap_or_default()).sum();
    let expected =
        truth.merge_requests.values().filter(|row| row.merged_at.is_some() && !truth.identities[&row.author_external_id].is_bot).count();
    assert_eq!(merged, expected as f64);
}
