//! List streams: page in, records out.

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::{Connector, ConnectorError};
use ovia_domain::{Entity, Partitioning, StreamKind};
use serde_json::{Value, json};
use wiremock::MockServer;

use crate::support::{Walked, error, last_page, ok, open, open_with, parameter, pull_error, serve, walk};

fn group(id: i64, path: &str, parent: Option<i64>) -> Value {
    json!({"id": id, "name": path, "full_path": path, "parent_id": parent, "web_url": format!("https://git.example/groups/{path}")})
}

fn project(id: i64, path: &str) -> Value {
    json!({"id": id, "name": "web", "path_with_namespace": path, "default_branch": "main", "archived": false, "visibility": "private",
        "namespace": {"id": 3}, "forked_from_project": null, "created_at": "2025-01-01T00:00:00.000Z", "last_activity_at": "2026-01-01T00:00:00.000+01:00"})
}

async fn one(stream: &str, partition: &str, at: &str, rows: Value) -> (Walked, MockServer) {
    let server = MockServer::start().await;
    serve(&server, at, last_page(rows)).await;
    let walked = walk(&open(&server.uri()), stream, partition, None).await.unwrap();
    assert!(walked.dead_letters.is_empty(), "{:?}", walked.dead_letters);
    (walked, server)
}

#[tokio::test]
async fn groups_are_the_group_and_those_below_it() {
    let server = MockServer::start().await;
    serve(&server, "/api/v4/groups/acme%2Fit", ok(group(3, "acme/it", Some(1)))).await;
    serve(&server, "/api/v4/groups/acme%2Fit/descendant_groups", last_page(json!([group(4, "acme/it/sub", Some(3))]))).await;
    let connector = open_with(&server.uri(), json!({"groups": ["acme/it"], "projects": ["acme/web"]}));
    assert_eq!(connector.scopes(), ["group:acme/it", "project:acme/web"]);
    let walked = walk(&connector, "groups", "group:acme/it", None).await.unwrap();
    assert_eq!(walked.ids(), ["3", "4"]);
    assert!(matches!(&walked.records[1].entities[..], [Entity::Group(group)] if group.parent_external_id.as_deref() == Some("3")));
    let none = walk(&connector, "groups", "project:acme/web", None).await.unwrap();
    assert_eq!((none.records.len(), none.requests), (0, 0));
}

#[tokio::test]
async fn projects_of_a_group_and_by_name() {
    let (walked, server) =
        one("projects", "group:acme", "/api/v4/groups/acme/projects", json!([project(7, "acme/web"), project(8, "acme/sub/api")])).await;
    assert_eq!(walked.ids(), ["7", "8"]);
    let request = &server.received_requests().await.unwrap()[0];
    assert_eq!(parameter(request, "include_subgroups").as_deref(), Some("true"));
    assert_eq!(parameter(request, "with_shared").as_deref(), Some("false"));
    serve(&server, "/api/v4/projects/acme%2Fweb", ok(project(7, "acme/web"))).await;
    let walked = walk(&open(&server.uri()), "projects", "project:acme/web", None).await.unwrap();
    let Entity::Project(project) = &walked.records[0].entities[0] else { panic!("a project") };
    assert_eq!(
        (project.external_id.as_str(), project.full_path.as_str(), project.namespace_external_id.as_deref()),
        ("7", "acme/web", Some("3"))
    );
    assert_eq!(project.last_activity_at, "2025-12-31T23:00:00Z".parse().ok());
}

#[tokio::test]
async fn members_are_identities_and_memberships() {
    let row = json!({"id": 12, "username": "project_7_bot_ab", "name": "CI", "state": "active", "access_level": 30, "created_at": "2020-01-01T00:00:00Z", "expires_at": "2027-01-31", "membership_state": "active"});
    let (walked, _) = one("members", "project:acme/web", "/api/v4/projects/acme%2Fweb/members/all", json!([row])).await;
    let record = &walked.records[0];
    assert_eq!(record.external_id, "project:acme/web:12");
    let [Entity::Identity(identity), Entity::Membership(membership)] = &record.entities[..] else { panic!("{:?}", record.entities) };
    assert_eq!((identity.is_bot, identity.source_created_at), (Some(true), None), "created_at is the membership's");
    assert_eq!((membership.access_level, membership.expires_at), (Some(30), "2027-01-31".parse().ok()));
    assert_eq!(record.details[0].stream, "user_details");
}

