//! Figures from the rows of a stretch of time are those from all rows there are.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    num::NonZeroUsize,
    sync::Mutex,
};

use chrono::{DateTime, TimeDelta, Utc};
use ovia_activities::kpi_rollup::load::Base;
use ovia_demo::{CompanySize, SiteOptions};
use ovia_domain::{ConnectionId, MetricKey};
use ovia_kpi::{
    DATED, DatedRow, Facts, KnownRows, KpiSettings, Scope, ScopeFilter, Snapshot, Window, WindowKind, compute_batches, compute_over,
    windows,
};
use ovia_store::kpi::stretch::Stretch;
use ovia_tests::TestApp;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{atlassian, demo};

/// A synced company at GitLab and Jira, its people in two teams, with what real data has and a demo has not.
pub(crate) async fn company() -> TestApp {
    let app = TestApp::start().await;
    let code = demo::server(CompanySize::small()).await;
    let site = atlassian::jira(SiteOptions::default());
    let connections = [demo::connect(&app, &code).await, atlassian::connect_jira(&app, &site).await];
    for connection in connections {
        let run = app.sync(&connection).await;
        assert_eq!(run["status"], "succeeded", "{run}");
        app.follow_ups_end(run["id"].as_str().unwrap()).await;
    }
    let org = app.org;
    app.database
        .sql(&format!(
            "insert into teams (id, org_id, name) values ('00000000-0000-0000-0000-00000000000a', '{org}', 'one'),
                ('00000000-0000-0000-0000-00000000000b', '{org}', 'other');
             insert into team_memberships (org_id, team_id, person_id, from_date, until_date, created_by)
             select '{org}', ('00000000-0000-0000-0000-00000000000' || case when n % 2 = 0 then 'a' else 'b' end)::uuid, id,
                    date '2025-10-01' + n::int, case when n % 3 = 0 then date '2026-03-01' + n::int end, 'test'
             from (select id, row_number() over (order by id) as n from people where not is_bot and retired_at is null) p;
             -- merged after they were closed, merged before they were created, ended without an end
             update merge_requests set closed_at = merged_at - interval '9 days' where merged_at is not null and id % 13 = 0;
             update merge_requests set created_at = merged_at + interval '40 days' where merged_at is not null and id % 17 = 0;
             update merge_requests set merged_at = null where id % 19 = 0;
             -- looked at long after, and before
             update merge_request_notes set created_at = created_at + interval '70 days' where id % 7 = 0;
             update merge_request_notes set created_at = created_at - interval '70 days' where id % 11 = 0;
             update merge_request_approvals set approved_at = approved_at + interval '50 days' where id % 3 = 0;
             -- deployed by commit, before or long after the merge
             update deployments d set sha = m.merge_commit_sha
             from merge_requests m
             where m.project_external_id = d.project_external_id and m.merge_commit_sha is not null and m.id % 5 = d.id % 5 and d.id % 3 = 0;
             delete from deployments where id % 4 = 0;
             -- done without a transition, resolved at another time, without a category
             delete from work_item_changes where id % 5 = 0;
             update work_items set resolved_at = resolved_at + interval '33 days' where id % 7 = 0;
             update work_items set status_category = null where id % 23 = 0;
             update work_items set labels = array['Incident'] where id % 6 = 0;
             -- incidents name merge requests
             insert into references_found (org_id, connection_id, external_id, from_table, from_external_id, place, keys)
             select m.org_id, m.connection_id, 'test:' || m.id, 'merge_requests', m.external_id, 'title', array[w.key]
             from (select *, row_number() over (order by id) as n from merge_requests) m
             join (select *, row_number() over (order by id) as n from work_items where id % 6 = 0) w on m.n % 40 = w.n % 40
             on conflict do nothing"
        ))
        .await;
    app
}

type Figures<'a> = BTreeMap<(&'static str, Scope, Window), &'a Snapshot>;

/// What would be stored.
fn figures(snapshots: &[Snapshot]) -> Figures<'_> {
    let told = snapshots.iter().filter(|snapshot| snapshot.value.is_some() || !snapshot.row_ids.is_empty());
    told.map(|snapshot| ((snapshot.metric.as_str(), snapshot.scope.clone(), snapshot.window), snapshot)).collect()
}

