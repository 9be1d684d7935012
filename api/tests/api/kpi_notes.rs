//! A number that is built on stale or thin data says so next to it.

use ovia_domain::{RunId, quality::QualityCheck};
use ovia_store::quality::NewQualityResult;
use serde_json::{Value, json};

use crate::{
    common::{Method, TestApi},
    lists::{Seed, seed},
};

/// A snapshot of the trailing window that holds the present, and of the week before; `scope` as snapshots have it.
async fn snapshot(api: &TestApi, metric: &str, scope: &str, rows: u32, coverage: &Value) {
    let kind = if scope.is_empty() { "organisation" } else { "project" };
    api.db
        .sql(&format!(
            "insert into kpi_snapshots (org_id, metric, definition_version, scope_kind, scope_id, window_kind, window_start, window_end, value,
                unit, coverage, row_table, row_ids, row_count, identity_epoch, run_id)
             select '{}', '{metric}', 1, '{kind}', '{scope}', w.kind, date_trunc('day', now(), 'UTC') + w.first, date_trunc('day', now(), 'UTC') + w.after,
                4, 'hours', '{coverage}', 'merge_requests', '{{}}', {rows}, 0, gen_random_uuid()
             from (values ('trailing_30_days', interval '-29 days', interval '1 day'), ('day', interval '-9 days', interval '-8 days')) as w (kind, first, after)",
            api.org
        ))
        .await;
}

/// The stream of a connection that is synced every hour, last read to its end so many minutes ago.
async fn stream(api: &TestApi, connection: &str, name: &str, minutes: u32) {
    api.db
        .sql(&format!(
            "insert into stream_states (org_id, connection_id, stream, last_success_at)
                values ('{org}', '{connection}', '{name}', now() - interval '{minutes} minutes');
             insert into schedules (id, org_id, connection_id, kind, interval_seconds)
                values (gen_random_uuid(), '{org}', '{connection}', 'sync', 3600) on conflict do nothing",
            org = api.org
        ))
        .await;
}

fn failed(connection: &str, check: QualityCheck, table: &str) -> NewQualityResult {
    NewQualityResult {
        check_key: check.as_str(),
        connection_id: connection.parse().unwrap(),
        scope: table.to_owned(),
        subject_table: table.to_owned(),
        status: "fail",
        value: 0.5,
        unit: "ratio",
        warn_beyond: 0.0,
        fail_beyond: 0.1,
        row_count: Some(7),
        sample_row_ids: Vec::new(),
        detail: format!("Something is wrong with {table}."),
    }
}

fn codes(item: &Value) -> Vec<&str> {
    item["quality"].as_array().unwrap().iter().map(|note| note["code"].as_str().unwrap()).collect()
}

async fn one(api: &TestApi, path: &str) -> Value {
    api.get(path).await.items().remove(0)
}

/// The company of the lists, with figures of today and a second connection whose project is `{second}:10`.
async fn company(api: &TestApi) -> (Seed, String) {
    let seed = seed(api).await;
    let second = api.connection("second").await;
    api.db
        .sql(&format!(
            "insert into projects (org_id, connection_id, external_id, name, full_path, archived) values ('{}', '{second}', '10', 'x', 'second/x', false)",
            api.org
        ))
        .await;
    for scope in [String::new(), format!("{}:10", seed.connection), format!("{second}:10")] {
        snapshot(api, "time_to_merge", &scope, 9, &json!({"mapped_authors": 1.0})).await;
        snapshot(api, "pipeline_duration", &scope, 9, &json!({})).await;
    }
    (seed, second)
}

