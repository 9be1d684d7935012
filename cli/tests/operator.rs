//! The operator verbs against a stand-in API: requests, shapes, exit codes.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_json, header, header_exists, method, path, query_param},
};

const RUN: &str = "018f0000-0000-7000-8000-000000000001";
const CONNECTION: &str = "018f0000-0000-7000-8000-00000000000c";

fn ovia(server: &MockServer, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ovia"));
    command.args(arguments).env("OVIA_API_URL", server.uri()).env("OVIA_TOKEN", "ovia_test").env("NO_COLOR", "1");
    command.env_remove("OVIA_DATA_DIR").stdin(Stdio::null());
    command
}

/// Runs the command beside the server's tasks.
async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn list(items: Value, next_cursor: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"items": items, "next_cursor": next_cursor}))
}

fn problem(status: u16, code: &str) -> ResponseTemplate {
    let body = json!({"code": code, "title": "t", "status": status, "detail": "It is so.", "hint": "Do this.", "errors": [], "request_id": "r", "run_id": RUN});
    ResponseTemplate::new(status).set_body_raw(body.to_string(), "application/problem+json")
}

fn sync_run(status: &str) -> Value {
    json!({"id": RUN, "kind": "sync", "status": status, "connection_name": "acme", "created_at": "2026-03-01T10:00:00Z",
        "counts": {"fetched": 7, "inserted": 5, "updated": 2}, "progress": [{"stream": "projects", "status": "done", "fetched": 7}], "error": null})
}

async fn mock(server: &MockServer, verb: &str, at: &str, answer: ResponseTemplate) {
    Mock::given(method(verb)).and(path(at)).and(header("authorization", "Bearer ovia_test")).respond_with(answer).mount(server).await;
}

#[tokio::test]
async fn lists_are_tables_or_json() {
    let server = MockServer::start().await;
    let items = json!([{"id": CONNECTION, "source": "gitlab", "name": "acme", "base_url": "https://gitlab.example.com", "settings": {"groups": ["acme"]}}]);
    mock(&server, "GET", "/connections", list(items, json!("more"))).await;

    let text = run(ovia(&server, &["connections", "list"])).await;
    assert!(text.status.success(), "{}", stderr(&text));
    assert!(stdout(&text).starts_with(" NAME") && stdout(&text).contains("https://gitlab.example.com"), "{}", stdout(&text));
    assert!(stderr(&text).contains("--cursor more"));

    let document: Value = serde_json::from_slice(&run(ovia(&server, &["connections", "list", "--json"])).await.stdout).unwrap();
    assert_eq!(document["items"][0]["name"], "acme");
    assert_eq!(document["next_cursor"], "more");
}

#[tokio::test]
async fn filters_and_paging_become_parameters() {
    let server = MockServer::start().await;
    let answer = list(json!([sync_run("failed")]), Value::Null);
    Mock::given(path("/runs"))
        .and(query_param("kind", "sync"))
        .and(query_param("status", "failed"))
        .and(query_param("connection", CONNECTION))
        .and(query_param("limit", "2"))
        .respond_with(answer)
        .expect(1)
        .mount(&server)
        .await;
    mock(&server, "GET", &format!("/connections/{CONNECTION}"), ResponseTemplate::new(200).set_body_json(json!({"id": CONNECTION}))).await;
    let output =
        run(ovia(&server, &["runs", "list", "--kind", "sync", "--status", "failed", "--connection", CONNECTION, "--limit", "2"])).await;
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("failed"));
}

#[tokio::test]
async fn all_follows_the_cursor() {
    let server = MockServer::start().await;
    Mock::given(path("/team/people"))
        .and(query_param("cursor", "c2"))
        .respond_with(list(json!([{"display_name": "Bo"}]), Value::Null))
        .mount(&server)
        .await;
    Mock::given(path("/team/people"))
        .respond_with(list(json!([{"display_name": "Al"}]), json!("c2")))
        .with_priority(9)
        .mount(&server)
        .await;
    let output = run(ovia(&server, &["people", "list", "--all", "--json"])).await;
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document, json!({"items": [{"display_name": "Al"}, {"display_name": "Bo"}], "next_cursor": null}));
}

