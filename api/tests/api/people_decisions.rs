//! Decisions about accounts: each holds, is told, can be taken back, and of two at once one wins.

use serde_json::{Value, json};

use crate::{
    common::TestApi,
    people::{decide, decided, mapping, seed},
};

#[tokio::test]
async fn a_decision_holds_is_told_and_can_be_taken_back() {
    let api = TestApi::start().await;
    let c = seed(&api).await;
    let before = mapping(&api, &c.bo_jira).await;
    let body = json!({"identity_id": c.bo_jira, "person_id": c.bo, "expected_version": 1, "reason": "asked him"});
    let done = decided(&decide(&api, "confirm", body).await);
    assert_eq!((&done["decision"]["kind"], &done["decision"]["actor"]), (&json!("confirm"), &json!("token:first")));
    assert_eq!(done["person_id"], c.bo.as_str());
    let run = done["run_id"].as_str().unwrap().to_owned();
    assert_eq!(api.get(&format!("/runs/{run}")).await.json()["kind"], "matching");

    let after = mapping(&api, &c.bo_jira).await;
    assert_eq!((&after["status"], &after["person"]["id"]), (&json!("confirmed"), &json!(c.bo)));
    assert_eq!(after["explanation"], "Confirmed by token:first.");
    assert!(api.get("/team/identity-mappings/conflicts").await.items().is_empty());

    let id = done["decision"]["id"].as_i64().unwrap();
    let events = api.get(&format!("/team/identity-mappings/events?decision={id}&identity={}", c.bo_jira)).await.items();
    assert_eq!((&events[0]["kind"], &events[0]["reason"]), (&json!("confirmed"), &json!("asked him")), "{events:?}");
    let audit = api.get("/audit-events?action=identity.confirm").await.items();
    assert_eq!(audit[0]["subject_id"], id.to_string());
    assert_eq!(api.get(&format!("/team/identity-mappings/decisions?identity={}", c.bo_jira)).await.items().len(), 1);
    let metrics = api.get("/metrics").await.text;
    assert!(metrics.contains(r#"ovia_identity_decisions_total{kind="confirm",outcome="done"} 1"#), "{metrics}");

    let undone = decided(&decide(&api, "undo", json!({"decision_id": id})).await);
    assert_eq!(undone["decision"]["undoes"], id);
    assert_eq!(undone["run_id"], Value::Null, "the one that is queued sees it too");
    let back = mapping(&api, &c.bo_jira).await;
    for field in ["status", "person", "confidence", "candidates", "conflict_since"] {
        assert_eq!(back[field], before[field], "{field}");
    }
    assert_eq!(api.get("/team/identity-mappings/decisions?holds=true").await.items().len(), 0);
    assert_eq!(api.get("/runs?kind=matching").await.items().len(), 1);
    let again = decide(&api, "undo", json!({"decision_id": id})).await.problem(409, "CONFLICT");
    assert!(again["detail"].as_str().unwrap().contains("undone already"), "{again}");
}

#[tokio::test]
async fn who_is_second_is_told_who_was_first() {
    let api = TestApi::start().await;
    let c = seed(&api).await;
    let never = json!({"identity_ids": [c.bo_jira, c.bo_gitlab], "expected_version": 1});
    let first = decided(&decide(&api, "never", never).await);
    let late = json!({"identity_id": c.bo_jira, "person_id": c.bo, "expected_version": 1});
    let problem = decide(&api, "confirm", late).await.problem(409, "CONFLICT");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("token:first") && detail.contains("never") && detail.contains(&first["decision"]["id"].to_string()),
        "{detail}"
    );
    let look = problem["hint"].as_str().unwrap().split(['(', ')']).nth(1).unwrap().trim_start_matches("GET ").to_owned();
    assert_eq!(api.get(&look).await.json()["identity"]["id"], json!(c.bo_jira), "the hint says where to look: {look}");
    // and whoever looks again is told that it was decided otherwise
    let version = mapping(&api, &c.bo_jira).await["version"].clone();
    let against = json!({"identity_id": c.bo_jira, "person_id": c.bo, "expected_version": version});
    let problem = decide(&api, "confirm", against).await.problem(409, "CONFLICT");
    assert!(problem["hint"].as_str().unwrap().contains(&first["decision"]["id"].to_string()), "{problem}");

    // at the version it has now nothing is in the way of anything else
    decided(&decide(&api, "confirm", json!({"identity_id": c.bo_jira, "person_id": c.other_bo, "expected_version": version})).await);

    let split = json!({"person_id": c.ada, "identity_ids": [c.ada_jira], "expected_version": 1});
    decided(&decide(&api, "split", split.clone()).await);
    let problem = decide(&api, "split", split).await.problem(409, "CONFLICT");
    assert!(problem["detail"].as_str().unwrap().contains("split"), "{problem}");
    let metrics = api.get("/metrics").await.text;
    assert!(metrics.contains(r#"ovia_identity_decisions_total{kind="split",outcome="conflict"} 1"#), "{metrics}");
}

/// One is told that the other was faster; never are both done.
#[tokio::test]
async fn of_two_operators_at_once_one_wins() {
    let api = TestApi::start().await;
    let c = seed(&api).await;
    let same = json!({"identity_id": c.bo_jira, "person_id": c.bo, "expected_version": 1});
    let other = json!({"identity_ids": [c.bo_jira, c.bo_gitlab], "expected_version": 1});
    let (one, two) = tokio::join!(decide(&api, "confirm", same), decide(&api, "never", other));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{} {}", one.text, two.text);
    assert_eq!(api.get("/team/identity-mappings/decisions").await.items().len(), 1);
}

#[tokio::test]
async fn remap_split_and_merge_do_what_they_say_and_undo_wants_the_last_first() {
    let api = TestApi::start().await;
    let c = seed(&api).await;
    let new = json!({"identity_id": c.ada_jira, "new_person": {"display_name": "Another Ada"}});
    let remapped = decided(&decide(&api, "remap", new).await);
    let other = remapped["person_id"].as_str().unwrap().to_owned();
    assert_eq!(mapping(&api, &c.ada_jira).await["person"]["display_name"], "Another Ada");
    for (status, begins) in [("rejected", "Refused by token:first"), ("superseded", "Was linked automatically (96 % sure)")] {
        let past = api.get(&format!("/team/identity-mappings?status={status}&person={}", c.ada)).await.items();
        let [link] = past.iter().filter(|link| link["identity"]["id"] == c.ada_jira.as_str()).collect::<Vec<_>>()[..] else {
            panic!("{past:?}")
        };
        assert!(link["explanation"].as_str().unwrap().starts_with(begins), "{link}");
        let by = if status == "rejected" { "decided_by" } else { "ended_by" };
        assert_eq!((&link["status"], &link[by]), (&json!(status), &json!("token:first")));
    }

    let never = decide(&api, "merge", json!({"person_id": c.ada, "other_person_id": other})).await.problem(409, "CONFLICT");
    assert!(never["hint"].as_str().unwrap().contains(&remapped["decision"]["id"].to_string()), "they were decided to be apart: {never}");

    let merged = decided(&decide(&api, "merge", json!({"person_id": c.bo, "other_person_id": other})).await);
    assert_eq!(mapping(&api, &c.ada_jira).await["person"]["id"], c.bo.as_str());
    let retired = api.get(&format!("/team/people/{other}")).await.json();
    assert_eq!(retired["merged_into"], c.bo.as_str());
    assert!(retired["retired_at"].is_string());

    let split =
        decided(&decide(&api, "split", json!({"person_id": c.bo, "identity_ids": [c.ada_jira], "display_name": "Ada Three"})).await);
    let three = split["person_id"].as_str().unwrap().to_owned();
    let shown = api.get(&format!("/team/people/{three}")).await.json();
    assert_eq!(shown["accounts"][0]["identity"]["id"], c.ada_jira.as_str());
    assert!(!shown["never_together"].as_array().unwrap().is_empty(), "{shown}");
    assert!(!shown["history"].as_array().unwrap().is_empty(), "{shown}");

    let blocked = decide(&api, "undo", json!({"decision_id": remapped["decision"]["id"]})).await.problem(409, "CONFLICT");
    let order = format!("{}, {}", split["decision"]["id"], merged["decision"]["id"]);
    assert!(blocked["hint"].as_str().unwrap().contains(&order), "{blocked}");
    for decision in [&split, &merged, &remapped] {
        decided(&decide(&api, "undo", json!({"decision_id": decision["decision"]["id"]})).await);
    }
    assert_eq!(mapping(&api, &c.ada_jira).await["person"]["id"], c.ada.as_str());
}

#[tokio::test]
async fn confirming_many_is_planned_first() {
    let api = TestApi::start().await;
    let c = seed(&api).await;
    let body = |extra: Value| {
        let mut body = json!({"min_confidence": 0.9});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    let plan = decide(&api, "bulk-confirm", body(json!({}))).await.json();
    assert_eq!((&plan["dry_run"], &plan["count"], &plan["people"], &plan["decided"]), (&json!(true), &json!(2), &json!(1), &Value::Null));
    assert_eq!(plan["sample"].as_array().unwrap().len(), 2, "accounts that are alone are nobody's suggestion: {plan}");
    assert_eq!(mapping(&api, &c.ada_gitlab).await["status"], "auto", "nothing was done");
    decide(&api, "bulk-confirm", body(json!({"dry_run": false}))).await.names_field("token");
    decide(&api, "bulk-confirm", json!({"min_confidence": 1.5})).await.names_field("min_confidence");
    decide(&api, "bulk-confirm", body(json!({"dry_run": false, "token": "x"}))).await.problem(409, "CONFLICT");
    let done = decide(&api, "bulk-confirm", body(json!({"dry_run": false, "token": plan["token"]}))).await.json();
    assert_eq!((&done["count"], &done["decided"]["decision"]["kind"]), (&json!(2), &json!("bulk_confirm")));
    assert_eq!(mapping(&api, &c.ada_gitlab).await["status"], "confirmed");
    decide(&api, "bulk-confirm", body(json!({"dry_run": false, "token": plan["token"]}))).await.problem(409, "CONFLICT");
}

/// What was decided stands; the run is started by `dispatch` once Temporal is there.
#[tokio::test]
async fn a_decision_stands_while_temporal_is_away() {
    let mut engine = crate::common::MockTemporal::new();
    engine.expect_run_start().returning(|_| Err(ovia_workflows::EngineError::Unavailable("away".into())));
    let api = TestApi::with_engine(engine).await;
    let c = seed(&api).await;
    let done = decided(&decide(&api, "confirm", json!({"identity_id": c.bo_jira, "person_id": c.bo})).await);
    let run = api.get(&format!("/runs/{}", done["run_id"].as_str().unwrap())).await.json();
    assert_eq!(run["status"], "queued");
    assert_eq!(mapping(&api, &c.bo_jira).await["status"], "confirmed");
}
