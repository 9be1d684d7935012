//! `epics`, `stories`, `bugs`, `tasks` and `releases` in SQL show what the API shows.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use ovia_tests::TestApp;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};

use crate::atlassian::{connect_jira, jira, options, sync};

/// The rows of a view, by one of their columns.
async fn view(app: &TestApp, name: &str, key: &str) -> BTreeMap<String, Value> {
    let sql = format!("select {key}::text as key, to_jsonb(v) as row from {name} v where org_id = '{}'", app.org);
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(app.store.pool()).await.unwrap();
    rows.iter().map(|row| (row.get("key"), row.get("row"))).collect()
}

fn names(items: &Value) -> Value {
    items.as_array().unwrap().iter().map(|item| item["name"].clone()).collect()
}

#[tokio::test]
async fn work_items_by_what_they_are() {
    let app = TestApp::start().await;
    let site = jira(options(Tz::UTC));
    let connection = connect_jira(&app, &site).await;
    let run = sync(&app, &connection).await;
    app.follow_ups_end(run["id"].as_str().unwrap()).await;
    let mut shown = 0;
    for (name, types) in [("epics", vec!["epic"]), ("stories", vec!["story"]), ("bugs", vec!["bug"]), ("tasks", vec!["task", "subtask"])] {
        let rows = view(&app, name, "key").await;
        let mut items = Vec::new();
        for kind in types {
            items.extend(app.http.get_all(&format!("/work-items?type={kind}")).await);
        }
        assert!(!items.is_empty() && rows.len() == items.len(), "{name}: {} rows, {} items", rows.len(), items.len());
        for item in &items {
            let row = &rows[item["key"].as_str().unwrap()];
            for (column, field) in [
                ("summary", &item["title"]),
                ("type", &item["type"]),
                ("status", &item["status"]),
                ("status_category", &item["status_category"]),
                ("project", &item["project"]),
                ("labels", &item["labels"]),
                ("fix_versions", &names(&item["fix_versions"])),
                ("sprints", &names(&item["sprints"])),
                ("release", &item["release"]["name"]),
                ("release_rule", &item["release"]["rule"]),
                ("parent_key", &item["parent"]["key"]),
                ("epic_key", &item["epic"]["key"]),
                ("assignee", &item["assignee"]["display_name"]),
                ("assignee_person_id", &item["assignee"]["person_id"]),
                ("needs_review", &item["needs_review"]),
            ] {
                assert_eq!(&row[column], field, "{column} of {}", item["key"]);
            }
            assert_eq!((&row["source_row"]["id"], &row["source_row"]["key"]), (&item["external_id"], &item["key"]));
        }
        shown += rows.len();
    }
    assert_eq!(shown, site.truth().work_items.len());
}

#[tokio::test]
async fn releases_with_what_is_in_them() {
    let app = TestApp::start().await;
    let site = jira(options(Tz::UTC));
    let connection = connect_jira(&app, &site).await;
    let run = sync(&app, &connection).await;
    app.follow_ups_end(run["id"].as_str().unwrap()).await;
    let rows = view(&app, "releases", "id").await;
    let releases = app.http.get_all("/releases").await;
    assert!(!releases.is_empty() && rows.len() == releases.len());
    let mut items = 0;
    for release in &releases {
        let row = &rows[&release["id"].to_string()];
        for column in ["name", "project", "released", "archived", "start_on", "release_on"] {
            assert_eq!(row[column], release[column], "{column} of {}", release["name"]);
        }
        let one = app.http.get(&format!("/releases/{}", release["id"])).await;
        assert_eq!((&row["items"], &row["items_done"]), (&one["scope"]["items"], &one["progress"]["done"]), "{}", release["name"]);
        assert_eq!(row["source_row"]["id"], release["external_id"]);
        items += row["items"].as_i64().unwrap();
    }
    assert!(items > 0, "nothing is in any release");
}