#[tokio::test]
async fn a_work_item_is_shown_with_what_mentions_it() {
    let server = MockServer::start().await;
    let item = json!({"key": "WEB-2", "title": "Faster search", "type": "story", "type_name": "Story", "status": "Doing",
        "epic": {"key": "WEB-1"}, "assignee": {"external_id": "u1", "display_name": "Mira", "person_name": null}, "fix_versions": [{"name": null, "external_id": "71"}]});
    let mut whole = item.clone();
    let mention = json!({"place": "commit", "merge_request": {"project": "acme/web", "number": 4}, "commit": {"sha": "1a2b3c4d5e", "title": "For WEB-2"}, "document": null});
    whole["mentions"] = json!({"items": [mention], "next_cursor": "more"});
    whole["children"] = json!({"items": [], "next_cursor": null});
    Mock::given(path("/work-items"))
        .and(query_param("type", "story"))
        .and(query_param("status_category", "in_progress"))
        .and(query_param("epic", "WEB-1"))
        .respond_with(list(json!([item]), Value::Null))
        .expect(1)
        .mount(&server)
        .await;
    mock(&server, "GET", "/work-items/WEB-2", ResponseTemplate::new(200).set_body_json(&whole)).await;
    let arguments = ["work-items", "list", "--type", "story", "--status-category", "in_progress", "--epic", "WEB-1"];
    let text = stdout(&run(ovia(&server, &arguments)).await);
    assert!(text.contains("WEB-2") && text.contains("Mira"), "{text}");
    let text = stdout(&run(ovia(&server, &["work-items", "show", "WEB-2"])).await);
    assert!(text.contains("acme/web !4 1a2b3c4d ") && text.contains("Mentioned in (there are more)") && text.contains("71"), "{text}");
    assert!(!text.contains("Below it"), "{text}");
    let wrong = run(ovia(&server, &["work-items", "show", "../runs"])).await;
    assert_eq!(wrong.status.code(), Some(2), "{}", stderr(&wrong));
}

#[tokio::test]
async fn kpis_say_no_data_and_not_zero() {
    let server = MockServer::start().await;
    let window = json!({"kind": "trailing_30_days", "start": "2026-02-01T00:00:00Z", "end": "2026-03-03T00:00:00Z"});
    let items = json!([{"metric": "time_to_merge", "value": 27.684, "unit": "hours", "stats": {"p75": 60.0}, "window": window, "row_count": 12},
        {"metric": "deployment_frequency", "value": null, "unit": "per day", "stats": {}, "window": window, "row_count": 0}]);
    mock(&server, "GET", "/team/kpi", list(items, Value::Null)).await;
    let settings = json!({"version": 1, "settings": {"time_zone": "America/New_York"}, "person_level": false});
    mock(&server, "GET", "/team/kpi/settings", ResponseTemplate::new(200).set_body_json(settings)).await;
    let text = stdout(&run(ovia(&server, &["kpi", "show"])).await);
    assert!(text.contains("27.68") && text.contains("no data") && text.contains("2026-01-31"), "by the organisation's days: {text}");
}

