//! KPIs equal the demo company's truth: every metric, for organisation, projects, teams and people, in windows of every kind.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use ovia_demo::{AttributionTruth, MetricTruth};
use ovia_tests::state;
use serde_json::{Map, Value, json};
use sqlx::Row;

use crate::{
    demo,
    kpi_ways::{as_on, as_on_of},
    kpi_world::World,
};

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
    something_is_known_of_everything(&world.company.kpi_truth(&world.question));
    assert_truth(&world).await;
    assert_attributions(&world).await;
    numbers_are_made_of_their_rows(&world).await;
}

/// Days of 23 and of 25 hours, and months that begin an hour or two before UTC's.
#[tokio::test]
async fn every_metric_is_exact_where_clocks_change() {
    let days = days(&["2025-03-29", "2025-03-30", "2025-03-31", "2025-10-25", "2025-10-26", "2025-10-27", "2026-03-17", "2026-03-18"]);
    let world = World::start(Tz::Europe__Berlin, days).await;
    world.rollup(demo::as_of()).await;
    assert_truth(&world).await;
    let truth = world.company.kpi_truth(&world.question);
    let short = truth.iter().find(|one| one.window == "day" && one.start == "2025-03-29T23:00:00Z".parse::<DateTime<Utc>>().unwrap());
    assert_eq!(short.map(|day| (day.end - day.start).num_hours()), Some(23));
}

/// What comes later is not there yet, day after day; in the end everything is.
#[tokio::test]
async fn every_metric_is_exact_when_it_came_day_by_day() {
    let world = World::start(Tz::UTC, days(&["2026-03-09", "2026-03-13", "2026-03-16", "2026-03-17", "2026-03-18"])).await;
    for days in (0..8).rev() {
        let day = demo::as_of() - TimeDelta::days(days);
        as_on(&world.app, day).await;
        as_on_of(&world.app, day, &["issues", "work_items", "work_item_changes"]).await;
        let result = world.rollup(day).await;
        assert_eq!(result["mode"], if days == 7 { "everything" } else { "touched" }, "{result}");
    }
    assert_truth(&world).await;
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
pub async fn assert_truth(world: &World) {
    let begun = std::time::Instant::now();
    let truth = world.company.kpi_truth(&world.question);
    let known = begun.elapsed();
    let stored = snapshots(world).await;
    println!("{} figures: truth {known:.1?}, stored {:.1?}", truth.len(), begun.elapsed() - known);
    let mut wrong: Vec<String> = Vec::new();
    let mut wanted: BTreeSet<Key> = BTreeSet::new();
    for want in &truth {
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
    // there are days nobody asks about, and trailing windows of earlier days
    let asked_about: BTreeSet<(&str, DateTime<Utc>)> = wanted.iter().map(|key| (key.3.as_str(), key.4)).collect();
    let asked = |key: &Key| !matches!(key.3.as_str(), "day" | "trailing_30_days") || asked_about.contains(&(&key.3, key.4));
    let extra = stored.keys().filter(|key| !wanted.contains(*key) && !bots.contains(&key.2) && asked(key));
    wrong.extend(extra.map(|key| format!("{key:?} is stored, and nobody knows of it")));
    let mut by_metric: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for text in &wrong {
        by_metric.entry(text.split('"').nth(1).unwrap_or_default()).or_default().push(text);
    }
    let shown = by_metric.iter().flat_map(|(metric, wrong)| {
        std::iter::once(format!("{metric}: {}", wrong.len()))
            .chain(wrong.iter().step_by(wrong.len() / 3 + 1).map(|text| (*text).to_owned()))
    });
    assert!(wrong.is_empty(), "{} of {} figures\n{}", wrong.len(), truth.len(), shown.collect::<Vec<_>>().join("\n"));
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
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    for (table, sql) in [
        ("merge_requests", "select id, external_id from merge_requests"),
        ("pipelines", "select id, external_id from pipelines"),
        ("deployments", "select id, external_id from deployments"),
        ("work_items", "select id, external_id from work_items"),
        ("versions", "select id, external_id from versions"),
    ] {
        let rows: Vec<(i64, String)> = sqlx::query_as(sql).fetch_all(world.app.store.pool()).await.unwrap();
        ids.extend(rows.into_iter().map(|(id, external_id)| (format!("{table}/{id}"), external_id)));
    }
    let sql = "select s.metric, s.scope_kind,
               case s.scope_kind when 'project' then substr(s.scope_id, strpos(s.scope_id, ':') + 1) else s.scope_id end,
               s.window_kind, s.window_start, s.row_table, jsonb_build_object('value', s.value, 'stats', s.stats, 'coverage', s.coverage),
               (select jsonb_object_agg(r.row_id, r.row_value) from kpi_rows(s.org_id, s.id) r)
        from kpi_snapshots s
        where s.window_kind <> 'day' or (s.window_start at time zone $1)::date = any($2)";
    let rows = sqlx::query(sql).bind(world.question.time_zone.name()).bind(&world.question.days);
    let rows = rows.fetch_all(world.app.store.pool()).await.unwrap();
    let figure = |row: &sqlx::postgres::PgRow| {
        let (table, mut figure): (String, Value) = (row.get(5), row.get(6));
        let counted: Option<Value> = row.get(7);
        let counted = counted.as_ref().and_then(Value::as_object).into_iter().flatten();
        let known = |id: &String| ids.get(&format!("{table}/{id}")).cloned().unwrap_or_else(|| panic!("{table} has no row {id}"));
        figure["rows"] = counted.map(|(id, value)| (known(id), value.clone())).collect::<Map<String, Value>>().into();
        ((row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)), figure)
    };
    rows.iter().map(figure).collect()
}

/// Each incident is put down to the deployment that the company knows, by the same rule; the company has cases of three.
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
    assert_eq!(rules, BTreeSet::from(["merge_request_link", "revert", "same_service"]));
}

/// Of every stored number, as many rows as it says, and what they add makes it, in the way the definition says.
async fn numbers_are_made_of_their_rows(world: &World) {
    let count = async |sql: &str| state::count(&world.app.store, sql).await;
    let counted = "select count(*) from kpi_snapshots k
        where k.window_kind <> 'day' and k.row_count <> (select count(*) from kpi_rows(k.org_id, k.id))";
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
            "select count(*) from kpi_snapshots k where k.metric = '{metric}' and k.window_kind <> 'day' and k.value is not null and abs(k.value - {made}) > 1e-6"
        );
        assert_eq!(count(&sql).await, 0, "{metric} is not the {aggregate} of its rows");
    }
}
