//! A company with figures, and rollups of it without a workflow around them.

use chrono_tz::Tz;
use ovia_activities::kpi_rollup;
use ovia_demo::CompanySize;
use ovia_domain::{OrgId, RunId, RunKind};
use ovia_store::runs::NewRun;
use ovia_tests::{AppDatabase, TestApp, state};
use ovia_workflows::types::StepOutcome;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Change, delivered};
use crate::{atlassian, demo};

/// Figures in which two rollups differ, of `told` and of what is stored now.
const DIFFERENT: &str = "
    select concat_ws(' ', metric, definition_version, scope_kind, scope_id, window_kind, window_start),
           to_jsonb(t) - array['id', 'run_id', 'computed_at', 'identity_epoch', 'content_hash', 'inputs_at', 'org_id'],
           to_jsonb(k) - array['id', 'run_id', 'computed_at', 'identity_epoch', 'content_hash', 'inputs_at', 'org_id']
    from told t
    full join kpi_snapshots k using (org_id, metric, definition_version, scope_kind, scope_id, window_kind, window_start)
    where (t.window_end, t.value, t.unit, t.stats, t.coverage, t.row_table, t.row_count, t.row_ids, t.row_values) is distinct from
        (k.window_end, k.value, k.unit, k.stats, k.coverage, k.row_table, k.row_count, k.row_ids, k.row_values)
    order by 1";

type Difference = (String, Option<Value>, Option<Value>);

/// When rows of the source happened, of each table.
const TIMES: [(&str, &[&str]); 10] = [
    ("merge_requests", &["created_at", "updated_at", "merged_at", "closed_at"]),
    ("merge_request_notes", &["created_at", "updated_at"]),
    ("merge_request_approvals", &["approved_at"]),
    ("merge_request_commits", &["authored_at", "committed_at"]),
    ("pipelines", &["created_at", "updated_at", "started_at", "finished_at"]),
    ("deployments", &["created_at", "updated_at", "finished_at"]),
    ("issues", &["created_at", "updated_at", "closed_at"]),
    ("work_items", &["created_at", "updated_at", "resolved_at"]),
    ("work_item_changes", &["created_at"]),
    ("versions", &["start_on", "release_on"]),
];

/// Statements after which everything happened in the last three months instead of the last year: computing everything takes a quarter of
/// the time then.
fn in_three_months() -> String {
    let columns = TIMES.iter().flat_map(|(table, columns)| columns.iter().map(move |column| (table, column)));
    let statement = |(table, column): (&&str, &&str)| {
        let now = format!("{} '{}'", if column.ends_with("_on") { "date" } else { "timestamptz" }, demo::as_of().date_naive());
        format!("update {table} set {column} = {now} - ({now} - {column}) / 4;")
    };
    columns.map(statement).collect()
}

/// A company of a code host and a tracker with two teams, services, no incidents, and figures.
pub struct Company {
    database: AppDatabase,
    org: OrgId,
}

impl Company {
    /// Synced once, to be copied; nobody but the test has anything to do with it afterwards.
    pub async fn start() -> Self {
        let mut app = TestApp::start().await;
        let code = demo::server(CompanySize::small()).await;
        let site = atlassian::jira(atlassian::options(Tz::UTC));
        for connection in [demo::connect(&app, &code).await, atlassian::connect_jira(&app, &site).await] {
            let run = app.sync(&connection).await;
            assert_eq!(run["status"], "succeeded", "{run}");
            app.follow_ups_end(run["id"].as_str().unwrap()).await;
        }
        app.worker = None;
        app.api_stop().await;
        let company = Self { database: app.database.copy().await, org: app.org };
        company.database.sql(&in_three_months()).await;
        let (org, path) = (company.org, delivered("p.full_path"));
        company
            .database
            .sql(&format!(
                "insert into teams (id, org_id, name) values ('00000000-0000-0000-0000-00000000000a', '{org}', 'one'),
                    ('00000000-0000-0000-0000-00000000000b', '{org}', 'other');
                 insert into team_memberships (org_id, team_id, person_id, from_date, until_date, created_by)
                 select '{org}', ('00000000-0000-0000-0000-00000000000' || case when n % 2 = 0 then 'a' else 'b' end)::uuid, id,
                        date '2025-12-10' + n::int, case when n % 3 = 0 then date '2026-03-01' + n::int end, 'test'
                 from (select id, row_number() over (order by id) as n from people where not is_bot and retired_at is null) p;
                 update issues set issue_type = 'issue', labels = '{{}}';
                 update work_items set labels = '{{}}', components = '{{web}}';
                 insert into kpi_settings (org_id, version, settings, person_level, created_by)
                 select '{org}', 1, jsonb_build_object('services', jsonb_build_object('web', jsonb_build_array({path})),
                    'incident_filters', jsonb_build_array('priority = BLACKOUT and not labels = drill', 'type = issue AND labels in (Outage, x)'),
                    'stale_after_days', 4, 'ageing_after_days', 4), false, 'test'"
            ))
            .await;
        company.forget().await;
        company.rollup().await;
        company.database.store.pool().close().await;
        company
    }

