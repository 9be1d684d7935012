//! Deleted, or only out of sight?

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::{Connector, ConnectorError, Presence};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use crate::support::{error, ok, open, serve};

const PROJECT: &str = "/api/v4/projects/7";

async fn look(server: &MockServer, stream: &str, partition: &str, id: &str, payload: Option<Value>) -> Result<Presence, ConnectorError> {
    let payload = payload.map(|payload| to_raw_value(&payload).unwrap());
    open(&server.uri()).presence(stream, partition, id, payload.as_deref()).await
}

fn stored(stream: &str) -> Option<Value> {
    matches!(stream, "issues" | "merge_requests").then(|| json!({"id": 90, "iid": 4}))
}

const ITEMS: [(&str, &str, &str); 7] = [
    ("issues", "90", "issues/4"),
    ("merge_requests", "90", "merge_requests/4"),
    ("pipelines", "90", "pipelines/90"),
    ("jobs", "90", "jobs/90"),
    ("environments", "90", "environments/90"),
    ("deployments", "90", "deployments/90"),
    ("releases", "7:v1/2", "releases/v1%2F2"),
];

#[tokio::test]
async fn what_is_there_is_present() {
    for (stream, id, at) in ITEMS {
        let server = MockServer::start().await;
        serve(&server, &format!("{PROJECT}/{at}"), ok(json!({"id": 90, "tag_name": "v1/2"}))).await;
        assert_eq!(look(&server, stream, "7", id, stored(stream)).await.unwrap(), Presence::Present, "{stream}");
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_is_gone_from_a_project_in_sight_is_deleted() {
    for (stream, id, at) in ITEMS {
        for (item, project, expected) in [
            (404, 200, Presence::Deleted),
            (404, 404, Presence::NotVisible),
            (404, 403, Presence::NotVisible),
            (403, 200, Presence::NotVisible),
        ] {
            let server = MockServer::start().await;
            serve(&server, &format!("{PROJECT}/{at}"), error(item, "no")).await;
            serve(&server, PROJECT, if project == 200 { ok(json!({"id": 7})) } else { error(project, "no") }).await;
            assert_eq!(look(&server, stream, "7", id, stored(stream)).await.unwrap(), expected, "{stream} {item} {project}");
        }
    }
}

#[tokio::test]
async fn a_number_that_belongs_to_another_item_now_is_no_sign_of_life() {
    let server = MockServer::start().await;
    serve(&server, &format!("{PROJECT}/merge_requests/4"), ok(json!({"id": 91, "iid": 4}))).await;
    assert_eq!(look(&server, "merge_requests", "7", "90", stored("merge_requests")).await.unwrap(), Presence::Deleted);
}

#[tokio::test]
async fn a_confidential_issue_may_be_hidden_from_a_guest() {
    for (permissions, expected) in [
        (json!({"project_access": {"access_level": 10}, "group_access": null}), Presence::NotVisible),
        (json!({"project_access": null, "group_access": {"access_level": 20}}), Presence::Deleted),
    ] {
        let server = MockServer::start().await;
        serve(&server, PROJECT, ok(json!({"id": 7, "permissions": permissions}))).await;
        serve(&server, &format!("{PROJECT}/issues/4"), error(404, "no")).await;
        let payload = json!({"id": 90, "iid": 4, "confidential": true});
        assert_eq!(look(&server, "issues", "7", "90", Some(payload)).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn groups_and_projects_are_deleted_only_for_a_member_of_what_they_were_in() {
    for (stream, is_member, expected) in
        [("projects", true, Presence::Deleted), ("groups", true, Presence::Deleted), ("projects", false, Presence::NotVisible)]
    {
        let server = MockServer::start().await;
        serve(&server, &format!("/api/v4/{stream}/9"), error(404, "no")).await;
        serve(&server, "/api/v4/user", ok(json!({"id": 3, "username": "ovia"}))).await;
        let member = "/api/v4/groups/acme/members/all/3";
        serve(&server, member, if is_member { ok(json!({"id": 3})) } else { error(404, "no") }).await;
        assert_eq!(look(&server, stream, "group:acme", "9", None).await.unwrap(), expected, "{stream}");
        assert_eq!(look(&server, stream, "project:acme/web", "9", None).await.unwrap(), Presence::NotVisible, "nobody can know");
    }
}

#[tokio::test]
async fn a_member_has_left_a_scope_in_sight() {
    let server = MockServer::start().await;
    serve(&server, "/api/v4/groups/acme/members/all/5", error(404, "no")).await;
    serve(&server, "/api/v4/groups/acme", ok(json!({"id": 1}))).await;
    assert_eq!(look(&server, "members", "group:acme", "group:acme:5", None).await.unwrap(), Presence::Deleted);
    let blind = MockServer::start().await;
    serve(&blind, "/api/v4/groups/acme/members/all/5", error(404, "no")).await;
    serve(&blind, "/api/v4/groups/acme", error(404, "no")).await;
    assert_eq!(look(&blind, "members", "group:acme", "group:acme:5", None).await.unwrap(), Presence::NotVisible);
    serve(&server, "/api/v4/groups/acme/members/all/6", ok(json!({"id": 6}))).await;
    assert_eq!(look(&server, "members", "group:acme", "group:acme:6", None).await.unwrap(), Presence::Present);
}

#[tokio::test]
async fn what_cannot_be_asked_or_answered_is_an_error() {
    let server = MockServer::start().await;
    assert!(look(&server, "merge_requests", "7", "90", None).await.is_err(), "a merge request is addressed by its number");
    assert!(look(&server, "merge_request_notes", "7", "90", None).await.is_err());
    let proxy = ResponseTemplate::new(404).set_body_raw("<html>nothing here</html>", "text/html");
    serve(&server, &format!("{PROJECT}/pipelines/90"), proxy).await;
    assert!(matches!(look(&server, "pipelines", "7", "90", None).await, Err(ConnectorError::Unreachable { .. })));
    serve(&server, &format!("{PROJECT}/jobs/90"), error(401, "401 Unauthorized")).await;
    assert!(matches!(look(&server, "jobs", "7", "90", None).await, Err(ConnectorError::Unauthenticated { .. })));
}
