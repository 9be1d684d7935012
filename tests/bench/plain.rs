//! The raw limit: fetch, parse, upsert, in a plain loop.

use std::{sync::Arc, time::Instant};

use futures::{StreamExt, TryStreamExt, stream};
use ovia_connectors::{Connector, ConnectorConfig, Credentials, connector_open, contract::RetryLimits, gitlab};
use ovia_demo::BenchServer;
use ovia_domain::{BaseUrl, ConnectionId, DetailRequest, OrgId, RunId, Source};
use ovia_store::Store;
use ovia_tests::{TestApp, TestOptions};
use serde_json::{json, value::RawValue};

pub struct Measured {
    pub rows: u64,
    pub seconds: f64,
}

impl Measured {
    pub fn rate(&self) -> f64 {
        self.rows as f64 / self.seconds
    }
}

/// A database with an organisation and a connection to write under.
struct Target {
    app: TestApp,
    connection: ConnectionId,
    run: RunId,
}

impl Target {
    async fn new(source: &BenchServer) -> anyhow::Result<Self> {
        let app = TestApp::start_with(TestOptions { worker: false, ..TestOptions::default() }).await;
        let connection = app.connect("plain", source.base_url(), source.token(), json!({"projects": [source.project()]})).await;
        Ok(Self { connection: connection.parse()?, app, run: RunId::generate() })
    }

    fn scope(&self) -> (Store, OrgId, ConnectionId, RunId) {
        (self.app.store.clone(), self.app.org, self.connection, self.run)
    }
}

/// Pages of a hundred rows.
fn pages(source: &BenchServer) -> usize {
    source.merge_requests().div_ceil(100)
}

fn page_url(source: &BenchServer, page: usize) -> String {
    let project = source.project().replace('/', "%2F");
    let query = format!("state=all&scope=all&order_by=updated_at&sort=asc&per_page=100&page={page}");
    format!("{}/api/v4/projects/{project}/merge_requests?{query}", source.base_url())
}

/// Every page of the merge request list, `in_flight` at a time.
pub async fn lists(source: &BenchServer, in_flight: usize) -> anyhow::Result<Measured> {
    let target = Target::new(source).await?;
    let client = reqwest::Client::new();
    let began = Instant::now();
    let rows = stream::iter(1..=pages(source))
        .map(|page| {
            let (client, (store, org, connection, run)) = (client.clone(), target.scope());
            let url = page_url(source, page);
            let (token, project) = (source.token().to_owned(), source.project().to_string());
            async move {
                let work = async move {
                    let body = client.get(url).header("PRIVATE-TOKEN", token).send().await?.error_for_status()?.bytes().await?;
                    let rows: Vec<Box<RawValue>> = serde_json::from_slice(&body)?;
                    let (records, _) = gitlab::normalise_list("merge_requests", &project, false, rows);
                    let counts = store.records_upsert(org, connection, Source::Gitlab, run, "merge_requests", &records).await?;
                    anyhow::Ok(counts.inserted as u64)
                };
                if in_flight == 1 { work.await } else { tokio::spawn(work).await? }
            }
        })
        .buffer_unordered(in_flight)
        .try_fold(0, |sum, rows| async move { Ok(sum + rows) })
        .await?;
    Ok(Measured { rows, seconds: began.elapsed().as_secs_f64() })
}

/// The list, then every detail of every merge request with eight requests in flight, committed 64 items at a time.
pub async fn details(source: &BenchServer) -> anyhow::Result<Measured> {
    let target = Target::new(source).await?;
    let (store, org, connection, run) = target.scope();
    let connector = connector(source)?;
    let client = reqwest::Client::new();
    let began = Instant::now();
    let mut rows = 0;
    let mut requests: Vec<DetailRequest> = Vec::new();
    for page in 1..=pages(source) {
        let url = page_url(source, page);
        let body = client.get(url).header("PRIVATE-TOKEN", source.token()).send().await?.bytes().await?;
        let (records, _) = gitlab::normalise_list("merge_requests", source.project(), true, serde_json::from_slice(&body)?);
        rows += store.records_upsert(org, connection, Source::Gitlab, run, "merge_requests", &records).await?.inserted as u64;
        requests.extend(records.into_iter().flat_map(|record| record.details));
    }
    requests.sort_by(|a, b| a.stream.cmp(&b.stream));
    for same in requests.chunk_by(|a, b| a.stream == b.stream) {
        let stream_name = same[0].stream.clone();
        let mut answers = stream::iter(same.to_vec())
            .map(|request| {
                let connector = Arc::clone(&connector);
                async move { connector.pull_detail(&request).await }
            })
            .buffer_unordered(8)
            .chunks(64);
        while let Some(chunk) = answers.next().await {
            let mut records = Vec::new();
            for detail in chunk {
                records.extend(detail?.records);
            }
            rows += store.records_upsert(org, connection, Source::Gitlab, run, &stream_name, &records).await?.inserted as u64;
        }
    }
    Ok(Measured { rows, seconds: began.elapsed().as_secs_f64() })
}

fn connector(source: &BenchServer) -> anyhow::Result<Arc<dyn Connector>> {
    let config = ConnectorConfig {
        source: Source::Gitlab,
        base_url: BaseUrl::parse(source.base_url(), true)?,
        credentials: Credentials::token(source.token().to_owned().into()),
        settings: json!({"projects": [source.project()]}),
        allow_private_addresses: true,
        retry: RetryLimits::default(),
        budget: Arc::new(ovia_connectors::Unlimited),
    };
    Ok(Arc::from(connector_open(config)?))
}
