//! Histories and work logs, complete.

#![expect(clippy::unwrap_used, reason = "tests")]

use ovia_connectors::Connector;
use ovia_domain::{DetailRequest, Entity, ListKind, WholeList, WorkItemChange, Worklog};
use serde_json::{Value, json};
use wiremock::matchers::{body_partial_json, method, path, query_param};
use wiremock::{Mock, MockServer};

use crate::support::{asked, get, ok, open, post, refused, serve};

const BULK: &str = "/rest/api/3/changelog/bulkfetch";

fn requests(stream: &str, ids: &[&str]) -> Vec<DetailRequest> {
    ids.iter().map(|id| DetailRequest { stream: stream.into(), external_id: (*id).into(), args: json!({}) }).collect()
}

fn history(id: u64, created: Value) -> Value {
    json!({"id": id.to_string(), "author": {"accountId": "a1", "displayName": "Ada Example", "active": true}, "created": created, "items": [
        {"field": "status", "fieldId": "status", "fieldtype": "jira", "from": "1", "fromString": "Offen", "to": "3", "toString": "In Arbeit"},
        {"field": "Sprint", "fieldId": "customfield_10107", "from": "", "fromString": "", "to": "36, 37", "toString": "Sprint 1, Sprint 2"},
    ]})
}

#[tokio::test]
async fn pitfall_0_3_changelogs_beyond_forty_entries_split_over_pages() {
    let server = MockServer::start().await;
    let histories = |from: u64, to: u64| (from..to).map(|id| history(id, json!(1_492_070_429_000u64 + id))).collect::<Vec<_>>();
    let next = Mock::given(method("POST")).and(path(BULK)).and(body_partial_json(json!({"nextPageToken": "more"})));
    let last = json!({"issueChangeLogs": [{"issueId": "10001", "changeHistories": histories(60, 90)}, {"issueId": "10002", "changeHistories": histories(90, 91)}]});
    next.respond_with(ok(last)).with_priority(1).mount(&server).await;
    post(&server, BULK, json!({"issueChangeLogs": [{"issueId": "10001", "changeHistories": histories(0, 60)}], "nextPageToken": "more"}))
        .await;
    let jira = open(&server.uri());
    assert!(jira.detail_batch("changelogs") > 1 && jira.detail_batch("changelogs") <= 1000);
    let details = jira.pull_details(&requests("changelogs", &["10001", "10002", "10003"])).await.unwrap();
    assert_eq!(details.iter().map(|detail| detail.records.len()).collect::<Vec<_>>(), [90, 1, 0], "merged by issue, in the order asked");
    assert_eq!(details.iter().map(|detail| detail.requests).sum::<i64>(), 2);
    let record = &details[0].records[0];
    let change = WorkItemChange {
        external_id: "10001:0:1".into(),
        work_item_external_id: "10001".into(),
        author_external_id: Some("a1".into()),
        created_at: "2017-04-13T08:00:29Z".parse().unwrap(),
        field: "Sprint".into(),
        field_external_id: Some("customfield_10107".into()),
        from_value: None,
        from_text: None,
        to_value: Some("36, 37".into()),
        to_text: Some("Sprint 1, Sprint 2".into()),
    };
    assert_eq!((record.external_id.as_str(), &record.entities[1]), ("10001:0", &Entity::WorkItemChange(change)));
    let bodies: Vec<Value> =
        server.received_requests().await.unwrap().iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
    assert_eq!(bodies[0]["issueIdsOrKeys"], json!(["10001", "10002", "10003"]));
    assert!(bodies[0]["maxResults"].as_u64().unwrap() <= 10_000);
}

