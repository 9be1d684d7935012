//! `/work-items`: the list and its filters, one item with all that belongs to it, keys it had before.

use serde_json::{Value, json};

use crate::{
    common::TestApi,
    work::{column, listed, seed},
};

#[tokio::test]
async fn the_list_and_its_filters() {
    let api = TestApi::start().await;
    let work = seed(&api).await;
    let all = ["WEB-6", "WEB-5", "WEB-4", "WEB-3", "WEB-2", "WEB-1"];
    for limit in [1, 2, 5, 6] {
        assert_eq!(column(&api.walk("/work-items", limit).await, "/key"), all, "items of the same time come by their ids");
    }
    let releases = api.get("/releases").await.items();
    let release = |name: &str| releases.iter().find(|release| release["name"] == name).unwrap()["id"].clone();
    let sprints = api.get("/sprints").await.items();
    let sprint = |name: &str| sprints.iter().find(|sprint| sprint["name"] == name).unwrap()["id"].clone();
    let nobody = uuid::Uuid::now_v7();
    for (query, keys) in [
        ("type=story".to_owned(), vec!["WEB-6", "WEB-2"]),
        ("type=subtask".into(), vec!["WEB-4"]),
        ("status_category=done".into(), vec!["WEB-3", "WEB-2"]),
        ("status=Fertig".into(), vec!["WEB-2"]),
        ("status_category=in_progress&type=epic".into(), vec!["WEB-1"]),
        ("q=item%202".into(), vec!["WEB-2"]),
        ("project=WEB".into(), all.to_vec()),
        ("project=7&type=bug".into(), vec!["WEB-3"]),
        ("project=nowhere".into(), vec![]),
        (format!("connection={}", work.jira), all.to_vec()),
        (format!("connection={}", work.wiki), vec![]),
        (format!("release={}", release("1.0")), vec!["WEB-5", "WEB-4", "WEB-3", "WEB-2"]),
        // WEB-2 names both, and goes out with the earlier one
        (format!("release={}", release("1.1")), vec!["WEB-6"]),
        ("needs_review=true".into(), vec!["WEB-5"]),
        ("needs_review=false&type=task".into(), vec![]),
        ("release=999999".into(), vec![]),
        (format!("sprint={}", sprint("Sprint 2")), vec!["WEB-3", "WEB-2"]),
        ("sprint=999999".into(), vec![]),
        ("epic=WEB-1".into(), vec!["WEB-4", "WEB-3", "WEB-2"]),
        ("epic=OLD-1".into(), vec!["WEB-4", "WEB-3", "WEB-2"]),
        ("epic=WEB-77".into(), vec![]),
        ("parent=WEB-1".into(), vec!["WEB-3", "WEB-2"]),
        ("parent=OPS-20".into(), vec!["WEB-4"]),
        ("epic=WEB-1&parent=WEB-2".into(), vec!["WEB-4"]),
        (format!("assignee_person={}", work.mira), vec!["WEB-2", "WEB-1"]),
        (format!("assignee_person={nobody}"), vec![]),
        ("updated_since=2030-03-06".into(), vec!["WEB-6", "WEB-5"]),
    ] {
        let path = format!("/work-items?{query}");
        assert_eq!(listed(&api, &path, "/key").await, keys, "{query}");
        if !keys.is_empty() {
            assert_eq!(column(&api.walk(&path, 1).await, "/key"), keys, "{query}");
        }
    }
}

#[tokio::test]
async fn what_a_row_shows() {
    let api = TestApi::start().await;
    let work = seed(&api).await;
    let row = api.get("/work-items?q=item%204").await.items().remove(0);
    assert_eq!((&row["type"], &row["type_name"], &row["project"]), (&json!("subtask"), &json!("Subtask"), &json!("WEB")));
    assert_eq!((&row["parent"]["key"], &row["epic"]["key"]), (&json!("WEB-2"), &json!("WEB-1")), "the parent's parent is the epic");
    assert_eq!((&row["assignee"], &row["story_points"], &row["due_on"]), (&Value::Null, &json!(1.5), &Value::Null));
    let row = api.get("/work-items?q=item%202").await.items().remove(0);
    let who = &row["assignee"];
    assert_eq!((&who["display_name"], &who["person_id"], &who["person_name"]), (&json!("Mira"), &json!(work.mira), &json!("Mira Example")));
    assert_eq!((&row["due_on"], &row["created_at"]), (&json!("2030-04-01"), &json!("2030-01-03T00:00:00Z")));
    let release = json!({"id": row["fix_versions"][0]["id"], "external_id": "71", "name": "1.0", "rule": "earliest_fix_version", "unambiguous": true});
    assert_eq!((&row["release"], &row["needs_review"]), (&release, &json!(false)));
    assert_eq!(column(row["fix_versions"].as_array().unwrap(), "/name"), [json!("1.0"), json!("1.1"), Value::Null], "one has not come yet");
    assert_eq!(column(row["sprints"].as_array().unwrap(), "/name"), ["Sprint 1", "Sprint 2"]);
    // what has not come yet is named all the same
    let row = api.get("/work-items?q=item%205").await.items().remove(0);
    assert_eq!((&row["parent"]["external_id"], &row["parent"]["id"], &row["epic"]), (&json!("99"), &Value::Null, &Value::Null));
    let row = api.get("/work-items?q=item%203").await.items().remove(0);
    assert_eq!((&row["assignee"]["external_id"], &row["assignee"]["identity_id"]), (&json!("u2"), &Value::Null));
}

