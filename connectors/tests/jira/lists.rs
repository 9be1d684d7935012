//! Projects, versions, boards, sprints, fields, statuses: rows in, records out.

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::{CensusRequest, Connector, ConnectorError};
use ovia_domain::{Board, Entity, Project, Sprint, StatusCategory, Version, WorkItemField, WorkItemStatus};
use serde_json::json;
use wiremock::MockServer;

use crate::support::{asked, bean, get, open, open_with, refused, serve, walk};

#[tokio::test]
async fn fields_are_known_by_their_schema() {
    let server = MockServer::start().await;
    let rows = json!([
        {"id": "summary", "name": "Zusammenfassung", "custom": false, "schema": {"type": "string", "system": "summary"}},
        {"id": "customfield_10107", "name": "Sprint", "custom": true, "schema": {"type": "array", "custom": "com.pyxis.greenhopper.jira:gh-sprint", "customId": 10107}},
        {"id": "thumbnail", "name": "Images", "custom": false},
    ]);
    get(&server, "/rest/api/3/field", rows).await;
    let walked = walk(&open(&server.uri()), "fields", "site", None).await.unwrap();
    assert_eq!(walked.ids(), ["summary", "customfield_10107", "thumbnail"]);
    let sprint = WorkItemField {
        external_id: "customfield_10107".into(),
        name: "Sprint".into(),
        custom: true,
        schema_type: Some("array".into()),
        schema_custom: Some("com.pyxis.greenhopper.jira:gh-sprint".into()),
    };
    assert_eq!(walked.entities()[1], Entity::WorkItemField(sprint));
    let nothing = walk(&open(&server.uri()), "fields", "project:WEB", None).await.unwrap();
    assert_eq!((nothing.records.len(), nothing.requests), (0, 0), "the site's lists have no part in a project");
}

#[tokio::test]
async fn pitfall_1_1_statuses_are_told_by_category_never_by_name() {
    let server = MockServer::start().await;
    let rows = json!([
        {"id": "10001", "name": "已完成", "statusCategory": {"id": 3, "key": "done", "name": "完成"}},
        {"id": "3", "name": "Done", "statusCategory": {"id": 4, "key": "indeterminate"}},
        {"id": "4", "name": "Backlog", "statusCategory": {"key": "new"}},
        {"id": "5", "name": "Odd", "statusCategory": {"key": "undefined"}},
    ]);
    get(&server, "/rest/api/3/status", rows).await;
    let walked = walk(&open(&server.uri()), "statuses", "site", None).await.unwrap();
    let entity =
        |id: &str, name: &str, category| Entity::WorkItemStatus(WorkItemStatus { external_id: id.into(), name: name.into(), category });
    let expected = [
        entity("10001", "已完成", Some(StatusCategory::Done)),
        entity("3", "Done", Some(StatusCategory::InProgress)),
        entity("4", "Backlog", Some(StatusCategory::Todo)),
        entity("5", "Odd", None),
    ];
    assert_eq!(walked.entities(), expected);
}

#[tokio::test]
async fn projects_one_partition_per_key_with_former_keys() {
    let server = MockServer::start().await;
    let row = json!({"id": "10000", "key": "WEB", "name": "Web shop", "projectKeys": ["WEB", "SHOP"], "isPrivate": false, "archived": false,
        "entityId": "not in the vendor's document", "self": "https://acme.atlassian.net/rest/api/3/project/10000"});
    get(&server, "/rest/api/3/project/WEB", row).await;
    let jira = open_with(&server.uri(), json!({"project_keys": ["web", "ops"]}));
    assert_eq!(jira.scopes_of("projects"), ["project:WEB", "project:OPS"]);
    assert_eq!(jira.scopes_of("users"), ["site"]);
    let walked = walk(&jira, "projects", "project:WEB", None).await.unwrap();
    let project = Project {
        external_id: "10000".into(),
        name: "Web shop".into(),
        full_path: "WEB".into(),
        default_branch: None,
        archived: false,
        visibility: Some("public".into()),
        forked_from_external_id: None,
        namespace_external_id: None,
        key: Some("WEB".into()),
        former_keys: vec!["SHOP".into()],
        url: Some("https://acme.atlassian.net/browse/WEB".into()),
        created_at: None,
        last_activity_at: None,
    };
    assert_eq!(walked.entities(), [Entity::Project(project)]);
}

