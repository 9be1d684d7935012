//! `/releases`, `/sprints` and `/documents`.

use serde_json::{Value, json};

use crate::{
    common::TestApi,
    work::{column, listed, seed},
};

#[tokio::test]
async fn releases_with_scope_progress_and_evidence() {
    let api = TestApi::start().await;
    let work = seed(&api).await;
    for limit in [1, 2] {
        assert_eq!(column(&api.walk("/releases", limit).await, "/name"), ["1.1", "1.0"]);
    }
    for (query, names) in [
        ("q=1.0".to_owned(), vec!["1.0"]),
        ("released=true".into(), vec!["1.0"]),
        ("released=false".into(), vec!["1.1"]),
        ("archived=true".into(), vec![]),
        ("project=WEB".into(), vec!["1.1", "1.0"]),
        ("project=API".into(), vec![]),
        (format!("connection={}", work.gitlab), vec![]),
    ] {
        assert_eq!(listed(&api, &format!("/releases?{query}"), "/name").await, names, "{query}");
    }
    let id = api.get("/releases?q=1.0").await.items()[0]["id"].clone();
    let release = api.get(&format!("/releases/{id}")).await.json();
    for (field, value) in
        [("name", json!("1.0")), ("project", json!("WEB")), ("start_on", json!("2030-01-01")), ("description", Value::Null)]
    {
        assert_eq!(release[field], value, "{field}");
    }
    let by_type =
        json!([{"type": "bug", "items": 1}, {"type": "story", "items": 1}, {"type": "subtask", "items": 1}, {"type": "task", "items": 1}]);
    let path = format!("/work-items?release={id}");
    assert_eq!(release["scope"], json!({"items": 4, "by_type": by_type, "story_points": 6.5, "rows_path": path}));
    assert_eq!(api.get(&path).await.items().len(), 4);
    let progress = json!({"todo": 1, "in_progress": 0, "done": 2, "unknown": 1, "percent_done": 50.0, "story_points_done": 5.0});
    assert_eq!(release["progress"], progress);
    let items = release["items"]["items"].as_array().unwrap();
    assert_eq!(column(items, "/work_item/key"), ["WEB-5", "WEB-4", "WEB-3", "WEB-2"]);
    assert_eq!(column(items, "/rule"), ["label", "fix_version", "fix_version", "earliest_fix_version"]);
    assert_eq!(column(items[3]["candidates"].as_array().unwrap(), "/name"), ["1.0", "1.1"]);
    let rule = |rule: &str, items: i64| json!({"rule": rule, "unambiguous": true, "items": items});
    assert_eq!(release["membership"], json!([rule("earliest_fix_version", 1), rule("fix_version", 2), rule("label", 1)]));
    assert_eq!((&items[3]["added_at"], &items[3]["added_by"]["display_name"]), (&json!("2030-01-05T00:00:00Z"), &json!("Mira")));
    assert_eq!((&items[2]["added_at"], &items[2]["added_by"]), (&Value::Null, &Value::Null));
    for limit in [1, 3, 4] {
        assert_eq!(api.walk(&format!("/releases/{id}/items"), limit).await, *items);
    }
    api.db.sql("delete from work_items").await;
    let empty = api.get(&format!("/releases/{id}")).await.json();
    assert_eq!((&empty["progress"]["percent_done"], &empty["scope"]["story_points"]), (&Value::Null, &Value::Null), "no data is null");
    api.get("/releases/999999").await.problem(404, "NOT_FOUND");
    api.get("/releases/999999/items").await.problem(404, "NOT_FOUND");
    api.db.sql("update versions set deleted_at = now()").await;
    api.get(&format!("/releases/{id}")).await.problem(404, "NOT_FOUND");
    assert!(api.get("/releases").await.items().is_empty());
}

