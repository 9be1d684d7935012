//! Figures that were made with rows which are gone again before the next rollup: by themselves they touch nothing.

use chrono::TimeDelta;
use ovia_tests::{TestApp, eventually};
use serde_json::{Value, json};

use crate::{
    demo,
    kpi_bounded::{company, rollup, stored},
    kpi_day_rows::{count, differing},
};

/// A deployment to production that was not known, of some weeks ago.
const COMES: &str = "insert into deployments overriding system value
    select (jsonb_populate_record(null::deployments, to_jsonb(d) || jsonb_build_object(
        'id', (select max(id) + 1 from deployments), 'external_id', 'gone-again', 'environment_external_id', null,
        'environment_tier', 'production', 'ingested_at', now(), 'changed_at', now(), 'deleted_at', null,
        'finished_at', coalesce(d.finished_at, d.created_at) - interval '1 hour'))).*
    from deployments d
    where d.deleted_at is null and d.status = 'success' and d.created_at < '2026-02-01' and exists (
        select from environments e where e.connection_id = d.connection_id and e.external_id = d.environment_external_id and e.tier = 'production')
    order by d.created_at desc limit 1";
/// It was none to production.
const GOES: &str = "update deployments set environment_tier = 'staging', changed_at = now() where external_id = 'gone-again'";
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

async fn start(app: &TestApp, more: Value) -> String {
    let mut body = json!({"kind": "kpi_rollup", "as_of": demo::as_of()});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (_, run) = app.http.post("/runs", body).await;
    run["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_was_made_with_rows_that_are_gone_is_computed_again() {
    let app = company().await;
    rollup(&app, demo::as_of()).await;
    let before = stored(&app).await;
    for left_by in ["an attempt that failed", "a range", "an attempt that was tried again"] {
        app.database.sql(COMES).await;
        let run = match left_by {
            "a range" => start(&app, json!({"from": demo::as_of() - TimeDelta::days(80), "to": demo::as_of() - TimeDelta::days(20)})).await,
            "an attempt that failed" => {
                app.database.sql(&refusal("P0001")).await;
                start(&app, json!({})).await
            }
            _ => {
                app.database.sql(&refusal("40001")).await;
                let fence = count(&app, FENCE).await;
                let run = start(&app, json!({})).await;
                eventually("a second attempt", 120, || async { (count(&app, FENCE).await >= fence + 2).then_some(()) }).await;
                app.database.sql(&format!("{GOES}; {WELL}")).await;
                run
            }
        };
        let status = if left_by == "an attempt that failed" { "failed" } else { "succeeded" };
        assert_eq!(app.run_end(&run, 120).await["status"], status, "{left_by}");
        if left_by == "an attempt that failed" {
            app.database.sql(WELL).await;
        }
        assert_ne!(stored(&app).await, before, "{left_by}");
        assert!(count(&app, BEGUN).await > 0, "{left_by}");
        app.database.sql(GOES).await;
        let result = rollup(&app, demo::as_of()).await;
        assert_eq!(result["mode"], "touched", "{left_by}: {result}");
        assert_eq!(differing(&app, &before).await, Vec::<String>::new(), "{left_by}");
        app.database.sql("delete from deployments where external_id = 'gone-again'").await;
        // nothing is left to do, and what had to be done again is forgotten
        rollup(&app, demo::as_of()).await;
        assert_eq!(count(&app, BEGUN).await, 0, "{left_by}");
    }
}
