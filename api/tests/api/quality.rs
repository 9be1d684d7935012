//! Checks of the data: what they read, how it is graded, and that it is kept run by run.

use chrono::{DateTime, Utc};
use ovia_domain::{
    RunId,
    quality::{QUALITY_DAYS, QualityCheck},
};
use ovia_store::quality::NewQualityResult;
use serde_json::{Value, json};

use crate::{
    common::{Method, TestApi},
    lists::seed,
};

fn as_of() -> DateTime<Utc> {
    "2026-01-20T00:00:00Z".parse().unwrap()
}

fn production() -> Vec<String> {
    vec!["production".into()]
}

fn result(connection: &str, check: QualityCheck, scope: &str, value: f64) -> NewQualityResult {
    let definition = check.definition();
    NewQualityResult {
        check_key: check.as_str(),
        connection_id: connection.parse().unwrap(),
        scope: scope.to_owned(),
        subject_table: scope.to_owned(),
        status: check.grade(value).as_str(),
        value,
        unit: definition.unit,
        warn_beyond: definition.warn,
        fail_beyond: definition.fail,
        row_count: Some(7),
        sample_row_ids: vec![3, 1],
        detail: format!("{value} of {scope}."),
    }
}

#[tokio::test]
async fn shares_of_what_is_missing_or_impossible() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    let (org, c) = (api.org, &seed.connection);
    api.db
        .sql(&format!(
            "update merge_requests set merged_at = '2026-01-01T12:00:00Z' where number = 6;
            update pipelines set started_at = '2026-01-02T12:00:00Z', finished_at = '2026-01-02T11:00:00Z' where external_id = '203';
            update pipelines set started_at = null, finished_at = '2026-01-05Z' where external_id = '204';
            -- of five deployments one has a commit; two are to production, one of them with a commit that nobody knows
            update deployments set sha = 'f00' where external_id = '301';
            update deployments set sha = 'bad' where external_id = '302';
            update deployments set sha = 'abc' where external_id = '304';
            insert into merge_request_commits (org_id, connection_id, external_id, merge_request_external_id, sha) values
                ('{org}', '{c}', 'x', '101', 'abc'), ('{org}', '{c}', 'y', '102', 'abc');
            insert into work_items (org_id, connection_id, external_id, key, project_external_id, title, kind, type_name, status, status_category,
                labels, components, fix_version_external_ids, sprint_external_ids, created_at)
                select '{org}', '{c}', n::text, 'WEB-' || n, '10', 'Item', 'task', 'Task', 'Done', case n when 3 then 'todo' else 'done' end,
                    '{{}}', '{{}}', '{{}}', '{{}}', '2026-01-02Z' from generate_series(1, 3) n;
            insert into work_item_changes (org_id, connection_id, external_id, work_item_external_id, created_at, field, to_value) values
                ('{org}', '{c}', 'c1', '1', '2026-01-03Z', 'status', '3'), ('{org}', '{c}', 'c2', '2', '2026-01-03Z', 'assignee', '3');"
        ))
        .await;
    let rows = api.db.store.quality_shares(api.org, as_of(), QUALITY_DAYS, &production()).await.unwrap();
    let found: Vec<_> = rows.iter().map(|row| (row.check_key.as_str(), row.total, row.bad, row.samples.len())).collect();
    assert_eq!(
        found,
        [
            // two merge requests with the commit do not make it two deployments
            ("deployment_commit_unknown", 2, 1, 1),
            ("deployment_without_commit", 5, 2, 2),
            ("done_without_changelog", 2, 1, 1),
            ("merged_before_created", 7, 1, 1),
            ("pipeline_finished_before_started", 5, 1, 1),
            // 1 and 5 are a bot's; 2 and 6 are by an account that waits for a decision, 3 and 7 by one that is not known
            ("unmapped_authors", 5, 4, 4),
        ]
    );
    let none = api.db.store.quality_shares(api.org, as_of(), QUALITY_DAYS, &["testing".into()]).await.unwrap();
    assert!(none.iter().all(|row| row.check_key != "deployment_commit_unknown"), "what counts as production is a setting: {none:?}");
    assert!(
        api.db
            .store
            .quality_shares(api.org, "2020-01-01T00:00:00Z".parse().unwrap(), QUALITY_DAYS, &production())
            .await
            .unwrap()
            .is_empty()
    );
    assert!(api.db.store.quality_shares(api.other_org, as_of(), QUALITY_DAYS, &production()).await.unwrap().is_empty());
}

