//! Anomalies: lists, what people decide, what that does to the item, and whose they are.

use serde_json::{Value, json};

use crate::common::{Method, TestApi};

/// Two items, a version and a sprint; WEB-1 has an anomaly of each severity, one of them resolved.
async fn seed(api: &TestApi) -> String {
    let connection = api.connection("acme").await;
    let org = api.org;
    api.db
        .sql(&format!(
            "insert into work_items (org_id, connection_id, external_id, key, project_external_id, title, kind, type_name, status, labels, components,
                 fix_version_external_ids, sprint_external_ids, created_at, url, needs_review)
                 select '{org}', '{connection}', n::text, 'WEB-' || n, '10', 'Item ' || n, 'story', 'Story', 'Done', '{{}}', '{{}}', '{{}}', '{{}}',
                     timestamptz '2026-01-01Z', 'https://jira.example.com/browse/WEB-' || n, true from generate_series(1, 2) n;
             insert into versions (org_id, connection_id, external_id, project_external_id, name, released, archived)
                 values ('{org}', '{connection}', '30', '10', '1.0', false, false);
             insert into sprints (org_id, connection_id, external_id, name, state) values ('{org}', '{connection}', '40', 'WEB Sprint 1', 'active');
             insert into anomalies (org_id, connection_id, rule, severity, subject_table, external_id, explanation, status, last_seen_at, resolved_at,
                 first_run_id, last_run_id)
                 select '{org}', '{connection}', rule, severity, subject, id, 'It is wrong.', status, timestamptz '2026-03-01Z' + place * interval '1 day',
                     case when status = 'resolved' then now() end, '{connection}', '{connection}'
                 from (values (1, 'type_mismatch', 'error', 'work_items', '1', 'open'), (2, 'orphan_parent', 'warning', 'work_items', '1', 'open'),
                     (3, 'release_missing', 'warning', 'work_items', '1', 'resolved'), (4, 'orphan_parent', 'warning', 'work_items', '2', 'open'),
                     (5, 'dates_out_of_order', 'error', 'versions', '30', 'open'), (6, 'sprint_overlap', 'info', 'sprints', '40', 'open'))
                     as a (place, rule, severity, subject, id, status) order by place;"
        ))
        .await;
    connection
}

async fn id_of(api: &TestApi, query: &str) -> i64 {
    let items = api.get(&format!("/anomalies?{query}")).await.items();
    assert_eq!(items.len(), 1, "{query}: {items:?}");
    items[0]["id"].as_i64().unwrap()
}