#[tokio::test]
async fn issues_with_everything_and_with_hardly_anything() {
    let full = json!({"id": 1, "iid": 1, "project_id": 7, "title": "A", "state": "closed", "issue_type": "incident", "author": {"id": 1}, "assignees": [{"id": 2}],
        "labels": ["a"], "milestone": {"title": "M1"}, "confidential": true, "weight": 3, "due_date": "2026-02-03", "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-02T00:00:00Z", "closed_at": "2026-01-02T00:00:00Z", "a_field_of_next_year": {"x": [1]}});
    let bare = json!({"id": "2", "iid": 2, "title": "B", "state": "a_state_of_next_year", "labels": null, "assignees": null, "author": null, "created_at": "2026-01-01 00:00:00 UTC"});
    let (walked, server) = one("issues", "7", "/api/v4/projects/7/issues", json!([full, bare])).await;
    let issues: Vec<_> =
        walked.entities().filter_map(|entity| if let Entity::Issue(issue) = entity { Some(issue) } else { None }).collect();
    assert_eq!(
        (issues[0].weight, issues[0].milestone.as_deref(), issues[0].assignee_external_ids.as_slice()),
        (Some(3), Some("M1"), &["2".to_owned()][..])
    );
    assert_eq!(
        (issues[1].state.as_str(), issues[1].project_external_id.as_str(), issues[1].updated_at),
        ("a_state_of_next_year", "7", None)
    );
    let request = &server.received_requests().await.unwrap()[0];
    for (name, value) in [("scope", "all"), ("state", "all"), ("order_by", "updated_at"), ("sort", "asc")] {
        assert_eq!(parameter(request, name).as_deref(), Some(value));
    }
    assert_eq!(walked.records[0].raw.get(), full.to_string(), "verbatim");
}