/// Sums of a few hundred numbers in another order differ in their last digits.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => json!(format!("{:.6}", number.as_f64().unwrap_or_default())),
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), rounded(value))).collect(),
        Value::Array(list) => list.iter().map(rounded).collect(),
        other => other.clone(),
    }
}

fn essence(snapshot: &Snapshot) -> Value {
    rounded(&json!({
        "value": snapshot.value, "stats": snapshot.stats, "coverage": snapshot.coverage, "ids": snapshot.row_ids, "values": snapshot.row_values,
    }))
}

/// Always the same numbers, evenly spread.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % end.max(1)
    }
}

/// Windows that begin within some days of each other, of every kind or of one.
fn some(all: &[Window], dice: &mut Dice) -> Vec<Window> {
    let first = all[dice.below(all.len())];
    let until = first.start + TimeDelta::days([0, 1, 10, 40, 91][dice.below(5)]);
    let kind = (dice.below(2) == 0).then_some(first.kind);
    all.iter()
        .filter(|window| window.start >= first.start && window.start <= until && kind.is_none_or(|kind| kind == window.kind))
        .copied()
        .collect()
}

async fn all_facts(app: &TestApp, settings: &KpiSettings) -> (Base, Facts) {
    let mut reader = app.store.kpi_reader(app.org).await.unwrap();
    let mut base = Base::read(&mut reader, settings).await.unwrap();
    base.crowds_read(&mut reader, settings).await.unwrap();
    let mut facts = base.facts(&mut reader, None, Stretch::default()).await.unwrap();
    // what only all rows can tell is told from all rows
    facts.given = None;
    (base, facts)
}

fn settings() -> KpiSettings {
    KpiSettings {
        time_zone: "Europe/Berlin".into(),
        incident_labels: vec!["incident".into()],
        stale_after_days: 3,
        ..KpiSettings::default()
    }
}

/// `got` is what `want` says of the windows `asked`; answers how many figures that are.
fn assert_same(want: &Figures<'_>, asked: &[Window], got: &Figures<'_>) -> usize {
    let asked: BTreeSet<Window> = asked.iter().copied().collect();
    let want: Figures<'_> = want.iter().filter(|(key, _)| asked.contains(&key.2)).map(|(key, value)| (key.clone(), *value)).collect();
    let missing: Vec<_> = want.keys().filter(|key| !got.contains_key(*key)).take(5).collect();
    let extra: Vec<_> = got.keys().filter(|key| !want.contains_key(*key)).take(5).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing {missing:?}, too many {extra:?}");
    for (key, want) in &want {
        assert_eq!(essence(got[key]), essence(want), "{key:?}");
    }
    want.len()
}

#[tokio::test]
async fn rows_of_a_stretch_are_enough_for_its_figures() {
    let app = company().await;
    let settings = settings();
    let as_of = demo::as_of() + TimeDelta::hours(10);
    let (base, facts) = all_facts(&app, &settings).await;
    assert!(!facts.merge_requests.is_empty() && !facts.work_item_transitions.is_empty() && !facts.releases.is_empty());
    assert!(!facts.item_merge_requests.is_empty(), "incidents name merge requests");
    let all = windows::covering(facts.earliest().unwrap(), as_of, settings.tz());
    let whole = compute_over(&facts, &settings, as_of, &ScopeFilter::All, all.clone());
    let want = figures(&whole);
    assert!(want.keys().any(|key| matches!(key.1, Scope::Person(_))) && want.keys().any(|key| matches!(key.1, Scope::Team(_))));
    let metrics: BTreeSet<&str> = want.keys().map(|key| key.0).collect();
    for metric in ["change_failure_rate", "failed_deployment_recovery_time", "release_risk", "work_item_age", "stale_merge_requests"] {
        assert!(metrics.contains(metric), "{metric} has figures: {metrics:?}");
    }

    let mut dice = Dice(7);
    let (mut compared, mut fewer) = (0, 0);
    for _ in 0..40 {
        let asked = some(&all, &mut dice);
        let mut reader = app.store.kpi_reader(app.org).await.unwrap();
        let mut beside = app.store.kpi_reader_beside(&mut reader).await.unwrap();
        let stretch = base.stretch_of(&asked, &settings, as_of);
        let bounded = base.facts(&mut reader, beside.as_mut(), stretch).await.unwrap();
        fewer += usize::from(bounded.review_events.len() < facts.review_events.len() / 2);
        let snapshots = compute_over(&bounded, &settings, as_of, &ScopeFilter::All, asked.clone());
        compared += assert_same(&want, &asked, &figures(&snapshots));
    }
    assert!(compared > 20_000, "{compared} figures");
    assert!(fewer > 10, "{fewer} of 40 stretches needed less than half of the events");
}