#[tokio::test]
async fn stale_data_is_told_of_where_it_matters() {
    let api = TestApi::start().await;
    let (seed, second) = company(&api).await;
    for connection in [&seed.connection, &second] {
        stream(&api, connection, "merge_requests", 10).await;
        stream(&api, connection, "pipelines", 10).await;
    }
    let fresh = one(&api, "/team/kpi?metric=time_to_merge").await;
    assert_eq!((&fresh["quality"], &fresh["stale"]), (&json!([]), &json!(false)), "{fresh}");
    // three syncs are due at most: not yet; then a fourth
    let last = |minutes: u32| {
        format!(
            "update stream_states set last_success_at = now() - interval '{minutes} minutes' where connection_id = '{}' and stream = 'merge_requests'",
            seed.connection
        )
    };
    api.db.sql(&last(179)).await;
    assert_eq!(one(&api, "/team/kpi?metric=time_to_merge").await["quality"], json!([]));
    api.db.sql(&last(200)).await;
    let stale = one(&api, "/team/kpi?metric=time_to_merge").await;
    assert_eq!((codes(&stale), &stale["stale"], &stale["value"]), (vec!["stale_data"], &json!(true), &json!(4.0)));
    let note = &stale["quality"][0];
    assert_eq!(
        (&note["severity"], &note["connection_id"], &note["connection_name"]),
        (&json!("warn"), &json!(seed.connection), &json!("acme"))
    );
    assert!(note["since"].is_string() && note["sentence"].as_str().unwrap().starts_with("Of acme, merge requests was last read"), "{note}");

    // of the connection's own projects and of what is made of all, and only where merge requests are read
    for (path, notes) in [
        ("project=acme/web&metric=time_to_merge", 1),
        ("project=second/x&metric=time_to_merge", 0),
        ("metric=pipeline_duration", 0),
        ("project=acme/web&metric=pipeline_duration", 0),
    ] {
        assert_eq!(codes(&one(&api, &format!("/team/kpi?{path}")).await).len(), notes, "{path}");
    }
    let rows = api.get("/team/kpi/time_to_merge/rows").await.json();
    assert_eq!(rows["quality"], stale["quality"], "the rows say it as well");
    let by_id = api.get(stale["rows_path"].as_str().unwrap()).await.json();
    assert_eq!(by_id["quality"], stale["quality"]);
    let export = api.get("/team/kpi/export.csv?metric=time_to_merge&window=trailing_30_days").await.text;
    assert!(export.lines().next().unwrap().ends_with(",stale,notes") && export.contains(",true,stale_data\r\n"), "{export}");

    // a day that was over when it was read is not stale
    let day = api.get("/team/kpi/history?metric=time_to_merge&window=day").await.items();
    assert_eq!((day.len(), &day[0]["quality"]), (1, &json!([])));
    // another organisation knows nothing of it
    let other = api.as_other(Method::GET, "/team/kpi?metric=time_to_merge", None).await;
    assert!(!other.text.contains("acme"), "{}", other.text);
    // the schedule is what counts
    api.db.sql("update schedules set interval_seconds = 7200").await;
    assert_eq!(one(&api, "/team/kpi?metric=time_to_merge").await["quality"], json!([]));
    // and the setting
    api.db.sql("update schedules set interval_seconds = 3600").await;
    api.send(Method::PUT, "/team/kpi/settings", &json!({"settings": {"stale_after_syncs": 4}})).await;
    assert_eq!(one(&api, "/team/kpi?metric=time_to_merge").await["quality"], json!([]));
}

#[tokio::test]
async fn streams_that_a_source_does_not_offer_are_not_missed() {
    let api = TestApi::start().await;
    let (seed, second) = company(&api).await;
    for (connection, minutes) in [(&seed.connection, 10), (&second, 10_000)] {
        stream(&api, connection, "merge_requests", minutes).await;
    }
    assert_eq!(codes(&one(&api, "/team/kpi?metric=time_to_merge").await), ["stale_data"]);
    api.db
        .sql(&format!(
            "insert into runs (id, org_id, kind, status, connection_id, requested_by, workflow_id)
                values ('00000000-0000-4000-8000-0000000000aa', '{org}', 'sync', 'succeeded', '{second}', 'test', 'w');
             insert into run_streams (run_id, org_id, stream, position, status)
                values ('00000000-0000-4000-8000-0000000000aa', '{org}', 'merge_requests', 1, 'not_available')",
            org = api.org
        ))
        .await;
    assert_eq!(one(&api, "/team/kpi?metric=time_to_merge").await["quality"], json!([]));
    api.db.sql(&format!("update connections set deleted_at = now() where id = '{}'", seed.connection)).await;
    assert_eq!(one(&api, "/team/kpi?metric=time_to_merge").await["quality"], json!([]), "nor is what was taken away");
}

