//! Rate limits by reason and header variant.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use ovia_connectors::jira::Jira;
use ovia_connectors::{Budget, ConnectorConfig, ConnectorError, RateObservation};
use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use crate::support::{asked, config, get, serve, walk};

/// Writes down what it is told.
#[derive(Default)]
struct Book(Mutex<Vec<(String, RateObservation)>>);

#[async_trait]
impl Budget for Book {
    async fn admit(&self, _: &str) -> Result<(), DateTime<Utc>> {
        Ok(())
    }

    async fn observe(&self, endpoint: &str, observed: &RateObservation) {
        self.0.lock().unwrap().push((endpoint.to_owned(), observed.clone()));
    }
}

/// What `headers` on a 429 come to: the error, and what the budget was told.
async fn limited(headers: &[(&str, String)]) -> (ConnectorError, Vec<(String, RateObservation)>, usize) {
    let server = MockServer::start().await;
    let mut answer = ResponseTemplate::new(429).set_body_string("Too many requests");
    for (name, value) in headers {
        answer = answer.insert_header(*name, value.as_str());
    }
    serve(&server, "/rest/api/3/status", answer).await;
    get(&server, "/rest/api/3/field", json!([])).await;
    let book = Arc::new(Book::default());
    let settings = json!({"project_keys": ["WEB"]});
    let jira = Jira::open(ConnectorConfig { budget: Arc::clone(&book) as Arc<dyn Budget>, ..config(&server.uri(), settings) }).unwrap();
    let error = walk(&jira, "statuses", "site", None).await.unwrap_err();
    let told = std::mem::take(&mut *book.0.lock().unwrap());
    // another endpoint: stopped by a quota, not by a burst
    let _ = walk(&jira, "fields", "site", None).await;
    let others = asked(&server).await.iter().filter(|line| line.ends_with("/field")).count();
    (error, told, others)
}

fn seconds(error: &ConnectorError) -> i64 {
    match error {
        ConnectorError::RateLimited { until, .. } => (*until - Utc::now()).num_seconds(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn pitfall_1_5_a_burst_concerns_its_endpoint_only() {
    let (error, told, others) = limited(&[("retry-after", "30".into()), ("ratelimit-reason", "jira-burst-based".into())]).await;
    assert!((25..=31).contains(&seconds(&error)));
    assert_eq!((told[0].0.as_str(), told[0].1.endpoint_only, others), ("statuses", true, 1));
}

#[tokio::test]
async fn pitfall_1_5_a_burst_without_a_time_concerns_its_endpoint_only() {
    for (reason, endpoint_only, others) in [("jira-burst-based", true, 1), ("jira-quota-tenant-based", false, 0)] {
        let (error, told, asked) = limited(&[("ratelimit-reason", reason.into())]).await;
        assert!((50..=61).contains(&seconds(&error)), "{reason}");
        let [(endpoint, observed)] = told.as_slice() else { panic!("{told:?}") };
        assert!(observed.not_before.is_some(), "{reason}");
        assert_eq!((endpoint.as_str(), observed.endpoint_only, asked), ("statuses", endpoint_only, others), "{reason}");
    }
}

#[tokio::test]
async fn pitfall_1_5_a_quota_stops_everything() {
    for reason in ["jira-quota-global-based", "jira-quota-tenant-based", "jira-cost-based"] {
        let (error, told, others) = limited(&[("retry-after", "1800".into()), ("ratelimit-reason", reason.into())]).await;
        assert!((1795..=1801).contains(&seconds(&error)), "{reason}");
        assert_eq!((told[0].1.endpoint_only, others), (false, 0), "{reason}");
    }
}

#[tokio::test]
async fn pitfall_1_5_a_gateways_429_without_retry_after_waits_for_the_reset_also_without_seconds() {
    let reset = Utc::now() + TimeDelta::minutes(30);
    for form in ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ"] {
        let (error, _, others) = limited(&[("x-ratelimit-reset", reset.format(form).to_string())]).await;
        assert!((1735..=1801).contains(&seconds(&error)), "{form}");
        assert_eq!(others, 0);
    }
}

#[tokio::test]
async fn pitfall_1_5_a_429_that_says_nothing_is_waited_out_and_told_the_others() {
    let (error, told, _) = limited(&[]).await;
    assert!((50..=61).contains(&seconds(&error)));
    assert!(told.iter().any(|(_, observed)| observed.not_before.is_some()));
}
