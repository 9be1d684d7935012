//! The connector beside the demo company, without an engine between them: windows, census and presence against the truth.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use ovia_connectors::contract::RetryLimits;
use ovia_connectors::{CensusRequest, Connector, ConnectorConfig, Credentials, Presence, PullRequest, Unlimited, connector_open};
use ovia_demo::{CompanySize, DemoServer, FaultKind, FaultRule, Faults};
use ovia_domain::{BaseUrl, Source, TimeWindow};
use serde_json::Value;
use serde_json::value::to_raw_value;

use crate::demo;

fn open(demo: &DemoServer) -> Box<dyn Connector> {
    // Another test may have been first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = ConnectorConfig {
        source: Source::Gitlab,
        base_url: BaseUrl::parse(demo.base_url(), true).unwrap(),
        credentials: Credentials::token(demo::TOKEN.to_owned().into()),
        settings: demo::settings(demo),
        allow_private_addresses: true,
        retry: RetryLimits::default(),
        budget: Arc::new(Unlimited),
    };
    connector_open(config).unwrap()
}

/// All ids of a partition; `None` if they cannot be enumerated.
async fn census(connector: &dyn Connector, stream: &str, partition: &str) -> Option<BTreeSet<String>> {
    let (mut ids, mut cursor) = (BTreeSet::new(), None);
    loop {
        let page = connector.census(CensusRequest { stream, partition, cursor: cursor.as_ref() }).await.unwrap();
        ids.extend(page.external_ids);
        if page.not_available.is_some() {
            return None;
        }
        if page.done {
            return Some(ids);
        }
        cursor = Some(page.cursor);
    }
}

/// Ids of the rows of a window.
async fn window(connector: &dyn Connector, stream: &str, partition: &str, window: TimeWindow) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let page = connector.pull(PullRequest { stream, partition, cursor: cursor.as_ref(), window: Some(window) }).await.unwrap();
        assert!(page.dead_letters.is_empty() && page.watermark.is_none());
        ids.extend(page.records.into_iter().map(|record| record.external_id));
        if page.done {
            return ids;
        }
        cursor = Some(page.cursor);
    }
}

/// Ids per census stream and partition, as the truth has them.
fn expected(demo: &DemoServer) -> Vec<(&'static str, String, BTreeSet<String>)> {
    let truth = demo.truth();
    let scope = format!("group:{}", demo.top_group());
    let mut all = vec![
        ("groups", scope.clone(), truth.groups.keys().cloned().collect()),
        ("projects", scope.clone(), truth.projects.keys().cloned().collect()),
        ("members", scope, truth.memberships.keys().cloned().collect()),
    ];
    for project in truth.projects.keys() {
        macro_rules! table {
            ($name:literal, $table:ident, $keep:expr) => {
                let rows = truth.$table.iter().filter(|(_, row)| row.project_external_id == *project && $keep(*row));
                all.push(($name, project.clone(), rows.map(|(id, _)| id.clone()).collect()));
            };
        }
        table!("issues", issues, |_| true);
        table!("merge_requests", merge_requests, |_| true);
        table!("pipelines", pipelines, |_| true);
        table!("jobs", jobs, |row: &ovia_demo::JobRow| row.job_kind == "job");
        table!("environments", environments, |_| true);
        table!("deployments", deployments, |_| true);
        table!("releases", releases, |_| true);
    }
    all
}

#[tokio::test]
async fn a_census_is_the_truth_before_and_after_deletions() {
    let demo = demo::server(CompanySize::small()).await;
    let connector = open(&demo);
    for round in 0..2 {
        for (stream, partition, ids) in expected(&demo) {
            assert_eq!(census(&*connector, stream, &partition).await, Some(ids), "{stream} {partition} in round {round}");
        }
        demo.delete_merge_requests(9);
        demo.delete_issues(5);
        demo.delete_pipelines(7);
        demo.delete_deployments(4);
        demo.delete_releases(2);
    }
    demo.set_faults(FaultRule::always(FaultKind::Status(403)).route("/issues$").into());
    let project = demo.truth().projects.keys().next().unwrap().clone();
    assert_eq!(census(&*connector, "issues", &project).await, None);
    demo.set_faults(Faults::default());
    demo.shutdown().await;
}

#[tokio::test]
async fn windows_that_touch_bring_each_row_once() {
    let demo = demo::server(CompanySize::small()).await;
    let connector = open(&demo);
    let truth = demo.truth();
    let whole = TimeWindow { from: demo::as_of() - TimeDelta::days(800), to: demo::as_of() + TimeDelta::days(1) };
    for project in truth.projects.keys() {
        for stream in ["issues", "merge_requests", "pipelines", "deployments"] {
            let mut found = Vec::new();
            for part in whole.split(TimeDelta::days(41)) {
                found.extend(window(&*connector, stream, project, part).await);
            }
            let all = expected(&demo).into_iter().find(|(name, partition, _)| *name == stream && partition == project).unwrap().2;
            assert_eq!(found.len(), all.len(), "{stream} {project}: a row came twice or never");
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), all, "{stream} {project}");
        }
    }
    demo.shutdown().await;
}

#[tokio::test]
async fn deleted_is_told_from_out_of_sight() {
    let demo = demo::server(CompanySize::small()).await;
    let connector = open(&demo);
    let truth = demo.truth();
    let project = truth.projects.keys().next().unwrap().clone();
    let scope = format!("group:{}", demo.top_group());
    let rows: Vec<(String, i64)> = truth
        .merge_requests
        .iter()
        .filter(|(_, row)| row.project_external_id == project)
        .map(|(id, row)| (id.clone(), row.number))
        .collect();
    let look = async |id: &str, number: i64| {
        let payload = to_raw_value(&Value::from_iter([("iid".to_owned(), Value::from(number))])).unwrap();
        connector.presence("merge_requests", &project, id, Some(&payload)).await.unwrap()
    };
    assert!(demo.delete_merge_request(&rows[0].0));
    assert_eq!(look(&rows[0].0, rows[0].1).await, Presence::Deleted);
    assert_eq!(look(&rows[1].0, rows[1].1).await, Presence::Present);
    demo.hide_project(&project);
    assert_eq!(look(&rows[1].0, rows[1].1).await, Presence::NotVisible);
    assert_eq!(connector.presence("projects", &scope, &project, None).await.unwrap(), Presence::NotVisible);
    demo.show_project(&project);
    demo.delete_project(&project);
    assert_eq!(connector.presence("projects", &scope, &project, None).await.unwrap(), Presence::Deleted);
    for (stream, id) in [("pipelines", truth.pipelines.keys().next().unwrap()), ("members", truth.memberships.keys().next().unwrap())] {
        let partition = truth.pipelines.get(id).map_or(scope.clone(), |row| row.project_external_id.clone());
        let expected = if partition == project { Presence::NotVisible } else { Presence::Present };
        assert_eq!(connector.presence(stream, &partition, id, None).await.unwrap(), expected, "{stream}");
    }
    demo.shutdown().await;
}
