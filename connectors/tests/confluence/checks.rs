//! Whether a connection works.

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::confluence::Confluence;
use ovia_connectors::{Connector, ConnectorConfig, ConnectorError, Credentials};
use serde_json::json;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer};

use crate::site::{Site, space};
use crate::support::{config, error, ok, open, open_with, serve};

#[tokio::test]
async fn it_says_who_it_is_and_what_will_not_work() {
    let site = Site::new(0);
    site.state().shows_zone = false;
    site.state().spaces.push(space(2, "OLD", "global", "archived"));
    let server = site.start().await;
    let connector = open_with(&server.uri(), json!({"space_keys": ["DOCS", "NOPE", "OLD"]}));
    let report = connector.check().await.unwrap();
    assert_eq!(report.account, "Sync");
    let expected = ["time zone is not known", "may not see groups", "space NOPE does not exist", "space OLD is archived"];
    assert_eq!(report.warnings.len(), expected.len(), "{:?}", report.warnings);
    for (warning, expected) in report.warnings.iter().zip(expected) {
        assert!(warning.contains(expected), "{warning}");
    }
}

#[tokio::test]
async fn a_connection_that_works_has_no_warnings() {
    let site = Site::new(0);
    let server = MockServer::start().await;
    serve(&server, "/wiki/rest/api/group", ok(json!({"results": [], "_links": {}}))).await;
    Mock::given(any()).respond_with(site).mount(&server).await;
    let report = open_with(&server.uri(), json!({"space_keys": ["docs"]})).check().await.unwrap();
    assert!(report.warnings.iter().all(|warning| warning.contains("docs")), "{:?}", report.warnings);
    assert!(open(&server.uri()).check().await.unwrap().warnings.is_empty());
}

#[tokio::test]
async fn refused_credentials_and_anonymous_access_fail() {
    for answer in [error(401, "no"), ok(json!({"type": "anonymous", "accountId": null, "displayName": "Anonymous"}))] {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let error = open(&server.uri()).check().await.unwrap_err();
        assert!(matches!(error, ConnectorError::Unauthenticated { .. }), "{error}");
    }
}

#[test]
fn settings_and_credentials_that_cannot_work_are_named() {
    let field = |config: ConnectorConfig| match Confluence::open(config).unwrap_err() {
        ConnectorError::Configuration { field, .. } => field,
        other => panic!("{other}"),
    };
    assert_eq!(field(config("http://127.0.0.1:9", json!({"space_keys": [""]}))), "settings.space_keys[0]");
    assert_eq!(field(config("http://127.0.0.1:9", json!({"page_size": 1000}))), "settings.page_size");
    let with = |credentials: &str| ConnectorConfig {
        credentials: Credentials::parse(&credentials.to_owned().into()),
        ..config("http://127.0.0.1:9", json!({}))
    };
    assert_eq!(field(with(r#"{"email":"a@acme.example"}"#)), "credentials.api_token");
    assert_eq!(field(with(r#"{"api_token":"x"}"#)), "credentials.email");
    assert_eq!(field(with(r#"{"access_token":"a\nb"}"#)), "credentials.access_token");
}
