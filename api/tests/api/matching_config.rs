//! The configuration of matching: versions, validation, previews.

use serde_json::{Value, json};

use crate::{
    common::{Method, TestApi},
    people::{decide, decided, seed},
};

#[tokio::test]
async fn a_configuration_is_checked_versioned_and_kept() {
    let api = TestApi::start().await;
    let shipped = api.get("/team/matching-config").await.json();
    assert_eq!((&shipped["version"], &shipped["created_by"]), (&json!(0), &Value::Null));
    let auto = shipped["config"]["thresholds"]["auto"].as_f64().unwrap();

    let put = async |body: Value| api.send(Method::PUT, "/team/matching-config", &body).await;
    let body = json!({"config": {"thresholds": {"auto": 0.97, "conflict": 0.4}}, "expected_version": 0, "note": "fewer mistakes"});
    let first = put(body.clone()).await.json();
    assert_eq!((&first["version"], &first["created_by"], &first["note"]), (&json!(1), &json!("token:first"), &json!("fewer mistakes")));
    assert_eq!(first["config"]["weights"], shipped["config"]["weights"], "what is left out is as shipped");
    assert_eq!(api.get("/team/matching-config").await.json(), first);
    let runs = api.get("/runs?kind=matching").await.items();
    assert_eq!(runs.len(), 1, "a matching run follows it: {runs:?}");

    let stale = put(body).await.problem(409, "CONFLICT");
    assert!(stale["detail"].as_str().unwrap().contains("token:first"), "{stale}");
    let second = put(json!({"config": {"thresholds": {"auto": auto}}})).await.json();
    assert_eq!(second["version"], 2);
    let versions = api.get("/team/matching-config/versions").await.items();
    assert_eq!(versions.iter().map(|row| row["version"].as_i64().unwrap()).collect::<Vec<_>>(), [2, 1]);

    put(json!({"config": {"thresholds": {"auto": 7}}})).await.names_field("config.thresholds.auto");
    put(json!({"config": {"threshold": {}}})).await.names_field("config.threshold");
    put(json!({"config": {"weights": {"exact_email": 1}}})).await.names_field("config.weights.exact_email");
    let two = put(json!({"config": {"weights": {"email": -1, "name": 9}}})).await.problem(400, "VALIDATION_ERROR");
    assert_eq!((&two["errors"][0]["field"], &two["errors"][1]["field"]), (&json!("config.weights.email"), &json!("config.weights.name")));
    assert_eq!(two["hint"], "Give a number from 0 to 2: 1 is as shipped, 0 ignores the family.");
    put(json!({"config": 7})).await.names_field("config");
    assert_eq!(api.get("/audit-events?action=matching_config.put").await.items().len(), 2);
    assert_eq!(api.as_other(Method::GET, "/team/matching-config", None).await.json()["version"], 0);
    assert!(api.as_other(Method::GET, "/team/matching-config/versions", None).await.items().is_empty());
}

#[tokio::test]
async fn a_preview_is_a_run_beside_others() {
    let api = TestApi::start().await;
    assert_eq!(api.send(Method::POST, "/runs", &json!({"kind": "matching"})).await.status, 202);
    let body = json!({"config": {"thresholds": {"auto": 0.8}}});
    let preview = api.send(Method::POST, "/team/identity-mappings/preview", &body).await;
    assert_eq!(preview.status, 202, "{}", preview.text);
    let run = preview.json();
    assert_eq!((&run["kind"], &run["params"]["preview"]["thresholds"]["auto"]), (&json!("matching"), &json!(0.8)));
    let wrong = json!({"config": {"thresholds": {"auto": 0}}});
    api.send(Method::POST, "/team/identity-mappings/preview", &wrong).await.problem(400, "VALIDATION_ERROR");
    assert_eq!(api.get("/runs?kind=matching").await.items().len(), 2);
}

/// It reads nothing of what is decided after it, and writes nothing: what follows a decision is another run.
#[tokio::test]
async fn a_queued_preview_is_not_the_run_that_follows_a_decision() {
    let api = TestApi::start().await;
    let c = seed(&api).await;
    let preview = api.send(Method::POST, "/team/identity-mappings/preview", &json!({"config": {}})).await.json();
    let done = decided(&decide(&api, "confirm", json!({"identity_id": c.bo_jira, "person_id": c.bo})).await);
    assert!(done["run_id"].is_string() && done["run_id"] != preview["id"], "{done}");
    api.run_ends(done["run_id"].as_str().unwrap(), "succeeded").await;
    assert_eq!(api.send(Method::POST, "/runs", &json!({"kind": "matching"})).await.status, 202, "a preview is not in the way");
}
