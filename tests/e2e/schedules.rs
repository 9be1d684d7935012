//! Schedules start runs, and Temporal has what Postgres says, whatever happened to it there.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use ovia_demo::CompanySize;
use ovia_domain::ScheduleId;
use ovia_tests::{TestApp, TestOptions, eventually};
use ovia_workflows::{Engine, ScheduleEngine, schedules::Marks};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use temporalio_client::{
    schedules::{DeleteScheduleOptions, PauseScheduleOptions, ScheduleDescription, ScheduleError, ScheduleHandle, ScheduleSpec},
    tonic::Code,
};

use crate::demo;

/// An app whose reconciler runs all the time.
pub async fn app() -> TestApp {
    TestApp::start_with(TestOptions { reconcile_every: Some(Duration::from_secs(2)), ..TestOptions::default() }).await
}

pub async fn put(app: &TestApp, path: &str, body: Value) -> Value {
    let (status, schedule) = app.http.send(Method::PUT, path, Some(body)).await;
    assert_eq!((status, &schedule["in_temporal"]), (StatusCode::OK, &json!(true)), "{schedule}");
    schedule
}

/// Waits until the schedule has started nothing in the present second: Temporal names what a schedule starts after the second, so that
/// a second trigger within it is the first one again.
async fn next_second(app: &TestApp, path: &str) {
    eventually("another second", 10, async || {
        let schedule = app.http.get(path).await;
        let started = schedule["recent_runs"][0]["created_at"].as_str().map(|at| at.parse::<DateTime<Utc>>().unwrap());
        started.is_none_or(|at| at.timestamp() < Utc::now().timestamp()).then_some(())
    })
    .await
}

pub async fn trigger(app: &TestApp, path: &str) -> Value {
    next_second(app, path).await;
    let (status, schedule) = app.http.send(Method::POST, &format!("{path}/trigger"), None).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{schedule}");
    schedule
}

/// Waits until the schedule has `count` runs, newest first.
pub async fn runs(app: &TestApp, path: &str, count: usize, seconds: u64) -> Vec<Value> {
    eventually(&format!("{count} runs of {path}"), seconds, async || {
        let runs = app.http.get(path).await["recent_runs"].as_array().cloned().unwrap_or_default();
        (runs.len() >= count).then_some(runs)
    })
    .await
}

fn handle(app: &TestApp, schedule: &Value) -> ScheduleHandle<temporalio_client::Client> {
    let id: ScheduleId = schedule["id"].as_str().unwrap().parse().unwrap();
    let kind = ovia_domain::RunKind::parse(schedule["kind"].as_str().unwrap()).unwrap();
    app.engine.client().get_schedule_handle(app.engine.schedule_temporal_id(kind, id))
}

/// The schedule as Temporal has it; none if it has none.
async fn described(schedule: &ScheduleHandle<temporalio_client::Client>) -> Option<ScheduleDescription> {
    eventually("Temporal to describe a schedule", 20, async || match schedule.describe(Default::default()).await {
        Ok(seen) => Some(Some(seen)),
        Err(ScheduleError::Rpc(status)) if status.code() == Code::NotFound => Some(None),
        // it is asked something else
        Err(ScheduleError::Rpc(status)) if status.code() == Code::ResourceExhausted => None,
        Err(error) => panic!("{error}"),
    })
    .await
}