#[tokio::test]
async fn one_item_with_all_that_belongs_to_it() {
    let api = TestApi::start().await;
    let work = seed(&api).await;
    let item = api.get("/work-items/WEB-2").await.json();
    assert_eq!((&item["key"], &item["title"], &item["epic"]["key"]), (&json!("WEB-2"), &json!("Item 2"), &json!("WEB-1")));
    let changelog = item["changelog"]["items"].as_array().unwrap();
    assert_eq!(column(changelog, "/field"), ["status", "Fix Version", "Key"], "newest first");
    let expected = json!({"from_value": "1", "from_text": "Doing", "to_value": "3", "to_text": "Fertig", "at": "2030-01-05T00:00:00Z"});
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&changelog[0][field], value, "{field}");
    }
    assert_eq!(changelog[0]["author"]["person_name"], "Mira Example");
    assert_eq!(column(item["children"]["items"].as_array().unwrap(), "/key"), ["WEB-4"]);
    let links = item["links"].as_array().unwrap();
    let shown: Vec<_> = links.iter().map(|link| (&link["type"], &link["direction"], &link["work_item"]["key"])).collect();
    assert_eq!(shown, [(&json!("blocks"), &json!("outward"), &json!("WEB-3")), (&json!("relates to"), &json!("inward"), &Value::Null)]);
    assert_eq!(links[1]["work_item"]["external_id"], "77");
    for limit in [1, 2, 3] {
        assert_eq!(column(&api.walk("/work-items/WEB-2/changelog", limit).await, "/field"), ["status", "Fix Version", "Key"]);
    }
    assert_eq!(item["connection_id"], json!(work.jira));
}

#[tokio::test]
async fn the_work_that_was_logged() {
    let api = TestApi::start().await;
    seed(&api).await;
    let item = api.get("/work-items/WEB-2").await.json();
    assert_eq!(item["logged_seconds"], 5400, "not what was taken back");
    let worklogs = item["worklogs"]["items"].as_array().unwrap();
    assert_eq!(column(worklogs, "/seconds"), [1800, 3600], "begun last first");
    assert_eq!(
        (&worklogs[1]["author"]["person_name"], &worklogs[1]["started_at"]),
        (&json!("Mira Example"), &json!("2030-01-04T00:00:00Z"))
    );
    assert_eq!((&worklogs[0]["author"]["external_id"], &worklogs[0]["author"]["person_id"]), (&json!("u9"), &Value::Null));
    for limit in [1, 2] {
        assert_eq!(api.walk("/work-items/WEB-2/worklogs", limit).await, *worklogs);
    }
    let none = api.get("/work-items/WEB-6").await.json();
    assert_eq!((&none["logged_seconds"], &none["worklogs"]["items"]), (&json!(0), &json!([])));
}

#[tokio::test]
async fn what_mentions_an_item_by_any_key_it_had() {
    let api = TestApi::start().await;
    let work = seed(&api).await;
    let item = api.get("/work-items/WEB-2").await.json();
    let mentions = item["mentions"]["items"].as_array().unwrap();
    let shown: Vec<_> = mentions.iter().map(|one| format!("{} {}", one["place"].as_str().unwrap(), one["key"].as_str().unwrap())).collect();
    // neither the merge request that is gone nor the page in the trash
    assert_eq!(shown, ["title OLD-2", "commit OPS-20", "description WEB-2", "title WEB-2"]);
    let (page, commit, title) = (&mentions[0], &mentions[1], &mentions[3]);
    assert_eq!(
        (&page["document"]["title"], &page["merge_request"], &page["commit"]),
        (&json!("Plan for OLD-2"), &Value::Null, &Value::Null)
    );
    assert_eq!((&page["source"], &page["connection_id"]), (&json!("confluence"), &json!(work.wiki)));
    assert_eq!((&commit["commit"]["sha"], &commit["merge_request"]["number"]), (&json!("abc"), &json!(4)));
    assert_eq!((&commit["commit"]["author_name"], &commit["document"]), (&json!("Mira"), &Value::Null));
    assert_eq!((&title["merge_request"]["url"], &title["commit"]), (&json!("https://git.example/4"), &Value::Null));
    for limit in [1, 3, 4] {
        assert_eq!(api.walk("/work-items/WEB-2/mentions", limit).await, *mentions);
    }
    assert_eq!(api.get("/work-items/WEB-1").await.json()["mentions"]["items"], json!([]));
    // and the other way
    let merge_request = api.get("/merge-requests?q=faster").await.items().remove(0);
    let found: Vec<_> = merge_request["mentions"].as_array().unwrap().clone();
    assert_eq!(column(&found, "/key"), ["OPS-20", "UTF-8", "WEB-2"]);
    assert_eq!(column(&found, "/places"), [json!(["commit"]), json!(["description"]), json!(["description", "title"])]);
    assert_eq!(column(&found, "/work_items/0/key"), [json!("WEB-2"), Value::Null, json!("WEB-2")], "what looks like a key leads nowhere");
    assert_eq!(api.get("/merge-requests?q=nothing").await.items()[0]["mentions"], json!([]));
}