#[tokio::test]
async fn times_of_a_changelog_are_numbers_or_texts() {
    let server = MockServer::start().await;
    let histories = vec![history(1, json!(1_492_070_429)), history(2, json!("2017-04-13T16:00:29.000+0800")), history(3, json!(null))];
    post(&server, BULK, json!({"issueChangeLogs": [{"issueId": "1", "changeHistories": histories}], "nextPageToken": null})).await;
    let detail = open(&server.uri()).pull_detail(&requests("changelogs", &["1"])[0]).await.unwrap();
    for record in &detail.records {
        assert!(
            matches!(&record.entities[0], Entity::WorkItemChange(change) if change.created_at == "2017-04-13T08:00:29Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap())
        );
    }
    assert_eq!((detail.records.len(), detail.dead_letters.len()), (2, 1));
}

#[tokio::test]
async fn a_changelog_that_does_not_end_is_an_error_and_a_hidden_one_is_none() {
    let server = MockServer::start().await;
    post(&server, BULK, json!({"issueChangeLogs": [], "nextPageToken": "again"})).await;
    let error = open(&server.uri()).pull_detail(&requests("changelogs", &["1"])[0]).await.unwrap_err();
    assert!(error.is_retryable() && asked(&server).await.len() == 2);
    let server = MockServer::start().await;
    serve(&server, BULK, refused(403, "no")).await;
    let details = open(&server.uri()).pull_details(&requests("changelogs", &["1", "2"])).await.unwrap();
    assert!(details.iter().all(|detail| detail.not_available.is_some()) && details.len() == 2);
}

#[tokio::test]
async fn worklogs_beyond_the_twenty_that_rows_show() {
    let server = MockServer::start().await;
    let row = |id: u64| {
        json!({"id": id.to_string(), "issueId": "10001", "author": {"accountId": "a1"}, "started": "2026-01-05T09:00:00.000+0545",
        "timeSpentSeconds": 5400, "created": "2026-01-05T11:00:00.000+0545", "updated": "2026-01-05T11:00:00.000+0545"})
    };
    for (start, end) in [(0, 20), (20, 25)] {
        let page = json!({"startAt": start, "maxResults": 20, "total": 25, "worklogs": (start..end).map(row).collect::<Vec<_>>()});
        let on = Mock::given(method("GET")).and(path("/rest/api/3/issue/10001/worklog")).and(query_param("startAt", start.to_string()));
        on.respond_with(ok(page)).mount(&server).await;
    }
    let detail = open(&server.uri()).pull_detail(&requests("worklogs", &["10001"])[0]).await.unwrap();
    assert_eq!((detail.records.len(), detail.requests), (25, 2));
    let worklog = Worklog {
        external_id: "0".into(),
        work_item_external_id: "10001".into(),
        author_external_id: Some("a1".into()),
        started_at: "2026-01-05T03:15:00Z".parse().unwrap(),
        seconds: 5400,
        created_at: "2026-01-05T05:15:00Z".parse().ok(),
        updated_at: "2026-01-05T05:15:00Z".parse().ok(),
    };
    assert_eq!(detail.records[0].entities[0], Entity::Worklog(worklog));
    let all = |work_item: &str, ids: std::ops::Range<u64>| WholeList {
        kind: ListKind::Worklogs,
        work_item: work_item.into(),
        external_ids: ids.map(|id| id.to_string()).collect(),
    };
    assert_eq!(detail.whole_list, Some(all("10001", 0..25)));
    get(&server, "/rest/api/3/issue/2/worklog", json!({"startAt": 0, "maxResults": 5000, "total": 0, "worklogs": []})).await;
    let none = open(&server.uri()).pull_detail(&requests("worklogs", &["2"])[0]).await.unwrap();
    assert_eq!((none.records.len(), none.whole_list), (0, Some(all("2", 0..0))));
    serve(&server, "/rest/api/3/issue/3/worklog", refused(404, "Issue does not exist")).await;
    let hidden = open(&server.uri()).pull_detail(&requests("worklogs", &["3"])[0]).await.unwrap();
    assert!(hidden.not_available.is_some() && hidden.whole_list.is_none());
    // one that cannot be read is there all the same
    let rows = json!([row(1), {"id": "2", "issueId": "4", "started": ""}]);
    get(&server, "/rest/api/3/issue/4/worklog", json!({"startAt": 0, "maxResults": 5000, "total": 2, "worklogs": rows})).await;
    let odd = open(&server.uri()).pull_detail(&requests("worklogs", &["4"])[0]).await.unwrap();
    assert_eq!((odd.records.len(), odd.dead_letters.len(), odd.whole_list), (1, 1, Some(all("4", 1..3))));
}