    /// Another one like it, which can be used: this one cannot, but for copies.
    pub async fn copy(&self) -> Self {
        Self { database: self.database.copy().await, org: self.org }
    }

    /// As if there had never been a rollup.
    async fn forget(&self) {
        let sql = "delete from kpi_snapshots; delete from kpi_changes; delete from kpi_rollup_state; delete from kpi_incident_attributions";
        self.database.sql(sql).await;
    }

    /// One attempt of a run; what came of it.
    async fn rollup(&self) -> Value {
        let (store, run_id) = (&self.database.store, RunId(Uuid::new_v4()));
        let run = NewRun {
            org_id: self.org,
            run_id,
            kind: RunKind::KpiRollup,
            connection_id: None,
            source: None,
            requested_by: "token:test".into(),
            params: json!({"as_of": demo::as_of()}),
            parent_run_id: None,
            retry_of: None,
            workflow_id: format!("kpi/{run_id}"),
        };
        store.run_create(run).await.unwrap();
        let done = kpi_rollup::rollup(store, self.org, run_id).await.unwrap();
        assert!(matches!(done, StepOutcome::Done), "{done:?}");
        let sql = "update runs set status = 'succeeded', ended_at = now() where id = $1 returning result";
        sqlx::query_scalar(sql).bind(run_id.0).fetch_one(store.pool()).await.unwrap()
    }

    /// Whether whatever an increment left alone is right: computing everything writes nothing, and takes nothing away.
    async fn is_everything(&self) -> bool {
        let counted = "select count(*) from kpi_snapshots";
        let before = state::count(&self.database.store, counted).await;
        self.database.sql("update kpi_rollup_state set basis = ''").await;
        let everything = self.rollup().await;
        assert_eq!(everything["mode"], "everything", "{everything}");
        everything["written"] == 0 && state::count(&self.database.store, counted).await == before
    }

    /// Applies one change after another. After each, the increment's figures are to be those of computing everything. Says after which
    /// they are not, and if many make no difference at all.
    pub async fn increments(&self, changes: &[Change]) -> Vec<String> {
        let (mut wrong, mut idle) = (Vec::new(), Vec::new());
        for (what, sql) in changes {
            self.database.sql(&sql.replace("{org}", &self.org.to_string())).await;
            let increment = self.rollup().await;
            if increment["written"] == 0 {
                idle.push(*what);
            }
            if increment["mode"] == "everything" {
                continue;
            }
            assert_eq!(increment["mode"], "touched", "{what}: {increment}");
            self.remember().await;
            if !self.is_everything().await {
                wrong.extend(self.different().await.map(|different| format!("{what}: {different}")));
            }
        }
        if idle.len() * 10 > changes.len() * 3 {
            wrong.push(format!("{idle:?} of {} changes made no difference", changes.len()));
        }
        // and what was kept in all of this is what a first rollup says
        self.remember().await;
        self.forget().await;
        self.rollup().await;
        wrong.extend(self.different().await.map(|different| format!("from nothing: {different}")));
        wrong
    }

    /// The figures as they are told now, for `different`.
    async fn remember(&self) {
        self.database.sql("drop table if exists told; create unlogged table told as select * from kpi_snapshots").await;
    }

    /// What became other than it was remembered, before and now; `None`: nothing.
    async fn different(&self) -> Option<String> {
        let rows: Vec<Difference> = sqlx::query_as(DIFFERENT).fetch_all(self.database.store.pool()).await.unwrap();
        let (_, got, want) = rows.first()?;
        let keys: Vec<&String> = rows.iter().map(|(key, _, _)| key).take(6).collect();
        Some(format!("{} figures, as {keys:#?}\n  got {got:?}\n  not {want:?}", rows.len()))
    }
}
