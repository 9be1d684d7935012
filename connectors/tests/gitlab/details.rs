//! Detail streams: one item in, its records out.

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::{Connector, ConnectorError, Detail};
use ovia_domain::{Entity, NoteEvent};
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer};

use crate::support::{detail, error, last_page, ok, open, open_with, parameter, serve};
use crate::table::{Headers, Table};

const MERGE_REQUEST: &str = "/api/v4/projects/7/merge_requests/4";

async fn fetch(server: &MockServer, stream: &str, id: &str, args: Value) -> Detail {
    open(&server.uri()).pull_detail(&detail(stream, id, args)).await.unwrap()
}

async fn of_merge_request(server: &MockServer, stream: &str) -> Detail {
    fetch(server, stream, "90", json!({"project": "7", "iid": 4})).await
}

fn note(id: i64, body: &str, system: bool) -> Value {
    json!({"id": id, "body": body, "system": system, "author": {"id": 1, "username": "ada"}, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"})
}

#[tokio::test]
async fn user_details_know_bots_and_emails() {
    let server = MockServer::start().await;
    serve(&server, "/api/v4/users/12", ok(json!({"id": 12, "username": "renovate", "name": "R", "state": "active", "bot": true, "public_email": "", "email": " r@acme.example ", "created_at": "2020-01-01T00:00:00.000+01:00"}))).await;
    let found = fetch(&server, "user_details", "12", json!({})).await;
    let [Entity::Identity(identity)] = &found.records[0].entities[..] else { panic!("an identity") };
    assert_eq!(
        (identity.is_bot, identity.bot_reason.as_deref(), identity.email.as_deref()),
        (Some(true), Some("source flag"), Some("r@acme.example"))
    );
    assert_eq!(identity.source_created_at, "2019-12-31T23:00:00Z".parse().ok());
    assert_eq!(found.requests, 1);
}

#[tokio::test]
async fn notes_of_all_pages_with_what_system_notes_say() {
    let server = MockServer::start().await;
    let rows = vec![
        note(1, "approved this merge request", true),
        note(2, "approved this merge request", false),
        note(3, "added 2 commits", true),
        note(4, "Looks good", false),
        note(5, "changed title", true),
    ];
    Mock::given(method("GET"))
        .and(path(format!("{MERGE_REQUEST}/notes")))
        .respond_with(Table::new(rows, Headers::All))
        .mount(&server)
        .await;
    let connector = open_with(&server.uri(), json!({"projects": ["a"], "page_size": 2}));
    let found = connector.pull_detail(&detail("merge_request_notes", "90", json!({"project": "7", "iid": 4}))).await.unwrap();
    let events: Vec<_> = found
        .records
        .iter()
        .flat_map(|record| &record.entities)
        .filter_map(|entity| if let Entity::MergeRequestNote(note) = entity { Some((note.system, note.event)) } else { None })
        .collect();
    assert_eq!(
        events,
        [(true, Some(NoteEvent::Approved)), (false, None), (true, Some(NoteEvent::CommitsAdded)), (false, None), (true, None)]
    );
    assert_eq!(found.requests, 3);
    assert!(
        matches!(&found.records[0].entities[1], Entity::IdentityRef(account) if account.external_id == "1" && account.detail.is_some())
    );
}

#[tokio::test]
async fn approvals_with_and_without_times() {
    let server = MockServer::start().await;
    serve(
        &server,
        &format!("{MERGE_REQUEST}/approvals"),
        ok(json!({"approved_by": [{"user": {"id": 1}, "approved_at": "2026-01-01T00:00:00Z"}, {"user": {"id": 2}}]})),
    )
    .await;
    let found = of_merge_request(&server, "merge_request_approvals").await;
    assert_eq!((found.records.len(), found.records[0].external_id.as_str()), (1, "90"));
    let approvals: Vec<_> = found.records[0]
        .entities
        .iter()
        .filter_map(|entity| {
            if let Entity::MergeRequestApproval(it) = entity { Some((it.external_id.as_str(), it.approved_at.is_some())) } else { None }
        })
        .collect();
    assert_eq!(approvals, [("90:1", true), ("90:2", false)]);
}

#[tokio::test]
async fn commits_are_known_by_merge_request_and_sha() {
    let server = MockServer::start().await;
    serve(&server, &format!("{MERGE_REQUEST}/commits"), last_page(json!([{"id": "abc", "title": "T", "author_name": "Ada", "author_email": "ada@acme.example", "authored_date": "2026-01-01T01:00:00.000+01:00", "committed_date": null, "message": "T\n\nFor WEB-12"}]))).await;
    let found = of_merge_request(&server, "merge_request_commits").await;
    assert_eq!(found.records[0].external_id, "90:abc");
    assert!(
        matches!(&found.records[0].entities[0], Entity::MergeRequestCommit(commit) if commit.authored_at == "2026-01-01T00:00:00Z".parse().ok())
    );
    let Entity::References(mentioned) = &found.records[0].entities[1] else { panic!("what it mentions") };
    let at = (mentioned.external_id.as_str(), mentioned.from_table.as_str(), mentioned.from_external_id.as_str(), mentioned.place.as_str());
    assert_eq!(at, ("merge_requests:90:commit:abc", "merge_requests", "90", "commit"));
    assert_eq!(mentioned.keys, ["WEB-12"]);
}

#[tokio::test]
async fn sizes_are_counted_over_all_pages_and_the_code_is_not_kept() {
    let server = MockServer::start().await;
    let file = |name: &str, diff: &str, cut: bool| json!({"id": name, "new_path": name, "old_path": name, "diff": diff, "too_large": cut, "collapsed": false});
    let rows = vec![
        file("a.rs", "@@ -1,2 +1,3 @@\n a\n-secret\n+c\n+d\n", false),
        file("b.rs", "@@ -0,0 +1 @@\n+x\n", false),
        file("c.bin", "", true),
    ];
    Mock::given(method("GET"))
        .and(path(format!("{MERGE_REQUEST}/diffs")))
        .respond_with(Table::new(rows, Headers::NoTotals))
        .mount(&server)
        .await;
    let connector = open_with(&server.uri(), json!({"projects": ["a"], "page_size": 2}));
    let found = connector.pull_detail(&detail("merge_request_diffs", "90", json!({"project": "7", "iid": 4}))).await.unwrap();
    let [Entity::MergeRequestSize(size)] = &found.records[0].entities[..] else { panic!("a size") };
    assert_eq!(
        (size.external_id.as_str(), size.additions, size.deletions, size.changed_files, size.size_is_partial),
        ("90", 3, 1, 3, true)
    );
    assert!(!found.records[0].raw.get().contains("secret"));
}

#[tokio::test]
async fn pipeline_details_bring_times() {
    let server = MockServer::start().await;
    serve(&server, "/api/v4/projects/7/pipelines/5", ok(json!({"id": 5, "user": {"id": 1}, "started_at": "2026-01-01T00:00:04Z", "finished_at": "2026-01-01T00:10:00Z", "duration": 596, "queued_duration": 4, "coverage": "68.63"}))).await;
    let found = fetch(&server, "pipeline_details", "5", json!({"project": "7"})).await;
    let Entity::PipelineTimes(times) = &found.records[0].entities[0] else { panic!("times") };
    assert_eq!(
        (times.duration_seconds, times.queued_seconds, times.coverage, times.identity_external_id.as_deref()),
        (Some(596.0), Some(4.0), Some(68.63), Some("1"))
    );
}

#[tokio::test]
async fn pipeline_jobs_bring_retried_ones_and_bridges_are_apart() {
    let server = MockServer::start().await;
    let row = |id: i64| json!({"id": id, "name": "x", "status": "success", "pipeline": {"id": 5}});
    serve(&server, "/api/v4/projects/7/pipelines/5/jobs", last_page(json!([row(1), row(2)]))).await;
    serve(&server, "/api/v4/projects/7/pipelines/5/bridges", last_page(json!([row(3)]))).await;
    let kinds = |found: &Detail| {
        found
            .records
            .iter()
            .map(|record| if let Entity::Job(job) = &record.entities[0] { job.job_kind.clone() } else { String::new() })
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds(&fetch(&server, "pipeline_jobs", "5", json!({"project": "7"})).await), ["job", "job"]);
    assert_eq!(kinds(&fetch(&server, "pipeline_bridges", "5", json!({"project": "7"})).await), ["bridge"]);
    let jobs = &server.received_requests().await.unwrap()[0];
    assert_eq!(parameter(jobs, "include_retried").as_deref(), Some("true"));
}

#[tokio::test]
async fn an_item_that_is_gone_is_not_available() {
    for stream in [
        "merge_request_notes",
        "merge_request_approvals",
        "merge_request_commits",
        "merge_request_diffs",
        "user_details",
        "pipeline_details",
        "pipeline_jobs",
        "pipeline_bridges",
    ] {
        let server = MockServer::start().await;
        let found = of_merge_request(&server, stream).await;
        assert!(found.not_available.is_some() && found.records.is_empty() && found.requests == 1, "{stream}");
    }
}

#[tokio::test]
async fn failures_of_details_are_failures() {
    let server = MockServer::start().await;
    serve(&server, "/api/v4/users/12", error(401, "401 Unauthorized")).await;
    serve(&server, "/api/v4/users/13", error(500, "boom")).await;
    let connector = open(&server.uri());
    let refused = connector.pull_detail(&detail("user_details", "12", json!({}))).await.unwrap_err();
    assert!(matches!(refused, ConnectorError::Unauthenticated { .. }), "{refused}");
    let broken = connector.pull_detail(&detail("user_details", "13", json!({}))).await.unwrap_err();
    assert!(matches!(&broken, ConnectorError::Unreachable { message, .. } if message.contains("500: boom")), "{broken}");
    let unknown = connector.pull_detail(&detail("wishes", "1", json!({}))).await.unwrap_err();
    assert!(matches!(unknown, ConnectorError::Configuration { .. }));
}