#[tokio::test]
async fn rows_per_week() {
    let api = TestApi::start().await;
    let seed = seed(&api).await;
    api.db
        .sql(&format!(
            "delete from merge_requests where deleted_at is null;
            insert into pipelines (org_id, connection_id, external_id, project_external_id, status, created_at)
                select '{}', '{}', 'w' || n, '10', 'success', timestamptz '2026-01-20Z' - n * interval '7 days' from generate_series(0, 5) n",
            api.org, seed.connection
        ))
        .await;
    let rows = api.db.store.quality_weeks(api.org, as_of()).await.unwrap();
    let weeks: Vec<_> = rows.iter().map(|row| (row.subject_table.as_str(), row.weeks.clone())).collect();
    // a moment on the border belongs to the earlier week: deployments 1 to 5, and pipelines of January, and one at the end of each week; what was deleted is not counted
    assert_eq!(weeks, [("deployments", vec![0, 0, 5, 0, 0]), ("pipelines", vec![1, 1, 6, 1, 1])]);
}

#[tokio::test]
async fn freshness_knows_the_schedule() {
    let api = TestApi::start().await;
    let connection = api.connection("acme").await;
    let org = api.org;
    api.db
        .sql(&format!(
            "insert into stream_states (org_id, connection_id, stream, last_success_at, last_error_at) values
                ('{org}', '{connection}', 'merge_requests', '2026-01-19Z', null), ('{org}', '{connection}', 'pipelines', null, '2026-01-19Z'),
                ('{org}', '{connection}', 'never_asked', null, null), ('{org}', '{connection}', 'premium_only', null, '2026-01-19Z');
            insert into schedules (id, org_id, connection_id, kind, interval_seconds) values (gen_random_uuid(), '{org}', '{connection}', 'sync', 900);
            insert into runs (id, org_id, kind, status, connection_id, requested_by, workflow_id)
                values ('00000000-0000-4000-8000-000000000001', '{org}', 'sync', 'succeeded', '{connection}', 'token:first', 'w');
            insert into run_streams (run_id, org_id, stream, position, status)
                values ('00000000-0000-4000-8000-000000000001', '{org}', 'premium_only', 1, 'not_available')"
        ))
        .await;
    let streams = api.db.store.quality_freshness(api.org).await.unwrap();
    let found: Vec<_> = streams.iter().map(|stream| (stream.stream.as_deref().unwrap(), stream.last_success_at.is_some())).collect();
    assert_eq!(found, [("merge_requests", true), ("pipelines", false)]);
    assert_eq!((streams[0].interval_seconds, streams[0].source.as_str()), (Some(900), "gitlab"));
    assert!(api.db.store.quality_freshness(api.other_org).await.unwrap().is_empty());
}

