//! Pages in any order, again and again: the rows are the source's, each once.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Duration;
use chrono_tz::Tz;
use ovia_connectors::contract::RetryLimits;
use ovia_connectors::{Connector, ConnectorConfig, Credentials, PullRequest, Unlimited, connector_open};
use ovia_demo::JiraServer;
use ovia_domain::{BaseUrl, DetailRequest, Partitioning, Record, RunId, Source, StreamKind};
use ovia_tests::{TestApp, TestOptions, state};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    atlassian::{assert_jira, connect_jira, jira, options},
    demo,
};

const RUNS: usize = 10;

fn open(site: &JiraServer) -> Box<dyn Connector> {
    // another test may have been first, which is as good
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = ConnectorConfig {
        source: Source::Jira,
        base_url: BaseUrl::parse(site.base_url(), true).unwrap(),
        credentials: Credentials::parse(&site.credentials().to_string().into()),
        settings: json!({"project_keys": site.project_keys(), "page_size": 10}),
        allow_private_addresses: true,
        retry: RetryLimits::default(),
        budget: Arc::new(Unlimited),
    };
    connector_open(config).unwrap()
}

/// A page of one stream.
type Page = (&'static str, Vec<Record>);

/// Everything the site shows now, page by page.
async fn pages(site: &JiraServer) -> Vec<Page> {
    let connector = open(site);
    let (mut pages, mut details): (Vec<Page>, BTreeMap<String, Vec<DetailRequest>>) = (Vec::new(), BTreeMap::new());
    for stream in connector.streams() {
        let stored: Vec<Page> = match stream.kind {
            StreamKind::List(partitioning) => {
                let partitions: Vec<String> = match partitioning {
                    Partitioning::Configured => connector.scopes_of(stream.name),
                    Partitioning::PerRecordOf(parent) => {
                        let of_parent = pages.iter().filter(|(name, _)| *name == parent);
                        of_parent.flat_map(|(_, records)| records).map(|record| record.external_id.clone()).collect()
                    }
                };
                let mut walked = Vec::new();
                for partition in partitions {
                    walked.extend(walk(&*connector, stream.name, &partition).await.into_iter().map(|records| (stream.name, records)));
                }
                walked
            }
            StreamKind::Detail => {
                let mut read = Vec::new();
                for requests in details.remove(stream.name).unwrap_or_default().chunks(connector.detail_batch(stream.name)) {
                    let answers = connector.pull_details(requests).await.unwrap();
                    read.extend(answers.into_iter().map(|detail| (stream.name, detail.records)));
                }
                read
            }
        };
        for request in stored.iter().flat_map(|(_, records)| records).flat_map(|record| &record.details) {
            details.entry(request.stream.clone()).or_default().push(request.clone());
        }
        pages.extend(stored);
    }
    pages
}

async fn walk(connector: &dyn Connector, stream: &str, partition: &str) -> Vec<Vec<Record>> {
    let (mut pages, mut cursor) = (Vec::new(), None);
    loop {
        let page = connector.pull(PullRequest { stream, partition, cursor: cursor.as_ref(), window: None }).await.unwrap();
        assert!(page.dead_letters.is_empty(), "{:?}", page.dead_letters);
        pages.push(page.records);
        if page.done {
            return pages;
        }
        cursor = Some(page.cursor);
    }
}

/// Pages of the first reading of the issues are mixed in: what is older must not win, whenever it comes.
#[tokio::test]
async fn ten_runs_in_random_order_leave_the_truth_and_no_duplicate() {
    let app = TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await;
    let site = jira(options(Tz::UTC));
    let connection = connect_jira(&app, &site).await.parse().unwrap();
    let older = pages(&site).await;
    let at = demo::as_of() + Duration::hours(1);
    site.edit(|jira| {
        jira.edit_issues(20, at);
        jira.move_issues(3, at);
        jira.remove_links(3, at);
        jira.add_release(60, 20, at);
    });
    let newer = pages(&site).await;
    let all: Vec<&Page> = newer.iter().chain(older.iter().filter(|(stream, _)| *stream == "issues")).collect();
    assert!(all.len() > 60, "{} pages", all.len());
    for run in 0..RUNS {
        let mut order: Vec<usize> = (0..all.len()).collect();
        order.sort_by_cached_key(|page| Sha256::digest(format!("{run} {page}")));
        let mut inserted = 0;
        for page in order {
            let (stream, records) = all[page];
            let counts = app.store.records_upsert(app.org, connection, Source::Jira, RunId::generate(), stream, records).await.unwrap();
            // an issue's payload shows a little of its neighbours, and changes with them: it may be written again
            inserted += counts.inserted;
        }
        assert_eq!(inserted > 0, run == 0, "run {run} inserted {inserted} records");
        assert_jira(&app.store, &site).await;
        let twice =
            "select count(*) from (select key from work_items where deleted_at is null group by connection_id, key having count(*) > 1) k";
        assert_eq!(state::count(&app.store, twice).await, 0, "keys that two work items have");
    }
}