#[tokio::test]
async fn a_changed_number_names_what_nobody_decided() {
    let server = MockServer::start().await;
    let window = json!({"kind": "week", "start": "2026-02-02T00:00:00Z", "end": "2026-02-09T00:00:00Z"});
    let change = |metric: &str, cause: &str, decision: Value, reason: &str| {
        json!({"at": "2026-02-10T00:00:00Z", "metric": metric, "scope_name": "acme", "window": window, "before": 1.0, "after": 2.0,
            "cause": cause, "decision_id": decision, "causes": [{"decision_id": decision, "reason": reason}]})
    };
    let mut items = json!([
        change("throughput", "decision", json!(12), "merge"),
        change("cycle_time", "decision", Value::Null, "matching"),
        change("bug_ratio", "late_row", Value::Null, ""),
    ]);
    items[2]["before"] = json!(1.9999);
    mock(&server, "GET", "/team/kpi/changes", list(items, Value::Null)).await;
    let settings = json!({"version": 1, "settings": {"time_zone": "UTC"}, "person_level": false});
    mock(&server, "GET", "/team/kpi/settings", ResponseTemplate::new(200).set_body_json(settings)).await;
    let text = stdout(&run(ovia(&server, &["kpi", "changes"])).await);
    let cause = |metric: &str| text.lines().find(|line| line.contains(metric)).unwrap_or_default().to_owned();
    assert!(cause("throughput").contains("decision") && cause("throughput").contains("12"), "{text}");
    assert!(cause("cycle_time").contains("matching") && !cause("cycle_time").contains("decision"), "{text}");
    assert!(cause("bug_ratio").contains("late_row"), "{text}");
    let has = |metric: &str, word: &str| cause(metric).split_whitespace().any(|found| found == word);
    assert!(has("bug_ratio", "1.9999") && has("cycle_time", "1"), "digits enough to see a difference: {text}");
}

#[tokio::test]
async fn a_rollup_is_started_for_a_stretch_of_time() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/runs"))
        .and(body_json(json!({"kind": "kpi_rollup", "from": "2026-01-01", "to": "2026-02-01"})))
        .respond_with(ResponseTemplate::new(202).set_body_json(json!({"id": RUN, "kind": "kpi_rollup", "status": "queued"})))
        .expect(1)
        .mount(&server)
        .await;
    let output = run(ovia(&server, &["runs", "start", "kpi_rollup", "--from", "2026-01-01", "--to", "2026-02-01"])).await;
    assert!(output.status.success() && stdout(&output).contains("queued"), "{}", stderr(&output));
    let output = run(ovia(&server, &["runs", "start", "kpi_rollup", "--to", "2026-02-01"])).await;
    assert_eq!(output.status.code(), Some(2), "the end of a stretch alone says nothing");
}

