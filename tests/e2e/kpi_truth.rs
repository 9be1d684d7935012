//! KPIs equal the demo company's truth: every metric, for organisation, projects, teams and people, in windows of every kind.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use ovia_demo::{AttributionTruth, MetricTruth};
use ovia_tests::state;
use serde_json::{Map, Value, json};
use sqlx::Row;

use crate::{demo, kpi_world::World};

/// Metric, scope, scope's id, window, start.
type Key = (String, String, String, String, DateTime<Utc>);

fn days(texts: &[&str]) -> Vec<NaiveDate> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[tokio::test]
async fn every_metric_is_exact_for_every_scope() {
    let days = days(&["2025-06-12", "2025-11-03", "2026-01-15", "2026-02-26", "2026-03-09", "2026-03-16", "2026-03-17", "2026-03-18"]);
    let world = World::start(Tz::UTC, days).await;
    world.people_are_who_they_are().await;
    world.rollup(demo::as_of()).await;
    let truth = world.company.kpi_truth(&world.question);
    something_is_known_of_everything(&truth);
    assert_truth(&world, &truth).await;
    assert_attributions(&world).await;
    numbers_are_made_of_their_rows(&world).await;
}

/// Days of 23 and of 25 hours, and months that begin an hour or two before UTC's.
#[tokio::test]
async fn every_metric_is_exact_where_clocks_change() {
    let days = days(&["2025-03-29", "2025-03-30", "2025-03-31", "2025-10-25", "2025-10-26", "2025-10-27", "2026-03-17", "2026-03-18"]);
    let world = World::start(Tz::Europe__Berlin, days).await;
    world.rollup(demo::as_of()).await;
    let truth = world.company.kpi_truth(&world.question);
    let short = truth.iter().find(|one| one.window == "day" && one.start == "2025-03-29T23:00:00Z".parse::<DateTime<Utc>>().unwrap());
    assert_eq!(short.map(|day| (day.end - day.start).num_hours()), Some(23));
    assert_truth(&world, &truth).await;
}

/// No metric agrees by having nothing to say, in no kind of scope that it has.
fn something_is_known_of_everything(truth: &[MetricTruth]) {
    for metric in ovia_domain::MetricKey::ALL {
        for scope in ["organisation", "project", "team", "person"] {
            let told = truth.iter().filter(|one| one.metric == metric.as_str() && one.scope == scope && one.value.is_some()).count();
            let has_none = (metric.as_str().starts_with("release_") && matches!(scope, "team" | "person"))
                || (metric.as_str() == "delivery_health" && scope == "person");
            assert_eq!(told == 0, has_none, "{metric} of {scope}: {told} figures");
        }
    }
}

/// What is stored is what the truth says, and nothing else is stored.
pub async fn assert_truth(world: &World, truth: &[MetricTruth]) {
    let stored = snapshots(world).await;
    let mut wrong: Vec<String> = Vec::new();
    let mut wanted: BTreeSet<Key> = BTreeSet::new();
    for want in truth {
        let key: Key = (want.metric.into(), want.scope.into(), want.scope_id.clone(), want.window.into(), want.start);
        match stored.get(&key) {
            // no data needs no row, and nothing else may do without
            None if want.value.is_none() && want.rows.is_empty() => {}
            None => wrong.push(format!("{key:?} is not there: {want:?}")),
            Some(found) => wrong.extend(difference(found, want).map(|what| format!("{key:?} {what}\n  stored {found}\n  truth  {want:?}"))),
        }
        wanted.insert(key);
    }
    let bots: BTreeSet<&String> = world.question.people.iter().filter(|person| person.is_bot).map(|person| &person.id).collect();
    let asked = |key: &Key| key.3 != "day" || wanted.iter().any(|other| other.3 == "day" && other.4 == key.4);
    let extra = stored.keys().filter(|key| !wanted.contains(*key) && !bots.contains(&key.2) && asked(key));
    wrong.extend(extra.map(|key| format!("{key:?} is stored, and nobody knows of it")));
    let by_metric = wrong.iter().fold(BTreeMap::<&str, usize>::new(), |mut counts, text| {
        *counts.entry(text.split('"').nth(1).unwrap_or_default()).or_default() += 1;
        counts
    });
    assert!(
        wrong.is_empty(),
        "{} of {}: {by_metric:?}\n{}",
        wrong.len(),
        truth.len(),
        wrong.iter().step_by(wrong.len() / 12 + 1).map(String::as_str).collect::<Vec<_>>().join("\n")
    );
}

/// The first thing in which they differ.
fn difference(found: &Value, want: &MetricTruth) -> Option<String> {
    if !close(&found["value"], &json!(want.value)) {
        return Some("has another value".into());
    }
    let parts = want.stats.iter().map(|stat| ("stats", stat)).chain(want.coverage.iter().map(|share| ("coverage", share)));
    for (part, (name, value)) in parts {
        if !close(&found[part][*name], value) {
            return Some(format!("differs in {name} of its {part}: {} is {value}", found[part][*name]));
        }
    }
    let rows: Map<String, Value> = want.rows.iter().map(|(id, value)| (id.clone(), json!(value))).collect();
    (!close(&found["rows"], &Value::Object(rows))).then(|| "has other rows".into())
}