/// What came of all facts, by metric.
fn kept(facts: &Facts, settings: &KpiSettings, as_of: DateTime<Utc>, windows: &[Window]) -> HashMap<MetricKey, Vec<DatedRow>> {
    let rows = Mutex::new(HashMap::new());
    let keep_rows = |metric, kept| assert!(rows.lock().unwrap().insert(metric, kept).is_none(), "{metric} was kept twice");
    let batch = [windows.to_vec()];
    compute_batches(facts, settings, as_of, &ScopeFilter::All, &batch, NonZeroUsize::MIN, Some(&keep_rows), |_| None::<()>, |_| true);
    rows.into_inner().unwrap()
}

/// Rows of `[from, until)`, with the keys that `to` has for what `of` names.
fn part(rows: &[DatedRow], (from, until): (DateTime<Utc>, DateTime<Utc>), of: &Facts, to: &mut Facts) -> Vec<DatedRow> {
    let (projects, people): (Vec<&str>, Vec<&str>) = (of.project_ids().collect(), of.person_ids().collect());
    let within = rows.iter().filter(|row| from.timestamp_micros() <= row.at && row.at < until.timestamp_micros());
    within
        .map(|row| {
            let (connection, id) = projects[row.project.0 as usize].split_once(':').unwrap();
            let project = to.project(ConnectionId(connection.parse().unwrap()), id);
            DatedRow { project, person: row.person.map(|person| to.person(people[person.0 as usize])), ..*row }
        })
        .collect()
}

#[tokio::test]
async fn rows_of_known_days_take_the_place_of_their_facts() {
    let app = company().await;
    let settings = settings();
    let as_of = demo::as_of() + TimeDelta::hours(10);
    let (base, facts) = all_facts(&app, &settings).await;
    let all = windows::covering(facts.earliest().unwrap(), as_of, settings.tz());
    let whole = compute_over(&facts, &settings, as_of, &ScopeFilter::All, all.clone());
    let want = figures(&whole);
    let rows = kept(&facts, &settings, as_of, &all[..1]);
    assert_eq!(rows.keys().copied().collect::<BTreeSet<_>>(), DATED.into_iter().collect(), "every dated metric, and no other");

    let mut dice = Dice(11);
    let (mut compared, mut replaced) = (0, 0);
    for turn in 0..40 {
        let mut asked = some(&all, &mut dice);
        let stretch = base.stretch_of(&asked, &settings, as_of);
        let (begin, end) = (stretch.from.unwrap(), stretch.until.unwrap());
        let days: Vec<_> =
            all.iter().filter(|window| window.kind == WindowKind::Day && begin <= window.start && window.start <= end).collect();
        let Some(cut) = days.get(dice.below(days.len())).map(|day| day.start) else { continue };
        asked.retain(|window| window.end >= cut);
        let merges_known = turn % 3 > 0;
        let merged_from = stretch.merged_from.unwrap();

        let mut reader = app.store.kpi_reader(app.org).await.unwrap();
        let mut bounded = base.facts(&mut reader, None, stretch.narrowed(cut, merges_known)).await.unwrap();
        let mut known = KnownRows { until: cut, rows: HashMap::new() };
        for (metric, rows) in &rows {
            let from = if *metric == MetricKey::MergeThroughput { merged_from } else { begin };
            if *metric != MetricKey::MergeThroughput || merges_known {
                known.rows.insert(*metric, part(rows, (from, cut), &facts, &mut bounded));
            }
        }
        replaced += known.rows.values().map(Vec::len).sum::<usize>();
        bounded.known = Some(known);
        let snapshots = compute_over(&bounded, &settings, as_of, &ScopeFilter::All, asked.clone());
        compared += assert_same(&want, &asked, &figures(&snapshots));
        // what comes of the facts that were read can be kept in its turn
        let again = kept(&bounded, &settings, as_of, &asked[..1]);
        let named = bounded.clone();
        for (metric, again) in again {
            let want = part(&rows[&metric], (cut, end), &facts, &mut bounded);
            assert_eq!(part(&again, (cut, end), &named, &mut bounded), want, "{metric}");
        }
    }
    assert!(compared > 20_000 && replaced > 1_000, "{compared} figures, {replaced} rows known");
}