#[tokio::test]
async fn exit_codes_say_what_went_wrong() {
    for (status, code, exit) in [
        (401, "UNAUTHENTICATED", 3),
        (403, "FORBIDDEN", 3),
        (404, "NOT_FOUND", 4),
        (409, "CONFLICT", 5),
        (503, "UPSTREAM_UNREACHABLE", 6),
        (400, "VALIDATION_ERROR", 2),
        (500, "SERVER_ERROR", 1),
    ] {
        let server = MockServer::start().await;
        mock(&server, "GET", &format!("/runs/{RUN}"), problem(status, code)).await;
        let output = run(ovia(&server, &["runs", "show", RUN])).await;
        assert_eq!(output.status.code(), Some(exit), "{code}");
        assert!(stderr(&output).starts_with("error: It is so") && stderr(&output).contains("hint: "), "{}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
}

#[tokio::test]
async fn wrong_usage_and_an_absent_server_have_codes_of_their_own() {
    let server = MockServer::start().await;
    assert_eq!(run(ovia(&server, &["runs", "show", "../x"])).await.status.code(), Some(2));
    assert_eq!(run(ovia(&server, &["nonsense"])).await.status.code(), Some(2));
    let mut command = ovia(&server, &["runs", "list"]);
    command.env("OVIA_API_URL", "http://127.0.0.1:9");
    let output = run(command).await;
    assert_eq!(output.status.code(), Some(6));
    assert!(stderr(&output).contains("failed to reach the API") && stderr(&output).contains("ovia dev"), "{}", stderr(&output));
}

#[tokio::test]
async fn connections_are_added_with_a_token_from_a_variable() {
    let server = MockServer::start().await;
    let body = json!({"source": "gitlab", "name": "acme", "base_url": "https://gitlab.example.com", "credentials": {"token": "s3cret"},
        "settings": {"groups": ["acme"], "details": false}});
    let created = ResponseTemplate::new(201).set_body_json(json!({"id": CONNECTION, "name": "acme"}));
    Mock::given(method("POST")).and(path("/connections")).and(body_json(body)).respond_with(created).expect(1).mount(&server).await;
    let arguments = [
        "connections",
        "add",
        "gitlab",
        "--name",
        "acme",
        "--base-url",
        "https://gitlab.example.com",
        "--group",
        "acme",
        "--set",
        "details=false",
    ];
    let mut command = ovia(&server, &arguments);
    command.args(["--token-env", "ACME_TOKEN", "--json"]).env("ACME_TOKEN", " s3cret\n");
    let output = run(command).await;
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stdout(&output).contains("s3cret") && !stderr(&output).contains("s3cret"));

    let without = run(ovia(&server, &arguments)).await;
    assert_eq!(without.status.code(), Some(2));
    assert!(stderr(&without).contains("--token-stdin"));
}

#[tokio::test]
async fn other_sources_have_other_credentials_and_a_connection_can_be_changed() {
    let server = MockServer::start().await;
    let body = json!({"source": "jira", "name": "site", "base_url": "https://acme.atlassian.net",
        "credentials": {"email": "bot@acme.example", "api_token": "s3cret"}, "settings": {"project_keys": ["WEB"]}});
    let created = ResponseTemplate::new(201).set_body_json(json!({"id": CONNECTION, "name": "site"}));
    Mock::given(method("POST")).and(path("/connections")).and(body_json(body)).respond_with(created).expect(1).mount(&server).await;
    let add = ["connections", "add", "jira", "--name", "site", "--base-url", "https://acme.atlassian.net", "--project", "WEB"];
    let mut command = ovia(&server, &add);
    command.args(["--credential", "email=JIRA_EMAIL", "--credential", "api_token=JIRA_TOKEN", "--json"]);
    let output = run({
        command.env("JIRA_EMAIL", "bot@acme.example").env("JIRA_TOKEN", "s3cret");
        command
    })
    .await;
    assert!(output.status.success(), "{}", stderr(&output));
    let without = run(ovia(&server, &add)).await;
    assert!(stderr(&without).contains("--credential email=VARIABLE --credential api_token=VARIABLE"), "{}", stderr(&without));

    let there = json!([{"id": CONNECTION, "name": "site", "source": "jira", "settings": {"project_keys": ["WEB"], "page_size": 50}}]);
    mock(&server, "GET", "/connections", list(there, Value::Null)).await;
    let patch = json!({"credentials": {"access_token": "new"}, "settings": {"project_keys": ["API"], "page_size": 50}});
    let patched = ResponseTemplate::new(200).set_body_json(json!({"id": CONNECTION, "name": "site"}));
    let at = format!("/connections/{CONNECTION}");
    Mock::given(method("PATCH")).and(path(at)).and(body_json(patch)).respond_with(patched).expect(1).mount(&server).await;
    let mut command = ovia(&server, &["connections", "update", "site", "--project", "API", "--credential", "access_token=NEW"]);
    command.env("NEW", "new");
    let output = run(command).await;
    assert!(output.status.success() && !stdout(&output).contains("new"), "{}", stderr(&output));
    let nothing = run(ovia(&server, &["connections", "update", "site"])).await;
    assert_eq!(nothing.status.code(), Some(2));
}

#[tokio::test]
async fn a_name_that_is_not_there_is_not_found_and_the_names_are_told() {
    let server = MockServer::start().await;
    mock(&server, "GET", "/connections", list(json!([{"id": CONNECTION, "name": "acme"}]), Value::Null)).await;
    let output = run(ovia(&server, &["sync", "acmee"])).await;
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("There are: acme."), "{}", stderr(&output));
}