#[tokio::test]
async fn pipelines_ask_for_their_jobs_only_in_later_walks() {
    let row = json!({"id": 5, "iid": 2, "project_id": 7, "status": "a_new_status", "source": "schedule", "ref": "main", "sha": "abc", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:05:00Z"});
    let (first, server) = one("pipelines", "7", "/api/v4/projects/7/pipelines", json!([row])).await;
    let streams = |walked: &Walked| walked.records[0].details.iter().map(|detail| detail.stream.clone()).collect::<Vec<_>>();
    assert_eq!(streams(&first), ["pipeline_details", "pipeline_bridges"], "the project's job list has no bridges");
    let second = walk(&open(&server.uri()), "pipelines", "7", Some(first.cursor.clone())).await.unwrap();
    assert_eq!(streams(&second), ["pipeline_details", "pipeline_bridges", "pipeline_jobs"]);
    let Entity::Pipeline(pipeline) = &first.records[0].entities[0] else { panic!("a pipeline") };
    assert_eq!((pipeline.status.as_str(), pipeline.trigger.as_deref()), ("a_new_status", Some("schedule")));
}

#[tokio::test]
async fn jobs_without_a_duration_have_none_not_zero() {
    let row = json!({"id": 9, "name": "unit", "stage": "test", "status": "canceled", "duration": null, "queued_duration": 1.5, "pipeline": {"id": 5}, "user": {"id": 1}, "created_at": "2026-01-01T00:00:00Z"});
    let (walked, _) = one("jobs", "7", "/api/v4/projects/7/jobs", json!([row])).await;
    let Entity::Job(job) = &walked.records[0].entities[0] else { panic!("a job") };
    assert_eq!((job.duration_seconds, job.queued_seconds, job.pipeline_external_id.as_deref()), (None, Some(1.5), Some("5")));
    assert_eq!((job.project_external_id.as_str(), job.job_kind.as_str(), job.allow_failure), ("7", "job", false));
}

#[tokio::test]
async fn environments_without_a_tier_get_gitlabs_guess() {
    let rows = json!([{"id": 1, "name": "prod/eu"}, {"id": 2, "name": "anything", "tier": "production", "state": "available"}]);
    let (walked, _) = one("environments", "7", "/api/v4/projects/7/environments", rows).await;
    let tiers: Vec<_> = walked.entities().map(|entity| if let Entity::Environment(it) = entity { it.tier.clone() } else { None }).collect();
    assert_eq!(tiers, [Some("production".into()), Some("production".into())]);
}

#[tokio::test]
async fn deployments_end_when_their_job_did() {
    let rows = json!([
        {"id": 1, "iid": 1, "status": "blocked", "ref": "main", "sha": "abc", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:10:00Z",
         "user": {"id": 1}, "environment": {"id": 3, "name": "staging"}, "deployable": {"finished_at": "2026-01-01T00:09:00Z", "web_url": "https://git.example/j/1"}},
        {"id": 2, "iid": 2, "status": "success", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:11:00Z", "finished_at": "2026-01-01T00:08:00Z", "deployable": null, "environment": null},
    ]);
    let (walked, server) = one("deployments", "7", "/api/v4/projects/7/deployments", rows).await;
    let found: Vec<_> = walked.entities().filter_map(|entity| if let Entity::Deployment(it) = entity { Some(it) } else { None }).collect();
    assert_eq!((found[0].finished_at, found[0].environment_tier.as_deref()), ("2026-01-01T00:09:00Z".parse().ok(), Some("staging")));
    assert_eq!((found[1].finished_at, found[1].environment_tier.as_deref()), ("2026-01-01T00:08:00Z".parse().ok(), None));
    walk(&open(&server.uri()), "deployments", "7", Some(walked.cursor.clone())).await.unwrap();
    let second = server.received_requests().await.unwrap().pop().unwrap();
    assert!(parameter(&second, "updated_after").is_some());
    assert_eq!(parameter(&second, "order_by").as_deref(), Some("updated_at"), "GitLab answers 400 otherwise");
}

#[tokio::test]
async fn releases_are_known_by_project_and_tag() {
    let row = json!({"tag_name": "v1.0", "name": "One", "upcoming_release": true, "author": {"id": 1}, "commit": {"id": "abc"}, "released_at": "2026-03-01T00:00:00Z", "created_at": "2026-01-01T00:00:00Z", "_links": {"self": "https://git.example/r/v1.0"}});
    let (walked, _) = one("releases", "7", "/api/v4/projects/7/releases", json!([row])).await;
    let Entity::Release(release) = &walked.records[0].entities[0] else { panic!("a release") };
    assert_eq!((release.external_id.as_str(), release.sha.as_deref(), release.upcoming), ("7:v1.0", Some("abc"), true));
    assert_eq!(release.url.as_deref(), Some("https://git.example/r/v1.0"));
}

#[tokio::test]
async fn what_a_project_does_not_offer_is_not_available() {
    for stream in ["issues", "pipelines", "jobs", "environments", "deployments", "releases", "merge_requests"] {
        for status in [403, 404] {
            let server = MockServer::start().await;
            serve(&server, &format!("/api/v4/projects/7/{stream}"), error(status, "no")).await;
            let connector = open(&server.uri());
            let walked = walk(&connector, stream, "7", None).await.unwrap();
            assert!(walked.not_available.is_some() && walked.records.is_empty(), "{stream} {status}");
            let again = walk(&connector, stream, "7", Some(walked.cursor)).await.unwrap();
            assert_eq!(again.requests, 1, "{stream}: asked again by the next walk");
        }
    }
}

#[tokio::test]
async fn a_configured_scope_that_is_gone_is_a_failure_that_names_it() {
    let server = MockServer::start().await;
    let connector = open(&server.uri());
    for (stream, partition) in
        [("groups", "group:acme"), ("projects", "group:acme"), ("projects", "project:acme/web"), ("members", "project:acme/web")]
    {
        let error = pull_error(&connector, stream, partition).await;
        let name = partition.split_once(':').unwrap().1;
        assert!(matches!(&error, ConnectorError::NotFound { what, .. } if what.contains(name)), "{stream} {partition}: {error}");
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_set_aside_and_the_page_goes_on() {
    let server = MockServer::start().await;
    let bad = json!({"id": 2, "iid": "x", "title": "B", "state": "opened", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z", "pad": "ä".repeat(60_000)});
    let good = |id: i64| json!({"id": id, "iid": id, "title": "A", "state": "opened", "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z"});
    serve(&server, "/api/v4/projects/7/issues", last_page(json!([good(1), bad, 5, null, good(3)]))).await;
    let walked = walk(&open(&server.uri()), "issues", "7", None).await.unwrap();
    assert_eq!(walked.ids(), ["1", "3"]);
    assert_eq!(walked.dead_letters.len(), 3);
    let letter = &walked.dead_letters[0];
    assert_eq!(letter.external_id.as_deref(), Some("2"));
    assert!(letter.payload.len() <= 64 * 1024 && letter.reason.contains("invalid type"), "{}", letter.reason);
}

#[test]
fn streams_come_after_what_they_need() {
    let streams = open("http://127.0.0.1:9").streams();
    let position = |name: &str| streams.iter().position(|stream| stream.name == name).unwrap();
    for (index, stream) in streams.iter().enumerate() {
        if let StreamKind::List(Partitioning::PerRecordOf(parent)) = stream.kind {
            assert!(position(parent) < index);
        }
    }
    assert!(position("pipelines") < position("pipeline_jobs") && position("members") < position("user_details"));
    assert_eq!(streams.len(), 18);
}

#[tokio::test]
async fn without_details_no_record_asks_for_any() {
    let server = MockServer::start().await;
    let row = crate::table::merge_request(1, 1, "opened", "abc");
    serve(&server, "/api/v4/projects/7/merge_requests", last_page(json!([row]))).await;
    let connector = open_with(&server.uri(), json!({"projects": ["a"], "details": false}));
    let walked = walk(&connector, "merge_requests", "7", None).await.unwrap();
    assert!(walked.records[0].details.is_empty());
    assert!(connector.streams().iter().all(|stream| stream.kind != StreamKind::Detail && stream.name != "jobs"));
}
