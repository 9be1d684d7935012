//! Figures of teams of few people, and exports that are too large.

use serde_json::json;

use crate::{
    common::{Method, TestApi},
    lists::seed,
};

const TEAM: &str = "00000000-0000-0000-0000-00000000000a";
/// The id of its figure of the week.
const FIGURE: i64 = 4_711;

/// A team with figures of a week and the trailing window, a change of one of them, and as many people with accounts; a bot, one without
/// accounts and one who left before are in it as well.
async fn team_of(api: &TestApi, people: u32) {
    let seed = seed(api).await;
    let (org, connection) = (api.org, &seed.connection);
    api.db
        .sql(&format!(
            "insert into teams (id, org_id, name) values ('{TEAM}', '{org}', 'red');
             insert into people (id, org_id, display_name, is_bot)
             select gen_random_uuid(), '{org}'::uuid, 'member ' || n, n = 101 from generate_series(1, {people}) n
             union all select gen_random_uuid(), '{org}'::uuid, 'member ' || n, n = 101 from generate_series(101, 103) n;
             insert into identities (id, org_id, connection_id, source, external_id)
             select gen_random_uuid(), '{org}', '{connection}', 'gitlab', display_name from people where display_name like 'member %' and display_name <> 'member 102';
             insert into person_identity_links (identity_id, org_id, person_id, status, confidence, rule, trace, rule_set_version)
             select i.id, i.org_id, p.id, 'confirmed', 1, 'test', '[]', 1 from people p join identities i on i.external_id = p.display_name;
             insert into team_memberships (org_id, team_id, person_id, from_date, until_date, created_by)
             select '{org}', '{TEAM}', id, '2025-01-01', case when display_name = 'member 103' then date '2026-01-05' end, 'test'
             from people where display_name like 'member %';
             insert into kpi_snapshots (id, org_id, metric, definition_version, scope_kind, scope_id, window_kind, window_start, window_end, value, unit,
                stats, coverage, row_table, row_ids, row_values, row_count, identity_epoch, run_id)
             overriding system value
             select w.id, '{org}', 'merge_throughput', 1, 'team', '{TEAM}', w.kind, w.start, w.until, 3, 'count', '{{}}', '{{}}', 'merge_requests', '{{}}', '{{}}', 0, 1,
                gen_random_uuid()
             from (values ({FIGURE}, 'week', timestamptz '2026-01-05Z', timestamptz '2026-01-12Z'), ({FIGURE} + 1, 'trailing_30_days', '2026-01-05Z', '2026-02-04Z')) w (id, kind, start, until);
             insert into kpi_rollup_state (org_id, fence, watermark, as_of, first_day) values ('{org}', 1, '2026-02-03Z', '2026-02-03T12:00:00Z', '2026-01-05');
             insert into kpi_changes (org_id, run_id, metric, scope_kind, scope_id, window_kind, window_start, window_end, definition_version, unit,
                before, after, rows_before, rows_after, cause, causes)
             values ('{org}', gen_random_uuid(), 'merge_throughput', 'team', '{TEAM}', 'week', '2026-01-05Z', '2026-01-12Z', 1, 'count', 2, 3, 2, 3, 'late_row',
                '[{{\"kind\": \"late_row\"}}]')"
        ))
        .await;
}

/// How many figures of the team are told: newest, history, changes, lines of the export; and what the rows of one are answered with.
async fn told(api: &TestApi) -> ([usize; 4], u16) {
    let known = async |path: &str| api.get(path).await.items().iter().filter(|item| !item["value"].is_null()).count();
    let export = api.get("/team/kpi/export.csv?scope=team&metric=merge_throughput&window=week").await;
    let lines = export.text.lines().filter(|line| line.contains("red")).count();
    let rows = api.get(&format!("/team/kpi/merge_throughput/rows?kpi_snapshot_id={FIGURE}")).await.status.as_u16();
    let named = api.get("/team/kpi/merge_throughput/rows?team=red&window=week&at=2026-01-07").await.status.as_u16();
    assert_eq!(rows, named);
    let latest = known("/team/kpi?scope=team&metric=merge_throughput").await;
    let history = known("/team/kpi/history?team=red&metric=merge_throughput").await;
    ([latest, history, api.get("/team/kpi/changes?scope=team").await.items().len(), lines.min(1)], rows)
}

#[tokio::test]
async fn figures_of_few_are_for_those_who_may_see_people() {
    let api = TestApi::start().await;
    team_of(&api, 3).await;
    assert_eq!(told(&api).await, ([0; 4], 403), "three people, a bot, somebody without accounts and one who had left");
    let refused = api.get(&format!("/team/kpi/merge_throughput/rows?kpi_snapshot_id={FIGURE}")).await.problem(403, "FORBIDDEN");
    assert!(refused["hint"].as_str().unwrap().contains("min_team_size"), "{refused}");
    api.send(Method::PUT, "/team/kpi/settings", &json!({"settings": {}, "person_level": true})).await;
    assert_eq!(told(&api).await, ([0; 4], 403), "not every token may see people");
    api.db.store.token_people_set(api.org, "first", true).await.unwrap();
    assert_eq!(told(&api).await, ([1; 4], 200));
    api.db.store.token_people_set(api.org, "first", false).await.unwrap();
    let lower = json!({"settings": {"min_team_size": 3}, "person_level": false});
    let refused = api.send(Method::PUT, "/team/kpi/settings", &lower).await.problem(403, "FORBIDDEN");
    assert!(refused["hint"].as_str().unwrap().contains("people-access"), "{refused}");
    assert_eq!(told(&api).await, ([0; 4], 403), "nothing was lowered");
    api.db.store.token_people_set(api.org, "first", true).await.unwrap();
    assert_eq!(api.send(Method::PUT, "/team/kpi/settings", &lower).await.status, 200);
    api.db.store.token_people_set(api.org, "first", false).await.unwrap();
    assert_eq!(told(&api).await, ([1; 4], 200), "as the organisation says");
}

#[tokio::test]
async fn figures_of_four_are_for_everybody() {
    let api = TestApi::start().await;
    team_of(&api, 4).await;
    assert_eq!(told(&api).await, ([1; 4], 200));
}

#[tokio::test]
async fn an_export_is_whole_or_refused() {
    let api = TestApi::start().await;
    let org = api.org;
    let connection = seed(&api).await.connection;
    api.db
        .sql(&format!(
            "insert into projects (org_id, connection_id, external_id, name, full_path, archived)
             select '{org}', '{connection}', (1000 + n)::text, 'p' || n, 'acme/p' || n, false from generate_series(1, 300) n;
             insert into kpi_rollup_state (org_id, fence, watermark, as_of, first_day) values ('{org}', 1, '2026-02-03Z', '2026-02-03T12:00:00Z', '2025-01-01')"
        ))
        .await;
    let refused = api.get("/team/kpi/export.csv?scope=project&window=day").await.problem(400, "VALIDATION_ERROR");
    assert!(refused["hint"].as_str().unwrap().contains("one metric"), "{refused}");
    let file = api.get("/team/kpi/export.csv?scope=project&window=month&metric=merge_throughput").await;
    assert_eq!((file.status.as_u16(), file.text.lines().count()), (200, 1 + 302 * 14));
    // pages go on where the one before ended, window by window
    let items = api.walk("/team/kpi/history?scope=project&window=quarter&metric=merge_throughput&since=2025-09-01", 200).await;
    assert_eq!(items.len(), 302 * 2);
}
