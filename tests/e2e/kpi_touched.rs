//! Whatever changes in the rows that figures are made of: what an increment makes of it is what computing everything makes of it.

use std::collections::BTreeMap;

use chrono::Utc;
use chrono_tz::Tz;
use ovia_demo::CompanySize;
use ovia_tests::{TestApp, state};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::Row;

use crate::{atlassian, demo};

/// What happens, and the statements that make it happen. `{org}` is the organisation.
type Change = (&'static str, String);

/// A synced company of a code host and a tracker with two teams, services, no incidents, and figures.
async fn company() -> TestApp {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    let run = app.sync(&connection).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    app.follow_ups_end(run["id"].as_str().unwrap()).await;
    let site = atlassian::jira(atlassian::options(Tz::UTC));
    let jira = atlassian::connect_jira(&app, &site).await;
    let run = atlassian::sync(&app, &jira).await;
    app.follow_ups_end(run["id"].as_str().unwrap()).await;
    let org = app.org;
    let path = "(select p.full_path from projects p where exists (select from deployments d join environments e on e.connection_id = d.connection_id
        and e.external_id = d.environment_external_id and e.tier = 'production' where d.connection_id = p.connection_id
        and d.project_external_id = p.external_id and d.status = 'success') order by p.id limit 1)";
    app.database
        .sql(&format!(
            "insert into teams (id, org_id, name) values ('00000000-0000-0000-0000-00000000000a', '{org}', 'one'),
                ('00000000-0000-0000-0000-00000000000b', '{org}', 'other');
             insert into team_memberships (org_id, team_id, person_id, from_date, until_date, created_by)
             select '{org}', ('00000000-0000-0000-0000-00000000000' || case when n % 2 = 0 then 'a' else 'b' end)::uuid, id,
                    date '2025-10-01' + n::int, case when n % 3 = 0 then date '2026-03-01' + n::int end, 'test'
             from (select id, row_number() over (order by id) as n from people where not is_bot and retired_at is null) p;
             update issues set issue_type = 'issue', labels = '{{}}';
             update work_items set labels = '{{}}', components = '{{web}}';
             insert into kpi_settings (org_id, version, settings, person_level, created_by)
             values ('{org}', 1, jsonb_build_object('services', jsonb_build_object('web', jsonb_build_array({path}))), false, 'test');
             delete from kpi_snapshots; delete from kpi_changes; delete from kpi_rollup_state; delete from kpi_incident_attributions"
        ))
        .await;
    rollup(&app).await;
    app
}