#[tokio::test]
async fn pitfall_1_3_an_unknown_key_is_named_and_stops_no_other_project() {
    let server = MockServer::start().await;
    get(&server, "/rest/api/3/project/WEB", json!({"id": "10000", "key": "WEB", "name": "Web"})).await;
    serve(&server, "/rest/api/3/project/NOPE", refused(404, "No project could be found with key 'NOPE'.")).await;
    let jira = open_with(&server.uri(), json!({"project_keys": ["NOPE", "WEB"]}));
    let error = walk(&jira, "projects", "project:NOPE", None).await.unwrap_err();
    assert!(matches!(&error, ConnectorError::NotFound { what, .. } if what == "project `NOPE`"), "{error}");
    assert!(!error.is_retryable() && error.hint(jira.source()).contains("keys"));
    assert_eq!(walk(&jira, "projects", "project:WEB", None).await.unwrap().ids(), ["10000"]);
}

#[tokio::test]
async fn versions_page_after_page() {
    let server = MockServer::start().await;
    let rows = json!([
        {"id": "1", "projectId": 10000, "name": "1.0", "description": " ", "released": true, "archived": false, "releaseDate": "2026-02-01", "startDate": "2026-01-01"},
        {"id": "2", "projectId": 10000, "name": "2.0", "released": false},
    ]);
    get(&server, "/rest/api/3/project/10000/version", bean(rows, 0, 2)).await;
    let walked = walk(&open(&server.uri()), "versions", "10000", None).await.unwrap();
    let version = Version {
        external_id: "1".into(),
        project_external_id: "10000".into(),
        name: "1.0".into(),
        description: None,
        released: true,
        archived: false,
        start_on: "2026-01-01".parse().ok(),
        release_on: "2026-02-01".parse().ok(),
        url: None,
    };
    assert_eq!((&walked.entities()[0], walked.ids()), (&Entity::Version(version), vec!["1", "2"]));
}

#[tokio::test]
async fn boards_of_a_project_and_sites_without_boards() {
    let server = MockServer::start().await;
    let rows = json!([{"id": 7, "name": "WEB board", "type": "scrum", "location": {"projectId": 10000, "projectKey": "WEB"}}, {"id": 8, "name": "Team", "type": "simple"}]);
    get(&server, "/rest/agile/1.0/board", bean(rows, 0, 2)).await;
    let walked = walk(&open(&server.uri()), "boards", "project:WEB", None).await.unwrap();
    let board = Board {
        external_id: "7".into(),
        name: "WEB board".into(),
        board_kind: "scrum".into(),
        project_external_id: Some("10000".into()),
        url: None,
    };
    assert_eq!((walked.entities().remove(0), walked.ids()), (Entity::Board(board), vec!["7", "8"]));
    for status in [400, 403, 404] {
        let server = MockServer::start().await;
        serve(&server, "/rest/agile/1.0/board", refused(status, "no")).await;
        let walked = walk(&open(&server.uri()), "boards", "project:NOPE", None).await.unwrap();
        assert!(walked.not_available.is_some(), "{status}");
    }
}