#[tokio::test]
async fn sync_wait_follows_the_events_over_a_cut_and_tells_how_it_ended() {
    let server = MockServer::start().await;
    let events = format!("/runs/{RUN}/events");
    mock(&server, "GET", "/connections", list(json!([{"id": CONNECTION, "name": "acme"}]), Value::Null)).await;
    mock(&server, "POST", &format!("/connections/{CONNECTION}/sync"), ResponseTemplate::new(202).set_body_json(sync_run("queued"))).await;
    // The first stream is cut after event 2; the second one must be asked for what follows it.
    let first = "id: 1\nevent: run_started\ndata: {}\n\nid: 2\nevent: page_committed\ndata: {\"rows\":100}\n\n";
    let second = "id: 3\nevent: run_finished\ndata: {\"status\":\"degraded\"}\n\n";
    let stream = |body: &str| ResponseTemplate::new(200).set_body_raw(body.to_owned(), "text/event-stream");
    Mock::given(path(&events))
        .and(header("last-event-id", "2"))
        .respond_with(stream(second))
        .with_priority(1)
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path(&events))
        .and(header_exists("last-event-id"))
        .respond_with(ResponseTemplate::new(500))
        .with_priority(2)
        .expect(0)
        .mount(&server)
        .await;
    Mock::given(path(&events)).respond_with(stream(first)).with_priority(3).expect(1).mount(&server).await;
    let show = |status: &str| ResponseTemplate::new(200).set_body_json(sync_run(status));
    let at = format!("/runs/{RUN}");
    Mock::given(path(&at)).respond_with(show("running")).up_to_n_times(2).with_priority(1).mount(&server).await;
    Mock::given(path(&at)).respond_with(show("degraded")).with_priority(2).mount(&server).await;

    let output = run(ovia(&server, &["sync", "acme", "--wait", "--json"])).await;
    assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["status"], "degraded");
}

#[tokio::test]
async fn watch_prints_one_event_per_line() {
    let server = MockServer::start().await;
    let body = "id: 1\nevent: run_started\ndata: {\"a\":1}\n\n: heartbeat\n\nid: 2\nevent: run_finished\ndata: {}\n\n";
    mock(&server, "GET", &format!("/runs/{RUN}/events"), ResponseTemplate::new(200).set_body_raw(body, "text/event-stream")).await;
    mock(&server, "GET", &format!("/runs/{RUN}"), ResponseTemplate::new(200).set_body_json(sync_run("succeeded"))).await;
    let output = run(ovia(&server, &["runs", "watch", RUN, "--json"])).await;
    assert!(output.status.success(), "{}", stderr(&output));
    let lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines,
        [json!({"id": "1", "kind": "run_started", "data": {"a": 1}}), json!({"id": "2", "kind": "run_finished", "data": {}})]
    );
}

#[tokio::test]
async fn a_connection_test_that_fails_is_an_error() {
    let server = MockServer::start().await;
    mock(&server, "GET", &format!("/connections/{CONNECTION}"), ResponseTemplate::new(200).set_body_json(json!({"id": CONNECTION}))).await;
    let check = json!({"ok": false, "error": {"code": "UNAUTHENTICATED", "message": "The token was refused.", "hint": "Reconnect."}, "warnings": []});
    mock(&server, "POST", &format!("/connections/{CONNECTION}/test"), ResponseTemplate::new(200).set_body_json(check)).await;
    let output = run(ovia(&server, &["connections", "test", CONNECTION])).await;
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("The token was refused"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_error() {
    let server = MockServer::start().await;
    let items: Vec<Value> = (0..20_000).map(|n| json!({"metric": format!("metric_{n}")})).collect();
    mock(&server, "GET", "/team/kpi", list(json!(items), Value::Null)).await;
    let mut command = ovia(&server, &["kpi", "show", "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        child.wait_with_output().unwrap()
    });
    let output = output.await.unwrap();
    assert!(output.status.success());
    assert_eq!(stderr(&output), "");
}

#[tokio::test]
async fn the_health_check_follows_the_status() {
    let server = MockServer::start().await;
    Mock::given(path("/ready")).respond_with(ResponseTemplate::new(503)).mount(&server).await;
    Mock::given(path("/health")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    assert_eq!(run(ovia(&server, &["healthcheck", &format!("{}/ready", server.uri())])).await.status.code(), Some(6));
    assert!(run(ovia(&server, &["healthcheck", &format!("{}/health", server.uri())])).await.status.success());
}
