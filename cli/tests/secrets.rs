//! Secrets on the command line, against a stand-in API: what is sent, and what is never printed.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_json, header, method, path},
};

const CONNECTION: &str = "018f0000-0000-7000-8000-00000000000c";
/// Shaped as Atlassian's are, with `=` near the end.
const SECRET: &str = "ATATT3xInventedForThisTest_0123456789=1A2B3C4D";

/// Runs `ovia` with the secret in the variable SITE_SECRET.
async fn ovia(server: &MockServer, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ovia"));
    command.args(arguments).env("OVIA_API_URL", server.uri()).env("OVIA_TOKEN", "ovia_test").env("NO_COLOR", "1");
    command.env("SITE_SECRET", SECRET).env_remove("NOT_SET").env_remove("OVIA_DATA_DIR").stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// All it said, on both ways out.
fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8(bytes.clone()).unwrap()).concat()
}

/// Standard output of a command that succeeded.
fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A server that knows the connection `site`.
async fn server() -> MockServer {
    let server = MockServer::start().await;
    let list = json!({"items": [{"id": CONNECTION, "name": "site", "source": "jira", "settings": {}}], "next_cursor": null});
    Mock::given(method("GET")).and(path("/connections")).respond_with(ResponseTemplate::new(200).set_body_json(list)).mount(&server).await;
    server
}

fn webhook() -> wiremock::MockBuilder {
    Mock::given(path(format!("/connections/{CONNECTION}/webhook"))).and(header("authorization", "Bearer ovia_test"))
}

#[tokio::test]
async fn a_made_secret_is_shown_this_once() {
    let server = server().await;
    let set = json!({"url": "https://ovia.example/webhooks/1", "path": "/webhooks/1", "secret": "whsec_made"});
    let answer = ResponseTemplate::new(200).set_body_json(&set);
    webhook().and(method("PUT")).and(body_json(json!({}))).respond_with(answer).expect(2).mount(&server).await;
    let text = stdout(&ovia(&server, &["connections", "webhook", "site", "--set"]).await);
    assert!(text.contains("whsec_made") && text.contains("https://ovia.example/webhooks/1"), "{text}");
    let document = stdout(&ovia(&server, &["connections", "webhook", "site", "--set", "--json"]).await);
    assert_eq!(serde_json::from_str::<Value>(&document).unwrap(), set);
}

#[tokio::test]
async fn a_given_secret_is_sent_and_not_shown() {
    let server = server().await;
    let answer =
        ResponseTemplate::new(200).set_body_json(json!({"url": "https://ovia.example/webhooks/1", "path": "/webhooks/1", "secret": null}));
    webhook().and(method("PUT")).and(body_json(json!({"secret": SECRET}))).respond_with(answer).expect(2).mount(&server).await;
    for more in [&[][..], &["--json"]] {
        let output = ovia(&server, &[&["connections", "webhook", "site", "--secret-env", "SITE_SECRET"][..], more].concat()).await;
        assert!(stdout(&output).contains("/webhooks/1") && !said(&output).contains(SECRET), "{}", said(&output));
    }
}

#[tokio::test]
async fn a_webhook_is_removed_or_looked_at() {
    let server = server().await;
    webhook().and(method("DELETE")).respond_with(ResponseTemplate::new(204)).expect(2).mount(&server).await;
    let text = stdout(&ovia(&server, &["connections", "webhook", "site", "--remove"]).await);
    assert_eq!(text.trim(), "Removed the webhook of site.");
    let document = stdout(&ovia(&server, &["connections", "webhook", "site", "--remove", "--json"]).await);
    assert_eq!(serde_json::from_str::<Value>(&document).unwrap(), json!({"id": CONNECTION, "removed": true}));
    assert!(server.received_requests().await.unwrap().iter().all(|request| request.body.is_empty()));
    for flag in ["--set", "--secret-env=SITE_SECRET"] {
        let both = ovia(&server, &["connections", "webhook", "site", "--remove", flag]).await;
        assert_eq!(both.status.code(), Some(2), "{}", said(&both));
    }

    let counts = json!([{"kind": "issue", "state": "done", "deliveries": 7, "last_at": "2026-03-01T10:00:00Z"}]);
    let (url, set_at) = ("https://ovia.example/webhooks/1", "2026-03-01T09:00:00Z");
    let shown = json!({"url": url, "updated_at": set_at, "last_delivery_at": null, "deliveries": counts});
    webhook().and(method("GET")).respond_with(ResponseTemplate::new(200).set_body_json(shown)).expect(1).mount(&server).await;
    let text = stdout(&ovia(&server, &["connections", "webhook", "site"]).await);
    assert!(text.contains("7 issue done") && text.contains("2026-03-01"), "{text}");
}

/// The natural slip: the secret where its variable's name belongs. What is printed ends in CI's logs.
#[tokio::test]
async fn a_secret_in_the_place_of_its_variable_is_refused_unread() {
    let server = server().await;
    let add = ["connections", "add", "jira", "--name", "site", "--base-url", "https://acme.atlassian.net"];
    let update = ["connections", "update", "site"];
    let set = ["connections", "webhook", "site"];
    let named = format!("api_token={SECRET}");
    let without_sign = SECRET.replace('=', "");
    // a token that could be a variable's name
    let plain = "abcdef_0123456789";
    let plain_named = format!("api_token={plain}");
    for (verb, flag, given, told) in [
        (&add[..], "--credential", named.as_str(), "`api_token`"),
        (&update, "--credential", &named, "`api_token`"),
        (&add, "--credential", &plain_named, "`api_token`"),
        (&add, "--credential", SECRET, "NAME=VARIABLE"),
        (&add, "--credential", &without_sign, "NAME=VARIABLE"),
        (&add, "--credential", plain, "NAME=VARIABLE"),
        (&add, "--credential", "api_token=", "`api_token`"),
        (&add, "--token-env", SECRET, "`token`"),
        (&add, "--token-env", plain, "`token`"),
        (&set, "--secret-env", SECRET, "webhook's secret"),
        (&set, "--secret-env", plain, "webhook's secret"),
        (&set, "--secret-env", "NOT_SET", "webhook's secret"),
    ] {
        let output = ovia(&server, &[verb, &[flag, given]].concat()).await;
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{flag} {given}: {said}");
        assert!(said.contains(told) && said.contains("hint: "), "{flag} {given}: {said}");
        for secret in ["ATATT3x", "Invented", "1A2B3C4D", plain] {
            assert!(!said.contains(secret), "{flag} {given}: {said}");
        }
    }
    let sent = server.received_requests().await.unwrap();
    assert!(sent.iter().all(|request| request.method.as_str() == "GET"), "something was sent");
}
