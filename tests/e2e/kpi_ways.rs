//! Three ways to the same numbers: all at once, day by day, and after decisions about who is who. And what late rows do.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use ovia_demo::CompanySize;
use ovia_store::kpi::state::RollupEnd;
use ovia_tests::{TestApp, state};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::Row;

use crate::demo;

const TABLES: [&str; 6] =
    ["merge_requests", "merge_request_notes", "merge_request_approvals", "merge_request_commits", "pipelines", "deployments"];

/// A synced company with two teams, and no figures.
async fn company() -> TestApp {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    app.follow_ups_end(run["id"].as_str().unwrap()).await;
    let org = app.org;
    app.database
        .sql(&format!(
            "insert into teams (id, org_id, name) values ('00000000-0000-0000-0000-00000000000a', '{org}', 'one'),
                ('00000000-0000-0000-0000-00000000000b', '{org}', 'other');
             insert into team_memberships (org_id, team_id, person_id, from_date, until_date, created_by)
             select '{org}', ('00000000-0000-0000-0000-00000000000' || case when n % 2 = 0 then 'a' else 'b' end)::uuid, id,
                    date '2025-10-01' + n::int, case when n % 3 = 0 then date '2026-03-01' + n::int end, 'test'
             from (select id, row_number() over (order by id) as n from people where not is_bot and retired_at is null) p"
        ))
        .await;
    forget(&app).await;
    app
}

/// As if there had never been a rollup.
async fn forget(app: &TestApp) {
    app.database
        .sql("delete from kpi_snapshots; delete from kpi_changes; delete from kpi_rollup_state; delete from kpi_incident_attributions")
        .await;
}