/// Equal but for the last digits of numbers.
fn close(found: &Value, want: &Value) -> bool {
    match (found, want) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && b.iter().all(|(key, want)| a.get(key).is_some_and(|found| close(found, want)))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(found, want)| close(found, want)),
        _ => state::same(found, want),
    }
}

/// Every figure with what its rows add, by external id; the days that are asked about only.
async fn snapshots(world: &World) -> BTreeMap<Key, Value> {
    let sql = "select s.metric, s.scope_kind,
               case s.scope_kind when 'project' then substr(s.scope_id, strpos(s.scope_id, ':') + 1) else s.scope_id end,
               s.window_kind, s.window_start,
               jsonb_build_object('value', s.value, 'stats', s.stats, 'coverage', s.coverage, 'rows', coalesce((
                   select jsonb_object_agg(coalesce(m.external_id, p.external_id, d.external_id, w.external_id, v.external_id), r.row_value)
                   from kpi_rows(s.org_id, s.id) r
                   left join merge_requests m on s.row_table = 'merge_requests' and m.id = r.row_id
                   left join pipelines p on s.row_table = 'pipelines' and p.id = r.row_id
                   left join deployments d on s.row_table = 'deployments' and d.id = r.row_id
                   left join work_items w on s.row_table = 'work_items' and w.id = r.row_id
                   left join versions v on s.row_table = 'versions' and v.id = r.row_id
               ), '{}'::jsonb))
        from kpi_snapshots s
        where s.window_kind <> 'day' or (s.window_start at time zone $1)::date = any($2)";
    let rows = sqlx::query(sql).bind(world.question.time_zone.name()).bind(&world.question.days);
    let rows = rows.fetch_all(world.app.store.pool()).await.unwrap();
    rows.iter().map(|row| ((row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)), row.get(5))).collect()
}

/// Each incident is put down to the deployment that the company knows, by the same rule; every rule has cases.
async fn assert_attributions(world: &World) {
    let sql = "select coalesce(w.external_id, i.external_id), d.external_id, a.rule, a.confidence::float8
        from kpi_incident_attributions a
        join deployments d on d.id = a.deployment_id
        left join work_items w on a.incident_table = 'work_items' and w.id = a.incident_id
        left join issues i on a.incident_table = 'issues' and i.id = a.incident_id";
    let rows = sqlx::query(sql).fetch_all(world.app.store.pool()).await.unwrap();
    let mut stored: Vec<(String, String, String, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), format!("{:.3}", row.get::<f64, _>(3)))).collect();
    let text = |one: AttributionTruth| (one.incident, one.deployment, one.rule.to_owned(), format!("{:.3}", one.confidence));
    let mut truth: Vec<_> = world.company.attributions(&world.question).into_iter().map(text).collect();
    stored.sort_unstable();
    truth.sort_unstable();
    assert_eq!(stored, truth);
    let rules: BTreeSet<&str> = truth.iter().map(|one| one.2.as_str()).collect();
    assert_eq!(rules, BTreeSet::from(["hotfix", "merge_request_link", "revert", "same_service"]));
}

/// Of every stored number, as many rows as it says, and what they add makes it, in the way the definition says.
async fn numbers_are_made_of_their_rows(world: &World) {
    let count = async |sql: &str| state::count(&world.app.store, sql).await;
    let counted = "select count(*) from kpi_snapshots k where k.row_count <> (select count(*) from kpi_rows(k.org_id, k.id))";
    assert_eq!(count(counted).await, 0, "numbers whose rows are not as many as they say");
    for metric in ovia_domain::MetricKey::ALL {
        let definition = world.app.http.get(&format!("/team/kpi/{metric}/definition")).await;
        let aggregate = definition["aggregate"].as_str().unwrap();
        let made = match aggregate {
            "sum" => "coalesce((select sum(row_value) from kpi_rows(k.org_id, k.id)), 0)",
            "mean" => "(select avg(row_value) from kpi_rows(k.org_id, k.id))",
            "maximum" => "(select max(row_value) from kpi_rows(k.org_id, k.id))",
            "median" => "(select percentile_cont(0.5) within group (order by row_value) from kpi_rows(k.org_id, k.id))",
            other => {
                assert_eq!((metric, other), (ovia_domain::MetricKey::DeliveryHealth, "composite"));
                continue;
            }
        };
        let sql = format!(
            "select count(*) from kpi_snapshots k where k.metric = '{metric}' and k.value is not null and abs(k.value - {made}) > 1e-6"
        );
        assert_eq!(count(&sql).await, 0, "{metric} is not the {aggregate} of its rows");
    }
}