#[tokio::test]
async fn what_the_checks_found_stands_next_to_what_is_made_of_it() {
    let api = TestApi::start().await;
    let (seed, second) = company(&api).await;
    for connection in [&seed.connection, &second] {
        stream(&api, connection, "merge_requests", 10).await;
        stream(&api, connection, "pipelines", 10).await;
    }
    let found =
        [failed(&second, QualityCheck::MergedBeforeCreated, "merge_requests"), failed(&second, QualityCheck::Freshness, "pipelines")];
    api.db.store.quality_results_put(api.org, RunId::generate(), &found).await.unwrap();
    let whole = one(&api, "/team/kpi?metric=time_to_merge").await;
    assert_eq!((codes(&whole), &whole["stale"]), (vec!["merged_before_created"], &json!(false)));
    let note = &whole["quality"][0];
    assert_eq!((&note["severity"], &note["sentence"]), (&json!("fail"), &json!("Something is wrong with merge_requests.")));
    assert_eq!(note["since"], api.get("/team/quality?check=merged_before_created").await.items()[0]["since"]);
    assert!(codes(&one(&api, "/team/kpi?metric=pipeline_duration").await).is_empty(), "streams are looked at as they are now");
    assert_eq!(codes(&one(&api, "/team/kpi?metric=time_to_merge&project=second/x").await), ["merged_before_created"]);
    assert!(codes(&one(&api, "/team/kpi?metric=time_to_merge&project=acme/web").await).is_empty());
    // the newest run is what counts
    api.db.store.quality_results_put(api.org, RunId::generate(), &[failed(&second, QualityCheck::SuddenDrop, "pipelines")]).await.unwrap();
    assert!(codes(&one(&api, "/team/kpi?metric=time_to_merge").await).is_empty());
    assert_eq!(codes(&one(&api, "/team/kpi?metric=pipeline_duration").await), ["sudden_drop"]);
}

#[tokio::test]
async fn thin_data_is_told_of() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    stream(&api, &seed.connection, "merge_requests", 10).await;
    snapshot(&api, "time_to_merge", "", 4, &json!({"mapped_authors": 0.5})).await;
    snapshot(&api, "merge_throughput", "", 4, &json!({"mapped_authors": 0.9})).await;
    let thin = one(&api, "/team/kpi?metric=time_to_merge").await;
    assert_eq!((codes(&thin), &thin["stale"]), (vec!["few_rows", "unmapped_authors"], &json!(false)));
    assert_eq!(thin["quality"][0]["sentence"], "4 rows are behind it: fewer than 5 say little about what is usual.");
    assert_eq!((&thin["quality"][0]["since"], &thin["quality"][0]["connection_id"]), (&Value::Null, &Value::Null));
    assert!(codes(&one(&api, "/team/kpi?metric=merge_throughput").await).is_empty(), "a count of four is four");
    let history = api.get("/team/kpi/history?metric=time_to_merge&window=day").await.items();
    assert_eq!(codes(&history[0]), ["few_rows", "unmapped_authors"]);
    let settings = json!({"settings": {"min_rows": 4, "min_coverage": 0.5}});
    api.send(Method::PUT, "/team/kpi/settings", &settings).await;
    assert!(codes(&one(&api, "/team/kpi?metric=time_to_merge").await).is_empty());
    for (field, value) in [("min_rows", json!(-1)), ("min_coverage", json!(1.5)), ("stale_after_syncs", json!(0))] {
        let refused =
            api.send(Method::PUT, "/team/kpi/settings", &json!({"settings": {field: value}})).await.problem(400, "VALIDATION_ERROR");
        assert_eq!(refused["errors"][0]["field"], format!("settings.{field}"), "{refused}");
    }
}