#[tokio::test]
async fn sprints_belong_to_the_board_they_were_made_on() {
    let server = MockServer::start().await;
    let rows = json!([
        {"id": 37, "name": "Sprint 1", "state": "closed", "startDate": "2026-03-01T08:00:00.000+0800", "endDate": "2026-03-14T00:00:00.000Z",
            "completeDate": "2026-03-15T00:00:00.000Z", "originBoardId": 9, "goal": "Ship it"},
        {"id": 38, "name": "Sprint 2", "state": "future"},
    ]);
    get(&server, "/rest/agile/1.0/board/7/sprint", json!({"maxResults": 50, "startAt": 0, "isLast": true, "values": rows})).await;
    let walked = walk(&open(&server.uri()), "sprints", "7", None).await.unwrap();
    let sprint = Sprint {
        external_id: "37".into(),
        board_external_id: Some("9".into()),
        name: "Sprint 1".into(),
        state: "closed".into(),
        goal: Some("Ship it".into()),
        starts_at: "2026-03-01T00:00:00Z".parse().ok(),
        ends_at: "2026-03-14T00:00:00Z".parse().ok(),
        completed_at: "2026-03-15T00:00:00Z".parse().ok(),
    };
    assert_eq!(walked.entities()[0], Entity::Sprint(sprint));
    assert!(matches!(&walked.entities()[1], Entity::Sprint(sprint) if sprint.board_external_id.as_deref() == Some("7")));
}

#[tokio::test]
async fn pitfall_1_1_a_kanban_board_without_sprints_is_tolerated() {
    let server = MockServer::start().await;
    serve(&server, "/rest/agile/1.0/board/8/sprint", refused(400, "The board does not support sprints")).await;
    let walked = walk(&open(&server.uri()), "sprints", "8", None).await.unwrap();
    assert!(walked.not_available.unwrap().contains("does not support sprints"));
}

#[tokio::test]
async fn a_list_that_answers_the_same_page_for_ever_ends_with_an_error() {
    let server = MockServer::start().await;
    let page = json!({"isLast": false, "values": [{"id": "1", "projectId": 10000, "name": "1.0"}]});
    get(&server, "/rest/api/3/project/10000/version", page).await;
    let error = walk(&open(&server.uri()), "versions", "10000", None).await.unwrap_err();
    assert!(error.to_string().contains("does not end"), "{error}");
    // until the walk is a whole page further: a list that leaves out rows may show a row again for as long
    assert_eq!(asked(&server).await.len(), 202);
}

#[tokio::test]
async fn pitfall_5_6_a_success_that_is_not_json_is_an_error() {
    let server = MockServer::start().await;
    serve(&server, "/rest/api/3/status", wiremock::ResponseTemplate::new(200).set_body_string("<html>Log in</html>")).await;
    assert!(walk(&open(&server.uri()), "statuses", "site", None).await.unwrap_err().is_retryable());
}

#[tokio::test]
async fn pitfall_1_6_a_scope_that_is_missing_for_boards_stops_nothing_else() {
    let server = MockServer::start().await;
    let unscoped =
        || wiremock::ResponseTemplate::new(401).set_body_json(json!({"code": 401, "message": "Unauthorized; scope does not match"}));
    for at in ["/rest/agile/1.0/board", "/rest/agile/1.0/board/7/sprint", "/rest/api/3/users/search"] {
        serve(&server, at, unscoped()).await;
    }
    let jira = open(&server.uri());
    for (stream, partition) in [("boards", "project:WEB"), ("sprints", "7")] {
        let reason = walk(&jira, stream, partition, None).await.unwrap().not_available.unwrap();
        assert!(reason.contains("read:board-scope:jira-software and read:sprint:jira-software"), "{reason}");
        let ids = jira.census(CensusRequest { stream, partition, cursor: None }).await.unwrap();
        assert!(ids.not_available.is_some() && !ids.done, "{stream}");
    }
    let error = walk(&jira, "users", "site", None).await.unwrap_err();
    assert!(matches!(&error, ConnectorError::Forbidden { message, .. } if message.contains("scope")), "{error}");
    let hint = error.hint(jira.source());
    assert!(hint.contains("read:jira-user") && hint.contains("read:board-scope:jira-software read:sprint:jira-software"), "{hint}");
}