/// The id of a rollup that is asked for, with `more` of what may be asked.
pub(crate) async fn rollup_start(app: &TestApp, as_of: DateTime<Utc>, more: Value) -> String {
    let mut asked = json!({"kind": "kpi_rollup", "as_of": as_of});
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, run) = app.http.post("/runs", asked).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    run["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn rollup(app: &TestApp, as_of: DateTime<Utc>) -> Value {
    let run = app.run_end(&rollup_start(app, as_of, json!({})).await, 60).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    run["result"].clone()
}

pub(crate) async fn stored(app: &TestApp) -> BTreeMap<String, Value> {
    let sql = "select concat_ws(' ', metric, scope_kind, scope_id, window_kind, window_start) as key,
                      to_jsonb(k) - array['id', 'run_id', 'computed_at', 'identity_epoch', 'content_hash', 'inputs_at'] as figure
               from kpi_snapshots k";
    let rows: Vec<(String, Value)> = sqlx::query_as(sql).fetch_all(app.store.pool()).await.unwrap();
    rows.into_iter().collect()
}

/// A row comes late and is older than every other of its project, its author and its team: the days from it to the former first have no
/// merge request merged, instead of no data.
#[tokio::test]
async fn a_late_row_that_is_the_first_one_leaves_no_gap() {
    let app = company().await;
    rollup(&app, demo::as_of()).await;
    let before = stored(&app).await;
    let (org, as_of) = (app.org, demo::as_of());
    app.database
        .sql(&format!(
            "insert into merge_requests (org_id, connection_id, external_id, project_external_id, number, title, state, draft,
                author_external_id, assignee_external_ids, reviewer_external_ids, labels, is_fork, created_at, updated_at, merged_at)
             -- of the project that began last
             select '{org}', connection_id, 'late', project_external_id, 999999, 'Late', 'merged', false, min(author_external_id), '{{}}', '{{}}',
                    '{{}}', false, min(created_at) - interval '20 days', min(created_at) - interval '19 days', min(created_at) - interval '19 days'
             from merge_requests where author_external_id is not null and deleted_at is null group by 2, 4 order by min(created_at) desc limit 1"
        ))
        .await;
    let result = rollup(&app, as_of).await;
    assert_eq!(result["mode"], "touched", "{result}");
    let got = stored(&app).await;
    let zeros = |figures: &BTreeMap<String, Value>| {
        let days = figures.iter().filter(|(key, _)| key.starts_with("merge_throughput project") && key.contains(" day "));
        days.filter(|(_, figure)| figure["value"] == 0.0).count()
    };
    assert!(zeros(&got) >= zeros(&before) + 17, "{} and {}", zeros(&before), zeros(&got));
    app.database
        .sql("delete from kpi_snapshots; delete from kpi_changes; delete from kpi_rollup_state; delete from kpi_incident_attributions")
        .await;
    rollup(&app, as_of).await;
    let want = stored(&app).await;
    let differ: Vec<&String> = want.keys().chain(got.keys()).filter(|key| want.get(*key) != got.get(*key)).take(5).collect();
    assert!(differ.is_empty(), "{differ:?}");

    // and gone again it leaves none
    app.database.sql("update merge_requests set deleted_at = now(), changed_at = now() where external_id = 'late'").await;
    rollup(&app, as_of).await;
    let got = stored(&app).await;
    let differ: Vec<&String> = before.keys().chain(got.keys()).filter(|key| before.get(*key) != got.get(*key)).take(5).collect();
    assert!(differ.is_empty(), "{differ:?}");
}
