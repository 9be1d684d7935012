//! What `check` reports.

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::{Connector, ConnectorError};
use serde_json::json;
use wiremock::MockServer;

use crate::support::{error, ok, open_with, serve};

const SETTINGS: &str = r#"{"groups": ["acme", "gone"], "projects": ["acme/web", "acme/secret"]}"#;

async fn healthy() -> MockServer {
    let server = MockServer::start().await;
    serve(&server, "/api/v4/user", ok(json!({"id": 1, "username": "ada"}))).await;
    serve(&server, "/api/v4/groups/acme", ok(json!({"id": 3}))).await;
    serve(&server, "/api/v4/projects/acme%2Fweb", ok(json!({"id": 7}))).await;
    serve(&server, "/api/v4/projects/acme%2Fsecret", error(403, "403 Forbidden")).await;
    server
}

#[tokio::test]
async fn every_bad_scope_is_a_warning() {
    let server = healthy().await;
    serve(&server, "/api/v4/personal_access_tokens/self", ok(json!({"scopes": ["read_api"], "expires_at": "2999-01-01"}))).await;
    serve(&server, "/api/v4/metadata", ok(json!({"version": "18.3.1-ee", "revision": "x"}))).await;
    let report = open_with(&server.uri(), serde_json::from_str(SETTINGS).unwrap()).check().await.unwrap();
    assert_eq!((report.account.as_str(), report.version.as_deref()), ("@ada", Some("18.3.1-ee")));
    assert_eq!(report.warnings.len(), 2, "{:?}", report.warnings);
    assert!(report.warnings[0].contains("group `gone` does not exist"));
    assert!(report.warnings[1].contains("may not read the project `acme/secret`"));
}

#[tokio::test]
async fn old_servers_and_oauth_tokens_are_fine() {
    let server = healthy().await;
    serve(&server, "/api/v4/version", ok(json!({"version": "13.1.0"}))).await;
    let report = open_with(&server.uri(), json!({"groups": ["acme"]})).check().await.unwrap();
    assert_eq!((report.version.as_deref(), report.warnings.len()), (Some("13.1.0"), 0));
}

#[tokio::test]
async fn a_weak_token_that_ends_soon_is_warned_of() {
    let server = healthy().await;
    let soon = (chrono::Utc::now() + chrono::TimeDelta::days(3)).date_naive().to_string();
    serve(&server, "/api/v4/personal_access_tokens/self", ok(json!({"scopes": ["read_user"], "expires_at": soon}))).await;
    let report = open_with(&server.uri(), json!({"groups": ["acme"]})).check().await.unwrap();
    assert!(report.warnings[0].contains("read_api") && report.warnings[1].contains(&soon), "{:?}", report.warnings);
}

#[tokio::test]
async fn a_wrong_token_or_address_fails_the_check() {
    let server = MockServer::start().await;
    let connector = open_with(&server.uri(), json!({"groups": ["acme"]}));
    let nothing_there = connector.check().await.unwrap_err();
    assert!(matches!(nothing_there, ConnectorError::NotFound { .. }), "{nothing_there}");
    serve(&server, "/api/v4/user", error(401, "401 Unauthorized")).await;
    let refused = connector.check().await.unwrap_err();
    assert!(matches!(refused, ConnectorError::Unauthenticated { .. }), "{refused}");
}
