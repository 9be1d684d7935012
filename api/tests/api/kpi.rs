use serde_json::{Value, json};

use crate::{
    common::TestApi,
    lists::{Seed, seed},
};

/// `value` and `rows` are SQL.
struct Snapshot<'a> {
    metric: &'a str,
    version: i32,
    scope: &'a str,
    window: (&'a str, &'a str, &'a str),
    value: &'a str,
    table: &'a str,
    rows: &'a str,
}

async fn insert(api: &TestApi, snapshot: Snapshot<'_>) {
    let Snapshot { metric, version, scope, window, value, table, rows } = snapshot;
    let kind = if scope.is_empty() { "organisation" } else { "project" };
    api.db
        .sql(&format!(
            "insert into kpi_snapshots (org_id, metric, definition_version, scope_kind, scope_id, window_kind, window_start, window_end, value,
                unit, stats, coverage, row_table, row_ids, identity_epoch, run_id)
            values ('{}', '{metric}', {version}, '{kind}', '{scope}', '{}', '{}', '{}', {value}, 'count', '{{\"p75\": 1.5}}', '{{\"rows\": 2}}', '{table}',
                {rows}, 3, gen_random_uuid())",
            api.org, window.0, window.1, window.2
        ))
        .await;
}

const OLD: (&str, &str, &str) = ("trailing_30_days", "2026-01-01Z", "2026-01-31Z");
const NEW: (&str, &str, &str) = ("trailing_30_days", "2026-01-02Z", "2026-02-01Z");

async fn with_snapshots(api: &TestApi) -> Seed {
    let seed = seed(api).await;
    let (web, none) = (format!("{}:10", seed.connection), "'{}'");
    let stale = "(select array_agg(id) from merge_requests where number in (1, 3))";
    let merged =
        Snapshot { metric: "merge_throughput", version: 1, scope: "", window: OLD, value: "9", table: "merge_requests", rows: none };
    insert(api, Snapshot { ..merged }).await;
    insert(api, Snapshot { window: NEW, value: "3", rows: "(select array_agg(id) from merge_requests where state = 'merged')", ..merged })
        .await;
    insert(api, Snapshot { window: NEW, scope: &web, value: "2", ..merged }).await;
    insert(api, Snapshot { metric: "time_to_merge", window: NEW, value: "null", ..merged }).await;
    insert(api, Snapshot { metric: "stale_merge_requests", window: NEW, value: "2", rows: stale, ..merged }).await;
    insert(api, Snapshot { metric: "pipeline_success_rate", scope: &web, window: NEW, value: "0.5", table: "pipelines", ..merged }).await;
    insert(api, Snapshot { metric: "deployment_frequency", scope: &web, window: NEW, value: "0", table: "deployments", ..merged }).await;
    insert(
        api,
        Snapshot {
            metric: "deployment_frequency",
            scope: &format!("{}:11", seed.connection),
            window: NEW,
            value: "null",
            table: "deployments",
            ..merged
        },
    )
    .await;
    for (start, end, value) in
        [("2026-01-05Z", "2026-01-12Z", "1"), ("2026-01-12Z", "2026-01-19Z", "2"), ("2026-01-19Z", "2026-01-26Z", "3")]
    {
        insert(api, Snapshot { window: ("week", start, end), value, ..merged }).await;
    }
    insert(api, Snapshot { version: 2, window: ("week", "2026-01-12Z", "2026-01-19Z"), value: "20", ..merged }).await;
    seed
}

fn values(items: &[Value]) -> Vec<(&str, &Value)> {
    items.iter().map(|item| (item["metric"].as_str().unwrap(), &item["value"])).collect()
}

#[tokio::test]
async fn the_newest_value_of_each_metric() {
    let api = TestApi::start().await;
    let seed = with_snapshots(&api).await;
    for limit in [1, 2, 10] {
        let items = api.walk("/team/kpi", limit).await;
        assert_eq!(
            values(&items),
            [("merge_throughput", &json!(3.0)), ("stale_merge_requests", &json!(2.0)), ("time_to_merge", &Value::Null)]
        );
    }
    let one = api.get("/team/kpi?metric=merge_throughput").await.items().remove(0);
    assert_eq!(one["window"], json!({"kind": "trailing_30_days", "start": "2026-01-02T00:00:00Z", "end": "2026-02-01T00:00:00Z"}));
    assert_eq!(
        (&one["scope"], &one["project"], &one["stats"]["p75"], &one["row_count"], &one["identity_epoch"]),
        (&json!("organisation"), &Value::Null, &json!(1.5), &json!(3), &json!(3))
    );
    let of_projects = api.get("/team/kpi?scope=project&metric=merge_throughput").await.items();
    assert_eq!((of_projects.len(), &of_projects[0]["project"]), (1, &json!("acme/web")));
    for project in ["acme/web", "10", &format!("{}:10", seed.connection)] {
        assert_eq!(api.get(&format!("/team/kpi?project={project}&metric=merge_throughput")).await.items(), of_projects, "{project}");
    }
    assert!(api.get("/team/kpi?window=month").await.items().is_empty());
}

#[tokio::test]
async fn every_number_can_be_opened() {
    let api = TestApi::start().await;
    with_snapshots(&api).await;
    let one = api.get("/team/kpi?metric=merge_throughput").await.items().remove(0);
    let path = one["rows_path"].as_str().unwrap();
    assert!(path.starts_with("/merge-requests?kpi_snapshot_id="), "{path}");
    let rows = api.walk(path, 2).await;
    let numbers: Vec<_> = rows.iter().map(|row| row["number"].clone()).collect();
    assert_eq!(numbers, [6, 4, 2]);
    assert!(rows.iter().all(|row| row["url"].as_str().is_some()));
    // a snapshot of one table opens no other
    assert!(api.get(&path.replace("merge-requests", "pipelines")).await.items().is_empty());
    assert!(api.as_other(crate::common::Method::GET, path, None).await.items().is_empty());
}

#[tokio::test]
async fn history() {
    let api = TestApi::start().await;
    with_snapshots(&api).await;
    for limit in [1, 2, 3] {
        let items = api.walk("/team/kpi/history?metric=merge_throughput", limit).await;
        let points: Vec<_> =
            items.iter().map(|item| (item["window"]["start"].as_str().unwrap(), item["value"].as_f64().unwrap())).collect();
        assert_eq!(
            points,
            [("2026-01-19T00:00:00Z", 3.0), ("2026-01-12T00:00:00Z", 20.0), ("2026-01-05T00:00:00Z", 1.0)],
            "of each window the newest definition"
        );
    }
    assert_eq!(api.get("/team/kpi/history?since=2026-01-12&until=2026-01-19").await.items().len(), 1);
    let daily = api.walk("/team/kpi/history?window=trailing_30_days", 1).await;
    assert_eq!(
        values(&daily),
        [
            ("merge_throughput", &json!(3.0)),
            ("stale_merge_requests", &json!(2.0)),
            ("time_to_merge", &Value::Null),
            ("merge_throughput", &json!(9.0))
        ]
    );
}
