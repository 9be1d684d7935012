//! `check`: whose credentials they are, and what will not work.

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::jira::Jira;
use ovia_connectors::{Connector, ConnectorConfig, ConnectorError, Credentials};
use serde_json::json;
use wiremock::matchers::{header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{asked, config, get, ok, open, open_with, refused, serve};

#[tokio::test]
async fn the_account_its_time_zone_and_projects_that_are_not_there() {
    let server = MockServer::start().await;
    get(
        &server,
        "/rest/api/3/myself",
        json!({"accountId": "a1", "displayName": "Ada Example", "timeZone": "Asia/Kathmandu", "active": true}),
    )
    .await;
    get(&server, "/rest/api/3/project/WEB", json!({"id": "1", "key": "WEB"})).await;
    get(&server, "/rest/api/3/project/SHOP", json!({"id": "1", "key": "WEB"})).await;
    serve(&server, "/rest/api/3/project/NOPE", refused(404, "No project could be found")).await;
    let report = open_with(&server.uri(), json!({"project_keys": ["WEB", "SHOP", "NOPE"]})).check().await.unwrap();
    assert_eq!(report.account, "Ada Example (time zone Asia/Kathmandu)");
    assert_eq!(report.warnings.len(), 2);
    assert!(report.warnings[0].contains("`SHOP` is called `WEB`") && report.warnings[1].contains("`NOPE`"), "{:?}", report.warnings);
}

#[tokio::test]
async fn pitfall_1_6_a_token_that_ends_soon_is_told_before() {
    let server = MockServer::start().await;
    let soon = (chrono::Utc::now() + chrono::TimeDelta::days(3)).to_rfc3339();
    let answer = ok(json!({"accountId": "a1", "displayName": "Ada"})).insert_header("x-api-token-expires-at", soon);
    serve(&server, "/rest/api/3/myself", answer).await;
    get(&server, "/rest/api/3/project/WEB", json!({"id": "1", "key": "WEB"})).await;
    let report = open(&server.uri()).check().await.unwrap();
    assert!(report.warnings[0].contains("The token expires at"), "{:?}", report.warnings);
}

#[tokio::test]
async fn pitfall_1_6_a_401_is_reconnect_and_asked_once() {
    let server = MockServer::start().await;
    serve(&server, "/rest/api/3/myself", refused(401, "Client must be authenticated to access this resource.")).await;
    let jira = open(&server.uri());
    let error = jira.check().await.unwrap_err();
    assert!(matches!(error, ConnectorError::Unauthenticated { .. }) && !error.is_retryable());
    assert!(error.hint(jira.source()).contains("API token") && !error.hint(jira.source()).contains("read_api"));
    assert_eq!(asked(&server).await.len(), 1, "repeated failures lock the account");
}

#[tokio::test]
async fn basic_and_bearer_and_a_base_url_with_a_cloud_id() {
    let server = MockServer::start().await;
    let myself = || ok(json!({"accountId": "a1"}));
    let basic = "Basic YWRhQGFjbWUuZXhhbXBsZTpBVEFUVDN4SW52ZW50ZWQwMTIzNDU2Nzg5";
    Mock::given(path("/rest/api/3/myself")).and(header("authorization", basic)).respond_with(myself()).mount(&server).await;
    let gateway = Mock::given(path("/ex/jira/11aa-22bb/rest/api/3/myself")).and(header("authorization", "Bearer invented.token"));
    gateway.respond_with(myself()).mount(&server).await;
    serve(&server, "/rest/api/3/project/WEB", refused(404, "no")).await;
    serve(&server, "/ex/jira/11aa-22bb/rest/api/3/project/WEB", ResponseTemplate::new(200).set_body_json(json!({"id": "1"}))).await;
    assert_eq!(open(&server.uri()).check().await.unwrap().account, "a1");
    let bearer = ConnectorConfig {
        credentials: Credentials::parse(&json!({"access_token": "invented.token"}).to_string().into()),
        ..config(&format!("{}/ex/jira/11aa-22bb/", server.uri()), json!({"project_keys": ["WEB"]}))
    };
    assert_eq!(Jira::open(bearer).unwrap().check().await.unwrap().warnings, Vec::<String>::new());
}

#[test]
fn credentials_and_settings_that_cannot_work_are_named() {
    let field = |credentials: serde_json::Value, settings: serde_json::Value| {
        let config =
            ConnectorConfig { credentials: Credentials::parse(&credentials.to_string().into()), ..config("http://127.0.0.1:9", settings) };
        match Jira::open(config).unwrap_err() {
            ConnectorError::Configuration { field, .. } => field,
            other => panic!("{other}"),
        }
    };
    let keys = || json!({"project_keys": ["WEB"]});
    assert_eq!(field(json!({"token": "x"}), keys()), "credentials.email");
    assert_eq!(field(json!({"email": "ada@acme.example"}), keys()), "credentials.api_token");
    assert_eq!(field(json!({"access_token": "a\nb"}), keys()), "credentials.access_token");
    assert_eq!(field(json!({"access_token": "ab"}), json!({"project_keys": [" "]})), "settings.project_keys[0]");
}
