//! Backfills, pauses and retries from the command line, against a stand-in API.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_json, header, method, path},
};

const RUN: &str = "018f0000-0000-7000-8000-000000000001";
const CONNECTION: &str = "018f0000-0000-7000-8000-00000000000c";

async fn ovia(server: &MockServer, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ovia"));
    command.args(arguments).env("OVIA_API_URL", server.uri()).env("OVIA_TOKEN", "ovia_test").env("NO_COLOR", "1");
    command.env_remove("OVIA_DATA_DIR").stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// Fails with what the command said.
fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn document(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).unwrap()
}

fn run_of(kind: &str, status: &str) -> Value {
    json!({"id": RUN, "kind": kind, "status": status, "connection_name": "acme", "created_at": "2026-03-01T10:00:00Z", "paused_by": "person",
        "windows": {"done": 3, "total": 12}, "counts": {"fetched": 7}, "progress": [], "error": null})
}

/// A server that knows the connection `acme`.
async fn server() -> MockServer {
    let server = MockServer::start().await;
    let list = json!({"items": [{"id": CONNECTION, "name": "acme"}], "next_cursor": null});
    Mock::given(method("GET")).and(path("/connections")).respond_with(ResponseTemplate::new(200).set_body_json(list)).mount(&server).await;
    server
}

async fn posts(server: &MockServer, at: &str, answer: Value) {
    let answer = ResponseTemplate::new(202).set_body_json(answer);
    Mock::given(method("POST")).and(path(at)).respond_with(answer).expect(1).mount(server).await;
}

#[tokio::test]
async fn a_backfill_is_asked_for_by_name_with_what_was_given() {
    let server = server().await;
    let at = format!("/connections/{CONNECTION}/backfill");
    let accepted = ResponseTemplate::new(202).set_body_json(run_of("backfill", "queued"));
    let body =
        json!({"from": "2026-01-01", "to": "2026-02-01T00:00:00Z", "streams": ["issues", "pipelines"], "window": "7d", "priority": 3});
    Mock::given(method("POST"))
        .and(path(&at))
        .and(body_json(body))
        .and(header("idempotency-key", "monday"))
        .respond_with(accepted.clone())
        .expect(1)
        .mount(&server)
        .await;
    let arguments = ["backfill", "acme", "--from", "2026-01-01", "--to", "2026-02-01T00:00:00Z", "--streams", "issues,pipelines"];
    let more = ["--window", "7d", "--priority", "3", "--idempotency-key", "monday", "--json"];
    assert_eq!(document(&ovia(&server, &[&arguments[..], &more[..]].concat()).await)["id"], RUN);

    Mock::given(method("POST"))
        .and(path(&at))
        .and(body_json(json!({"from": "2026-01-01"})))
        .respond_with(accepted)
        .expect(1)
        .mount(&server)
        .await;
    let text = stdout(&ovia(&server, &["backfill", "acme", "--from", "2026-01-01"]).await);
    assert!(text.contains("3 of 12 done"), "{text}");
    for wrong in [&["backfill", "acme"][..], &["backfill", "acme", "--from", "2026-01-01", "--priority", "9"]] {
        assert_eq!(ovia(&server, wrong).await.status.code(), Some(2));
    }
}

#[tokio::test]
async fn a_backfill_that_is_waited_for_says_how_it_ended() {
    let server = server().await;
    posts(&server, &format!("/connections/{CONNECTION}/backfill"), run_of("backfill", "queued")).await;
    let events = "id: 1\nevent: run_started\ndata: {}\n\nid: 2\nevent: run_finished\ndata: {\"status\":\"degraded\"}\n\n";
    let events = ResponseTemplate::new(200).set_body_raw(events, "text/event-stream");
    Mock::given(path(format!("/runs/{RUN}/events"))).respond_with(events).mount(&server).await;
    let ended = ResponseTemplate::new(200).set_body_json(run_of("backfill", "degraded"));
    Mock::given(path(format!("/runs/{RUN}"))).respond_with(ended).mount(&server).await;
    let output = ovia(&server, &["backfill", "acme", "--from", "2026-01-01", "--wait", "--json"]).await;
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["status"], "degraded");
}

#[tokio::test]
async fn runs_are_paused_and_resumed() {
    let server = server().await;
    for (verb, status) in [("pause", "paused"), ("resume", "running")] {
        posts(&server, &format!("/runs/{RUN}/{verb}"), run_of("sync", status)).await;
        assert_eq!(document(&ovia(&server, &["runs", verb, RUN, "--json"]).await)["status"], status);
        assert_eq!(ovia(&server, &["runs", verb, "../x"]).await.status.code(), Some(2));
    }
    posts(&server, &format!("/runs/{RUN}/cancel"), run_of("sync", "cancelling")).await;
    assert!(stdout(&ovia(&server, &["runs", "cancel", RUN]).await).contains("cancelling"));
}

#[tokio::test]
async fn connections_are_paused_and_resumed_by_name() {
    let server = server().await;
    for (verb, paused, says) in [("pause", true, "Paused acme, with 2 open runs."), ("resume", false, "Resumed acme, with 2 open runs.")] {
        let answer = json!({"connection_id": CONNECTION, "paused": paused, "runs": 2});
        let answer = ResponseTemplate::new(200).set_body_json(answer);
        let at = format!("/connections/{CONNECTION}/{verb}");
        Mock::given(method("POST")).and(path(at)).respond_with(answer).expect(2).mount(&server).await;
        assert_eq!(stdout(&ovia(&server, &["connections", verb, "acme"]).await).trim(), says);
        assert_eq!(document(&ovia(&server, &["connections", verb, "acme", "--json"]).await)["paused"], paused);
    }
    assert_eq!(ovia(&server, &["connections", "pause", "acmee"]).await.status.code(), Some(4));
}

#[tokio::test]
async fn a_retry_sends_only_what_is_to_be_otherwise() {
    let at = format!("/runs/{RUN}/retry");
    let window = json!({"from": "2026-01-01", "to": "2026-02-01"});
    let overrides = ["--streams", "issues,jobs", "--page-size", "20", "--from", "2026-01-01", "--to", "2026-02-01"];
    let server = server().await;
    Mock::given(method("POST"))
        .and(path(&at))
        .and(body_json(json!({"streams": ["issues", "jobs"], "page_size": 20, "window": window})))
        .respond_with(ResponseTemplate::new(202).set_body_json(run_of("backfill", "queued")))
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(document(&ovia(&server, &[&["runs", "retry", RUN, "--json"][..], &overrides[..]].concat()).await)["kind"], "backfill");
    assert_eq!(ovia(&server, &["runs", "retry", RUN, "--from", "2026-01-01"]).await.status.code(), Some(2), "a window has two ends");
    let plain = MockServer::start().await;
    posts(&plain, &at, run_of("sync", "queued")).await;
    stdout(&ovia(&plain, &["runs", "retry", RUN]).await);
    assert!(plain.received_requests().await.unwrap()[0].body.is_empty());
}