#[tokio::test]
async fn an_item_is_found_by_the_keys_it_has_and_had() {
    let api = TestApi::start().await;
    seed(&api).await;
    for (key, found) in [("WEB-2", "WEB-2"), ("OPS-20", "WEB-2"), ("OLD-2", "WEB-2"), ("OLD-6", "WEB-6")] {
        assert_eq!(api.get(&format!("/work-items/{key}")).await.json()["key"], found, "{key}");
    }
    for key in ["WEB-9", "WEB-77", "OPS-2", "web-2", "WEB", "-", "%00", "WEB-2%00", "%25", &"A".repeat(3000)] {
        api.get(&format!("/work-items/{key}")).await.problem(404, "NOT_FOUND");
        api.get(&format!("/work-items/{key}/changelog")).await.problem(404, "NOT_FOUND");
        api.get(&format!("/work-items/{key}/worklogs")).await.problem(404, "NOT_FOUND");
        api.get(&format!("/work-items/{key}/mentions")).await.problem(404, "NOT_FOUND");
    }
    let problem = api.get("/work-items/WEB-77").await.json();
    assert_eq!(problem["hint"], "List what there is with GET /work-items.");
}

#[tokio::test]
async fn a_key_that_several_connections_have_needs_one_named() {
    let api = TestApi::start().await;
    let work = seed(&api).await;
    let second = uuid::Uuid::now_v7();
    api.db
        .sql(&format!(
            "insert into connections (id, org_id, source, name, base_url, settings, credentials_sealed, credentials_key_id) values ('{second}', '{org}', 'jira', 'second', 'https://second.example', '{{}}', '', 'k1');
            insert into work_items (org_id, connection_id, external_id, key, project_external_id, title, kind, type_name, status, labels, components,
                fix_version_external_ids, sprint_external_ids, created_at, parent_external_id, assignee_external_id) values
                ('{org}', '{second}', '2', 'WEB-2', '7', 'second', 'task', 'Task', 'x', '{{}}', '{{}}', '{{71}}', '{{42}}', '2030-01-09Z', '1', 'u1'),
                ('{org}', '{second}', '20', 'OPS-20', '7', 'its own', 'task', 'Task', 'x', '{{}}', '{{}}', '{{}}', '{{}}', '2030-01-08Z', null, null)",
            org = api.org
        ))
        .await;
    api.get("/work-items/WEB-2").await.names_field("connection");
    let title = async |path: &str| api.get(path).await.json()["title"].clone();
    assert_eq!(title(&format!("/work-items/WEB-2?connection={}", work.jira)).await, "Item 2");
    assert_eq!(title(&format!("/work-items/WEB-2?connection={second}")).await, "second");
    assert_eq!(title("/work-items/OPS-20").await, "its own", "who has a key goes before who had it");
    api.get(&format!("/work-items/WEB-2?connection={}", work.wiki)).await.problem(404, "NOT_FOUND");
    // ids of one connection say nothing about another's rows
    let release = api.get("/releases?q=1.0").await.items()[0]["id"].clone();
    assert_eq!(listed(&api, &format!("/work-items?release={release}&type=task"), "/key").await, ["WEB-5"]);
    assert_eq!(listed(&api, &format!("/work-items?assignee_person={}", work.mira), "/title").await, ["Item 2", "Item 1"]);
    assert_eq!(listed(&api, "/work-items?epic=WEB-1", "/title").await, ["Item 4", "Item 3", "Item 2"]);
    let mentioned = api.get("/merge-requests?q=faster").await.items().remove(0)["mentions"][2].clone();
    assert_eq!((&mentioned["key"], mentioned["work_items"].as_array().unwrap().len()), (&json!("WEB-2"), 2), "{mentioned}");
}

#[tokio::test]
async fn parameters_that_cannot_be() {
    let api = TestApi::start().await;
    for (path, field) in [
        ("/work-items?type=saga", "type"),
        ("/work-items?status_category=blocked", "status_category"),
        ("/work-items?release=1.0", "release"),
        ("/work-items?assignee_person=mira", "assignee_person"),
        ("/work-items?updated_since=yesterday", "updated_since"),
        ("/work-items?kind=story", "kind"),
        ("/work-items?needs_review=maybe", "needs_review"),
        ("/work-items?epic=a%00b", "epic"),
        ("/work-items/WEB-1?connection=x", "connection"),
        ("/releases?released=perhaps", "released"),
        ("/releases/x", "id"),
        ("/releases/1.0/items", "id"),
        ("/documents?type=poem", "type"),
        ("/sprints?colour=red", "colour"),
    ] {
        api.get(path).await.names_field(field);
    }
}