#[tokio::test]
async fn sprints() {
    let api = TestApi::start().await;
    let work = seed(&api).await;
    let expected = ["Sprint 4", "Sprint 3", "Sprint 2", "Sprint 1"];
    for limit in [1, 2, 3, 4] {
        assert_eq!(column(&api.walk("/sprints", limit).await, "/name"), expected, "those without a beginning come first");
    }
    for (query, names) in [
        ("state=active".to_owned(), vec!["Sprint 2"]),
        ("board=6".into(), vec!["Sprint 2", "Sprint 1"]),
        ("board=Web%20board".into(), vec!["Sprint 2", "Sprint 1"]),
        (format!("connection={}", work.jira), expected.to_vec()),
        (format!("connection={}", work.wiki), vec![]),
    ] {
        assert_eq!(listed(&api, &format!("/sprints?{query}"), "/name").await, names, "{query}");
    }
    let shown = api.get("/sprints?state=closed").await.items().remove(0);
    assert_eq!((&shown["board"], &shown["starts_at"]), (&json!("Web board"), &json!("2030-01-01T00:00:00Z")));
    let shown = api.get("/sprints?board=9").await.items().remove(0);
    assert_eq!((&shown["board"], &shown["board_external_id"]), (&Value::Null, &json!("9")), "the board has not come yet");
}

#[tokio::test]
async fn documents() {
    let api = TestApi::start().await;
    let work = seed(&api).await;
    let expected = ["News", "Trash about WEB-2", "Plan for OLD-2"];
    for limit in [1, 2, 3] {
        assert_eq!(column(&api.walk("/documents", limit).await, "/title"), expected, "those without a creation time come first");
    }
    // another person's account of the same id in the wiki
    api.db
        .sql(&format!(
            "insert into identities (id, org_id, connection_id, source, external_id, display_name) values (gen_random_uuid(), '{org}', '{wiki}', 'confluence', 'u1', 'Zoe');
            insert into people (id, org_id, display_name) values (gen_random_uuid(), '{org}', 'Zoe Example');
            insert into person_identity_links (identity_id, org_id, person_id, status, confidence, rule, trace, rule_set_version)
                select i.id, i.org_id, p.id, 'confirmed', 1, 'x', '[]', 1 from identities i, people p where i.display_name = 'Zoe' and p.display_name = 'Zoe Example'",
            org = api.org,
            wiki = work.wiki
        ))
        .await;
    let zoe = api.get("/team/people?q=zoe").await.items()[0]["id"].as_str().unwrap().to_owned();
    for (query, titles) in [
        ("q=plan".to_owned(), vec!["Plan for OLD-2"]),
        ("type=blog_post".into(), vec!["News"]),
        ("status=trashed".into(), vec!["Trash about WEB-2"]),
        ("space=DOCS".into(), vec!["News", "Plan for OLD-2"]),
        ("space=8&type=page".into(), vec!["Plan for OLD-2"]),
        ("space=NONE".into(), vec![]),
        (format!("author_person={zoe}"), vec!["News", "Plan for OLD-2"]),
        (format!("author_person={}", work.mira), vec![]),
        ("updated_since=2030-02-01".into(), vec!["Plan for OLD-2"]),
        ("mentions=OLD-2".into(), vec!["Trash about WEB-2", "Plan for OLD-2"]),
        ("mentions=WEB-2".into(), vec!["Trash about WEB-2", "Plan for OLD-2"]),
        ("mentions=WEB-77".into(), vec![]),
        (format!("connection={}", work.jira), vec![]),
    ] {
        assert_eq!(listed(&api, &format!("/documents?{query}"), "/title").await, titles, "{query}");
    }
    let shown = api.get("/documents?q=plan").await.items().remove(0);
    for (field, value) in [
        ("source", json!("confluence")),
        ("space", json!("DOCS")),
        ("type", json!("page")),
        ("version", json!(3)),
        ("labels", json!(["plan"])),
        ("has_body", json!(false)),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    assert_eq!((&shown["author"]["person_name"], &shown["owner"]), (&json!("Zoe Example"), &Value::Null));
    let mentions = &shown["mentions"];
    assert_eq!((&mentions[0]["key"], &mentions[0]["work_items"][0]["key"]), (&json!("OLD-2"), &json!("WEB-2")), "{mentions}");
    assert_eq!(mentions[0]["work_items"][0]["title"], "Item 2");
    let news = api.get("/documents?q=news").await.items().remove(0);
    assert_eq!((&news["parent"]["title"], &news["labels"], &news["mentions"]), (&json!("Plan for OLD-2"), &Value::Null, &json!([])));
    assert_eq!(api.get("/documents?q=trash").await.items()[0]["parent"], json!({"id": null, "external_id": "77", "title": null}));
}
