//! No secret in anything a person, a log or the store gets to see.

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::ConnectorError;
use ovia_connectors::gitlab::Gitlab;
use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use crate::support::{TOKEN, config, open, pull_error, serve, walk};

const ISSUES: &str = "/api/v4/projects/7/issues";

fn assert_clean(error: &ConnectorError) {
    for text in [
        format!("{error}"),
        format!("{error:?}"),
        error.request().unwrap_or_default().to_owned(),
        error.hint(ovia_domain::Source::Gitlab).to_owned(),
    ] {
        assert!(!text.contains(TOKEN), "{text}");
    }
}

#[tokio::test]
async fn errors_do_not_repeat_the_token_even_if_the_source_does() {
    let echo = json!({"error": "invalid", "error_description": format!("the token {TOKEN} is bad, see ?private_token={TOKEN}")});
    for status in [400, 401, 403, 404, 429, 500, 503] {
        let server = MockServer::start().await;
        serve(&server, ISSUES, ResponseTemplate::new(status).set_body_json(&echo)).await;
        let connector = open(&server.uri());
        assert!(!format!("{connector:?}").contains(TOKEN));
        match walk(&connector, "issues", "7", None).await {
            Err(error) => assert_clean(&error),
            Ok(walked) => assert!(!walked.not_available.unwrap().contains(TOKEN)),
        }
    }
}

#[tokio::test]
async fn errors_about_redirects_and_dead_hosts_are_clean_too() {
    let server = MockServer::start().await;
    let location = format!("/api/v4/projects/8/issues?private_token={TOKEN}");
    serve(&server, ISSUES, ResponseTemplate::new(302).insert_header("location", location)).await;
    serve(&server, "/api/v4/projects/8/issues", ResponseTemplate::new(500)).await;
    let error = pull_error(&open(&server.uri()), "issues", "7").await;
    assert_clean(&error);
    let error = pull_error(&open("http://127.0.0.1:9"), "issues", "7").await;
    assert_clean(&error);
    assert!(error.request().unwrap().starts_with("GET http://127.0.0.1:9/api/v4/projects/7/issues?"));
}

#[tokio::test]
async fn a_token_that_cannot_be_sent_is_a_configuration_error_without_it() {
    for token in ["secret\nvalue", "", "  "] {
        let error = Gitlab::open(ovia_connectors::ConnectorConfig {
            credentials: ovia_connectors::Credentials::token(token.to_owned().into()),
            ..config("http://127.0.0.1:9", json!({"projects": ["a"]}))
        })
        .unwrap_err();
        assert!(matches!(&error, ConnectorError::Configuration { field, .. } if field == "credentials.token"), "{error}");
        assert!(!format!("{error:?}").contains("secret"));
    }
}

#[tokio::test]
async fn payloads_are_stored_without_the_secrets_gitlab_puts_in_them() {
    let server = MockServer::start().await;
    let project = json!({"id": 7, "name": "web", "path_with_namespace": "acme/web", "runners_token": "GR13invented", "readme_url": "https://git.example/x?private_token=abc"});
    serve(&server, "/api/v4/projects/acme%2Fweb", ResponseTemplate::new(200).set_body_json(project)).await;
    let walked = walk(&open(&server.uri()), "projects", "project:acme/web", None).await.unwrap();
    let raw = walked.records[0].raw.get();
    assert!(!raw.contains("GR13invented") && !raw.contains("abc"), "{raw}");
}

#[test]
fn a_private_base_url_is_refused_unless_allowed() {
    let stored_while_allowed = config("http://10.0.0.1", json!({"projects": ["a"]}));
    let error = Gitlab::open(ovia_connectors::ConnectorConfig { allow_private_addresses: false, ..stored_while_allowed }).unwrap_err();
    assert!(matches!(&error, ConnectorError::Configuration { field, .. } if field == "base_url"), "{error}");
}

#[test]
fn settings_that_cannot_work_are_named() {
    let error = Gitlab::open(config("http://127.0.0.1:9", json!({"projects": ["a"], "page_size": 500}))).unwrap_err();
    assert!(matches!(&error, ConnectorError::Configuration { field, .. } if field == "settings.page_size"), "{error}");
}
