use ovia_workflows::EngineError;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::common::{Method, MockTemporal, TestApi, connection_body, willing_engine};

async fn connection(api: &TestApi) -> String {
    let made = api.send(Method::POST, "/connections", &connection_body("acme")).await;
    made.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_connections_schedules_are_put_read_listed_and_deleted() {
    let api = TestApi::start().await;
    let path = format!("/connections/{}/schedule", connection(&api).await);
    api.get(&path).await.problem(404, "NOT_FOUND");

    let body = json!({"cron": "0 */2 * * *", "time_zone": "Europe/Berlin", "jitter": "30s", "overlap": "skip", "catch_up_window": "1h",
        "paused": false, "note": "office hours"});
    let made = api.send(Method::PUT, &path, &body).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let made = made.json();
    assert_eq!((&made["kind"], &made["in_temporal"], &made["stopped_by"]), (&json!("sync"), &json!(true), &Value::Null), "{made}");
    assert_eq!((&made["interval"], &made["catch_up_window"], &made["jitter"]), (&Value::Null, &json!("1h"), &json!("30s")));
    assert!(made["next_runs"].as_array().unwrap().len() >= 5, "{made}");

    // replacing keeps the id and forgets what is not given
    let replaced = api.send(Method::PUT, &path, &json!({"interval": "15m", "paused": true})).await.json();
    assert_eq!((&replaced["id"], &replaced["interval"], &replaced["cron"]), (&made["id"], &json!("15m"), &Value::Null));
    assert_eq!((&replaced["note"], &replaced["time_zone"], &replaced["next_runs"]), (&Value::Null, &json!("UTC"), &json!([])));

    // the census has one of its own, and so has the organisation
    let census = format!("{path}?kind=census");
    assert_eq!(api.send(Method::PUT, &census, &json!({"interval": "1day"})).await.json()["kind"], "census");
    assert_eq!(api.send(Method::PUT, "/schedules/kpi_rollup", &json!({"interval": "1h"})).await.json()["connection_id"], Value::Null);
    let listed = api.get("/schedules").await.json();
    let kinds: Vec<_> = listed["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["sync", "census", "kpi_rollup"]);

    assert_eq!(api.request(Method::DELETE, &census).send().await.0.status(), 204);
    api.get(&census).await.problem(404, "NOT_FOUND");
    assert_eq!(api.get(&path).await.status, 200);
}

#[tokio::test]
async fn what_is_wrong_with_a_schedule_is_named() {
    let api = TestApi::start().await;
    let path = format!("/connections/{}/schedule", connection(&api).await);
    for (body, field) in [
        (json!({}), "interval"),
        (json!({"interval": "5s"}), "interval"),
        (json!({"interval": 5}), "interval"),
        (json!({"cron": "0 0 0 * * *"}), "cron"),
        (json!({"cron": "61 * * * *"}), "cron"),
        (json!({"interval": "1h", "time_zone": "Berlin"}), "time_zone"),
        (json!({"interval": "1h", "overlap": "perhaps"}), "overlap"),
        (json!({"interval": "1h", "every": "day"}), "every"),
    ] {
        api.send(Method::PUT, &path, &body).await.names_field(field);
    }
    let body = json!({"interval": "1h"});
    api.send(Method::PUT, &format!("{path}?kind=matching"), &body).await.names_field("kind");
    api.send(Method::PUT, "/schedules/sync", &body).await.names_field("kind");
    api.send(Method::PUT, &format!("/connections/{}/schedule", Uuid::new_v4()), &body).await.problem(404, "NOT_FOUND");
    assert_eq!(api.get("/schedules").await.json()["items"], json!([]));
}

#[tokio::test]
async fn an_organisation_begins_with_schedules_that_it_may_change() {
    let api = TestApi::start().await;
    let db = ovia_store::testing::TestDatabase::create().await;
    let (org, _) = db.store.organisation_first_create("acme").await.unwrap().unwrap();
    assert!(db.store.organisation_first_create("again").await.unwrap().is_none());
    let rows = db.store.schedules_list(org, &ovia_store::PageToken::new(None, None)).await.unwrap().items;
    let shown: Vec<_> = rows.iter().map(|row| (row.schedule.kind, &row.schedule.when, row.schedule.period, &row.applied)).collect();
    let cron = |text: &str| ovia_domain::When::Cron(text.to_owned());
    let (nightly, mondays) = (cron("0 4 * * *"), cron("0 6 * * 1"));
    assert_eq!(
        shown,
        [
            (ovia_domain::RunKind::Quality, &nightly, None, &None),
            (ovia_domain::RunKind::Report, &mondays, Some(ovia_domain::report::ReportKind::Weekly), &None),
        ],
        "Temporal is told by the reconciler"
    );
    let put = api.send(Method::PUT, "/schedules/report", &json!({"cron": "0 7 * * *", "period": "daily", "paused": true})).await.json();
    assert_eq!((&put["period"], &put["paused"]), (&json!("daily"), &json!(true)), "{put}");
    let both = api.send(Method::PUT, "/schedules/report", &json!({"cron": "0 7 * * *"})).await.json();
    assert_eq!(both["period"], Value::Null);
    api.send(Method::PUT, "/schedules/quality", &json!({"cron": "0 7 * * *", "period": "daily"})).await.names_field("period");
    api.send(Method::PUT, "/schedules/report", &json!({"cron": "0 7 * * *", "period": "yearly"})).await.names_field("period");
}

#[tokio::test]
async fn schedules_belong_to_one_organisation() {
    let api = TestApi::start().await;
    let path = format!("/connections/{}/schedule", connection(&api).await);
    let body = json!({"interval": "1h"});
    api.send(Method::PUT, &path, &body).await;
    api.send(Method::PUT, "/schedules/matching", &body).await;
    for (method, body) in [(Method::GET, None), (Method::PUT, Some(&body)), (Method::DELETE, None)] {
        api.as_other(method, &path, body).await.problem(404, "NOT_FOUND");
    }
    api.as_other(Method::GET, "/schedules/matching", None).await.problem(404, "NOT_FOUND");
    assert_eq!(api.as_other(Method::GET, "/schedules", None).await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_temporal_that_is_away_does_not_keep_schedules_from_being_made() {
    let mut engine = MockTemporal::new();
    let away = || EngineError::Unavailable("away".into());
    engine.expect_schedule_put().returning(move |_| Err(away()));
    engine.expect_schedule_describe().returning(move |_| Err(away()));
    engine.expect_schedule_trigger().returning(move |_, _| Err(away()));
    engine.expect_schedule_delete().returning(move |_| Err(away()));
    engine.expect_schedule_temporal_id().returning(|kind, id| format!("ovia/test/{kind}/{id}"));
    let api = TestApi::with_engine(engine).await;
    let made = api.send(Method::PUT, "/schedules/matching", &json!({"interval": "1h"})).await;
    assert_eq!((made.status.as_u16(), &made.json()["in_temporal"]), (200, &json!(false)), "{}", made.text);
    api.post("/schedules/matching/trigger").await.problem(503, "UPSTREAM_UNREACHABLE");
    assert_eq!(api.request(Method::DELETE, "/schedules/matching").send().await.0.status(), 204);
}

#[tokio::test]
async fn a_schedule_that_temporal_refuses_does_not_stand() {
    let mut engine = MockTemporal::new();
    engine.expect_schedule_put().returning(|_| Err(EngineError::Refused("no such day".into())));
    let api = TestApi::with_engine(engine).await;
    let refused = api.send(Method::PUT, "/schedules/matching", &json!({"cron": "0 0 31 2 *"})).await;
    assert!(refused.names_field("cron").contains("no such day"), "{}", refused.text);
    api.get("/schedules/matching").await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn the_kill_switch_is_set_kept_audited_and_shown() {
    let mut engine = willing_engine();
    engine.expect_run_resume().returning(|_| Ok(()));
    let api = TestApi::with_engine(engine).await;
    let fresh = api.get("/admin/kill-switch").await.json();
    assert_eq!((&fresh["engaged"], &fresh["changed_by"]), (&json!(false), &Value::Null));

    let body = json!({"engaged": true, "reason": "bad release"});
    let on = api.send(Method::PUT, "/admin/kill-switch", &body).await.json();
    assert_eq!((&on["engaged"], &on["reason"], &on["changed_by"]), (&json!(true), &json!("bad release"), &json!("token:first")), "{on}");
    // again: nothing changes
    assert_eq!(api.send(Method::PUT, "/admin/kill-switch", &body).await.json()["changed_at"], on["changed_at"]);
    let schedule = api.send(Method::PUT, "/schedules/matching", &json!({"interval": "1h"})).await.json();
    assert!(schedule["stopped_by"].as_str().unwrap().contains("bad release"), "{schedule}");
    let triggered = api.post("/schedules/matching/trigger").await;
    assert!(triggered.status == 202 && triggered.json()["stopped_by"].is_string(), "{}", triggered.text);
    assert_eq!(api.as_other(Method::GET, "/admin/kill-switch", None).await.json()["engaged"], false);

    let off = api.send(Method::PUT, "/admin/kill-switch", &json!({"engaged": false})).await.json();
    assert_eq!((&off["engaged"], &off["reason"]), (&json!(false), &Value::Null));
    api.send(Method::PUT, "/admin/kill-switch", &json!({"engaged": true, "reason": "x".repeat(501)})).await.names_field("reason");
    api.send(Method::PUT, "/admin/kill-switch", &json!({"reason": "why"})).await.names_field("engaged");
    let acts = ovia_store::PageToken::new(None, None);
    let acts = api.db.store.audit_list(api.org, &Default::default(), &acts).await.unwrap().items;
    assert_eq!(acts.iter().filter(|act| act.action == "kill_switch.set").count(), 2, "{acts:?}");
}
