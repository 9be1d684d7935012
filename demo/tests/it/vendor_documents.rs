//! The stand-ins answer in the shapes of the vendors' documents. Skipped where those are absent.

use std::path::Path;

use serde_json::{Value, json};

use crate::client::small;
use crate::site::{Site, confluence, jira};

fn document(name: &str) -> Option<Value> {
    let Ok(bytes) = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/specs").join(name)) else {
        eprintln!("skipped: ../shared/specs/{name} is absent");
        return None;
    };
    Some(serde_json::from_slice(&bytes).unwrap())
}

/// What is wrong with a value; `null` and unknown members are what the services give as well.
fn check(document: &Value, schema: &Value, value: &Value, place: &str, wrong: &mut Vec<String>) {
    if value.is_null() {
        return;
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).unwrap_or_else(|| panic!("{reference} is not there"));
        return check(document, target, value, place, wrong);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check(document, part, value, place, wrong);
    }
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        _ => true,
    };
    if !fits {
        wrong.push(format!("{place}: {value} is no {}", schema["type"]));
    }
    if let Some(allowed) = schema["enum"].as_array().filter(|allowed| !allowed.contains(value)) {
        wrong.push(format!("{place}: {value} is none of {allowed:?}"));
    }
    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
        check(document, &schema["items"], item, &format!("{place}[{n}]"), wrong);
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        if let Some(schema) = schema["properties"].get(name) {
            check(document, schema, member, &format!("{place}.{name}"), wrong);
        }
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if value.get(name.as_str().unwrap()).is_none() {
            wrong.push(format!("{place}: {name} is missing"));
        }
    }
}

/// Compares an answer with the document's 200 of a path and method.
fn fits(document: &Value, path: &str, method: &str, answer: &Value) {
    let operation = &document["paths"][path][method];
    assert!(operation.is_object(), "{method} {path} is in no document");
    let content = operation["responses"]["200"]["content"].as_object().unwrap_or_else(|| panic!("{path} has no 200"));
    let schema = &content["application/json"]["schema"];
    let mut wrong = Vec::new();
    check(document, schema, answer, "", &mut wrong);
    wrong.truncate(5);
    assert!(wrong.is_empty(), "{method} {path}: {wrong:#?}");
}

#[tokio::test]
async fn jira_answers_as_its_document_says() {
    let Some(platform) = document("jira-platform-v3.2025-12.json") else { return };
    let server = jira(&small());
    let site = Site::of_jira(&server);
    let group = server.truth().groups.keys().next().unwrap().clone();
    let issue = server.truth().worklogs.values().next().unwrap().work_item_external_id.clone();
    for (template, path) in [
        ("myself", "myself".to_owned()),
        ("serverInfo", "serverInfo".to_owned()),
        ("users/search", "users/search?maxResults=100".to_owned()),
        ("group/bulk", "group/bulk".to_owned()),
        ("group/member", format!("group/member?groupId={group}&includeInactiveUsers=true")),
        ("project/search", "project/search?expand=insight,projectKeys&status=live&status=archived".to_owned()),
        ("project/{projectIdOrKey}", "project/WEB".to_owned()),
        ("project/{projectIdOrKey}/version", "project/WEB/version".to_owned()),
        ("field", "field".to_owned()),
        ("status", "status".to_owned()),
        ("statuses/search", "statuses/search".to_owned()),
        ("search/jql", "search/jql?jql=project%3DWEB&fields=*all&expand=changelog&maxResults=100".to_owned()),
        ("issue/{issueIdOrKey}", format!("issue/{issue}?expand=changelog")),
        ("issue/{issueIdOrKey}/changelog", format!("issue/{issue}/changelog")),
        ("issue/{issueIdOrKey}/worklog", format!("issue/{issue}/worklog")),
        ("worklog/updated", "worklog/updated?since=0".to_owned()),
        ("worklog/deleted", "worklog/deleted?since=0".to_owned()),
    ] {
        fits(&platform, &format!("/rest/api/3/{template}"), "get", &site.ok(&format!("/rest/api/3/{path}")).await);
    }
    let worklog: u64 = server.truth().worklogs.keys().next().unwrap().parse().unwrap();
    for (path, body) in [
        ("search/jql", json!({"jql": "project = WEB", "fields": ["*all"]})),
        ("search/approximate-count", json!({"jql": "project = WEB"})),
        ("issue/bulkfetch", json!({"issueIdsOrKeys": [issue, "1"], "fields": ["*all"]})),
        ("worklog/list", json!({"ids": [worklog]})),
    ] {
        let (status, answer) = site.post(&format!("/rest/api/3/{path}"), &body).await;
        assert_eq!(status, 200, "{path}");
        fits(&platform, &format!("/rest/api/3/{path}"), "post", &answer);
    }
    // The document's schema has a text there, its example a number; the service gives numbers.
    let (_, mut answer) = site.post("/rest/api/3/changelog/bulkfetch", &json!({"issueIdsOrKeys": [issue]})).await;
    for entry in answer["issueChangeLogs"][0]["changeHistories"].as_array_mut().unwrap() {
        assert!(entry["created"].is_i64());
        entry.as_object_mut().unwrap().remove("created");
    }
    fits(&platform, "/rest/api/3/changelog/bulkfetch", "post", &answer);
    server.shutdown().await;
}