#[tokio::test]
async fn an_interval_starts_syncs_and_a_pause_stops_it() {
    let app = app().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    let path = format!("/connections/{connection}/schedule");
    let made = put(&app, &path, json!({"interval": "10s"})).await;
    assert!(made["next_runs"].as_array().unwrap().len() >= 5, "{made}");
    let first = runs(&app, &path, 1, 30).await;
    let run = app.run_end(first[0]["id"].as_str().unwrap(), 120).await;
    assert_eq!((run["status"].as_str(), run["kind"].as_str()), (Some("succeeded"), Some("sync")), "{run}");
    assert_eq!(run["requested_by"], format!("schedule:{}", made["id"].as_str().unwrap()));
    assert_eq!(run["connection_name"], "demo");
    // the next ones come by themselves
    runs(&app, &path, 2, 30).await;

    let paused = put(&app, &path, json!({"interval": "10s", "paused": true})).await;
    assert_eq!((&paused["paused"], &paused["next_runs"]), (&json!(true), &json!([])), "{paused}");
    let seen = described(&handle(&app, &made)).await.unwrap();
    assert!(seen.paused());

    let (status, _) = app.http.send(Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert!(described(&handle(&app, &made)).await.is_none());
}

#[tokio::test]
async fn a_run_that_goes_on_keeps_the_next_from_starting() {
    let app = app().await;
    let demo = demo::server(CompanySize::small()).await;
    demo.set_faults(ovia_demo::Faults { seed: 1, rules: vec![demo::every(1, ovia_demo::FaultKind::Slow(100))] });
    let connection = demo::connect(&app, &demo).await;
    let path = format!("/connections/{connection}/schedule");
    let made = put(&app, &path, json!({"interval": "1day", "overlap": "skip"})).await;
    trigger(&app, &path).await;
    let first = runs(&app, &path, 1, 10).await;
    app.run_status(first[0]["id"].as_str().unwrap(), "running", 30).await;
    trigger(&app, &path).await;
    eventually("Temporal to skip one", 20, async || (described(&handle(&app, &made)).await.unwrap().overlap_skipped() == 1).then_some(()))
        .await;
    assert_eq!(runs(&app, &path, 1, 5).await.len(), 1);

    // started by hand meanwhile: what is due by schedule is skipped, and says which run is in the way
    put(&app, &path, json!({"interval": "1day", "overlap": "allow_all"})).await;
    trigger(&app, &path).await;
    let both = runs(&app, &path, 2, 20).await;
    assert_eq!(both[0]["status"], "skipped", "{both:?}");
    assert!(both[0]["message"].as_str().unwrap().contains(first[0]["id"].as_str().unwrap()), "{both:?}");

    // cancelling the other cancels the run
    put(&app, &path, json!({"interval": "1day", "overlap": "cancel_other"})).await;
    trigger(&app, &path).await;
    assert_eq!(app.run_end(first[0]["id"].as_str().unwrap(), 30).await["status"], "cancelled");
    let third = runs(&app, &path, 3, 20).await;
    app.run_status(third[0]["id"].as_str().unwrap(), "running", 20).await;

    // terminating it ends the run's workflow at once
    put(&app, &path, json!({"interval": "1day", "overlap": "terminate_other"})).await;
    trigger(&app, &path).await;
    let ended = app.run_end(third[0]["id"].as_str().unwrap(), 30).await;
    assert_eq!(ended["status"], "cancelled", "{ended}");
    let fourth = runs(&app, &path, 4, 20).await;
    demo.set_faults(ovia_demo::Faults::default());
    assert_eq!(app.run_end(fourth[0]["id"].as_str().unwrap(), 120).await["status"], "succeeded");
}

#[tokio::test]
async fn work_of_the_organisation_is_scheduled_too() {
    let app = app().await;
    for kind in ["kpi_rollup", "matching", "retention"] {
        let path = format!("/schedules/{kind}");
        put(&app, &path, json!({"cron": "0 3 * * *", "time_zone": "Europe/Berlin"})).await;
        trigger(&app, &path).await;
        let run = runs(&app, &path, 1, 20).await;
        let run = app.run_end(run[0]["id"].as_str().unwrap(), 60).await;
        assert_eq!((run["status"].as_str(), run["kind"].as_str()), (Some("succeeded"), Some(kind)), "{run}");
    }
}

#[tokio::test]
async fn what_is_changed_in_temporal_by_hand_is_put_right() {
    let app = app().await;
    let path = "/schedules/matching";
    let made = put(&app, path, json!({"cron": "0 3 * * *", "time_zone": "Europe/Berlin", "note": "nightly"})).await;
    let ours = handle(&app, &made);
    let right = described(&ours).await.unwrap();
    let is_right = async || {
        let now = described(&ours).await?;
        (now.raw().schedule == right.raw().schedule).then_some(())
    };

    ours.pause(Some("by hand"), PauseScheduleOptions::default()).await.unwrap();
    eventually("the pause to be undone", 30, is_right).await;

    let every_minute = |update: &mut temporalio_client::schedules::ScheduleUpdate| {
        update.set_spec(ScheduleSpec::from_interval(Duration::from_secs(60)));
    };
    ours.update(every_minute, Default::default()).await.unwrap();
    eventually("the times to be put right", 30, is_right).await;

    let hidden = |update: &mut temporalio_client::schedules::ScheduleUpdate| {
        update.set_overlap_policy(temporalio_client::schedules::ScheduleOverlapPolicy::AllowAll);
    };
    ours.update(hidden, Default::default()).await.unwrap();
    eventually("what lists do not show to be put right", 30, is_right).await;

    ours.delete(DeleteScheduleOptions::default()).await.unwrap();
    eventually("the schedule to be back", 30, is_right).await;

    // and what needs nothing is left alone
    let before = described(&ours).await.unwrap().update_time();
    passes(&app, 2).await;
    assert_eq!(described(&ours).await.unwrap().update_time(), before);
}

#[tokio::test]
async fn what_is_changed_while_a_schedule_is_written_does_not_stay() {
    let app = app().await;
    let made = put(&app, "/schedules/matching", json!({"cron": "0 3 * * *", "time_zone": "Europe/Berlin"})).await;
    let ours = handle(&app, &made);
    let right = described(&ours).await.unwrap();
    // somebody who does not give up, beside passes of the reconciler; refused where Temporal is busy
    let changed = AtomicU32::new(0);
    let somebody = async {
        loop {
            let every_minute = |update: &mut temporalio_client::schedules::ScheduleUpdate| {
                update.set_spec(ScheduleSpec::from_interval(Duration::from_secs(60)));
            };
            changed.fetch_add(ours.update(every_minute, Default::default()).await.is_ok().into(), Ordering::Relaxed);
        }
    };
    tokio::select! {
        () = passes(&app, 2) => (),
        () = somebody => (),
    }
    assert!(changed.into_inner() > 0);
    eventually("the times to be put right", 30, async || {
        let now = described(&ours).await?;
        (now.raw().schedule == right.raw().schedule).then_some(())
    })
    .await;
}

#[tokio::test]
async fn every_cron_is_as_it_was_told_and_lists_show_that() {
    // nobody mends these
    let app = TestApp::start().await;
    let list = |until: u8| (0..until).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    // longer than what Temporal takes as a comment, cut within the hours and just behind them
    let long = [format!("{} {} * * *", list(60), list(24)), format!("{} {} * * *", list(60), "10,11,12,13,14,15,16,17,18,19")];
    let short = ["0 3 * * *", "*/15 8-18/2 1,15 JAN-JUN MON-FRI", "30 0 31 DEC SUN", "0 0 1 */3 *", "5,35 * * * 1,3,5"];
    let mut before = None;
    for cron in short.into_iter().chain(long.iter().map(String::as_str)) {
        put(&app, "/schedules/matching", json!({"cron": cron, "note": "n", "time_zone": "America/New_York", "jitter": "5m"})).await;
        let applied: Option<String> =
            sqlx::query_scalar("select applied from schedules").fetch_one(&mut app.database.connection().await).await.unwrap();
        assert_ne!(applied, before, "{cron} was not as it was told");
        before.clone_from(&applied);
        let applied = Marks::parse(&applied.unwrap()).unwrap();
        // lists are some seconds old
        eventually(cron, 20, async || {
            let mut next = None;
            loop {
                let page = app.engine.schedules_list(next).await.unwrap();
                if page.items.iter().any(|item| item.listed == applied.listed) {
                    break Some(());
                }
                next = Some(page.next?);
            }
        })
        .await;
    }
}

/// Waits for `count` more passes of the reconciler.
pub async fn passes(app: &TestApp, count: i64) {
    let reconcile = app.engine.client().get_schedule_handle(format!("ovia/{}/reconcile", app.task_queue));
    let done = async || described(&reconcile).await.map_or(0, |seen| seen.action_count());
    let before = done().await;
    eventually("the reconciler", 60, async || (done().await > before + count).then_some(())).await;
}

#[tokio::test]
async fn schedules_without_a_row_are_removed() {
    let app = app().await;
    let made = put(&app, "/schedules/matching", json!({"interval": "1h"})).await;
    let ours = handle(&app, &made);
    app.database.sql("delete from schedules").await;
    eventually("the schedule to go", 30, async || described(&ours).await.is_none().then_some(())).await;

    // with its connection, too
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    let made = put(&app, &format!("/connections/{connection}/schedule"), json!({"interval": "1h"})).await;
    let (status, _) = app.http.send(Method::DELETE, &format!("/connections/{connection}"), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let ours = handle(&app, &made);
    eventually("the connection's schedule to go", 30, async || described(&ours).await.is_none().then_some(())).await;
}

#[tokio::test]
async fn rows_that_temporal_was_not_told_of_are_told() {
    let app = app().await;
    let made = put(&app, "/schedules/matching", json!({"interval": "1h"})).await;
    app.database.sql("update schedules set interval_seconds = 7200, paused = true").await;
    let ours = handle(&app, &made);
    eventually("the change to arrive", 30, async || described(&ours).await?.paused().then_some(())).await;
}

#[tokio::test]
async fn the_kill_switch_skips_what_is_due_within_two_seconds() {
    let app = app().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    let path = format!("/connections/{connection}/schedule");
    put(&app, &path, json!({"interval": "1day"})).await;
    let (status, _) = app.http.send(Method::PUT, "/admin/kill-switch", Some(json!({"engaged": true, "reason": "drill"}))).await;
    assert_eq!(status, StatusCode::OK);
    let triggered = trigger(&app, &path).await;
    assert!(triggered["stopped_by"].as_str().unwrap().contains("drill"), "{triggered}");
    // the first of its kind warms the engines up
    runs(&app, &path, 1, 20).await;
    next_second(&app, &path).await;
    let asked = Instant::now();
    trigger(&app, &path).await;
    let skipped = runs(&app, &path, 2, 20).await;
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(skipped[0]["status"], "skipped", "{skipped:?}");
    assert!(skipped[0]["message"].as_str().unwrap().contains("drill"), "{skipped:?}");
    assert_eq!(demo.stats().requests, 0);

    app.http.send(Method::PUT, "/admin/kill-switch", Some(json!({"engaged": false}))).await;
    trigger(&app, &path).await;
    let runs = runs(&app, &path, 3, 20).await;
    assert_eq!(app.run_end(runs[0]["id"].as_str().unwrap(), 120).await["status"], "succeeded");
}

#[tokio::test]
async fn the_workers_own_kill_switch_is_about_everything() {
    let options = TestOptions { kill_switch: true, ..TestOptions::default() };
    let app = TestApp::start_with(options).await;
    put(&app, "/schedules/matching", json!({"interval": "1h"})).await;
    trigger(&app, "/schedules/matching").await;
    let skipped = runs(&app, "/schedules/matching", 1, 20).await;
    assert!(skipped[0]["message"].as_str().unwrap().contains("OVIA_KILL_SWITCH"), "{skipped:?}");
}

#[tokio::test]
async fn the_reconciler_is_scheduled_again_when_it_is_lost() {
    let app = app().await;
    app.engine.reconcile_ensure(2).await.unwrap();
    let reconcile = app.engine.client().get_schedule_handle(format!("ovia/{}/reconcile", app.task_queue));
    eventually("the reconciler", 30, async || described(&reconcile).await.is_some().then_some(())).await;
    // it is looked at all the time, and written only when it has to be
    let before = described(&reconcile).await.unwrap().update_time();
    passes(&app, 2).await;
    assert_eq!(described(&reconcile).await.unwrap().update_time(), before);
    reconcile.delete(DeleteScheduleOptions::default()).await.unwrap();
    eventually("the reconciler again", 30, async || described(&reconcile).await.is_some().then_some(())).await;
    app.engine.ready().await.unwrap();
}