async fn rollup(app: &TestApp, as_of: DateTime<Utc>) -> Value {
    let (status, run) = app.http.post("/runs", json!({"kind": "kpi_rollup", "as_of": as_of})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    let run = app.run_end(run["id"].as_str().unwrap(), 60).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    run["result"].clone()
}

/// All figures but trailing windows of earlier days, which a rollup of one day does not have.
pub async fn figures(app: &TestApp) -> BTreeMap<String, Value> {
    let sql = "select concat_ws(' ', metric, scope_kind, scope_id, window_kind, window_start) as key,
                      to_jsonb(k) - array['id', 'run_id', 'computed_at', 'identity_epoch', 'content_hash', 'inputs_at'] as figure
               from kpi_snapshots k
               where window_kind <> 'trailing_30_days' or window_start = (select max(window_start) from kpi_snapshots where window_kind = 'trailing_30_days')";
    let rows = sqlx::query(sql).fetch_all(app.store.pool()).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

pub fn assert_same(got: &BTreeMap<String, Value>, want: &BTreeMap<String, Value>, what: &str) {
    let missing: Vec<&String> = want.keys().filter(|key| !got.contains_key(*key)).take(5).collect();
    let extra: Vec<&String> = got.keys().filter(|key| !want.contains_key(*key)).take(5).collect();
    assert!(missing.is_empty() && extra.is_empty(), "{what}: missing {missing:?}, too many {extra:?}");
    for (key, want) in want {
        assert_eq!(&got[key], want, "{what}: {key}");
    }
}

/// Rows that the source dates later than `day` are not there yet.
pub async fn as_on(app: &TestApp, day: DateTime<Utc>) {
    as_on_of(app, day, &TABLES).await;
}

/// The same of some tables.
pub async fn as_on_of(app: &TestApp, day: DateTime<Utc>, tables: &[&str]) {
    for table in tables {
        let at = match *table {
            "merge_request_approvals" => "approved_at",
            "merge_request_commits" => "coalesce(committed_at, authored_at)",
            _ => "created_at",
        };
        app.database
            .sql(&format!(
                "update {table} set deleted_at = now(), changed_at = now() where {at} > '{day}' and deleted_at is null;
                 update {table} set deleted_at = null, changed_at = now() where {at} <= '{day}' and deleted_at is not null"
            ))
            .await;
    }
}

#[tokio::test]
async fn day_by_day_and_all_at_once_are_the_same() {
    let app = company().await;
    let result = rollup(&app, demo::as_of()).await;
    assert_eq!((&result["mode"], &result["why"]), (&json!("everything"), &json!("first")), "{result}");
    let want = figures(&app).await;
    assert!(want.len() > 2_000, "{}", want.len());
    assert!(want.keys().any(|key| key.contains(" team ")), "teams have figures");
    let again = rollup(&app, demo::as_of()).await;
    assert_eq!((&again["mode"], &again["written"]), (&json!("touched"), &json!(0)), "{again}");

    forget(&app).await;
    for days in (0..10).rev() {
        let day = demo::as_of() - TimeDelta::days(days);
        as_on(&app, day).await;
        let result = rollup(&app, day).await;
        let mode = if days == 9 { "everything" } else { "touched" };
        assert_eq!(result["mode"], mode, "{result}");
    }
    assert_same(&figures(&app).await, &want, "day by day");
}

#[tokio::test]
async fn decisions_recompute_what_they_touch_and_are_named_by_the_changes() {
    let app = company().await;
    rollup(&app, demo::as_of()).await;
    // decisions as they are stored: accounts go from one person to another, and one of them back
    let people = "select p.id from people p where not p.is_bot and p.retired_at is null and exists (
            select from person_identity_links l join identities i on i.id = l.identity_id
            join merge_requests m on m.connection_id = i.connection_id and m.author_external_id = i.external_id
            where l.person_id = p.id and l.status in ('auto', 'confirmed'))
        order by p.id limit 6";
    let people: Vec<uuid::Uuid> = sqlx::query_scalar(people).fetch_all(app.store.pool()).await.unwrap();
    assert_eq!(people.len(), 6);
    let org = app.org;
    for (number, pair) in [(0, 1), (2, 3), (4, 5), (1, 0)].into_iter().enumerate() {
        let (from, to) = (people[pair.0], people[pair.1]);
        app.database
            .sql(&format!(
                "update person_identity_links set person_id = '{to}' where person_id = '{from}' and status in ('auto', 'confirmed');
                 update organisations set identity_epoch = identity_epoch + 1 where id = '{org}';
                 insert into changed_people (org_id, person_id, epoch, reason)
                 select '{org}', p, (select identity_epoch from organisations where id = '{org}'), 'decision:remap'
                 from unnest(array['{from}', '{to}']::uuid[]) p"
            ))
            .await;
        let result = rollup(&app, demo::as_of()).await;
        assert_eq!(result["mode"], "touched", "decision {number}: {result}");
    }
    let got = figures(&app).await;
    let changes = app.http.get_all("/team/kpi/changes?cause=decision&scope=team").await;
    assert!(!changes.is_empty(), "an account that changed its team changed the teams' figures");
    assert!(
        changes.iter().all(|change| change["before"] != change["after"] && change["causes"][0]["reason"] == "decision:remap"),
        "{changes:?}"
    );

    forget(&app).await;
    rollup(&app, demo::as_of()).await;
    assert_same(&got, &figures(&app).await, "after decisions");
}

#[tokio::test]
async fn a_late_row_corrects_its_days_and_nothing_else() {
    let app = company().await;
    rollup(&app, demo::as_of()).await;
    let before = figures(&app).await;
    let (id, finished): (i64, DateTime<Utc>) = sqlx::query_as(
        "select id, finished_at from pipelines where status = 'success' and finished_at is not null and finished_at < $1 order by finished_at desc limit 1",
    )
    .bind(demo::as_of() - TimeDelta::days(60))
    .fetch_one(app.store.pool())
    .await
    .unwrap();
    app.database.sql(&format!("update pipelines set status = 'failed', changed_at = now() where id = {id}")).await;
    let result = rollup(&app, demo::as_of()).await;
    assert_eq!(result["mode"], "touched", "{result}");
    let after = figures(&app).await;
    let changed: Vec<&String> = after.keys().filter(|key| before.get(*key) != after.get(*key)).collect();
    assert!(!changed.is_empty());
    for key in &changed {
        let holds = app_window_holds(&app, key, finished).await;
        assert!(holds || key.starts_with("delivery_health") || key.starts_with("release_risk"), "{key} does not hold {finished}");
    }
    let changes = app.http.get_all("/team/kpi/changes?metric=pipeline_success_rate").await;
    assert!(!changes.is_empty() && changes.iter().all(|change| change["cause"] == "late_row"), "{changes:?}");
    // taken back, everything is as it was
    app.database.sql(&format!("update pipelines set status = 'success', changed_at = now() where id = {id}")).await;
    rollup(&app, demo::as_of()).await;
    assert_same(&figures(&app).await, &before, "taken back");

    // asked for again, a range finds nothing to write
    let (_, run) = app
        .http
        .post(
            "/runs",
            json!({"kind": "kpi_rollup", "as_of": demo::as_of(), "from": demo::as_of() - TimeDelta::days(365), "to": demo::as_of()}),
        )
        .await;
    let run = app.run_end(run["id"].as_str().unwrap(), 60).await;
    assert_eq!((&run["result"]["mode"], &run["result"]["written"]), (&json!("range"), &json!(0)), "{run}");
}

/// Whether the window of a figure's key holds a moment.
async fn app_window_holds(app: &TestApp, key: &str, at: DateTime<Utc>) -> bool {
    let sql = format!(
        "select count(*) from kpi_snapshots where concat_ws(' ', metric, scope_kind, scope_id, window_kind, window_start) = '{key}'
            and window_start <= '{at}' and window_end > '{at}'"
    );
    state::count(&app.store, &sql).await > 0
}

#[tokio::test]
async fn an_attempt_that_was_overtaken_stores_nothing() {
    let app = company().await;
    rollup(&app, demo::as_of()).await;
    let first = app.store.kpi_rollup_lock(app.org).await.unwrap().unwrap();
    assert!(app.store.kpi_rollup_lock(app.org).await.unwrap().is_none(), "one at a time");
    let (fence, org) = (first.fence, app.org);
    let state = first.state.clone();
    drop(first);
    let second = ovia_tests::eventually("the lock to be free", 10, async || app.store.kpi_rollup_lock(org).await.unwrap()).await;
    assert!(second.fence > fence);
    let run: uuid::Uuid =
        sqlx::query_scalar("select id from runs where kind = 'kpi_rollup' limit 1").fetch_one(app.store.pool()).await.unwrap();
    let run = ovia_domain::RunId(run);
    let causes = ovia_store::kpi::changes::CauseBook::default();
    let write = |fence| ovia_store::kpi::write::SliceWrite {
        org,
        run,
        fence,
        slice: "late",
        watermark: demo::as_of(),
        changed_people_id: 0,
        identity_epoch: 0,
        inputs_at: None,
        windows: &[],
        snapshots: &[],
        causes: &causes,
    };
    let refused = app.store.kpi_slice_write(&write(fence)).await;
    assert!(matches!(refused, Err(ovia_store::StoreError::Fenced)), "{refused:?}");
    let refused = app.store.kpi_rollup_finish(org, run, fence, &state, RollupEnd::default()).await;
    assert!(matches!(refused, Err(ovia_store::StoreError::Fenced)), "{refused:?}");
    app.store.kpi_slice_write(&write(second.fence)).await.unwrap();
}