async fn rollup(app: &TestApp) -> Value {
    let (status, run) = app.http.post("/runs", json!({"kind": "kpi_rollup", "as_of": demo::as_of()})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    let run = app.run_end(run["id"].as_str().unwrap(), 120).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    run["result"].clone()
}

async fn figures(app: &TestApp) -> BTreeMap<String, Value> {
    let sql = "select concat_ws(' ', metric, definition_version, scope_kind, scope_id, window_kind, window_start) as key,
                      to_jsonb(k) - array['id', 'run_id', 'computed_at', 'identity_epoch', 'content_hash', 'inputs_at'] as figure
               from kpi_snapshots k";
    let rows = sqlx::query(sql).fetch_all(app.store.pool()).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Applies one change after another. After each, the increment's figures are those of computing everything.
async fn assert_increments(app: &TestApp, changes: &[Change]) {
    let mut wrong = Vec::new();
    let mut effects = 0;
    for (what, sql) in changes {
        let began = Utc::now();
        let before = figures(app).await;
        app.database.sql(&sql.replace("{org}", &app.org.to_string())).await;
        let result = rollup(app).await;
        let got = figures(app).await;
        // whatever the increment left alone is computed as well, and what no window holds is gone
        app.database.sql("update kpi_rollup_state set basis = ''").await;
        let everything = rollup(app).await;
        assert_eq!(everything["mode"], "everything", "{everything}");
        let want = figures(app).await;
        let different: Vec<&String> =
            want.keys().chain(got.keys().filter(|key| !want.contains_key(*key))).filter(|key| got.get(*key) != want.get(*key)).collect();
        let effect = want.iter().filter(|(key, figure)| before.get(*key) != Some(figure)).count()
            + before.keys().filter(|key| !want.contains_key(*key)).count();
        effects += usize::from(effect > 0);
        println!(
            "{what}: {} computed as {}, {effect} others, {} wrong, {} ms",
            result["snapshots"],
            result["mode"],
            different.len(),
            (Utc::now() - began).num_milliseconds()
        );
        if let Some(key) = different.first() {
            let list: Vec<&&String> = different.iter().take(6).collect();
            let one = format!("{what}: {} figures, as {list:#?}\n  got {:?}\n  not {:?}", different.len(), got.get(*key), want.get(*key));
            println!("{one}");
            wrong.push(one);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(effects * 10 >= changes.len() * 7, "only {effects} of {} changes made a difference", changes.len());
}

/// A row like the one that `pick` finds, with these columns (SQL expressions) instead.
fn copy(table: &str, pick: &str, instead: &[(&str, &str)]) -> String {
    let columns: String = instead.iter().map(|(column, value)| format!(", '{column}', {value}")).collect();
    format!(
        "insert into {table} overriding system value
         select (jsonb_populate_record(null::{table}, to_jsonb(t) || jsonb_build_object(
            'id', (select max(id) + 1 from {table}), 'external_id', 'copy-' || (select max(id) + 1 from {table}), 'ingested_at', now(),
            'changed_at', now(), 'deleted_at', null{columns}))).*
         from {table} t where t.id = ({pick})"
    )
}

fn set(table: &str, pick: &str, set: &str) -> String {
    format!("update {table} set {set}, changed_at = now() where id = ({pick})")
}

fn gone_and_back(what: [&'static str; 2], table: &str, pick: &str) -> [Change; 2] {
    let pick_deleted = format!("select id from {table} where deleted_at = '2026-03-17T11:11:11Z'");
    [(what[0], set(table, pick, "deleted_at = '2026-03-17T11:11:11Z'")), (what[1], set(table, &pick_deleted, "deleted_at = null"))]
}

/// The nth merged merge request by a human.
fn merged(nth: u32) -> String {
    format!(
        "select m.id from merge_requests m join identities i on i.connection_id = m.connection_id and i.external_id = m.author_external_id
         where m.merged_at is not null and m.deleted_at is null and i.is_bot is not true order by m.id offset {nth} limit 1"
    )
}

/// The external id of the nth merged merge request.
fn merged_external(nth: u32) -> String {
    format!("(select external_id from merge_requests where id = ({}))", merged(nth))
}

/// The nth note (`merge_request_notes`) or other part of a merge request by a human.
fn part(table: &str, nth: u32) -> String {
    format!("select id from {table} where deleted_at is null order by id offset {nth} limit 1")
}

#[tokio::test]
#[ignore = "takes many minutes, and has not passed as a whole yet: docs/known-gaps.md"]
async fn merge_requests_and_reviews() {
    let app = company().await;
    let first = "(select min(created_at) from merge_requests)";
    let other =
        "(select external_id from identities i where i.connection_id = t.connection_id and i.is_bot is not true order by id desc limit 1)";
    let mut changes = vec![
        (
            "a merge request older than all",
            copy(
                "merge_requests",
                &merged(5),
                &[
                    ("number", "900001"),
                    ("created_at", &format!("{first} - interval '40 days'")),
                    ("merged_at", &format!("{first} - interval '38 days'")),
                    ("updated_at", &format!("{first} - interval '38 days'")),
                ],
            ),
        ),
        ("a merge request that came late", copy("merge_requests", &merged(6), &[("number", "900002")])),
        (
            "merged two weeks later",
            set("merge_requests", &merged(7), "merged_at = merged_at + interval '14 days', updated_at = updated_at + interval '14 days'"),
        ),
        ("opened again", set("merge_requests", &merged(8), "merged_at = null, closed_at = null, state = 'opened'")),
        ("closed instead", set("merge_requests", &merged(9), "closed_at = merged_at, merged_at = null, state = 'closed'")),
        (
            "by somebody else",
            format!("update merge_requests t set author_external_id = {other}, changed_at = now() where id = ({})", merged(10)),
        ),
        ("by nobody", set("merge_requests", &merged(11), "author_external_id = null")),
        ("larger", set("merge_requests", &merged(12), "additions = 100000")),
        (
            "a draft",
            set("merge_requests", "select id from merge_requests where state = 'opened' and not draft order by id limit 1", "draft = true"),
        ),
        (
            "moved to another project",
            set(
                "merge_requests",
                &merged(13),
                "project_external_id = (select external_id from projects p where p.connection_id = merge_requests.connection_id and p.external_id <> merge_requests.project_external_id order by id limit 1)",
            ),
        ),
        (
            "merged with another commit",
            set(
                "merge_requests",
                &merged(14),
                "merge_commit_sha = (select d.sha from deployments d where d.connection_id = merge_requests.connection_id and d.project_external_id = merge_requests.project_external_id order by created_at desc limit 1)",
            ),
        ),
    ];
    changes.extend(gone_and_back(["a merge request is gone", "a merge request is back"], "merge_requests", &merged(20)));
    changes.extend([
        (
            "a first note",
            copy(
                "merge_request_notes",
                &part("merge_request_notes", 50),
                &[
                    ("merge_request_external_id", &merged_external(30)),
                    ("system", "false"),
                    ("created_at", &format!("(select created_at + interval '5 minutes' from merge_requests where id = ({}))", merged(30))),
                ],
            ),
        ),
        (
            "a note before its merge request",
            copy(
                "merge_request_notes",
                &part("merge_request_notes", 50),
                &[
                    ("merge_request_external_id", &merged_external(31)),
                    ("system", "false"),
                    ("created_at", &format!("(select created_at - interval '5 days' from merge_requests where id = ({}))", merged(31))),
                ],
            ),
        ),
        (
            "a note by somebody else",
            format!(
                "update merge_request_notes t set author_external_id = {other}, changed_at = now() where id = ({})",
                part("merge_request_notes", 40)
            ),
        ),
        (
            "marked as a draft",
            copy(
                "merge_request_notes",
                &part("merge_request_notes", 50),
                &[
                    ("merge_request_external_id", &merged_external(32)),
                    ("system", "true"),
                    ("event", "'marked_draft'"),
                    ("created_at", &format!("(select created_at + interval '1 minute' from merge_requests where id = ({}))", merged(32))),
                ],
            ),
        ),
    ]);
    changes.extend(gone_and_back(
        ["a note is gone", "a note is back"],
        "merge_request_notes",
        "select id from merge_request_notes where not system and deleted_at is null order by id offset 33 limit 1",
    ));
    changes.extend([
        ("approved early", set("merge_request_approvals", &part("merge_request_approvals", 3), "approved_at = (select created_at + interval '1 minute' from merge_requests m where m.connection_id = merge_request_approvals.connection_id and m.external_id = merge_request_external_id)")),
        ("approved long after the merge", copy("merge_request_approvals", &part("merge_request_approvals", 4), &[("merge_request_external_id", &merged_external(33)), ("approved_at", &format!("(select merged_at + interval '20 days' from merge_requests where id = ({}))", merged(33)))])),
    ]);
    changes.extend(gone_and_back(
        ["an approval is gone", "an approval is back"],
        "merge_request_approvals",
        "select id from merge_request_approvals where deleted_at is null and approved_at is not null order by id offset 5 limit 1",
    ));
    changes.extend([(
        "a commit older than all",
        set(
            "merge_request_commits",
            &part("merge_request_commits", 30),
            "authored_at = authored_at - interval '30 days', committed_at = committed_at - interval '30 days'",
        ),
    )]);
    changes.extend(gone_and_back(["a commit is gone", "a commit is back"], "merge_request_commits", &part("merge_request_commits", 31)));
    assert_increments(&app, &changes).await;
}

/// The nth successful deployment to production.
fn delivery(nth: u32) -> String {
    format!(
        "select d.id from deployments d join environments e on e.connection_id = d.connection_id and e.external_id = d.environment_external_id
         where e.tier = 'production' and d.status = 'success' and d.deleted_at is null order by d.created_at, d.id offset {nth} limit 1"
    )
}

#[tokio::test]
#[ignore = "takes many minutes, and has not passed as a whole yet: docs/known-gaps.md"]
async fn pipelines_deployments_environments_and_projects() {
    let app = company().await;
    let pipeline = |nth: u32| {
        format!(
            "select id from pipelines where status = 'success' and finished_at is not null and deleted_at is null order by id offset {nth} limit 1"
        )
    };
    let undeployed = "(select p.external_id from projects p where exists (select from merge_requests m where m.connection_id = p.connection_id and m.project_external_id = p.external_id and m.merged_at is not null)
        order by (select count(*) from deployments d where d.connection_id = p.connection_id and d.project_external_id = p.external_id), p.id limit 1)";
    let staging = "select id from environments where tier is distinct from 'production' order by id limit 1";
    let production = "select e.id from environments e where tier = 'production' and exists (select from deployments d where d.connection_id = e.connection_id and d.environment_external_id = e.external_id and d.status = 'success') order by id limit 1";
    let mut changes = vec![
        (
            "a pipeline older than all",
            copy(
                "pipelines",
                &pipeline(3),
                &[
                    ("created_at", "(select min(created_at) - interval '50 days' from merge_requests)"),
                    ("updated_at", "(select min(created_at) - interval '50 days' from merge_requests)"),
                    ("started_at", "null"),
                    ("finished_at", "(select min(created_at) - interval '50 days' from merge_requests)"),
                ],
            ),
        ),
        ("a pipeline failed", set("pipelines", &pipeline(10), "status = 'failed'")),
        ("a pipeline finished later", set("pipelines", &pipeline(11), "finished_at = finished_at + interval '3 days'")),
        ("a pipeline of another branch", set("pipelines", &pipeline(12), "git_ref = 'elsewhere'")),
        ("a pipeline took longer", set("pipelines", &pipeline(13), "duration_seconds = 90000")),
    ];
    changes.extend(gone_and_back(["a pipeline is gone", "a pipeline is back"], "pipelines", &pipeline(14)));
    changes.extend([
        ("the first deployment of a project", copy("deployments", &delivery(4), &[("project_external_id", undeployed), ("created_at", "'2026-02-10T10:00:00Z'"), ("updated_at", "'2026-02-10T10:10:00Z'"), ("finished_at", "'2026-02-10T10:10:00Z'"), ("sha", "null")])),
        ("a deployment between others", copy("deployments", &delivery(6), &[("created_at", &format!("(select created_at - interval '2 days' from deployments where id = ({}))", delivery(6))), ("updated_at", "null"), ("finished_at", "null"), ("sha", "null")])),
        ("a deployment of a merge long ago", copy("deployments", &delivery(9), &[("project_external_id", "(select project_external_id from merge_requests where merged_at is not null and merge_commit_sha is not null order by merged_at offset 3 limit 1)"), ("sha", "(select merge_commit_sha from merge_requests where merged_at is not null and merge_commit_sha is not null order by merged_at offset 3 limit 1)")])),
        ("the first deployment is gone again", "update deployments set deleted_at = now(), changed_at = now() where sha is null and created_at = '2026-02-10T10:00:00Z'".to_owned()),
        ("a deployment failed after all", set("deployments", &delivery(5), "status = 'failed'")),
        ("a deployment finished ten days later", set("deployments", &delivery(7), "finished_at = finished_at + interval '10 days'")),
        ("a deployment of another commit", set("deployments", &delivery(8), "sha = (select merge_commit_sha from merge_requests where merge_commit_sha is not null order by id limit 1)")),
        ("a deployment by somebody else", set("deployments", &delivery(3), "identity_external_id = (select external_id from identities i where i.connection_id = deployments.connection_id and is_bot is not true order by id limit 1)")),
    ]);
    changes.extend(gone_and_back(["a deployment is gone", "a deployment is back"], "deployments", &delivery(10)));
    changes.extend([
        ("a review app", copy("environments", staging, &[("name", "'review/1'"), ("tier", "'development'")])),
        ("an environment becomes production", set("environments", staging, "tier = 'production'")),
        ("an environment was never production", set("environments", production, "tier = 'staging'")),
        ("an environment does not say", set("environments", production, "tier = null")),
        (
            "another default branch",
            "update projects set default_branch = 'develop', changed_at = now() where id = (select id from projects order by id limit 1)"
                .to_owned(),
        ),
        (
            "a project is archived",
            "update projects set archived = true, changed_at = now() where id = (select id from projects order by id limit 1)".to_owned(),
        ),
        (
            "a project is no longer archived",
            "update projects set archived = false, changed_at = now() where id = (select id from projects order by id limit 1)".to_owned(),
        ),
    ]);
    changes.extend(gone_and_back(["a project is gone", "a project is back"], "projects", "select id from projects order by id limit 1"));
    assert_increments(&app, &changes).await;
}

/// The nth work item that is done.
fn done(nth: u32) -> String {
    format!(
        "select id from work_items where status_category = 'done' and kind <> 'epic' and deleted_at is null order by id offset {nth} limit 1"
    )
}

fn item_external(pick: &str) -> String {
    format!("(select external_id from work_items where id = ({pick}))")
}

/// The nth version that has items, with the project, start and end that the test gives it.
fn version(nth: u32) -> String {
    format!(
        "select id from versions v where exists (select from work_items w where w.connection_id = v.connection_id and w.fix_version_external_ids @> array[v.external_id]) order by id offset {nth} limit 1"
    )
}

#[tokio::test]
#[ignore = "takes many minutes, and has not passed as a whole yet: docs/known-gaps.md"]
async fn work_items_and_releases() {
    let app = company().await;
    let first = "(select min(created_at) from work_items)";
    let transition = "select id from work_item_changes where field = 'status' and deleted_at is null order by id offset 20 limit 1";
    let fix = |nth: u32, column: &str| format!("(select {column} from versions where id = ({}))", version(nth));
    let mut changes = vec![
        (
            "an item older than all",
            copy(
                "work_items",
                &done(2),
                &[
                    ("key", "'OLD-1'"),
                    ("created_at", &format!("{first} - interval '60 days'")),
                    ("resolved_at", &format!("{first} - interval '59 days'")),
                    ("updated_at", &format!("{first} - interval '59 days'")),
                    ("fix_version_external_ids", "'[]'::jsonb"),
                ],
            ),
        ),
        (
            "a late item that was done, of a release",
            copy(
                "work_items",
                &done(3),
                &[
                    ("key", "'OLD-2'"),
                    ("created_at", "'2026-01-03T00:00:00Z'"),
                    ("resolved_at", "'2026-01-04T00:00:00Z'"),
                    ("updated_at", "'2026-01-04T00:00:00Z'"),
                    ("fix_version_external_ids", &format!("jsonb_build_array({})", fix(0, "external_id"))),
                ],
            ),
        ),
        ("a bug", set("work_items", &done(4), "kind = 'bug'")),
        ("not done", set("work_items", &done(5), "status_category = 'in_progress', resolved_at = null")),
        ("resolved earlier", set("work_items", &done(6), "resolved_at = created_at - interval '2 days'")),
        ("created earlier", set("work_items", &done(7), "created_at = created_at - interval '9 days'")),
        (
            "assigned to somebody else",
            set(
                "work_items",
                &done(8),
                "assignee_external_id = (select external_id from identities i where i.connection_id = work_items.connection_id order by id limit 1)",
            ),
        ),
        ("an epic", set("work_items", &done(9), "kind = 'epic'")),
        ("a late transition", copy("work_item_changes", transition, &[("created_at", "'2026-01-05T00:00:00Z'")])),
        ("a transition at another time", set("work_item_changes", transition, "created_at = created_at - interval '3 days'")),
    ];
    changes.extend(gone_and_back(["an item is gone", "an item is back"], "work_items", &done(10)));
    changes.extend(gone_and_back(["a transition is gone", "a transition is back"], "work_item_changes", transition));
    changes.push(("a status means something else", "update work_item_statuses set category = case category when 'done' then 'in_progress' else 'done' end, changed_at = now() where id = (select id from work_item_statuses order by id limit 1)".to_owned()));
    changes.extend([
        (
            "a release begins",
            set("versions", &version(0), "released = false, archived = false, start_on = '2026-01-01', release_on = '2026-03-30'"),
        ),
        ("an item comes into it", set("work_items", &done(11), &format!("fix_version_external_ids = array[{}]", fix(0, "external_id")))),
        (
            "it came in February",
            copy(
                "work_item_changes",
                transition,
                &[
                    ("field", "'Fix Version'"),
                    ("from_value", "null"),
                    ("to_value", &fix(0, "external_id")),
                    ("created_at", "'2026-02-02T00:00:00Z'"),
                    ("work_item_external_id", &item_external(&done(11))),
                ],
            ),
        ),
        (
            "it goes to another release",
            set("work_items", &done(11), &format!("fix_version_external_ids = array[{}]", fix(1, "external_id"))),
        ),
        ("the release begins in February", set("versions", &version(0), "start_on = '2026-02-05'")),
        ("its start is not known", set("versions", &version(0), "start_on = null")),
        ("its start is known again", set("versions", &version(0), "start_on = '2025-12-24'")),
        ("it was released", set("versions", &version(0), "released = true, release_on = '2026-02-20'")),
        ("it was released earlier", set("versions", &version(0), "release_on = '2026-02-01'")),
        ("it was not released", set("versions", &version(0), "released = false, release_on = null")),
        ("it is archived", set("versions", &version(0), "archived = true")),
        ("it is not archived", set("versions", &version(0), "archived = false")),
    ]);
    changes.extend(gone_and_back(["a version is gone", "a version is back"], "versions", &version(0)));
    let mention = "update references_found set keys = array[(select key from work_items w where w.fix_version_external_ids @> array[(select external_id from versions where id = (VERSION))] order by id limit 1)], changed_at = now() where id = (select id from references_found where from_table = 'merge_requests' order by id limit 1)";
    changes.extend([
        ("a merge request of an item of a release", mention.replace("VERSION", &version(0))),
        ("a merge request of no item", "update references_found set keys = '{}', changed_at = now() where id = (select id from references_found where from_table = 'merge_requests' order by id limit 1)".to_owned()),
    ]);
    assert_increments(&app, &changes).await;
}

#[tokio::test]
#[ignore = "takes many minutes, and has not passed as a whole yet: docs/known-gaps.md"]
async fn incidents_and_words_on_them() {
    let app = company().await;
    // of the service, an hour after its deployments
    let at = |nth: u32| {
        format!("(select coalesce(d.finished_at, d.created_at) + interval '1 hour' from deployments d where d.id = ({}))", delivery(nth))
    };
    let incident = |key: &str, deployment: u32| {
        let (created, resolved) = (at(deployment), format!("{} + interval '3 days'", at(deployment)));
        let key = format!("'{key}'");
        let instead = [
            ("key", key.as_str()),
            ("labels", "jsonb_build_array('incident')"),
            ("created_at", created.as_str()),
            ("resolved_at", resolved.as_str()),
        ];
        copy("work_items", &done(2), &instead)
    };
    let of_key = |key: &str| format!("select id from work_items where key = '{key}' order by id limit 1");
    let over = |deployment: String| {
        format!(
            "insert into kpi_incident_overrides (org_id, incident_table, incident_id, deployment_id, created_by)
             values ('{{org}}', 'work_items', ({}), ({deployment}), 'test')",
            of_key("INC-1")
        )
    };
    let of_project = "select s.id from issues s where exists (select from deployments d where d.connection_id = s.connection_id and d.project_external_id = s.project_external_id) order by id limit 1";
    let issue = "select id from issues where number = 990001";
    let mut changes = vec![
        ("the first incident", incident("INC-1", 12)),
        ("another of the same deployment", incident("INC-2", 12)),
        ("it is resolved later", set("work_items", &of_key("INC-2"), "resolved_at = resolved_at + interval '5 days'")),
        ("it is not resolved", set("work_items", &of_key("INC-2"), "resolved_at = null")),
        ("somebody says: another deployment", over(delivery(2))),
        ("somebody takes it back", "update kpi_incident_overrides set ended_at = now()".to_owned()),
        ("somebody says: none", over("null".to_owned())),
        ("somebody takes that back", "update kpi_incident_overrides set ended_at = now() where ended_at is null".to_owned()),
        (
            "a deployment nearer to it",
            copy(
                "deployments",
                &delivery(12),
                &[
                    ("created_at", &format!("{} - interval '10 minutes'", at(12))),
                    ("updated_at", "null"),
                    ("finished_at", &format!("{} - interval '5 minutes'", at(12))),
                    ("sha", "null"),
                ],
            ),
        ),
        ("the deployment failed itself", set("deployments", &delivery(12), "status = 'failed'")),
        ("of another service", set("work_items", &of_key("INC-1"), "components = '{other}'")),
        (
            "an issue is an incident",
            copy(
                "issues",
                of_project,
                &[
                    ("number", "990001"),
                    ("labels", "jsonb_build_array('Incident')"),
                    (
                        "created_at",
                        "(select coalesce(d.finished_at, d.created_at) + interval '1 hour' from deployments d where d.connection_id = t.connection_id and d.project_external_id = t.project_external_id and d.status = 'success' order by d.created_at limit 1)",
                    ),
                    ("closed_at", "'2026-03-10T10:00:00Z'"),
                    ("state", "'closed'"),
                ],
            ),
        ),
        ("the issue is closed later", set("issues", issue, "closed_at = closed_at + interval '9 days'")),
        ("the issue is no incident", set("issues", issue, "labels = '{}'")),
        ("by its type it is", set("issues", issue, "issue_type = 'incident'")),
    ];
    changes.extend(gone_and_back(["the issue is gone", "the issue is back"], "issues", issue));
    changes.push(("it is an issue again", set("issues", issue, "issue_type = 'issue'")));
    changes.extend(gone_and_back(["an incident is gone", "an incident is back"], "work_items", &of_key("INC-2")));
    changes
        .push(("no incident is left", "update work_items set labels = '{}', changed_at = now() where 'incident' = any(labels)".to_owned()));
    assert_increments(&app, &changes).await;
}

#[tokio::test]
#[ignore = "takes many minutes, and has not passed as a whole yet: docs/known-gaps.md"]
async fn people_teams_connections_and_settings() {
    let app = company().await;
    let org = app.org;
    let author = "(select i.id from identities i where i.is_bot is not true and exists (select from merge_requests m where m.connection_id = i.connection_id and m.author_external_id = i.external_id) order by i.external_id, i.id limit 1)";
    let person = |nth: u32| {
        format!(
            "(select p.id from people p where p.retired_at is null and not p.is_bot and exists (select from person_identity_links l join identities i on i.id = l.identity_id join merge_requests m on m.connection_id = i.connection_id and m.author_external_id = i.external_id where l.person_id = p.id and l.status in ('auto', 'confirmed')) order by p.id offset {nth} limit 1)"
        )
    };
    let told = |people: &str| {
        format!(
            "update organisations set identity_epoch = identity_epoch + 1 where id = '{org}'; insert into changed_people (org_id, person_id, epoch, reason) select '{org}', p, (select identity_epoch from organisations where id = '{org}'), 'decision:remap' from unnest(array[{people}]) p"
        )
    };
    let settings = |json: &str| {
        format!(
            "insert into kpi_settings (org_id, version, settings, person_level, created_by) select org_id, version + 1, settings || '{json}', person_level, 'test' from kpi_settings order by version desc limit 1"
        )
    };
    let people = |shown: &str| {
        format!(
            "insert into kpi_settings (org_id, version, settings, person_level, created_by)
             select org_id, version + 1, settings, {shown}, 'test' from kpi_settings order by version desc limit 1"
        )
    };
    let changes = vec![
        ("figures of people", people("true")),
        ("an account is a bot's", format!("update identities set is_bot = true, changed_at = now() where id = {author}; create table was_bot as select id from identities where is_bot and changed_at > now() - interval '1 second'")),
        ("it is not", "update identities set is_bot = false, changed_at = now() where id in (select id from was_bot)".to_owned()),
        ("a person is a bot", format!("create table robot as select {} as id; update people set is_bot = true where id = (select id from robot); {}", person(2), told("(select id from robot)"))),
        ("the person is none", format!("update people set is_bot = false where id = (select id from robot); {}", told("(select id from robot)"))),
        ("accounts go to somebody else", format!("create table two as select {} as one, {} as other; update person_identity_links set person_id = (select other from two) where person_id = (select one from two) and status in ('auto', 'confirmed'); {}", person(3), person(4), told("(select one from two), (select other from two)"))),
        ("somebody joins a team", format!("insert into team_memberships (org_id, team_id, person_id, from_date, created_by) select '{org}', t.id, {}, date '2025-11-01', 'test' from teams t where not exists (select from team_memberships m where m.team_id = t.id and m.person_id = {}) limit 1", person(1), person(1))),
        ("somebody left earlier", "update team_memberships set until_date = greatest(from_date + 1, date '2026-01-15') where id = (select min(id) from team_memberships)".to_owned()),
        ("somebody never was there", "delete from team_memberships where id = (select min(id) from team_memberships)".to_owned()),
        ("a team is archived", "update teams set archived_at = now() where name = 'other'".to_owned()),
        ("a team is not archived", "update teams set archived_at = null where name = 'other'".to_owned()),
        ("patience is shorter", settings(r#"{"stale_after_days": 2, "ageing_after_days": 3}"#)),
        ("days begin elsewhere", settings(r#"{"time_zone": "Asia/Kathmandu"}"#)),
        ("days begin as before", settings(r#"{"time_zone": "UTC"}"#)),
        ("staging counts as production", settings(r#"{"production_tiers": ["production", "staging"]}"#)),
        ("no figures of people", people("false")),
        ("the tracker is disconnected", "update connections set deleted_at = now() where source = 'jira'".to_owned()),
        ("the tracker is connected again", "update connections set deleted_at = null where source = 'jira'".to_owned()),
    ];
    assert_increments(&app, &changes).await;
    // nothing is left of windows that no longer are
    let strange =
        "select count(*) from kpi_snapshots where extract(hour from window_start at time zone 'UTC') <> 0 or scope_kind = 'person'";
    assert_eq!(state::count(&app.store, strange).await, 0);
}
