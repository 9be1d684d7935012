//! `ovia people` and `ovia teams` against a stand-in API: requests, shapes, questions and answers.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_json, body_partial_json, body_string, method, path, query_param},
};

const ADA: &str = "018f0000-0000-7000-8000-0000000000a1";
const BO: &str = "018f0000-0000-7000-8000-0000000000b1";
const GITLAB: &str = "018f0000-0000-7000-8000-000000000001";
const JIRA: &str = "018f0000-0000-7000-8000-000000000002";
const MAPPINGS: &str = "/team/identity-mappings";

fn ovia(server: &MockServer, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ovia"));
    command.args(arguments).env("OVIA_API_URL", server.uri()).env("OVIA_TOKEN", "ovia_test").env("NO_COLOR", "1");
    command.env_remove("OVIA_DATA_DIR").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn run(command: Command) -> Output {
    run_with(command, "").await
}

/// Runs the command with `input` on its stdin.
async fn run_with(mut command: Command, input: &str) -> Output {
    let input = input.to_owned();
    let ran = tokio::task::spawn_blocking(move || {
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        // one that ends without reading closes it
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    });
    ran.await.unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn good(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", stdout(output), stderr(output));
    stdout(output)
}

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn list(items: Value) -> ResponseTemplate {
    ok(json!({"items": items, "next_cursor": null}))
}

async fn mock(server: &MockServer, verb: &str, at: &str, answer: ResponseTemplate) {
    Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(server).await;
}

fn account(id: &str, source: &str, username: &str) -> Value {
    json!({"id": id, "source": source, "username": username, "display_name": "Bo Diaz", "email": null})
}

fn conflict(id: &str) -> Value {
    json!({"mapping": {"identity": account(id, "jira", "bdiaz"), "person": {"id": ADA}, "version": 4, "conflict_since": "2026-03-01T10:00:00Z"},
        "accounts": [], "candidates": [{"identity": account(GITLAB, "gitlab", "bo"), "person": {"id": BO, "display_name": "Bo Diaz"},
            "accounts": [account(GITLAB, "gitlab", "bo")], "confidence": 0.719, "explanation": "Both are called Bo Diaz."}]})
}

/// A mapping about which somebody still asks, against account [`GITLAB`].
fn open(version: i64) -> Value {
    json!({"version": version, "status": "conflict", "candidates": [{"identity_id": GITLAB}]})
}

fn decided(id: i64, kind: &str) -> ResponseTemplate {
    ok(json!({"decision": {"id": id, "kind": kind}, "person_id": BO, "people_changed": [ADA, BO], "run_id": null}))
}

#[tokio::test]
async fn accounts_and_people_are_named_as_people_name_them() {
    let server = MockServer::start().await;
    let people =
        json!([{"id": BO, "display_name": "Bo Diaz", "primary_email": "bo@acme.example"}, {"id": ADA, "display_name": "Bo Diazson"}]);
    Mock::given(path("/team/people")).and(query_param("q", "bo diaz")).respond_with(list(people)).mount(&server).await;
    let accounts = json!([{"id": JIRA, "source": "jira", "username": "bdiaz"}, {"id": GITLAB, "source": "gitlab", "username": "bdiaz"}]);
    Mock::given(path("/identities")).and(query_param("q", "bdiaz")).respond_with(list(accounts)).mount(&server).await;
    let body = json!({"identity_id": JIRA, "person_id": BO, "expected_version": 4, "reason": "asked"});
    Mock::given(method("POST"))
        .and(path(format!("{MAPPINGS}/confirm")))
        .and(body_json(body))
        .respond_with(decided(7, "confirm"))
        .expect(1)
        .mount(&server)
        .await;
    let arguments = ["people", "confirm", "jira:@bdiaz", "--person", "bo diaz", "--if-version", "4", "--why", "asked"];
    let text = good(&run(ovia(&server, &arguments)).await);
    assert!(text.contains("7 (confirm)") && text.contains("ovia people undo 7"), "{text}");

    // an account without a user name goes by the name that lists show; several of one name are told apart
    let nameless = json!([{"id": JIRA, "source": "jira", "display_name": "Cy Voss"}, {"id": GITLAB, "source": "git"}]);
    Mock::given(path("/identities")).and(query_param("q", "cy voss")).respond_with(list(nameless)).mount(&server).await;
    let body = json!({"identity_id": JIRA, "person_id": BO});
    let by_name = Mock::given(path(format!("{MAPPINGS}/confirm"))).and(body_json(body));
    by_name.respond_with(decided(8, "confirm")).expect(1).mount(&server).await;
    good(&run(ovia(&server, &["people", "confirm", "jira:cy voss", "--person", BO])).await);
    let namesakes = json!([{"id": BO, "display_name": "Di", "primary_email": "di@acme.example"}, {"id": ADA, "display_name": "Di"}]);
    Mock::given(path("/team/people")).and(query_param("q", "Di")).respond_with(list(namesakes)).mount(&server).await;
    let several = run(ovia(&server, &["people", "show", "Di"])).await;
    let told = stderr(&several).contains(&format!("Di, di@acme.example ({BO}), Di ({ADA})"));
    assert_eq!((several.status.code(), told), (Some(5), true), "{}", stderr(&several));
    assert_eq!(run(ovia(&server, &["people", "confirm", "bdiaz"])).await.status.code(), Some(2));
    mock(&server, "GET", "/team/people", list(json!([]))).await;
    let nobody = run(ovia(&server, &["people", "show", "Nobody"])).await;
    assert_eq!(nobody.status.code(), Some(4), "{}", stderr(&nobody));
}

#[tokio::test]
async fn a_confirmation_without_a_person_is_of_what_is_seen() {
    let server = MockServer::start().await;
    mock(&server, "GET", &format!("{MAPPINGS}/{JIRA}"), ok(json!({"person": {"id": ADA}, "version": 9}))).await;
    let body = json!({"identity_id": JIRA, "person_id": ADA, "expected_version": 9});
    let at = format!("{MAPPINGS}/confirm");
    Mock::given(path(at)).and(body_json(body)).respond_with(decided(1, "confirm")).expect(1).mount(&server).await;
    good(&run(ovia(&server, &["people", "confirm", JIRA])).await);
}

#[tokio::test]
async fn every_decision_sends_what_it_says() {
    let server = MockServer::start().await;
    for (arguments, verb, body) in [
        (vec!["remap", JIRA, "--person", BO], "remap", json!({"identity_id": JIRA, "person_id": BO})),
        (vec!["remap", JIRA, "--new"], "remap", json!({"identity_id": JIRA, "new_person": {"display_name": null}})),
        (vec!["remap", JIRA, "--new", "Bo Two"], "remap", json!({"identity_id": JIRA, "new_person": {"display_name": "Bo Two"}})),
        (
            vec!["split", BO, JIRA, GITLAB, "--name", "X"],
            "split",
            json!({"person_id": BO, "identity_ids": [JIRA, GITLAB], "display_name": "X"}),
        ),
        (
            vec!["merge", BO, ADA, "--if-version", "1", "--if-other-version", "2"],
            "merge",
            json!({"person_id": BO, "other_person_id": ADA, "expected_version": 1, "expected_other_version": 2}),
        ),
        (vec!["never", JIRA, GITLAB], "never", json!({"identity_ids": [JIRA, GITLAB]})),
        (vec!["never", BO, ADA, "--people"], "never", json!({"person_ids": [BO, ADA]})),
        (vec!["undo", "12"], "undo", json!({"decision_id": 12})),
    ] {
        let at = format!("{MAPPINGS}/{verb}");
        let expected = Mock::given(path(at)).and(body_json(&body)).respond_with(decided(3, verb)).expect(1);
        let guard = expected.mount_as_scoped(&server).await;
        let mut command = vec!["people"];
        command.extend(&arguments);
        command.push("--json");
        let document: Value = serde_json::from_str(&good(&run(ovia(&server, &command)).await)).unwrap();
        assert_eq!(document["decision"]["kind"], verb, "{arguments:?}");
        drop(guard);
    }
    for wrong in [vec!["remap", JIRA], vec!["split", BO], vec!["undo", "x"], vec!["never", JIRA]] {
        let mut command = vec!["people"];
        command.extend(&wrong);
        assert_eq!(run(ovia(&server, &command)).await.status.code(), Some(2), "{wrong:?}");
    }
}

#[tokio::test]
async fn confirming_many_says_first_what_it_would_do() {
    let server = MockServer::start().await;
    let at = format!("{MAPPINGS}/bulk-confirm");
    let plan = json!({"dry_run": true, "count": 1, "people": 1, "token": "t0k", "sample": [{"account_name": "Ada", "person_name": "Ada M", "source": "gitlab", "confidence": 0.97}]});
    let dry = json!({"min_confidence": 0.95, "source": null, "dry_run": true});
    Mock::given(path(&at)).and(body_json(&dry)).respond_with(ok(plan)).expect(2).mount(&server).await;
    let done = json!({"dry_run": false, "count": 1, "decided": {"decision": {"id": 5, "kind": "bulk_confirm", "identities_count": 2}}});
    let wet = json!({"dry_run": false, "token": "t0k"});
    Mock::given(path(&at)).and(body_partial_json(&wet)).respond_with(ok(done)).expect(1).mount(&server).await;
    let planned = run(ovia(&server, &["people", "bulk-confirm", "--min-confidence", "0.95"])).await;
    assert!(good(&planned).contains("0.97 gitlab Ada is Ada M") && stderr(&planned).contains("--apply"), "{}", stdout(&planned));
    let text = good(&run(ovia(&server, &["people", "bulk-confirm", "--min-confidence", "0.95", "--apply"])).await);
    assert!(
        text.contains("Confirmed 1 accounts, and 1 of the same people that they are tied to.") && text.contains("ovia people undo 5"),
        "{text}"
    );
}

#[tokio::test]
async fn a_review_asks_until_the_queue_or_the_input_ends() {
    let server = MockServer::start().await;
    let queue = json!([
        conflict("018f0000-0000-7000-8000-000000000011"),
        conflict("018f0000-0000-7000-8000-000000000012"),
        conflict("018f0000-0000-7000-8000-000000000013"),
        conflict(JIRA),
        conflict(JIRA)
    ]);
    mock(&server, "GET", &format!("{MAPPINGS}/conflicts"), list(queue)).await;
    let same = json!({"identity_id": "018f0000-0000-7000-8000-000000000011", "person_id": BO, "expected_version": 4, "reason": "seen"});
    let confirm = Mock::given(path(format!("{MAPPINGS}/confirm"))).and(body_json(same));
    confirm.respond_with(decided(21, "confirm")).expect(1).mount(&server).await;
    let never = json!({"identity_ids": ["018f0000-0000-7000-8000-000000000012", GITLAB], "expected_version": 4, "reason": "seen"});
    let refused = Mock::given(path(format!("{MAPPINGS}/never"))).and(body_json(never));
    refused.respond_with(decided(22, "never")).expect(1).mount(&server).await;
    for id in ["018f0000-0000-7000-8000-000000000011", "018f0000-0000-7000-8000-000000000012", "018f0000-0000-7000-8000-000000000013", JIRA]
    {
        mock(&server, "GET", &format!("{MAPPINGS}/{id}"), ok(open(4))).await;
    }
    mock(&server, "GET", &format!("{MAPPINGS}/{GITLAB}"), ok(json!({"version": 2, "status": "auto", "person": {"id": BO}}))).await;
    let problem = json!({"code": "CONFLICT", "title": "t", "status": 409, "detail": "token:ann was faster.", "hint": "Look.", "errors": [], "request_id": "r"});
    let overtaken = Mock::given(path(format!("{MAPPINGS}/confirm"))).and(body_partial_json(json!({"identity_id": JIRA})));
    overtaken.respond_with(ResponseTemplate::new(409).set_body_json(problem)).expect(2).mount(&server).await;

    let review = ["people", "review", "--why", "seen"];
    let output = run_with(ovia(&server, &review), "y\nn\nwhat\ns\ny\ny\n").await;
    let text = good(&output);
    assert!(
        text.contains("jira @bdiaz") && text.contains("gitlab @bo") && text.contains("71 % likely: Both are called Bo Diaz."),
        "{text}"
    );
    assert!(text.contains("Decision 21.") && text.contains("Decision 22.") && text.contains("token:ann was faster"), "{text}");
    assert!(text.ends_with("1 same, 1 never, 1 skipped.\n"), "{text}");
    assert!(stderr(&output).contains("`what` is none of y, n, s, q."), "{}", stderr(&output));

    let quit = run_with(ovia(&server, &["people", "review", "--json"]), "s\nq\n").await;
    let document: Value = serde_json::from_str(&good(&quit)).unwrap();
    assert_eq!(document, json!({"same": 0, "never": 0, "skipped": 1, "settled": 0, "overtaken": 0}));
    let ended = good(&run_with(ovia(&server, &["people", "review"]), "").await);
    assert!(ended.ends_with("Nothing was decided.\n"), "{ended}");
}

/// One answer may settle several accounts of a page that was read before it.
#[tokio::test]
async fn a_review_does_not_ask_about_what_its_own_answer_settled() {
    let server = MockServer::start().await;
    let settled = "018f0000-0000-7000-8000-000000000012";
    let moved = "018f0000-0000-7000-8000-000000000013";
    let gone = "018f0000-0000-7000-8000-000000000014";
    let queue = json!([conflict(JIRA), conflict(settled), conflict(moved), conflict(gone)]);
    mock(&server, "GET", &format!("{MAPPINGS}/conflicts"), list(queue)).await;
    mock(&server, "GET", &format!("{MAPPINGS}/{JIRA}"), ok(open(4))).await;
    mock(&server, "GET", &format!("{MAPPINGS}/{settled}"), ok(json!({"version": 5, "status": "confirmed", "candidates": []}))).await;
    // still in question, only not against this candidate any more
    mock(
        &server,
        "GET",
        &format!("{MAPPINGS}/{moved}"),
        ok(json!({"version": 5, "status": "conflict", "candidates": [{"identity_id": JIRA}]})),
    )
    .await;
    let missing = json!({"code": "NOT_FOUND", "title": "t", "status": 404, "detail": "There is none.", "hint": "Look.", "errors": [], "request_id": "r"});
    mock(&server, "GET", &format!("{MAPPINGS}/{gone}"), ResponseTemplate::new(404).set_body_json(missing)).await;
    mock(&server, "GET", &format!("{MAPPINGS}/{GITLAB}"), ok(json!({"version": 2, "status": "auto", "person": {"id": ADA}}))).await;
    // whose the candidate is by now, not whose it was when the queue was read
    let same = json!({"identity_id": JIRA, "person_id": ADA, "expected_version": 4, "reason": null});
    let confirm = Mock::given(path(format!("{MAPPINGS}/confirm"))).and(body_json(same));
    confirm.respond_with(decided(21, "confirm")).expect(1).mount(&server).await;
    let text = good(&run_with(ovia(&server, &["people", "review"]), "y\nn\nn\nn\n").await);
    assert_eq!(text.matches("waits since").count(), 1, "{text}");
    assert!(text.ends_with("1 same, 0 never, 0 skipped, 3 settled by an earlier answer.\n"), "{text}");
}

#[tokio::test]
async fn mappings_stats_and_people_are_shown() {
    let server = MockServer::start().await;
    let row = json!({"identity": account(JIRA, "jira", "bdiaz"), "person": {"display_name": "Bo Diaz"}, "status": "conflict", "confidence": 0.5, "version": 3,
        "since": "2026-03-01T10:00:00Z", "explanation": "Left for a person."});
    Mock::given(path(MAPPINGS))
        .and(query_param("status", "conflict"))
        .and(query_param("sort", "age_desc"))
        .and(query_param("service_accounts", "false"))
        .and(query_param("min_confidence", "0.4"))
        .and(query_param("person", BO))
        .respond_with(list(json!([row])))
        .expect(1)
        .mount(&server)
        .await;
    let arguments =
        ["people", "mappings", "--status", "conflict", "--sort", "age_desc", "--humans", "--min-confidence", "0.4", "--person", BO];
    let text = good(&run(ovia(&server, &arguments)).await);
    assert!(text.contains("jira @bdiaz") && text.contains("Left for a person."), "{text}");

    let stats = json!({"accounts": 5, "people": 3, "match_rate": 0.75, "queue": {"size": 1, "oldest_seconds": 11_000}, "sources": [{"source": "jira", "accounts": 2, "match_rate": null}]});
    mock(&server, "GET", &format!("{MAPPINGS}/stats"), ok(stats)).await;
    let text = good(&run(ovia(&server, &["people", "stats"])).await);
    assert!(text.contains("75.0 %") && text.contains("3 h 3 min") && text.contains("no data"), "{text}");

    let person = json!({"id": BO, "display_name": "Bo Diaz", "version": 2, "accounts": [row], "refused": [], "never_together": [], "history": [],
        "teams": [{"team_name": "Platform", "from": "2026-01-01", "until": null}]});
    mock(&server, "GET", &format!("/team/people/{BO}"), ok(person)).await;
    let text = good(&run(ovia(&server, &["people", "show", BO])).await);
    assert!(text.contains("Accounts") && text.contains("Platform") && !text.contains("History"), "{text}");
}

#[tokio::test]
async fn files_go_out_and_in() {
    let server = MockServer::start().await;
    let csv = "identity_id,decision\r\n1,\r\n";
    let file = ResponseTemplate::new(200).set_body_raw(csv, "text/csv");
    mock(&server, "GET", &format!("{MAPPINGS}/export.csv"), file).await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().join("people.csv");
    let at = at.to_str().unwrap();
    assert_eq!(good(&run(ovia(&server, &["people", "export"])).await).trim_end(), csv.trim_end());
    assert!(good(&run(ovia(&server, &["people", "export", at])).await).contains("Wrote 1 lines"));
    assert_eq!(std::fs::read_to_string(at).unwrap(), csv);

    let import = format!("{MAPPINGS}/import");
    let wrong =
        json!({"decisions": 0, "unchanged": 0, "items": [], "errors": [{"line": 2, "column": "decision", "message": "it is wrong"}]});
    Mock::given(path(&import))
        .and(query_param("dry_run", "true"))
        .and(body_string(csv))
        .respond_with(ok(wrong))
        .expect(1)
        .mount(&server)
        .await;
    let output = run(ovia(&server, &["people", "import", at])).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("line 2: decision it is wrong"), "{}", stderr(&output));
    let done = json!({"decisions": 1, "unchanged": 0, "items": [{"line": 2, "summary": "jira bdiaz is Bo Diaz"}], "errors": []});
    Mock::given(path(&import)).and(query_param("dry_run", "false")).respond_with(ok(done)).expect(1).mount(&server).await;
    let text = good(&run_with(ovia(&server, &["people", "import", "-", "--apply"]), csv).await);
    assert!(text.contains("line 2: jira bdiaz is Bo Diaz") && text.contains("1 decisions taken"), "{text}");
    let teams = json!({"lines": 1, "people_created": 1, "errors": []});
    Mock::given(path("/team/import")).and(query_param("dry_run", "true")).respond_with(ok(teams)).expect(1).mount(&server).await;
    let output = run(ovia(&server, &["teams", "import", at])).await;
    assert!(good(&output).contains("people made") && stderr(&output).contains("--apply"));
    assert_eq!(run(ovia(&server, &["teams", "import", "/nowhere.csv"])).await.status.code(), Some(2));
    server.reset().await;
    mock(&server, "POST", &import, ok(json!({"decisions": 0, "unchanged": 1, "items": [], "errors": []}))).await;
    let output = run(ovia(&server, &["people", "import", at])).await;
    assert!(good(&output).contains("0 decisions would be taken") && stderr(&output).is_empty(), "{}", stderr(&output));
}

#[tokio::test]
async fn a_configuration_is_shown_changed_and_tried() {
    let server = MockServer::start().await;
    let current = json!({"version": 3, "config": {"thresholds": {"auto": 0.9, "conflict": 0.5}}, "created_by": "token:ann"});
    mock(&server, "GET", "/team/matching-config", ok(current)).await;
    assert!(good(&run(ovia(&server, &["people", "config", "show"])).await).contains("token:ann"));
    let body = json!({"config": {"thresholds": {"auto": 0.95, "conflict": 0.5}}, "expected_version": 3, "note": "stricter"});
    let set = Mock::given(method("PUT")).and(path("/team/matching-config")).and(body_json(body));
    set.respond_with(ok(json!({"version": 4, "config": {}}))).expect(1).mount(&server).await;
    let arguments = ["people", "config", "set", "--set", "thresholds.auto=0.95", "--why", "stricter"];
    good(&run(ovia(&server, &arguments)).await);

    let run_id = "018f0000-0000-7000-8000-0000000000ff";
    let queued = ResponseTemplate::new(202).set_body_json(json!({"id": run_id, "kind": "matching", "status": "queued"}));
    let wanted = json!({"config": {"thresholds": {"auto": 0.8, "conflict": 0.5}}});
    let preview = Mock::given(path(format!("{MAPPINGS}/preview"))).and(body_json(wanted));
    preview.respond_with(queued).expect(1).mount(&server).await;
    let events = ResponseTemplate::new(200).set_body_raw("id: 1\nevent: run_finished\ndata: {}\n\n", "text/event-stream");
    mock(&server, "GET", &format!("/runs/{run_id}/events"), events).await;
    let result = json!({"preview": true, "identities": 9, "people_now": 5, "people_then": 4, "moved": 1, "conflicts_now": 2, "conflicts_then": 1,
        "sample": [{"identity": JIRA, "source": "jira", "username": "bdiaz", "from": {"person_name": "Bo Diaz", "status": "conflict"}, "to": {"person_name": "Bo D", "status": "auto", "sentence": "Same address."}}]});
    let ended = json!({"id": run_id, "kind": "matching", "status": "succeeded", "result": result});
    mock(&server, "GET", &format!("/runs/{run_id}"), ok(ended)).await;
    let text = good(&run(ovia(&server, &["people", "config", "preview", "--set", "thresholds.auto=0.8"])).await);
    assert!(text.contains("5 → 4") && text.contains("jira @bdiaz: Bo Diaz (conflict) → Bo D (auto). Same address."), "{text}");
    assert_eq!(run(ovia(&server, &["people", "config", "set"])).await.status.code(), Some(2));
}

#[tokio::test]
async fn teams_are_made_filled_and_left() {
    let server = MockServer::start().await;
    let team = json!({"id": ADA, "name": "Platform", "members": 1, "description": null});
    mock(&server, "GET", "/team/teams", list(json!([team]))).await;
    Mock::given(method("POST"))
        .and(path("/team/teams"))
        .and(body_json(json!({"name": "Platform", "description": null})))
        .respond_with(ResponseTemplate::new(201).set_body_json(&team))
        .expect(1)
        .mount(&server)
        .await;
    assert!(good(&run(ovia(&server, &["teams", "add", "Platform"])).await).contains("Made Platform"));
    assert!(good(&run(ovia(&server, &["teams", "list"])).await).contains("Platform"));
    let members = format!("/team/teams/{ADA}/members");
    let member = json!({"id": 4, "person_id": BO, "person_name": "Bo Diaz", "from": "2026-01-01", "until": null, "current": true});
    let add = json!({"person_id": BO, "from": "2026-01-01", "until": null, "role": "lead"});
    Mock::given(method("POST")).and(path(&members)).and(body_json(add)).respond_with(ok(member.clone())).expect(1).mount(&server).await;
    let arguments = ["teams", "members", "platform", "--add", BO, "--from", "2026-01-01", "--role", "lead"];
    assert!(good(&run(ovia(&server, &arguments)).await).contains("Bo Diaz"));
    mock(&server, "GET", &members, list(json!([member]))).await;
    assert!(good(&run(ovia(&server, &["teams", "show", "Platform", "--on", "2026-03-01"])).await).contains("Bo Diaz"));
    let left = json!({"id": 4, "person_name": "Bo Diaz", "until": "2026-02-01"});
    let patch = Mock::given(method("PATCH")).and(path(format!("{members}/4"))).and(body_json(json!({"until": "2026-02-01"})));
    patch.respond_with(ok(left)).expect(1).mount(&server).await;
    good(&run(ovia(&server, &["teams", "members", "Platform", "--remove", BO, "--until", "2026-02-01"])).await);
    let unknown = run(ovia(&server, &["teams", "show", "Plattform"])).await;
    assert_eq!(unknown.status.code(), Some(4));
    assert!(stderr(&unknown).contains("There are: Platform."), "{}", stderr(&unknown));
}
