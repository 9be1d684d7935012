use ovia_workflows::EngineError;
use serde_json::{Value, json};

use crate::{
    common::{Answer, Method, MockTemporal, TestApi},
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
                unit, stats, coverage, row_table, row_ids, row_values, row_count, identity_epoch, run_id)
            values ('{}', '{metric}', {version}, '{kind}', '{scope}', '{}', '{}', '{}', {value}, 'count', '{{\"p75\": 1.5}}', '{{\"rows\": 2}}', '{table}',
                {rows}, array_fill(1::float8, array[coalesce(cardinality({rows}), 0)]), coalesce(cardinality({rows}), 0), 3, gen_random_uuid())",
            api.org, window.0, window.1, window.2
        ))
        .await;
}

const OLD: (&str, &str, &str) = ("trailing_30_days", "2026-01-01Z", "2026-01-31Z");
const NEW: (&str, &str, &str) = ("trailing_30_days", "2026-01-02Z", "2026-02-01Z");

async fn with_snapshots(api: &TestApi) -> Seed {
    let seed = seed(api).await;
    let (web, none) = (format!("{}:10", seed.connection), "'{}'::bigint[]");
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

/// Metrics with data, and their values.
fn values(items: &[Value]) -> Vec<(&str, &Value)> {
    let known = items.iter().filter(|item| !item["id"].is_null());
    known.map(|item| (item["metric"].as_str().unwrap(), &item["value"])).collect()
}

#[tokio::test]
async fn the_newest_value_of_each_metric() {
    let api = TestApi::start().await;
    let seed = with_snapshots(&api).await;
    for limit in [1, 2, 10] {
        let items = api.walk("/team/kpi", limit).await;
        let metrics: Vec<&str> = items.iter().map(|item| item["metric"].as_str().unwrap()).collect();
        let every: Vec<&str> = ovia_domain::MetricKey::ALL.iter().map(|key| key.as_str()).collect();
        assert_eq!(metrics, every, "also those without data");
        let mut found = values(&items);
        found.sort_by_key(|(metric, _)| *metric);
        assert_eq!(found, [("merge_throughput", &json!(3.0)), ("stale_merge_requests", &json!(2.0)), ("time_to_merge", &Value::Null)]);
        let none = items.iter().find(|item| item["metric"] == "pipeline_success_rate").unwrap();
        assert_eq!((&none["value"], &none["id"], &none["rows_path"]), (&Value::Null, &Value::Null, &Value::Null), "no data is not 0");
        assert_eq!(none["unit"], "ratio");
    }
    let one = api.get("/team/kpi?metric=merge_throughput").await.items().remove(0);
    assert_eq!(one["window"], json!({"kind": "trailing_30_days", "start": "2026-01-02T00:00:00Z", "end": "2026-02-01T00:00:00Z"}));
    assert_eq!(
        (&one["scope"], &one["project"], &one["stats"]["p75"], &one["row_count"], &one["identity_epoch"]),
        (&json!("organisation"), &Value::Null, &json!(1.5), &json!(3), &json!(3))
    );
    assert_eq!(one["stale"], json!(true), "nothing says how old its rows are");
    let of_projects = api.get("/team/kpi?scope=project&metric=merge_throughput").await.items();
    let names: Vec<_> = of_projects.iter().map(|item| (item["project"].as_str().unwrap(), item["value"].clone())).collect();
    assert_eq!(names, [("acme/web", json!(2.0)), ("acme/api", Value::Null)]);
    assert_eq!(api.get("/team/kpi?scope=repository&metric=merge_throughput").await.items(), of_projects);
    for project in ["acme/web", "10", &format!("{}:10", seed.connection)] {
        assert_eq!(api.get(&format!("/team/kpi?project={project}&metric=merge_throughput")).await.items(), of_projects[..1], "{project}");
    }
    assert!(api.get("/team/kpi?window=month").await.items().is_empty());
    let at = api.get("/team/kpi?metric=merge_throughput&window=week&at=2026-01-14").await.items().remove(0);
    assert_eq!((&at["value"], &at["definition_version"]), (&json!(20.0), &json!(2)));
    assert!(api.get("/team/kpi?team=unheard-of").await.items().is_empty());
}

#[tokio::test]
async fn every_number_can_be_opened() {
    let api = TestApi::start().await;
    with_snapshots(&api).await;
    let one = api.get("/team/kpi?metric=merge_throughput").await.items().remove(0);
    let path = one["rows_path"].as_str().unwrap();
    assert_eq!(path, format!("/team/kpi/merge_throughput/rows?kpi_snapshot_id={}", one["id"]));
    let rows = api.walk(path, 2).await;
    let mut numbers: Vec<_> = rows.iter().map(|row| row["reference"].as_str().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, ["!2", "!4", "!6"]);
    assert!(rows.iter().all(|row| row["url"].as_str().is_some() && row["value"] == 1.0));
    let whole = api.get(path).await.json();
    assert_eq!((&whole["value"], &whole["row_count"], &whole["aggregate"]), (&json!(3.0), &json!(3), &json!("sum")));
    // the same by what it is of
    let found = api.get("/team/kpi/merge_throughput/rows").await.json();
    assert_eq!(found["kpi_snapshot_id"], one["id"]);
    // and as a filter of the lists; a snapshot of one table opens no other
    let filter = format!("kpi_snapshot_id={}", one["id"]);
    assert_eq!(api.get(&format!("/merge-requests?{filter}")).await.items().len(), 3);
    assert!(api.get(&format!("/pipelines?{filter}")).await.items().is_empty());
    // no data has no rows
    let none = api.get("/team/kpi/pipeline_duration/rows").await.json();
    assert_eq!((&none["value"], &none["items"]), (&Value::Null, &json!([])));
    api.as_other(crate::common::Method::GET, path, None).await.problem(404, "NOT_FOUND");
    api.get(&path.replace("merge_throughput", "time_to_merge")).await.problem(404, "NOT_FOUND");
    api.get("/team/kpi/happiness/rows").await.problem(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn a_window_without_rows_of_its_own_has_those_of_its_days() {
    let api = TestApi::start().await;
    with_snapshots(&api).await;
    for (day, number) in [("2026-01-06", 2), ("2026-01-08", 4), ("2026-01-20", 6)] {
        let rows = format!("(select array_agg(id) from merge_requests where number = {number})");
        let end = format!("{day}T23:59:59Z");
        let window = ("day", day, end.as_str());
        insert(&api, Snapshot { metric: "throughput", version: 1, scope: "", window, value: "1", table: "merge_requests", rows: &rows })
            .await;
    }
    let week = ("week", "2026-01-05Z", "2026-01-12Z");
    insert(
        &api,
        Snapshot { metric: "throughput", version: 1, scope: "", window: week, value: "2", table: "merge_requests", rows: "null::bigint[]" },
    )
    .await;
    let rows = api.get("/team/kpi/throughput/rows?window=week&at=2026-01-07").await.json();
    let numbers: Vec<_> = rows["items"].as_array().unwrap().iter().map(|row| row["reference"].as_str().unwrap()).collect();
    assert_eq!((numbers, &rows["value"]), (vec!["!2", "!4"], &json!(2.0)), "{rows}");
}

#[tokio::test]
async fn history() {
    let api = TestApi::start().await;
    with_snapshots(&api).await;
    for limit in [1, 2, 3] {
        let items = api.walk("/team/kpi/history?metric=merge_throughput", limit).await;
        let points: Vec<_> = items
            .iter()
            .map(|item| (item["window"]["start"].as_str().unwrap(), item["value"].as_f64().unwrap(), item["change"].as_f64()))
            .collect();
        assert_eq!(
            points,
            [("2026-01-19T00:00:00Z", 3.0, Some(-17.0)), ("2026-01-12T00:00:00Z", 20.0, Some(19.0)), ("2026-01-05T00:00:00Z", 1.0, None)],
            "of each window the newest definition, compared with the window before"
        );
    }
    assert_eq!(api.get("/team/kpi/history?metric=merge_throughput&since=2026-01-12&until=2026-01-19").await.items().len(), 1);
    let daily = api.walk("/team/kpi/history?window=trailing_30_days&metric=merge_throughput", 1).await;
    assert_eq!(values(&daily), [("merge_throughput", &json!(3.0)), ("merge_throughput", &json!(9.0))]);
}

#[tokio::test]
async fn numbers_leave_as_a_spreadsheet() {
    let api = TestApi::start().await;
    let seed = with_snapshots(&api).await;
    api.db.sql("update projects set full_path = '=cmd|calc' where external_id = '10'").await;
    let file = api.get("/team/kpi/export.csv?metric=merge_throughput&window=trailing_30_days&scope=project").await;
    assert_eq!((file.status.as_u16(), file.content_type.as_str()), (200, "text/csv; charset=utf-8"));
    let lines: Vec<&str> = file.text.split("\r\n").collect();
    assert!(lines[0].starts_with("metric,scope,scope_id,scope_name,window"), "{}", lines[0]);
    let web = lines.iter().find(|line| line.contains(&format!("{}:10", seed.connection))).unwrap();
    assert!(web.contains(",'=cmd|calc,") && web.contains(",2,count,"), "{web}");
}

#[tokio::test]
async fn the_definition_is_the_registrys() {
    let api = TestApi::start().await;
    for entry in ovia_kpi::REGISTRY {
        let shown = api.get(&format!("/team/kpi/{}/definition", entry.definition.key)).await.json();
        let definition = &entry.definition;
        for (field, words) in [
            ("name", definition.name),
            ("unit", definition.unit),
            ("formula", definition.formula),
            ("filters", definition.filters),
            ("no_data", definition.no_data),
            ("reference", definition.reference),
            ("row_table", entry.row_table.as_str()),
        ] {
            assert_eq!(shown[field], words, "{} {field}", definition.key);
        }
        assert_eq!((&shown["version"], &shown["inputs"]), (&json!(definition.version), &json!(definition.inputs)));
        assert_eq!(shown["stats"].as_array().unwrap().len(), entry.stats.len());
        let bands = ovia_kpi::published_bands(definition.key.as_str());
        assert_eq!(shown["bands"].as_array().unwrap().len(), bands.map_or(0, |bands| bands.bands.len()));
    }
    // what the document lists is the registry's too
    let document: Value = serde_json::from_str(&ovia_api::openapi_document()).unwrap();
    let every: Vec<&str> = ovia_kpi::REGISTRY.iter().map(|entry| entry.definition.key.as_str()).collect();
    assert_eq!(document["components"]["schemas"]["Metric"]["enum"], json!(every));
    let words = document["components"]["schemas"]["Metric"]["description"].as_str().unwrap();
    for entry in ovia_kpi::REGISTRY {
        let line = format!("- `{}` (version {}; ", entry.definition.key, entry.definition.version);
        let line = words.lines().find(|told| told.starts_with(&line)).unwrap();
        assert!(line.contains(entry.definition.formula) && line.contains(entry.definition.no_data), "{line}");
    }
}

#[tokio::test]
async fn settings_are_checked_and_versioned() {
    let api = TestApi::start().await;
    let shipped = api.get("/team/kpi/settings").await.json();
    assert_eq!(
        (&shipped["version"], &shipped["settings"]["time_zone"], &shipped["person_level"]),
        (&json!(0), &json!("UTC"), &json!(false))
    );
    let put = async |body: Value| api.send(Method::PUT, "/team/kpi/settings", &body).await;
    for (settings, field) in [
        (json!({"time_zone": "Middle/Earth"}), "settings.time_zone"),
        (json!({"stale_after_days": 0}), "settings.stale_after_days"),
        (json!({"stale_after_days": "7"}), "settings.stale_after_days"),
        (json!({"stale_days": 7}), "settings.stale_days"),
        (json!({"bands": {"speed": [{"label": "x", "up_to": null, "score": 1}]}}), "settings.bands.speed"),
    ] {
        let refused = put(json!({"settings": settings})).await;
        let problem = refused.problem(400, "VALIDATION_ERROR");
        assert!(problem["errors"][0]["field"].as_str().unwrap().starts_with(field.rsplit_once('.').unwrap().0), "{problem}");
    }
    let set = put(json!({"settings": {"time_zone": "Europe/Berlin", "stale_after_days": 10}, "expected_version": 0})).await.json();
    assert_eq!(
        (&set["version"], &set["settings"]["time_zone"], &set["settings"]["ageing_after_days"]),
        (&json!(1), &json!("Europe/Berlin"), &json!(14))
    );
    assert!(set["run_id"].is_string(), "figures are computed again: {set}");
    put(json!({"settings": {}, "expected_version": 0})).await.problem(409, "CONFLICT");
    let again = put(json!({"settings": {"time_zone": "Europe/Berlin", "stale_after_days": 10}})).await.json();
    assert_eq!((&again["version"], &again["run_id"]), (&json!(1), &Value::Null), "nothing differs");
    assert_eq!(api.as_other(Method::GET, "/team/kpi/settings", None).await.json()["version"], 0);
}

#[tokio::test]
async fn single_people_are_protected() {
    let api = TestApi::start().await;
    let seed = with_snapshots(&api).await;
    let path = format!("/team/kpi?person={}&metric=merge_throughput", seed.ada);
    let off = api.get(&path).await.problem(403, "FORBIDDEN");
    assert!(off["hint"].as_str().unwrap().contains("person_level"), "{off}");
    api.send(Method::PUT, "/team/kpi/settings", &json!({"settings": {}, "person_level": true})).await;
    let token = api.get(&path).await.problem(403, "FORBIDDEN");
    assert!(token["hint"].as_str().unwrap().contains("people-access"), "{token}");
    assert_eq!(api.db.store.token_people_set(api.org, "first", true).await.unwrap(), 1);
    assert_eq!(api.get(&path).await.items().len(), 1);
    api.db.store.token_people_set(api.org, "first", false).await.unwrap();
    for path in [
        format!("/team/kpi/history?person={}", seed.ada),
        "/team/kpi/history?scope=person".to_owned(),
        format!("/team/kpi/merge_throughput/rows?person={}", seed.ada),
        "/team/kpi/export.csv?scope=person".to_owned(),
        "/team/kpi/changes?scope=person".to_owned(),
    ] {
        api.get(&path).await.problem(403, "FORBIDDEN");
    }
}

#[tokio::test]
async fn changes_say_what_and_why() {
    let api = TestApi::start().await;
    let seed = with_snapshots(&api).await;
    let insert = |metric: &str, scope: &str, kind: &str, cause: &str, decision: &str| {
        format!(
            "insert into kpi_changes (org_id, run_id, metric, scope_kind, scope_id, window_kind, window_start, window_end, definition_version, unit,
                before, after, rows_before, rows_after, cause, decision_id, causes)
             values ('{}', gen_random_uuid(), '{metric}', '{kind}', '{scope}', 'week', '2026-01-05Z', '2026-01-12Z', 1, 'count', 2, 5, 2, 5, '{cause}',
                {decision}, '[{{\"kind\": \"{cause}\"}}]');",
            api.org
        )
    };
    let web = format!("{}:10", seed.connection);
    api.db
        .sql(
            &[
                insert("merge_throughput", "", "organisation", "late_row", "null"),
                insert("merge_throughput", &web, "project", "decision", "7"),
                insert("time_to_merge", &seed.ada, "person", "decision", "7"),
            ]
            .concat(),
        )
        .await;
    for limit in [1, 5] {
        let changes = api.walk("/team/kpi/changes", limit).await;
        let found: Vec<_> = changes.iter().map(|change| (change["cause"].as_str().unwrap(), change["scope_name"].as_str())).collect();
        assert_eq!(found, [("decision", Some("acme/web")), ("late_row", None)], "figures of people are left out");
        assert_eq!((&changes[0]["difference"], &changes[0]["decision_id"]), (&json!(3.0), &json!(7)));
    }
    for (filter, want) in [
        ("cause=late_row", 1),
        ("decision=7", 1),
        ("decision=8", 0),
        ("project=acme/web", 1),
        ("project=acme/api", 0),
        ("scope=organisation", 1),
        ("metric=time_to_merge", 0),
        ("window=day", 0),
    ] {
        assert_eq!(api.get(&format!("/team/kpi/changes?{filter}")).await.items().len(), want, "{filter}");
    }
    assert!(api.as_other(Method::GET, "/team/kpi/changes", None).await.items().is_empty());
}

fn away() -> MockTemporal {
    let mut engine = MockTemporal::new();
    engine.expect_run_start().returning(|_| Err(EngineError::Unavailable("away".into())));
    engine
}

#[tokio::test]
async fn settings_stand_while_temporal_is_away() {
    let api = TestApi::with_engine(away()).await;
    let set = api.send(Method::PUT, "/team/kpi/settings", &json!({"settings": {"stale_after_days": 10}})).await.json();
    let run = api.get(&format!("/runs/{}", set["run_id"].as_str().unwrap())).await.json();
    assert_eq!((&set["version"], &run["status"]), (&json!(1), &json!("queued")), "{set} {run}");
}

#[tokio::test]
async fn a_person_may_overrule_what_an_incident_is_put_down_to() {
    // what was said stands while Temporal is away
    let api = TestApi::with_engine(away()).await;
    let seed = seed(&api).await;
    let (org, connection) = (api.org, &seed.connection);
    api.db
        .sql(&format!(
            "insert into work_items (org_id, connection_id, external_id, key, project_external_id, title, kind, type_name, status, labels,
                components, fix_version_external_ids, sprint_external_ids, created_at, url)
             values ('{org}', '{connection}', '1', 'WEB-1', '10', 'down', 'task', 'Incident', 'Open', '{{}}', '{{}}', '{{}}', '{{}}', '2026-01-05Z', 'https://x.example/1');
             insert into kpi_incident_attributions (org_id, incident_table, incident_id, deployment_id, rule, confidence)
             select '{org}', 'work_items', w.id, (select min(id) from deployments), 'same_service', 0.7 from work_items w"
        ))
        .await;
    let one = api.get("/team/kpi/incidents").await.items().remove(0);
    assert_eq!((&one["reference"], &one["rule"], &one["overridden_by"]), (&json!("WEB-1"), &json!("same_service"), &Value::Null), "{one}");
    let path = format!("/team/kpi/incidents/{}/override", one["id"].as_str().unwrap());
    let done = api.send(Method::PUT, &path, &json!({"deployment_id": null, "reason": "a cable"})).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let run = api.get(&format!("/runs/{}", done.json()["run_id"].as_str().unwrap())).await.json();
    assert_eq!((&run["kind"], &run["status"], &run["requested_by"]), (&json!("kpi_rollup"), &json!("queued"), &json!("token:first")));
    api.db.sql("update runs set status = 'succeeded', started_at = now(), ended_at = now()").await;
    let again = api.send(Method::PUT, &path, &json!({"deployment_id": null, "reason": " a cable "})).await;
    assert_eq!((again.status.as_u16(), again.json()), (200, json!({"run_id": null})), "nothing differs");
    let after = api.get("/team/kpi/incidents").await.items().remove(0);
    assert_eq!((&after["overridden_by"], &after["override_reason"]), (&json!("token:first"), &json!("a cable")));
    api.send(Method::PUT, &path, &json!({"deployment_id": 999_999})).await.problem(404, "NOT_FOUND");
    api.as_other(Method::PUT, &path, Some(&json!({"deployment_id": null}))).await.problem(404, "NOT_FOUND");
    api.send(Method::PUT, "/team/kpi/incidents/projects:1/override", &json!({"deployment_id": null}))
        .await
        .problem(400, "VALIDATION_ERROR");
    let other = api.send(Method::PUT, &path, &json!({"deployment_id": null, "reason": "two cables"})).await;
    assert!(other.json()["run_id"].is_string(), "{}", other.text);
    let back = Answer::of(api.request(Method::DELETE, &path)).await;
    assert_eq!((back.status.as_u16(), back.json()), (200, json!({"run_id": null})), "a rollup is under way");
    Answer::of(api.request(Method::DELETE, &path)).await.problem(404, "NOT_FOUND");
}
