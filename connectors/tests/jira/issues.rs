//! Issues: rows in, records out.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use ovia_connectors::{Connector, PullRequest};
use ovia_domain::{Entity, StatusCategory, TimeWindow, WorkItem, WorkItemKind, WorkItemLink};
use serde_json::{Value, json};
use wiremock::MockServer;

use crate::site::issue;
use crate::support::{Walked, get, open_with, post, walk};

fn fields() -> Value {
    json!([
        {"id": "customfield_10107", "name": "Sprint", "custom": true, "schema": {"type": "array", "custom": "com.pyxis.greenhopper.jira:gh-sprint"}},
        {"id": "customfield_10200", "name": "Story point estimate", "custom": true, "schema": {"type": "number", "custom": "com.pyxis.greenhopper.jira:jsw-story-points"}},
        {"id": "customfield_10016", "name": "Story Points", "custom": true, "schema": {"type": "number", "custom": "com.atlassian.jira.plugin.system.customfieldtypes:float"}},
        {"id": "customfield_10017", "name": "Budget", "custom": true, "schema": {"type": "number", "custom": "com.atlassian.jira.plugin.system.customfieldtypes:float"}},
        {"id": "customfield_10018", "name": "No schema", "custom": true},
    ])
}

async fn read(issues: Value, settings: Value) -> (Walked, Vec<String>) {
    let server = MockServer::start().await;
    get(&server, "/rest/api/3/field", fields()).await;
    post(&server, "/rest/api/3/search/jql", json!({"issues": issues, "isLast": true})).await;
    let walked = walk(&open_with(&server.uri(), settings), "issues", "10000", None).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let body: Value = serde_json::from_slice(&requests[1].body).unwrap();
    let asked = body["fields"].as_array().unwrap().iter().map(|field| field.as_str().unwrap().to_owned()).collect();
    (walked, asked)
}

fn settings() -> Value {
    json!({"project_keys": ["WEB"]})
}

