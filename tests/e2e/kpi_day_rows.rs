//! What is kept of days saves reading their rows, and is never believed where it could be wrong.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use ovia_tests::TestApp;
use serde_json::Value;

use crate::{
    demo,
    kpi_bounded::{company, rollup, stored},
};

/// The newest merge request gets another size.
const CHANGED: &str = "update merge_requests set additions = coalesce(additions, 0) + 1, changed_at = now()
    where id = (select id from merge_requests where merged_at is not null and deleted_at is null order by created_at desc, id limit 1)";
const AUTHORS: &str = "select count(*) from kpi_day_rows where metric = 'deployment_authors' and format = 1 and rows <> '\\xff'";

/// Each of the last days' rows of something are those of the first day.
fn wrong(what: &str) -> String {
    format!(
        "update kpi_day_rows d set rows = (select b.rows from kpi_day_rows b where b.metric = d.metric order by b.day limit 1)
        where metric = '{what}' and day > (select max(day) - interval '40 days' from kpi_day_rows)"
    )
}

pub(crate) async fn count(app: &TestApp, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(app.store.pool()).await.unwrap()
}

pub(crate) async fn differing(app: &TestApp, want: &BTreeMap<String, Value>) -> Vec<String> {
    let got = stored(app).await;
    let keys = want.keys().chain(got.keys()).filter(|key| want.get(*key) != got.get(*key));
    keys.take(5).cloned().collect()
}

/// What a rollup of everything says.
async fn everything(app: &TestApp) -> BTreeMap<String, Value> {
    app.database.sql("update kpi_rollup_state set definitions = '{}'").await;
    let result = rollup(app, demo::as_of()).await;
    assert_eq!(result["mode"], "everything", "{result}");
    stored(app).await
}

#[tokio::test]
async fn rows_of_untouched_days_are_taken_from_what_is_kept() {
    let app = company().await;
    // nobody but the authors tells whose a deployment is
    app.database.sql("update deployments set identity_external_id = null").await;
    let whole = rollup(&app, demo::as_of()).await;
    let days = count(&app, "select count(distinct day) from kpi_day_rows").await;
    assert_eq!(count(&app, "select count(*) from kpi_day_rows where metric <> 'deployment_authors'").await, 11 * days, "of every metric");
    let since_the_first = "select date '2026-03-18' - min(coalesce(d.finished_at, d.updated_at, d.created_at))::date + 1::bigint
        from deployments d left join environments e on e.connection_id = d.connection_id and e.external_id = d.environment_external_id
        where d.deleted_at is null and d.status = 'success' and coalesce(e.tier, d.environment_tier) = 'production'";
    let deployed = count(&app, since_the_first).await;
    assert!(deployed > 200);
    assert_eq!(count(&app, AUTHORS).await, deployed, "and who wrote what was deployed, of each day since the first deployment");

    app.database.sql(CHANGED).await;
    let one = rollup(&app, demo::as_of()).await;
    let read = |result: &Value| result["rows"]["merge_requests"].as_u64().unwrap();
    assert_eq!(one["mode"], "touched", "{one}");
    assert!(read(&one) < read(&whole) / 2, "{one} {whole}");
    let got = stored(&app).await;
    assert_eq!(count(&app, "select count(distinct day) from kpi_day_rows").await, days);
    everything(&app).await;
    assert_eq!(differing(&app, &got).await, Vec::<String>::new());

    // a day more, of the same rows: what was kept is believed, so that what is wrong there shows
    for what in ["merge_request_size", "deployment_authors"] {
        app.database.sql(&wrong(what)).await;
        app.database.sql(CHANGED).await;
        rollup(&app, demo::as_of()).await;
        let believed = stored(&app).await;
        everything(&app).await;
        let differing = differing(&app, &believed).await;
        assert!(!differing.is_empty(), "{what}: nothing was taken from what is kept");
    }
}

#[tokio::test]
async fn what_is_kept_of_days_is_not_believed_where_it_may_be_wrong() {
    let app = company().await;
    rollup(&app, demo::as_of()).await;
    let authors = count(&app, AUTHORS).await;
    app.database
        .sql("create table authors_before as select day, xmin::text as version from kpi_day_rows where metric = 'deployment_authors'")
        .await;
    for spoilt in [
        // lost, in part or whole
        "delete from kpi_day_rows where metric = 'cycle_time'",
        "delete from kpi_day_rows where metric = 'deployment_authors'",
        "delete from kpi_day_rows where extract(day from day)::int % 3 = 0",
        "delete from kpi_day_rows",
        // nothing that can be read
        "update kpi_day_rows set rows = '\\xff'",
        "update kpi_day_rows set rows = '\\xff' where metric = 'deployment_authors'",
        // of another version
        "update kpi_day_rows set rows = '\\xff', format = format + 1",
        // somebody rolled up who knows nothing of it
        "update kpi_rollup_state set day_rows_watermark = watermark - interval '1 second'",
        "update kpi_rollup_state set day_rows_watermark = null",
    ] {
        if spoilt.contains("day_rows_watermark") {
            app.database.sql(&wrong("merge_request_size")).await;
        }
        app.database.sql(spoilt).await;
        app.database.sql(CHANGED).await;
        let result = rollup(&app, demo::as_of()).await;
        assert_eq!(result["mode"], "touched", "{spoilt}: {result}");
        assert_eq!(count(&app, AUTHORS).await, authors, "{spoilt}: all of them are there again");
        if spoilt.contains("cycle_time") {
            let untouched = "select count(*) from kpi_day_rows k join authors_before b on b.day = k.day and b.version = k.xmin::text
                where metric = 'deployment_authors'";
            assert!(count(&app, untouched).await > authors / 2, "they are kept although days of metrics are missing");
        }
        let got = stored(&app).await;
        everything(&app).await;
        assert_eq!(differing(&app, &got).await, Vec::<String>::new(), "{spoilt}");
    }
}

/// A range is computed with rows that the days around it have not seen.
#[tokio::test]
async fn a_range_leaves_what_is_kept_as_it_was() {
    let app = company().await;
    rollup(&app, demo::as_of()).await;
    let kept = "select coalesce(sum(hashtext(metric || day || encode(rows, 'hex'))::bigint), 0)::bigint from kpi_day_rows";
    let before = count(&app, kept).await;
    app.database.sql(CHANGED).await;
    let (from, to) = (demo::as_of() - TimeDelta::days(2), demo::as_of());
    let body = serde_json::json!({"kind": "kpi_rollup", "as_of": demo::as_of(), "from": from, "to": to});
    let (_, run) = app.http.post("/runs", body).await;
    let run = app.run_end(run["id"].as_str().unwrap(), 60).await;
    assert_eq!(run["result"]["mode"], "range", "{run}");
    assert_eq!(count(&app, kept).await, before);
    // and what the range did not see is seen by the next one
    let result = rollup(&app, demo::as_of()).await;
    assert_eq!(result["mode"], "touched", "{result}");
    let got = stored(&app).await;
    everything(&app).await;
    assert_eq!(differing(&app, &got).await, Vec::<String>::new());
}
