//! Figures that were made with rows which are gone again before the next rollup: by themselves they touch nothing.

use chrono::TimeDelta;
use ovia_tests::{TestApp, eventually};
use serde_json::json;
use sqlx::Connection;

use crate::{
    demo,
    kpi_bounded::{company, rollup, rollup_start, stored},
    kpi_day_rows::{count, differing},
    kpi_touched::{copy, set},
};

/// Some weeks ago, and no incident was put down to what was delivered in the days before: where one goes to another deployment, it touches
/// the days since then by itself.
const DELIVERED: &str = "select id from deployments t where deleted_at is null and status = 'success' and created_at < '2026-02-01' and exists (
        select from environments e where e.connection_id = t.connection_id and e.external_id = t.environment_external_id and e.tier = 'production')
    and not exists (
        select from kpi_incident_attributions a join deployments d on d.id = a.deployment_id
        where d.finished_at between t.finished_at - interval '7 days' and t.finished_at)
    order by created_at desc limit 1";
const BEGUN: &str = "select jsonb_array_length(begun)::bigint from kpi_rollup_state";
const FENCE: &str = "select fence from kpi_rollup_state";
const WELL: &str = "drop trigger refuse on kpi_rollup_state";

/// Whoever wants to say that figures are whole gets this error instead.
fn refusal(code: &str) -> String {
    format!(
        "create or replace function refuse() returns trigger language plpgsql as $$ begin raise exception 'not yet' using errcode = '{code}'; end $$;
         create trigger refuse before update of finished_at on kpi_rollup_state for each row execute function refuse()"
    )
}

/// A deployment to production that was not known, then.
fn comes(at: &str) -> String {
    let columns = [
        ("external_id", "'gone-again'"),
        ("environment_external_id", "null"),
        ("environment_tier", "'production'"),
        ("created_at", at),
        ("updated_at", at),
        ("finished_at", at),
    ];
    copy("deployments", DELIVERED, &columns)
}

/// It was none to production, and not before everything else.
fn goes() -> String {
    let later = "environment_tier = 'staging', created_at = '2026-02-01', updated_at = '2026-02-01', finished_at = '2026-02-01'";
    set("deployments", "select id from deployments where external_id = 'gone-again'", later)
}

async fn ends(app: &TestApp, run: &str, status: &str) {
    let run = app.run_end(run, 120).await;
    assert_eq!(run["status"], status, "{run}");
}

/// A rollup that stores figures, and fails to say so.
async fn fails(app: &TestApp) {
    app.database.sql(&refusal("P0001")).await;
    ends(app, &rollup_start(app, demo::as_of(), json!({})).await, "failed").await;
    app.database.sql(WELL).await;
}

/// One that is tried again, without the row then.
async fn tries_again(app: &TestApp) {
    app.database.sql(&refusal("40001")).await;
    let fence = count(app, FENCE).await;
    let run = rollup_start(app, demo::as_of(), json!({})).await;
    eventually("a second attempt", 120, || async { (count(app, FENCE).await >= fence + 2).then_some(()) }).await;
    app.database.sql(&format!("{}; {WELL}", goes())).await;
    ends(app, &run, "succeeded").await;
}

/// One of some days.
async fn of_a_range(app: &TestApp) {
    let range = json!({"from": demo::as_of() - TimeDelta::days(80), "to": demo::as_of() - TimeDelta::days(20)});
    ends(app, &rollup_start(app, demo::as_of(), range).await, "succeeded").await;
}

/// One beside a transaction that began before the row came: what that might have written is newer than the watermark, and so is the row.
async fn beside_another(app: &TestApp, comes: &str) {
    let mut connection = app.store.pool().acquire().await.unwrap();
    let mut open = connection.begin().await.unwrap();
    sqlx::query("select 1").execute(&mut *open).await.unwrap();
    app.database.sql(comes).await;
    rollup(app, demo::as_of()).await;
    open.rollback().await.unwrap();
}

#[tokio::test]
async fn what_was_made_with_rows_that_are_gone_is_computed_again() {
    let app = company().await;
    rollup(&app, demo::as_of()).await;
    let before = stored(&app).await;
    let (known, first) = ("t.finished_at - interval '1 hour'", "(select min(created_at) - interval '40 days' from merge_requests)");
    for (left_by, at) in [
        ("an attempt that failed", known),
        ("an attempt that failed, before the first row", first),
        ("a range", known),
        ("an attempt that was tried again", known),
        ("a rollup beside an open transaction", known),
    ] {
        let comes = comes(at);
        if left_by == "a rollup beside an open transaction" {
            beside_another(&app, &comes).await;
        } else {
            app.database.sql(&comes).await;
            match left_by {
                "a range" => of_a_range(&app).await,
                "an attempt that was tried again" => tries_again(&app).await,
                _ => fails(&app).await,
            }
        }
        assert_ne!(stored(&app).await, before, "{left_by}");
        assert!(count(&app, BEGUN).await > 0, "{left_by}");
        app.database.sql(&goes()).await;
        let result = rollup(&app, demo::as_of()).await;
        assert_eq!(result["mode"], "touched", "{left_by}: {result}");
        assert_eq!(differing(&app, &before).await, Vec::<String>::new(), "{left_by}");
        app.database.sql("delete from deployments where external_id = 'gone-again'").await;
        // nothing is left to do, and what had to be done again is forgotten
        rollup(&app, demo::as_of()).await;
        assert_eq!(count(&app, BEGUN).await, 0, "{left_by}");
    }
}
