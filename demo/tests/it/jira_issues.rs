//! Issues of the Jira stand-in: searching, paging, changelogs, worklogs, and that all of it is what the truth says.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, TimeZone, Utc};
use chrono_tz::Tz;
use ovia_demo::{FaultKind, FaultRule, JiraServer, JiraTruth, SiteOptions, WorkItemChangeRow};
use serde_json::{Value, json};

use crate::client::{as_of, full, small};
use crate::site::{Site, by_id, jira, time};

/// What is served of an issue, as a row of the truth.
fn row(truth: &JiraTruth, issue: &Value) -> Value {
    let fields = &issue["fields"];
    let names = |list: &Value, name: &str| -> Vec<String> {
        list.as_array().into_iter().flatten().map(|one| one[name].as_str().map_or_else(|| one[name].to_string(), str::to_owned)).collect()
    };
    let custom = |end: &str| {
        let found =
            truth.work_item_fields.iter().find(|(_, field)| field.schema_custom.as_deref().is_some_and(|custom| custom.ends_with(end)));
        fields[found.unwrap().0].clone()
    };
    let points = truth.work_item_fields.iter().find(|(_, field)| field.name == "Story Points").unwrap().0;
    let points = if fields[points].is_null() { custom(":jsw-story-points") } else { fields[points].clone() };
    let at = |name: &str| (!fields[name].is_null()).then(|| time(&fields[name]));
    let kind = match (fields["issuetype"]["hierarchyLevel"].as_i64().unwrap(), fields["issuetype"]["avatarId"].as_i64().unwrap()) {
        (1, _) => "epic",
        (-1, _) => "subtask",
        (_, 10315) => "story",
        (_, 10303) => "bug",
        _ => "task",
    };
    json!({
        "key": issue["key"], "project_external_id": fields["project"]["id"], "title": fields["summary"], "kind": kind,
        "type_name": fields["issuetype"]["name"], "type_external_id": fields["issuetype"]["id"], "status": fields["status"]["name"],
        "status_external_id": fields["status"]["id"],
        "status_category": match fields["status"]["statusCategory"]["key"].as_str().unwrap() {
            "new" => "todo",
            "indeterminate" => "in_progress",
            other => other,
        },
        "priority": fields["priority"]["name"], "resolution": fields["resolution"]["name"], "parent_external_id": fields["parent"]["id"],
        "author_external_id": fields["creator"]["accountId"], "reporter_external_id": fields["reporter"]["accountId"],
        "assignee_external_id": fields["assignee"]["accountId"], "labels": fields["labels"], "components": names(&fields["components"], "name"),
        "fix_version_external_ids": names(&fields["fixVersions"], "id"), "sprint_external_ids": names(&custom(":gh-sprint"), "id"),
        "story_points": points, "due_on": fields["duedate"], "created_at": at("created"), "updated_at": at("updated"),
        "resolved_at": at("resolutiondate"),
    })
}