/// Exactly these items need review.
async fn assert_in_review(api: &TestApi, keys: &str) {
    let check = format!(
        "do $$ declare marked text := (select string_agg(key, ' ' order by key) from work_items where needs_review); begin
             if marked is distinct from nullif('{keys}', '') then raise exception 'in need of review: %, not {keys}', marked; end if;
         end $$"
    );
    api.db.sql(&check).await;
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let api = TestApi::start().await;
    let connection = seed(&api).await;
    let all = api.walk("/anomalies", 200).await;
    let ids: Vec<i64> = all.iter().map(|row| row["id"].as_i64().unwrap()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "newest first: {ids:?}");
    for limit in [1, 2, 5] {
        assert_eq!(api.walk("/anomalies", limit).await, all);
        assert_eq!(api.walk("/anomalies?status=open", limit).await.len(), 5);
    }
    for (query, rows) in [
        ("status=resolved", 1),
        ("status=acknowledged", 0),
        ("rule=orphan_parent", 2),
        ("severity=error", 2),
        ("severity=info", 1),
        ("table=versions", 1),
        ("key=WEB-1", 3),
        ("key=WEB-1&status=open&severity=warning", 1),
        ("key=WEB-9", 0),
        ("key=30", 0),
        ("since=2026-03-05", 3),
        ("connection=00000000-0000-0000-0000-000000000000", 0),
    ] {
        assert_eq!(api.get(&format!("/anomalies?{query}")).await.items().len(), rows, "{query}");
    }
    assert_eq!(api.get(&format!("/anomalies?connection={connection}")).await.items().len(), 6);
    api.get("/anomalies?rule=orphan").await.names_field("rule");
    api.get("/anomalies?status=closed").await.names_field("status");
    api.get("/anomalies?severity=bad").await.names_field("severity");
    api.get("/anomalies?cursor=x").await.problem(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn an_anomaly_says_what_it_is_about() {
    let api = TestApi::start().await;
    seed(&api).await;
    let about = async |query: &str| {
        let row = api.get(&format!("/anomalies/{}", id_of(&api, query).await)).await.json();
        [&row["key"], &row["title"], &row["url"], &row["connection_name"], &row["severity"]].map(Value::clone)
    };
    let url = json!("https://jira.example.com/browse/WEB-2");
    assert_eq!(about("rule=orphan_parent&key=WEB-2").await, [json!("WEB-2"), json!("Item 2"), url, json!("acme"), json!("warning")]);
    assert_eq!(about("table=versions").await, [Value::Null, json!("1.0"), Value::Null, json!("acme"), json!("error")]);
    assert_eq!(about("table=sprints").await, [Value::Null, json!("WEB Sprint 1"), Value::Null, json!("acme"), json!("info")]);
    api.get("/anomalies/99").await.problem(404, "NOT_FOUND");
    api.get("/anomalies/x").await.names_field("id");
}

#[tokio::test]
async fn what_somebody_knows_needs_no_review_until_it_is_reopened() {
    let api = TestApi::start().await;
    seed(&api).await;
    let mismatch = id_of(&api, "rule=type_mismatch").await;
    let orphan = id_of(&api, "rule=orphan_parent&key=WEB-1").await;
    let done = api.send(Method::POST, &format!("/anomalies/{mismatch}/acknowledge"), &json!({"note": " as agreed "})).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let row = done.json();
    assert_eq!(
        [&row["status"], &row["note"], &row["acknowledged_by"]],
        [&json!("acknowledged"), &json!("as agreed"), &json!("token:first")]
    );
    assert!(row["acknowledged_at"].is_string(), "{row}");
    // another one is open
    assert_in_review(&api, "WEB-1 WEB-2").await;
    // without a body, and again
    for _ in 0..2 {
        assert_eq!(api.post(&format!("/anomalies/{orphan}/acknowledge")).await.json()["status"], "acknowledged");
    }
    assert_in_review(&api, "WEB-2").await;
    let reopened = api.post(&format!("/anomalies/{orphan}/reopen")).await.json();
    assert_eq!([&reopened["status"], &reopened["acknowledged_at"], &reopened["note"]], [&json!("open"), &Value::Null, &Value::Null]);
    assert!(reopened["reopened_at"].is_string(), "{reopened}");
    assert_in_review(&api, "WEB-1 WEB-2").await;
    assert_eq!(api.post(&format!("/anomalies/{orphan}/reopen")).await.json()["reopened_at"], reopened["reopened_at"], "it was open");

    let acts = api.get("/audit-events?subject=anomaly").await.items();
    let actions: Vec<&str> = acts.iter().rev().map(|act| act["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["anomaly.acknowledge", "anomaly.acknowledge", "anomaly.acknowledge", "anomaly.reopen"]);
    assert_eq!((&acts[3]["data"]["note"], &acts[3]["subject_id"]), (&json!("as agreed"), &json!(mismatch.to_string())));
}

#[tokio::test]
async fn decisions_about_what_is_not_there_are_refused() {
    let api = TestApi::start().await;
    seed(&api).await;
    let resolved = id_of(&api, "status=resolved").await;
    for verb in ["acknowledge", "reopen"] {
        api.post(&format!("/anomalies/{resolved}/{verb}")).await.problem(409, "CONFLICT");
        api.post(&format!("/anomalies/99/{verb}")).await.problem(404, "NOT_FOUND");
    }
    let open = id_of(&api, "rule=type_mismatch").await;
    for body in [json!({"note": " "}), json!({"note": "x".repeat(1001)})] {
        api.send(Method::POST, &format!("/anomalies/{open}/acknowledge"), &body).await.names_field("note");
    }
    api.send(Method::POST, &format!("/anomalies/{open}/acknowledge"), &json!({"why": "x"})).await.names_field("why");
    assert_eq!(api.get(&format!("/anomalies/{open}")).await.json()["status"], "open");
}

/// Each sees the other's: neither leaves the mark behind.
#[tokio::test]
async fn two_decisions_about_one_item_at_once_agree_about_its_mark() {
    let api = TestApi::start().await;
    seed(&api).await;
    let (mismatch, orphan) = (id_of(&api, "rule=type_mismatch").await, id_of(&api, "rule=orphan_parent&key=WEB-1").await);
    for _ in 0..10 {
        let (one, two) = (format!("/anomalies/{mismatch}"), format!("/anomalies/{orphan}"));
        for (verb, marked) in [("acknowledge", "WEB-2"), ("reopen", "WEB-1 WEB-2")] {
            let (one, two) = (format!("{one}/{verb}"), format!("{two}/{verb}"));
            let (one, two) = tokio::join!(api.post(&one), api.post(&two));
            assert_eq!((one.status.as_u16(), two.status.as_u16()), (200, 200));
            assert_in_review(&api, marked).await;
        }
    }
}

#[tokio::test]
async fn anomalies_of_another_organisation_do_not_exist() {
    let api = TestApi::start().await;
    seed(&api).await;
    let open = id_of(&api, "rule=type_mismatch").await;
    assert!(api.as_other(Method::GET, "/anomalies", None).await.items().is_empty());
    assert!(api.as_other(Method::GET, "/anomalies?key=WEB-1", None).await.items().is_empty());
    api.as_other(Method::GET, &format!("/anomalies/{open}"), None).await.problem(404, "NOT_FOUND");
    for verb in ["acknowledge", "reopen"] {
        api.as_other(Method::POST, &format!("/anomalies/{open}/{verb}"), None).await.problem(404, "NOT_FOUND");
    }
    assert_eq!(api.get(&format!("/anomalies/{open}")).await.json()["status"], "open");
    assert_in_review(&api, "WEB-1 WEB-2").await;
}
