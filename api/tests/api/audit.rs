//! What people do is written down; what it was, never the secret in it. And the organisation's settings.

use serde_json::{Value, json};

use crate::common::{Answer, Method, SECRET, TestApi};

async fn acts(api: &TestApi, query: &str) -> Vec<Value> {
    api.walk(&format!("/audit-events?{query}"), 200).await
}

#[tokio::test]
async fn every_act_is_kept_with_who_did_it() {
    let api = TestApi::start().await;
    let id = api.connection("acme").await;
    let path = format!("/connections/{id}");
    api.send(Method::PATCH, &path, &json!({"name": "acme 2", "credentials": {"token": SECRET}})).await.json();
    let run = api.post(&format!("{path}/sync")).await.json()["id"].as_str().unwrap().to_owned();
    api.post(&format!("/runs/{run}/cancel")).await;
    api.run_ends(&run, "cancelled").await;
    let retry = api.post(&format!("/runs/{run}/retry")).await.json()["id"].as_str().unwrap().to_owned();
    api.run_ends(&retry, "succeeded").await;
    api.send(Method::PATCH, "/organisation", &json!({"retention_days": 60})).await.json();
    assert_eq!(api.as_other(Method::GET, "/organisation", None).await.json()["retention_days"], 90);
    assert_eq!(Answer::of(api.request(Method::DELETE, &path)).await.status, 204);
    // what did not happen is no act
    api.send(Method::PATCH, &path, &json!({"name": "acme 3"})).await.problem(404, "NOT_FOUND");

    let all = acts(&api, "").await;
    let actions: Vec<&str> = all.iter().rev().map(|act| act["action"].as_str().unwrap()).collect();
    let expected =
        ["connection.create", "connection.update", "run.start", "run.cancel", "run.retry", "organisation.update", "connection.delete"];
    assert_eq!(actions, expected);
    assert!(all.iter().all(|act| act["actor"] == "token:first"), "{all:?}");
    assert_eq!(all[5]["data"], json!({"name": "acme 2", "base_url": null, "settings": null, "credentials": true}));
    assert_eq!((&all[2]["data"]["retry_of"], &all[2]["subject_id"]), (&json!(run), &json!(retry)));
    assert_eq!(acts(&api, &format!("subject=run:{run}")).await.len(), 2);
    assert_eq!(acts(&api, "subject=connection").await.len(), 3);
    assert_eq!(acts(&api, "action=run.cancel&actor=token:first").await.len(), 1);
    assert_eq!(acts(&api, "actor=token:other").await.len(), 0);
    assert_eq!(acts(&api, "since=2999-01-01").await.len(), 0);
    assert_eq!(api.walk("/audit-events", 2).await.len(), 7);
}

#[tokio::test]
async fn settings_of_the_organisation() {
    let api = TestApi::start().await;
    let organisation = api.get("/organisation").await.json();
    assert_eq!((&organisation["retention_days"], &organisation["requests_per_minute"]), (&json!(90), &Value::Null), "{organisation}");
    let patch = async |body: Value| api.send(Method::PATCH, "/organisation", &body).await;
    assert_eq!(patch(json!({"requests_per_minute": 600})).await.json()["requests_per_minute"], 600);
    assert_eq!(patch(json!({"retention_days": 30})).await.json()["requests_per_minute"], 600, "what is not given stays");
    assert_eq!(patch(json!({"requests_per_minute": null})).await.json()["requests_per_minute"], Value::Null);
    for days in [29, 0, -1, 3651] {
        patch(json!({"retention_days": days})).await.names_field("retention_days");
    }
    assert_eq!(organisation["report_retention_days"], 400);
    assert_eq!(patch(json!({"report_retention_days": 90})).await.json()["report_retention_days"], 90);
    for days in [29, 3651] {
        patch(json!({"report_retention_days": days})).await.names_field("report_retention_days");
    }
    patch(json!({"requests_per_minute": 0})).await.names_field("requests_per_minute");
    patch(json!({"retention_days": "long"})).await.names_field("retention_days");
    patch(json!({"name": "x"})).await.names_field("name");
}