#[tokio::test]
async fn every_issue_found_is_its_row_of_the_truth() {
    let server = jira(&full());
    let site = Site::of_jira(&server);
    let truth = server.truth();
    let (mut found, mut links) = (BTreeMap::new(), BTreeSet::new());
    for key in server.project_keys() {
        found.extend(by_id(site.search(&format!("project = {key} ORDER BY updated ASC, key ASC"), &["*all"], 100).await));
    }
    assert_eq!(found.len(), truth.work_items.len());
    for (id, issue) in &found {
        assert_eq!(row(&truth, issue), serde_json::to_value(&truth.work_items[id]).unwrap(), "{id}");
        for link in issue["fields"]["issuelinks"].as_array().unwrap() {
            let expected = &truth.work_item_links[link["id"].as_str().unwrap()];
            let (from, to) = match (link["outwardIssue"]["id"].as_str(), link["inwardIssue"]["id"].as_str()) {
                (Some(other), None) => (id.as_str(), other),
                (None, Some(other)) => (other, id.as_str()),
                both => panic!("{both:?}"),
            };
            assert_eq!(
                (from, to, link["type"]["outward"].as_str().unwrap()),
                (expected.from_external_id.as_str(), expected.to_external_id.as_str(), expected.link_type.as_str())
            );
            links.insert(link["id"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(links.len(), truth.work_item_links.len());
    server.shutdown().await;
}

#[tokio::test]
async fn fields_are_shown_as_asked_for() {
    let server = jira(&small());
    let site = Site::of_jira(&server);
    let one = async |body: Value| site.post("/rest/api/3/search/jql", &body).await.1["issues"][0].clone();
    let bare = one(json!({"jql": "project = WEB", "maxResults": 1})).await;
    assert_eq!(bare.as_object().unwrap().keys().collect::<Vec<_>>(), ["id"]);
    let some = one(json!({"jql": "project = WEB", "fields": ["summary", "updated"]})).await;
    assert_eq!(some["fields"].as_object().unwrap().len(), 2);
    assert!(some["key"].as_str().unwrap().starts_with("WEB-"));
    let without = one(json!({"jql": "project = WEB", "fields": ["*all", "-worklog"]})).await;
    assert!(without["fields"].get("worklog").is_none() && without["fields"]["description"]["type"] != json!("text"));
    let query = site.ok("/rest/api/3/search/jql?jql=project%20%3D%20%22WEB%22&fields=summary,status&maxResults=3").await;
    assert_eq!((query["issues"].as_array().unwrap().len(), query["isLast"].as_bool()), (3, Some(false)));
    server.shutdown().await;
}

#[tokio::test]
async fn page_tokens_belong_to_their_list_and_die() {
    let server = jira(&small());
    let site = Site::of_jira(&server);
    let page = |jql: &'static str, token: Option<String>| {
        let mut body = json!({"jql": jql, "fields": ["summary"], "maxResults": 10});
        if let Some(token) = token {
            body["nextPageToken"] = json!(token);
        }
        let site = &site;
        async move { site.post("/rest/api/3/search/jql", &body).await }
    };
    let web = "project = WEB ORDER BY updated ASC";
    let (_, first) = page(web, None).await;
    let token = first["nextPageToken"].as_str().unwrap().to_owned();
    assert_eq!(page(web, Some(token.clone())).await.0, 200);
    assert_eq!(page("project = GATE ORDER BY updated ASC", Some(token.clone())).await.0, 400);
    assert_eq!(page(web, Some("nonsense".to_owned())).await.0, 400);
    server.edit(|jira| jira.expire_page_tokens());
    let (status, refused) = page(web, Some(token.clone())).await;
    assert_eq!((status, refused["errorMessages"][0].as_str().unwrap().contains("token")), (400, true));
    server.set_faults(FaultRule::always(FaultKind::RepeatToken).route("/search/jql$").into());
    let (_, looping) = page(web, None).await;
    assert!(looping["nextPageToken"].is_string() && looping["isLast"] == false);
    server.set_faults(FaultRule::always(FaultKind::EmptyPage).route("/search/jql$").into());
    let (_, empty) = page(web, None).await;
    assert_eq!((empty["issues"].as_array().unwrap().len(), empty["isLast"].as_bool()), (0, Some(false)));
    server.shutdown().await;
}

#[tokio::test]
async fn a_list_that_moves_while_it_is_walked_loses_nothing() {
    let server = JiraServer::start(&small(), SiteOptions { page_cap: Some(7), ..SiteOptions::default() }).unwrap();
    let site = Site::of_jira(&server);
    let (mut seen, mut token, mut pages) = (BTreeSet::new(), None::<String>, 0);
    loop {
        let mut body = json!({"jql": "project = WEB ORDER BY updated ASC, key ASC", "fields": ["id"], "maxResults": 50});
        if let Some(token) = &token {
            body["nextPageToken"] = json!(token);
        }
        let (_, page) = site.post("/rest/api/3/search/jql", &body).await;
        assert!(page["issues"].as_array().unwrap().len() <= 7);
        seen.extend(page["issues"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        pages += 1;
        if pages < 4 {
            server.edit(|jira| jira.edit_issues(5, as_of() + Duration::minutes(pages)));
        }
        match page["nextPageToken"].as_str() {
            Some(next) => token = Some(next.to_owned()),
            None => break,
        }
    }
    let truth = server.truth();
    let web = truth.work_items.iter().filter(|(_, row)| row.key.starts_with("WEB-")).map(|(id, _)| id.clone());
    assert_eq!(seen, web.collect());
    server.shutdown().await;
}

#[tokio::test]
async fn times_in_queries_are_the_users_and_to_the_minute() {
    let company = small();
    for zone in [Tz::Asia__Shanghai, Tz::America__New_York, Tz::Asia__Kathmandu, Tz::UTC] {
        let server = JiraServer::start(&company, SiteOptions { time_zone: zone, ..SiteOptions::default() }).unwrap();
        let site = Site::of_jira(&server);
        let truth = server.truth();
        assert_eq!(site.ok("/rest/api/3/myself").await["timeZone"], zone.name());
        // One by a minute in summer, one in winter, one in the hour that New York's clocks skipped.
        for instant in ["2025-07-14T09:31:42Z", "2026-01-20T18:05:59Z", "2026-03-08T07:30:00Z"] {
            let instant: DateTime<Utc> = instant.parse().unwrap();
            let minute = instant.timestamp() / 60 * 60;
            let expected = truth.work_items.values().filter(|row| row.updated_at.timestamp() >= minute).count();
            let local = zone.from_utc_datetime(&instant.naive_utc()).format("%Y-%m-%d %H:%M").to_string();
            for literal in [format!("\"{local}\""), instant.timestamp_millis().to_string()] {
                let found = site.search(&format!("project != OLD AND updated >= {literal} ORDER BY updated ASC"), &["updated"], 100).await;
                assert_eq!(found.len(), expected, "{zone} {literal}");
                let before = site.search(&format!("project != OLD AND updated < {literal}"), &["id"], 5000).await;
                assert_eq!(before.len() + expected, truth.work_items.len());
                let times: Vec<DateTime<Utc>> = found.iter().map(|one| time(&one["fields"]["updated"])).collect();
                assert!(times.is_sorted());
            }
        }
        server.shutdown().await;
    }
}

#[tokio::test]
async fn queries_that_jira_refuses_are_refused() {
    let server = jira(&small());
    let site = Site::of_jira(&server);
    for (jql, message) in [
        ("project in (WEB, NOPE)", "The value 'NOPE' does not exist for the field 'project'."),
        ("project = TMP", "The value 'TMP' does not exist for the field 'project'."),
        ("", "Unbounded JQL queries are not allowed here."),
        ("ORDER BY updated", "Unbounded JQL queries are not allowed here."),
        ("id in (1)", "A value with ID '1' does not exist for the field 'id'."),
        ("project = WEB AND updated >= \"yesterday\"", "Date value 'yesterday' for field 'updated' is invalid."),
        ("colour = red", "Field 'colour' does not exist"),
        ("project = WEB project = WEB", "Error in the JQL Query"),
        ("project = \"WEB", "Error in the JQL Query"),
    ] {
        let (status, body) = site.post("/rest/api/3/search/jql", &json!({"jql": jql})).await;
        assert_eq!(status, 400, "{jql}");
        assert!(body["errorMessages"][0].as_str().unwrap().starts_with(message), "{jql}: {body}");
    }
    let (_, count) = site.post("/rest/api/3/search/approximate-count", &json!({"jql": "project = \"WEB\""})).await;
    assert_eq!(count["count"], site.search("project = SHOP", &["id"], 5000).await.len());
    let many: Vec<u64> = (0..51).collect();
    assert_eq!(site.post("/rest/api/3/search/jql", &json!({"jql": "project = WEB", "reconcileIssues": many})).await.0, 400);
    server.shutdown().await;
}

fn changes(issue: &str, histories: &[Value], out: &mut BTreeMap<String, WorkItemChangeRow>, bulk: bool) {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    for history in histories {
        let created_at =
            if bulk { DateTime::from_timestamp_millis(history["created"].as_i64().unwrap()).unwrap() } else { time(&history["created"]) };
        for (position, item) in history["items"].as_array().unwrap().iter().enumerate() {
            let row = WorkItemChangeRow {
                work_item_external_id: issue.to_owned(),
                author_external_id: text(&history["author"]["accountId"]),
                created_at,
                field: text(&item["field"]).unwrap(),
                field_external_id: text(&item["fieldId"]),
                from_value: text(&item["from"]),
                from_text: text(&item["fromString"]),
                to_value: text(&item["to"]),
                to_text: text(&item["toString"]),
            };
            assert!(out.insert(format!("{issue}:{}:{position}", history["id"].as_str().unwrap()), row).is_none(), "an entry came twice");
        }
    }
}

#[tokio::test]
async fn changelogs_are_whole_only_in_bulk_and_one_by_one() {
    let server = jira(&full());
    let site = Site::of_jira(&server);
    let truth = server.truth();
    let ids: Vec<&String> = truth.work_items.keys().collect();
    let (mut found, mut split) = (BTreeMap::new(), 0);
    for batch in ids.chunks(1000) {
        let (mut token, mut seen) = (None::<String>, BTreeSet::new());
        loop {
            let mut body = json!({"issueIdsOrKeys": batch, "maxResults": 900});
            if let Some(token) = &token {
                body["nextPageToken"] = json!(token);
            }
            let (status, page) = site.post("/rest/api/3/changelog/bulkfetch", &body).await;
            assert_eq!(status, 200);
            for log in page["issueChangeLogs"].as_array().unwrap() {
                let issue = log["issueId"].as_str().unwrap();
                split += usize::from(!seen.insert(issue.to_owned()));
                changes(issue, log["changeHistories"].as_array().unwrap(), &mut found, true);
            }
            match page.get("nextPageToken") {
                Some(next) => token = Some(next.as_str().unwrap().to_owned()),
                None => break,
            }
        }
    }
    assert_eq!(found, truth.work_item_changes);
    assert!(split > 10, "entries of one issue come on several pages: {split}");
    let long = truth.work_items.keys().max_by_key(|id| found.keys().filter(|key| key.starts_with(&format!("{id}:"))).count()).unwrap();
    let mut single = BTreeMap::new();
    changes(long, &site.beans(&format!("/rest/api/3/issue/{long}/changelog"), 100).await, &mut single, false);
    assert!(single.len() > 100 && single.iter().all(|(key, row)| found[key] == *row));
    let (_, page) =
        site.post("/rest/api/3/search/jql", &json!({"jql": format!("id = {long}"), "fields": ["summary"], "expand": "changelog"})).await;
    let shown = &page["issues"][0]["changelog"];
    assert_eq!(shown["histories"].as_array().unwrap().len(), 40);
    assert!(shown["total"].as_u64().unwrap() > 100);
    assert!(time(&shown["histories"][0]["created"]) > time(&shown["histories"][39]["created"]), "the newest ones");
    server.shutdown().await;
}

#[tokio::test]
async fn issues_are_fetched_by_id_and_by_any_key_they_had() {
    let server = jira(&small());
    let site = Site::of_jira(&server);
    let moved = server.edit(|jira| jira.move_issues(3, as_of() + Duration::hours(1)));
    let truth = server.truth();
    let former: Vec<&String> = moved.iter().map(|id| truth.former_keys[id].iter().find(|key| !key.starts_with("SHOP")).unwrap()).collect();
    let asked = [vec!["1".to_owned(), "WEB-99999".to_owned()], moved.clone(), former.iter().map(|key| (*key).clone()).collect()].concat();
    let (status, page) = site.post("/rest/api/3/issue/bulkfetch", &json!({"issueIdsOrKeys": asked, "fields": ["*all"]})).await;
    assert_eq!((status, page["issues"].as_array().unwrap().len()), (200, 3));
    let missing: Vec<&str> = page["issueErrors"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(missing, ["1", "WEB-99999"]);
    let issue = site.ok(&format!("/rest/api/3/issue/{}", former[0])).await;
    assert_eq!(row(&truth, &issue), serde_json::to_value(&truth.work_items[issue["id"].as_str().unwrap()]).unwrap());
    let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    assert_eq!(site.post("/rest/api/3/issue/bulkfetch", &json!({"issueIdsOrKeys": many})).await.0, 400);
    server.shutdown().await;
}

#[tokio::test]
async fn worklogs_can_be_followed() {
    let server = JiraServer::start(&small(), SiteOptions { page_cap: Some(20), ..SiteOptions::default() }).unwrap();
    let site = Site::of_jira(&server);
    let follow = async |list: &str| {
        let (mut ids, mut path, mut pages) = (BTreeSet::new(), format!("/rest/api/3/worklog/{list}?since=0"), 0);
        loop {
            let page = site.ok(&path).await;
            ids.extend(page["values"].as_array().unwrap().iter().map(|one| one["worklogId"].to_string()));
            pages += 1;
            if page["lastPage"] == true {
                return (ids, pages);
            }
            path = page["nextPage"].as_str().unwrap().replace(&site.base, "");
        }
    };
    let truth = server.truth();
    let (ids, pages) = follow("updated").await;
    // Those of issues that nobody sees are named as well, but not shown.
    assert!(truth.worklogs.keys().all(|id| ids.contains(id)));
    assert!(pages > 2);
    let wanted: Vec<u64> = ids.iter().map(|id| id.parse().unwrap()).collect();
    let (_, rows) = site.post("/rest/api/3/worklog/list", &json!({"ids": wanted})).await;
    let rows = by_id(rows.as_array().unwrap().clone());
    assert_eq!(rows.keys().collect::<Vec<_>>(), truth.worklogs.keys().collect::<Vec<_>>());
    for (id, worklog) in rows {
        let row = &truth.worklogs[&id];
        assert_eq!(
            (worklog["issueId"].as_str().unwrap(), worklog["timeSpentSeconds"].as_i64().unwrap()),
            (row.work_item_external_id.as_str(), row.seconds)
        );
        assert_eq!((time(&worklog["started"]), time(&worklog["updated"])), (row.started_at, row.updated_at));
    }
    // What is logged now is not told for a minute.
    let fresh = server.edit(|jira| jira.add_worklogs(2, Utc::now()));
    assert!(follow("updated").await.0.is_disjoint(&fresh.into_iter().collect()));
    let gone: BTreeSet<String> = server.edit(|jira| jira.delete_worklogs(4, as_of())).into_iter().collect();
    assert_eq!(follow("deleted").await.0, gone);
    assert!(server.truth().worklogs.keys().all(|id| !gone.contains(id)));
    let issue = &truth.worklogs.values().next().unwrap().work_item_external_id;
    let of_issue = site.ok(&format!("/rest/api/3/issue/{issue}/worklog")).await;
    assert!(of_issue["worklogs"].as_array().is_some_and(|rows| rows.iter().all(|row| row["issueId"] == issue.as_str())));
    server.shutdown().await;
}

#[tokio::test]
async fn edits_show_in_searches_and_in_the_truth() {
    let server = jira(&small());
    let site = Site::of_jira(&server);
    let before = server.truth();
    let at = as_of() + Duration::hours(3);
    let edited = server.edit(|jira| jira.edit_issues(9, at));
    let same = server.edit(|jira| jira.bulk_label(30, at, "swept"));
    let deleted = server.edit(|jira| jira.delete_issues(4));
    let added = server.edit(|jira| jira.add_issues(5, at + Duration::minutes(2)));
    let truth = server.truth();
    assert!(deleted.iter().all(|id| !truth.work_items.contains_key(id)) && added.iter().all(|id| truth.work_items.contains_key(id)));
    assert!(
        edited.iter().filter(|id| truth.work_items.contains_key(*id)).all(|id| truth.work_items[id].title != before.work_items[id].title)
    );
    assert!(same.iter().filter(|id| truth.work_items.contains_key(*id)).all(|id| truth.work_items[id].updated_at == at));
    let mut found = BTreeMap::new();
    for key in server.project_keys() {
        found.extend(by_id(site.search(&format!("project = {key} AND updated >= {}", at.timestamp_millis()), &["*all"], 100).await));
    }
    let changed: BTreeSet<&String> = truth.work_items.iter().filter(|(_, row)| row.updated_at >= at).map(|(id, _)| id).collect();
    assert_eq!(found.keys().collect::<BTreeSet<_>>(), changed);
    for (id, issue) in &found {
        assert_eq!(row(&truth, issue), serde_json::to_value(&truth.work_items[id]).unwrap());
    }
    assert!(server.edit(|jira| jira.hide_project("GATE")));
    assert_eq!(site.post("/rest/api/3/search/jql", &json!({"jql": "project = GATE"})).await.0, 400);
    assert!(server.truth().work_items.values().all(|row| !row.key.starts_with("GATE-")));
    assert!(server.edit(|jira| jira.show_project("GATE") && jira.rename_project("GATE", "DOOR")));
    assert!(site.search("project = GATE", &["key"], 50).await.iter().all(|one| one["key"].as_str().unwrap().starts_with("DOOR-")));
    assert_eq!(server.truth().work_items.len(), truth.work_items.len());
    let release = server.edit(|jira| jira.add_release(300, 20, at));
    let (_, page) = site.post("/rest/api/3/changelog/bulkfetch", &json!({"issueIdsOrKeys": release, "maxResults": 10_000})).await;
    assert_eq!(
        page["issueChangeLogs"].as_array().unwrap().iter().map(|log| log["changeHistories"].as_array().unwrap().len()).sum::<usize>(),
        6000
    );
    server.shutdown().await;
}
