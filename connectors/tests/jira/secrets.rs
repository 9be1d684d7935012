//! Credentials are in no error and no record.

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::{Connector, ConnectorError};
use serde_json::json;
use wiremock::{MockServer, ResponseTemplate};

use crate::support::{EMAIL, TOKEN, get, open, serve, walk};

const BASIC: &str = "YWRhQGFjbWUuZXhhbXBsZTpBVEFUVDN4SW52ZW50ZWQwMTIzNDU2Nzg5";

fn assert_clean(error: &ConnectorError) {
    for text in [format!("{error}"), format!("{error:?}"), error.request().unwrap_or_default().to_owned()] {
        assert!(!text.contains(TOKEN) && !text.contains(BASIC), "{text}");
    }
}

#[tokio::test]
async fn errors_that_repeat_the_request_hold_no_credentials() {
    let echo = format!("you sent Basic {BASIC}, that is {EMAIL}:{TOKEN}");
    for status in [400, 401, 403, 404, 418, 500] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).set_body_json(json!({"errorMessages": [echo]}));
        serve(&server, "/rest/api/3/status", answer.clone()).await;
        serve(&server, "/rest/api/3/myself", answer.clone()).await;
        serve(&server, "/rest/api/3/search/jql", answer).await;
        get(&server, "/rest/api/3/field", json!([])).await;
        get(&server, "/rest/api/3/project/10000", json!({"id": "10000"})).await;
        let jira = open(&server.uri());
        assert_clean(&jira.check().await.unwrap_err());
        assert_clean(&walk(&jira, "issues", "10000", None).await.unwrap_err());
        match walk(&jira, "statuses", "site", None).await {
            Err(error) => assert_clean(&error),
            Ok(walked) => assert!(!walked.not_available.unwrap().contains(TOKEN)),
        }
        assert!(!format!("{jira:?}").contains(TOKEN) && !format!("{jira:?}").contains(BASIC));
    }
}

#[tokio::test]
async fn pitfall_5_9_a_redirect_to_another_host_gets_no_credentials() {
    let (server, other) = (MockServer::start().await, MockServer::start().await);
    let to = ResponseTemplate::new(307).insert_header("location", format!("{}/rest/api/3/search/jql", other.uri()));
    serve(&server, "/rest/api/3/search/jql", to).await;
    get(&server, "/rest/api/3/field", json!([])).await;
    let error = walk(&open(&server.uri()), "issues", "10000", None).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Refused { status: 307, .. }), "{error}");
    assert!(other.received_requests().await.unwrap().is_empty());
}