fn whole() -> Value {
    json!({"id": "10042", "key": "WEB-42", "self": "https://acme.atlassian.net/rest/api/3/issue/10042", "expand": "operations", "fields": {
        "summary": "Kasse zeigt falsche Summe",
        "issuetype": {"id": "10004", "name": "Fehler", "subtask": false, "hierarchyLevel": 0},
        "status": {"id": "10001", "name": "已完成", "statusCategory": {"key": "done"}},
        "project": {"id": "10000", "key": "WEB"}, "priority": {"id": "2", "name": "Hoch"}, "resolution": {"id": "1", "name": "Fertig"},
        "resolutiondate": "2021-03-29T10:00:00.000+0800", "parent": {"id": "10040", "key": "WEB-40", "fields": {"summary": "Kasse"}},
        "creator": {"accountId": "a1", "displayName": "Ada Example", "active": true, "accountType": "atlassian"},
        "reporter": {"accountId": "a1", "displayName": "Ada Example", "active": true, "accountType": "atlassian"},
        "assignee": {"accountId": "a2", "displayName": "Bo Former", "active": false, "accountType": "atlassian"},
        "labels": ["checkout", "release-2"], "components": [{"id": "1", "name": "Kasse"}],
        "fixVersions": [{"id": "1", "name": "1.0"}, {"id": "2", "name": "1.1"}],
        "issuelinks": [
            {"id": "900", "type": {"id": "1", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"}, "outwardIssue": {"id": "10050", "key": "WEB-50"}},
            {"id": "901", "type": {"id": "1", "name": "Blocks", "inward": "is blocked by", "outward": "blocks"}, "inwardIssue": {"id": "10060", "key": "WEB-60"}},
            {"id": "902", "type": {"id": "1", "name": "Blocks"}},
        ],
        "duedate": "2021-04-01", "created": "2021-03-28T16:06:08.713+0800", "updated": "2021-03-29T10:00:00.001+0800", "worklog": {"total": 25},
        "customfield_10107": [{"id": 36, "name": "Sprint 1", "state": "closed", "boardId": 7}, {"id": 37, "name": "Sprint 2", "state": "active", "boardId": 7}],
        "customfield_10016": 5.0, "customfield_10200": null, "somethingNew": {"a": 1},
    }})
}

#[tokio::test]
async fn an_issue_with_everything() {
    let (walked, asked) = read(json!([whole()]), settings()).await;
    let item = WorkItem {
        external_id: "10042".into(),
        key: "WEB-42".into(),
        project_external_id: "10000".into(),
        title: "Kasse zeigt falsche Summe".into(),
        kind: WorkItemKind::Bug,
        type_name: "Fehler".into(),
        type_external_id: Some("10004".into()),
        status: "已完成".into(),
        status_external_id: Some("10001".into()),
        status_category: Some(StatusCategory::Done),
        priority: Some("Hoch".into()),
        resolution: Some("Fertig".into()),
        parent_external_id: Some("10040".into()),
        author_external_id: Some("a1".into()),
        reporter_external_id: Some("a1".into()),
        assignee_external_id: Some("a2".into()),
        labels: vec!["checkout".into(), "release-2".into()],
        components: vec!["Kasse".into()],
        fix_version_external_ids: vec!["1".into(), "2".into()],
        sprint_external_ids: vec!["36".into(), "37".into()],
        story_points: Some(5.0),
        due_on: "2021-04-01".parse().ok(),
        created_at: "2021-03-28T08:06:08.713Z".parse().unwrap(),
        updated_at: "2021-03-29T02:00:00.001Z".parse().ok(),
        resolved_at: "2021-03-29T02:00:00Z".parse().ok(),
        url: Some("https://acme.atlassian.net/browse/WEB-42".into()),
    };
    let entities = walked.entities();
    assert_eq!(entities[0], Entity::WorkItem(item));
    let link = |id: &str, from: &str, to: &str| {
        let (external_id, link_type) = (id.into(), "blocks".into());
        Entity::WorkItemLink(WorkItemLink { external_id, from_external_id: from.into(), to_external_id: to.into(), link_type })
    };
    assert_eq!(entities[1..3], [link("900", "10042", "10050"), link("901", "10060", "10042")]);
    let accounts: Vec<&str> = entities
        .iter()
        .filter_map(|entity| if let Entity::IdentityRef(of) = entity { Some(of.external_id.as_str()) } else { None })
        .collect();
    assert_eq!((accounts, entities.len()), (vec!["a1", "a2"], 5));
    let details: Vec<String> = walked.details().into_iter().map(|detail| format!("{} {}", detail.stream, detail.external_id)).collect();
    assert_eq!(details, ["changelogs 10042", "worklogs 10042"]);
    // pitfall 1.1: custom ids by schema, whatever their number
    let custom: Vec<&String> = asked.iter().filter(|field| field.starts_with("customfield")).collect();
    assert_eq!(custom, ["customfield_10107", "customfield_10200", "customfield_10016"]);
}

#[tokio::test]
async fn kinds_by_setting_hierarchy_and_names_in_several_languages() {
    let of = |number: u64, kind: Value| {
        let mut row = issue(number, "2026-01-02T00:00:00.000+0000");
        row["fields"]["issuetype"] = kind;
        row
    };
    let named =
        |number: u64, name: &str| of(number, json!({"id": number.to_string(), "name": name, "subtask": false, "hierarchyLevel": 0}));
    let rows = json!([
        named(1, "Story"),
        named(2, "Récit"),
        named(3, "Historia"),
        named(4, "ストーリー"),
        named(5, "故事"),
        named(6, "Fehler"),
        named(7, "Bogue"),
        named(8, "Error"),
        named(9, "バグ"),
        named(10, "缺陷"),
        named(11, "Aufgabe"),
        named(12, "Ganz Eigenes"),
        named(13, "Wunsch"),
        named(14, "wartung"),
        of(15, json!({"name": "Vorhaben", "hierarchyLevel": 1})),
        of(16, json!({"name": "Fehler", "subtask": true})),
        of(17, json!({"name": "Teil", "hierarchyLevel": -1})),
        of(18, json!({"name": "Epic"})),
    ]);
    let settings = json!({"project_keys": ["WEB"], "type_mapping": {"13": "story", "Wartung": "bug"}});
    let (walked, _) = read(rows, settings).await;
    let kinds: Vec<WorkItemKind> =
        walked.entities().iter().filter_map(|entity| if let Entity::WorkItem(item) = entity { Some(item.kind) } else { None }).collect();
    use WorkItemKind::*;
    assert_eq!(kinds, [Story, Story, Story, Story, Story, Bug, Bug, Bug, Bug, Bug, Task, Task, Story, Bug, Epic, Subtask, Subtask, Epic]);
}

#[tokio::test]
async fn a_link_that_both_ends_show_is_one_link() {
    let kind = json!({"name": "Blocks", "inward": "is blocked by", "outward": "blocks"});
    let (mut one, mut other) = (issue(1, "2026-01-02T00:00:00.000+0000"), issue(2, "2026-01-02T00:00:00.000+0000"));
    one["fields"]["issuelinks"] = json!([{"id": "900", "type": kind, "outwardIssue": {"id": "2"}}]);
    other["fields"]["issuelinks"] = json!([{"id": "900", "type": kind, "inwardIssue": {"id": "1"}}]);
    let (walked, _) = read(json!([one, other]), settings()).await;
    let links = links(&walked);
    let by_id: BTreeMap<&str, &WorkItemLink> = links.iter().map(|link| (link.external_id.as_str(), link)).collect();
    assert_eq!((by_id.len(), links.len()), (1, 2), "either row may be stored without the other");
    assert!(links.iter().all(|link| *link == links[0]), "whichever is stored last, it is the same");
    assert_eq!((links[0].from_external_id.as_str(), links[0].to_external_id.as_str()), ("1", "2"));
}

fn links(walked: &Walked) -> Vec<WorkItemLink> {
    let entities = walked.entities().into_iter();
    entities.filter_map(|entity| if let Entity::WorkItemLink(link) = entity { Some(link) } else { None }).collect()
}

#[tokio::test]
async fn a_row_keeps_its_links_whatever_becomes_of_the_rows_before_it() {
    let kind = json!({"name": "Blocks", "outward": "blocks"});
    let (mut one, mut other) = (issue(1, "2026-01-02T00:00:00.000+0000"), issue(2, "2026-01-03T00:00:00.000+0000"));
    one["fields"]["issuelinks"] = json!([{"id": "900", "type": kind, "outwardIssue": {"id": "2"}}]);
    other["fields"]["issuelinks"] = json!([{"id": "900", "type": kind, "inwardIssue": {"id": "1"}}]);
    let (twice, _) = read(json!([one, one]), settings()).await;
    assert_eq!((twice.ids(), links(&twice).len()), (vec!["1"], 1), "the second row replaces the first");

    let server = MockServer::start().await;
    get(&server, "/rest/api/3/field", fields()).await;
    post(&server, "/rest/api/3/search/jql", json!({"issues": [one, other], "isLast": true})).await;
    let (from, to) = ("2026-01-02T12:00:00Z".parse().unwrap(), "2026-01-04T00:00:00Z".parse().unwrap());
    let request = PullRequest { stream: "issues", partition: "10000", cursor: None, window: Some(TimeWindow { from, to }) };
    let page = open_with(&server.uri(), settings()).pull(request).await.unwrap();
    let walked = Walked { records: page.records, ..Walked::default() };
    assert_eq!((walked.ids(), links(&walked).len()), (vec!["2"], 1), "the first row lies outside the window");
}

#[tokio::test]
async fn a_moved_issue_keeps_its_identity() {
    let mut moved = issue(1, "2026-01-02T00:00:00.000+0000");
    moved["key"] = json!("OPS-7");
    moved["fields"]["project"] = json!({"id": "10001", "key": "OPS"});
    let (walked, _) = read(json!([moved]), settings()).await;
    let Entity::WorkItem(item) = walked.entities().remove(0) else { panic!("an item") };
    assert_eq!((walked.ids(), item.key.as_str(), item.project_external_id.as_str()), (vec!["1"], "OPS-7", "10001"));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_a_dead_letter_and_the_page_goes_on() {
    let mut bad = issue(1, "2026-01-02T00:00:00.000+0000");
    bad["fields"]["created"] = json!("yesterday");
    let mut odd = issue(3, "2026-01-02T00:00:00.000+0000");
    odd["fields"]["reporter"] = json!({"displayName": "Unknown user"});
    odd["fields"]["labels"] = json!(null);
    odd["fields"]["summary"] = json!(null);
    let (walked, _) = read(json!([bad, issue(2, "2026-01-02T00:00:00.000+0000"), odd]), settings()).await;
    assert_eq!((walked.ids(), walked.dead_letters.len()), (vec!["2", "3"], 1));
    assert_eq!(walked.dead_letters[0].external_id.as_deref(), Some("1"));
    assert!(walked.dead_letters[0].reason.contains("yesterday"));
}

#[tokio::test]
async fn details_are_left_out_where_nobody_wants_them_or_nothing_is_logged() {
    let (walked, _) = read(json!([issue(1, "2026-01-02T00:00:00.000+0000")]), settings()).await;
    assert_eq!(walked.details().iter().map(|detail| detail.stream.as_str()).collect::<Vec<_>>(), ["changelogs"], "no work is logged");
    let (walked, _) = read(json!([whole()]), json!({"project_keys": ["WEB"], "details": false})).await;
    assert!(walked.details().is_empty());
}