#[tokio::test]
async fn only_what_was_read_is_fresh() {
    let api = TestApi::start().await;
    let connection = api.connection("acme").await;
    let (org, store) = (api.org, &api.db.store);
    let run = async |kind: &str| {
        let id = RunId::generate();
        api.db
            .sql(&format!(
                "insert into runs (id, org_id, kind, status, connection_id, requested_by, workflow_id)
                    values ('{id}', '{org}', '{kind}', 'running', '{connection}', 'token:first', '{id}');
                insert into run_streams (run_id, org_id, stream, position, status, note, refused, fetched) values
                    ('{id}', '{org}', 'issues', 1, 'running', null, 0, 0), ('{id}', '{org}', 'releases', 2, 'running', 'releases: 403', 2, 0),
                    ('{id}', '{org}', 'pipelines', 3, 'running', 'pipelines: 403', 1, 0), ('{id}', '{org}', 'members', 4, 'running', null, 0, 9),
                    ('{id}', '{org}', 'approvals', 5, 'running', 'approvals: 403', 0, 0),
                    ('{id}', '{org}', 'changes', 6, 'running', 'one is gone', 0, 7);
                delete from stream_cursors;
                insert into stream_cursors (connection_id, org_id, stream, partition, cursor, done_by_run)
                    select '{connection}', '{org}', s, p::text, '{{}}', '{id}'
                    from unnest(array['issues', 'releases', 'pipelines', 'members']) s, generate_series(1, 2) p;
                insert into run_problems (run_id, org_id, stream, partition, error, given_up)
                    values ('{id}', '{org}', 'members', '1', '{{}}', true)"
            ))
            .await;
        for stream in ["issues", "releases", "pipelines", "members", "approvals", "changes"] {
            store.run_stream_done(org, id, stream).await.unwrap();
        }
        let progress = api.get(&format!("/runs/{id}")).await.json()["progress"].clone();
        progress.as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let read = async || {
        let states = api.get(&format!("/connections/{connection}/streams")).await.items();
        let mut read: Vec<_> = states.iter().filter(|one| one["last_success_at"].is_string()).map(|one| one["stream"].clone()).collect();
        read.sort_by_key(Value::to_string);
        read
    };
    assert_eq!(run("backfill").await, ["done", "done", "done", "incomplete", "done", "done"]);
    assert!(read().await.is_empty(), "a window of the past says nothing of now");
    assert_eq!(
        run("sync").await,
        ["done", "not_available", "done", "incomplete", "not_available", "done"],
        "every partition, one of two, given up, every item"
    );
    assert_eq!(read().await, [json!("changes"), json!("issues"), json!("pipelines")]);
    let checked = async || store.quality_freshness(org).await.unwrap().into_iter().filter_map(|one| one.stream).collect::<Vec<_>>();
    assert_eq!(checked().await, ["changes", "issues", "pipelines"], "what was never read is not offered");
    // what could be read once and is refused now gets old
    api.db.sql("update stream_states set last_success_at = now() - interval '9 days' where stream = 'releases'").await;
    assert_eq!(checked().await, ["changes", "issues", "pipelines", "releases"]);
}

#[tokio::test]
async fn two_attempts_at_one_run_store_its_results_once() {
    let api = TestApi::start().await;
    let connection = api.connection("acme").await;
    let run = RunId::generate();
    let results: Vec<_> = (0..50).map(|n| result(&connection, QualityCheck::Freshness, &format!("stream_{n}"), 1.0)).collect();
    let store = &api.db.store;
    let put = || store.quality_results_put(api.org, run, &results);
    let (one, two, three, four) = tokio::join!(put(), put(), put(), put());
    for done in [one, two, three, four] {
        done.unwrap_or_else(|error| panic!("{error}"));
    }
    assert_eq!(api.walk("/team/quality", 100).await.len(), 50);
}

#[tokio::test]
async fn one_at_a_time_looks_through_an_organisation() {
    let api = TestApi::start().await;
    let store = &api.db.store;
    let held = store.org_lock(api.org, "detect_risks").await.unwrap();
    let soon = std::time::Duration::from_millis(300);
    assert!(tokio::time::timeout(soon, store.org_lock(api.org, "detect_risks")).await.is_err(), "it is held");
    store.org_lock(api.org, "check_quality").await.unwrap();
    store.org_lock(api.other_org, "detect_risks").await.unwrap();
    drop(held);
    store.org_lock(api.org, "detect_risks").await.unwrap();
}

#[tokio::test]
async fn results_are_kept_run_by_run() {
    let api = TestApi::start().await;
    let connection = api.connection("acme").await;
    assert!(api.get("/team/quality").await.items().is_empty());
    let store = &api.db.store;
    let first = [result(&connection, QualityCheck::UnmappedAuthors, "merge_requests", 0.5)];
    store.quality_results_put(api.org, RunId::generate(), &first).await.unwrap();
    let second = [
        result(&connection, QualityCheck::UnmappedAuthors, "merge_requests", 0.2),
        result(&connection, QualityCheck::Freshness, "merge_requests", 1.0),
        result(&connection, QualityCheck::Freshness, "pipelines", 9.0),
    ];
    let run = RunId::generate();
    for _ in 0..2 {
        store.quality_results_put(api.org, run, &second).await.unwrap();
    }
    for limit in [1, 2, 3] {
        assert_eq!(api.walk("/team/quality", limit).await.len(), 3, "the newest run's, once");
    }
    let one = api.get("/team/quality?check=unmapped_authors").await.items().remove(0);
    for (field, value) in [
        ("status", json!("warn")),
        ("value", json!(0.2)),
        ("unit", json!("ratio")),
        ("warn_beyond", json!(0.1)),
        ("fail_beyond", json!(0.3)),
        ("connection_name", json!("acme")),
        ("table", json!("merge_requests")),
        ("row_count", json!(7)),
        ("sample_row_ids", json!([3, 1])),
        ("run_id", json!(run.to_string())),
        ("detail", json!("0.2 of merge_requests.")),
    ] {
        assert_eq!(one[field], value, "{field}");
    }
    for (query, rows) in [
        ("status=fail", 1),
        ("status=pass", 1),
        ("check=freshness&scope=pipelines", 1),
        ("check=sudden_drop", 0),
        ("connection=00000000-0000-0000-0000-000000000000", 0),
    ] {
        assert_eq!(api.get(&format!("/team/quality?{query}")).await.items().len(), rows, "{query}");
    }
    let history = api.walk("/team/quality/unmapped_authors/history", 1).await;
    assert_eq!(history.iter().map(|row| row["value"].clone()).collect::<Vec<Value>>(), [json!(0.2), json!(0.5)]);
    assert!(api.get("/team/quality/unmapped_authors/history?since=2999-01-01").await.items().is_empty());
    api.get("/team/quality/freshness/history?status=bad").await.names_field("status");
    api.get("/team/quality/smell/history").await.names_field("check");
    for path in ["/team/quality", "/team/quality/freshness/history"] {
        assert!(api.as_other(Method::GET, path, None).await.items().is_empty(), "{path}");
    }
    let metrics = api.get("/metrics").await.text;
    assert!(metrics.contains(r#"ovia_quality_results{check="freshness",status="fail"} 1"#), "{metrics}");
    assert!(metrics.contains(r#"ovia_quality_results{check="unmapped_authors",status="warn"} 1"#), "{metrics}");
    api.db.sql("update connections set deleted_at = now()").await;
    assert_eq!(store.quality_counts().await.unwrap(), [], "of a connection that was removed");
}

#[tokio::test]
async fn what_is_wrong_is_so_since_it_last_was_not() {
    let api = TestApi::start().await;
    let connection = api.connection("acme").await;
    let check = async |value: f64| {
        let results = [
            result(&connection, QualityCheck::UnmappedAuthors, "merge_requests", value),
            result(&connection, QualityCheck::SuddenDrop, "pipelines", 0.4),
        ];
        api.db.store.quality_results_put(api.org, RunId::generate(), &results).await.unwrap();
        let shown = api.get("/team/quality?check=unmapped_authors").await.items().remove(0);
        (shown["since"].clone(), shown["checked_at"].clone())
    };
    let (since, first) = check(0.2).await;
    assert_eq!(since, first);
    let (since, second) = check(0.4).await;
    assert!(since == first && second != first, "worse is no other beginning: {since}");
    assert_eq!(check(0.0).await.0, Value::Null);
    let (since, fourth) = check(0.2).await;
    assert_eq!(since, fourth, "it had passed in between");
    let other = api.get("/team/quality?check=sudden_drop").await.items().remove(0);
    assert_eq!(other["since"], first, "of each check by itself");
    // a run that is repeated replaces what it found, and is no run before itself
    let run = RunId::generate();
    for _ in 0..2 {
        let again = [result(&connection, QualityCheck::SuddenDrop, "pipelines", 0.4)];
        api.db.store.quality_results_put(api.org, run, &again).await.unwrap();
    }
    assert_eq!(api.get("/team/quality?check=sudden_drop").await.items()[0]["since"], first);
}