#[tokio::test]
async fn boards_answer_as_their_document_says() {
    let Some(software) = document("jira-software-1.0.2022-07.json") else { return };
    let server = jira(&small());
    let site = Site::of_jira(&server);
    let (id, _) = server.truth().boards.into_iter().find(|(_, row)| row.board_kind == "scrum").unwrap();
    fits(&software, "/rest/agile/1.0/board", "get", &site.ok("/rest/agile/1.0/board").await);
    fits(&software, "/rest/agile/1.0/board/{boardId}", "get", &site.ok(&format!("/rest/agile/1.0/board/{id}")).await);
    let sprints = site.ok(&format!("/rest/agile/1.0/board/{id}/sprint")).await;
    fits(&software, "/rest/agile/1.0/board/{boardId}/sprint", "get", &sprints);
    let sprint = site.ok(&format!("/rest/agile/1.0/sprint/{}", sprints["values"][0]["id"])).await;
    assert_eq!(sprint, sprints["values"][0]);
    server.shutdown().await;
}

#[tokio::test]
async fn confluence_answers_as_its_document_says() {
    let Some(v2) = document("confluence-v2.2025-01.json") else { return };
    let server = confluence(&small());
    let site = Site::of_confluence(&server);
    let truth = server.truth();
    let space = truth.spaces.keys().next().unwrap();
    let page = truth.documents.iter().find(|(_, row)| row.document_kind == "page" && row.status == "current").unwrap().0;
    let post = truth.documents.iter().find(|(_, row)| row.document_kind == "blog_post" && row.status == "current").unwrap().0;
    for (template, path) in [
        ("/spaces", "/spaces".to_owned()),
        ("/spaces/{id}", format!("/spaces/{space}")),
        ("/spaces/{id}/pages", format!("/spaces/{space}/pages?status=current,archived,trashed&body-format=storage")),
        ("/pages", "/pages?limit=250&body-format=storage".to_owned()),
        ("/pages/{id}", format!("/pages/{page}?include-labels=true&include-versions=true&body-format=storage")),
        ("/pages/{id}/versions", format!("/pages/{page}/versions")),
        ("/pages/{id}/labels", format!("/pages/{page}/labels")),
        ("/pages/{id}/footer-comments", format!("/pages/{page}/footer-comments")),
        ("/pages/{id}/inline-comments", format!("/pages/{page}/inline-comments")),
        ("/blogposts", "/blogposts?limit=250".to_owned()),
        ("/blogposts/{id}", format!("/blogposts/{post}")),
        ("/blogposts/{id}/versions", format!("/blogposts/{post}/versions")),
        ("/footer-comments", "/footer-comments?limit=250".to_owned()),
        ("/inline-comments", "/inline-comments?limit=250&body-format=storage".to_owned()),
    ] {
        fits(&v2, template, "get", &site.ok(&format!("/wiki/api/v2{path}")).await);
    }
    let ids: Vec<&String> = truth.identities.keys().take(200).collect();
    let (status, users) = site.post("/wiki/api/v2/users-bulk", &json!({"accountIds": ids})).await;
    assert_eq!(status, 200);
    fits(&v2, "/users-bulk", "post", &users);
    server.shutdown().await;
}
