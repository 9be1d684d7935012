//! A company with figures, and rollups of it without a workflow around them.

use chrono_tz::Tz;
use ovia_activities::kpi_rollup;
use ovia_demo::CompanySize;
use ovia_domain::{RunId, RunKind};
use ovia_store::runs::NewRun;
use ovia_tests::TestApp;
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

/// Statements after which everything happened in the last four months instead of the last year: computing everything takes a third of the
/// time then.
fn in_four_months() -> String {
    let columns = TIMES.iter().flat_map(|(table, columns)| columns.iter().map(move |column| (table, column)));
    let statement = |(table, column): (&&str, &&str)| {
        let now = format!("{} '{}'", if column.ends_with("_on") { "date" } else { "timestamptz" }, demo::as_of().date_naive());
        format!("update {table} set {column} = {now} - ({now} - {column}) / 3;")
    };
    columns.map(statement).collect()
}

/// A synced company of a code host and a tracker with two teams, services, no incidents, and figures.
pub struct Company {
    pub app: TestApp,
}

impl Company {
    pub async fn start() -> Self {
        let mut app = TestApp::start().await;
        let code = demo::server(CompanySize::small()).await;
        let site = atlassian::jira(atlassian::options(Tz::UTC));
        for connection in [demo::connect(&app, &code).await, atlassian::connect_jira(&app, &site).await] {
            let run = app.sync(&connection).await;
            assert_eq!(run["status"], "succeeded", "{run}");
            app.follow_ups_end(run["id"].as_str().unwrap()).await;
        }
        // from here on nobody but the test has anything to do
        app.worker = None;
        app.database.sql(&in_four_months()).await;
        let (org, path) = (app.org, delivered("p.full_path"));
        app.database
            .sql(&format!(
                "insert into teams (id, org_id, name) values ('00000000-0000-0000-0000-00000000000a', '{org}', 'one'),
                    ('00000000-0000-0000-0000-00000000000b', '{org}', 'other');
                 insert into team_memberships (org_id, team_id, person_id, from_date, until_date, created_by)
                 select '{org}', ('00000000-0000-0000-0000-00000000000' || case when n % 2 = 0 then 'a' else 'b' end)::uuid, id,
                        date '2025-12-01' + n::int, case when n % 3 = 0 then date '2026-03-01' + n::int end, 'test'
                 from (select id, row_number() over (order by id) as n from people where not is_bot and retired_at is null) p;
                 update issues set issue_type = 'issue', labels = '{{}}';
                 update work_items set labels = '{{}}', components = '{{web}}';
                 insert into kpi_settings (org_id, version, settings, person_level, created_by)
                 select '{org}', 1, jsonb_build_object('services', jsonb_build_object('web', jsonb_build_array({path})),
                    'stale_after_days', 5, 'ageing_after_days', 5), false, 'test'"
            ))
            .await;
        let company = Self { app };
        company.forget().await;
        company.rollup().await;
        company
    }

    /// As if there had never been a rollup.
    async fn forget(&self) {
        let sql = "delete from kpi_snapshots; delete from kpi_changes; delete from kpi_rollup_state; delete from kpi_incident_attributions";
        self.app.database.sql(sql).await;
    }

    /// One attempt of a run; what came of it.
    async fn rollup(&self) -> Value {
        let run_id = RunId(Uuid::new_v4());
        let run = NewRun {
            org_id: self.app.org,
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
        self.app.store.run_create(run).await.unwrap();
        let done = kpi_rollup::rollup(&self.app.store, self.app.org, run_id).await.unwrap();
        assert!(matches!(done, StepOutcome::Done), "{done:?}");
        let sql = "update runs set status = 'succeeded', ended_at = now() where id = $1 returning result";
        sqlx::query_scalar(sql).bind(run_id.0).fetch_one(self.app.store.pool()).await.unwrap()
    }

    /// The figures as they are told now, for `different`.
    async fn remember(&self) {
        self.app.database.sql("drop table if exists told; create table told as select * from kpi_snapshots").await;
    }

    /// What became other than it was remembered: before and now.
    async fn different(&self) -> Vec<Difference> {
        sqlx::query_as(DIFFERENT).fetch_all(self.app.store.pool()).await.unwrap()
    }

    /// Applies one change after another. After each, the increment's figures are those of computing everything.
    pub async fn assert_increments(&self, changes: &[Change]) {
        let (mut wrong, mut idle) = (Vec::new(), Vec::new());
        for (what, sql) in changes {
            let t0 = std::time::Instant::now();
            self.app.database.sql(&sql.replace("{org}", &self.app.org.to_string())).await;
            let t1 = std::time::Instant::now();
            let increment = self.rollup().await;
            let t2 = std::time::Instant::now();
            if increment["written"] == 0 {
                idle.push(*what);
            }
            if increment["mode"] == "everything" {
                continue;
            }
            assert_eq!(increment["mode"], "touched", "{what}: {increment}");
            // whatever the increment left alone is computed as well, and what no window holds is gone
            self.remember().await;
            self.app.database.sql("update kpi_rollup_state set basis = ''").await;
            let t3 = std::time::Instant::now();
            let everything = self.rollup().await;
            let t4 = std::time::Instant::now();
            assert_eq!(everything["mode"], "everything", "{everything}");
            let different = self.different().await;
            println!("{what}: {} {} | {:?} sql, {:?} increment, {:?} remember, {:?} everything, {:?} different", increment["snapshots"], increment["written"], t1 - t0, t2 - t1, t3 - t2, t4 - t3, t4.elapsed());
            if let Some((_, got, want)) = different.first() {
                let keys: Vec<&String> = different.iter().map(|(key, _, _)| key).take(6).collect();
                wrong.push(format!("{what}: {} figures, as {keys:#?}\n  got {got:?}\n  not {want:?}", different.len()));
            }
        }
        // and what was kept in all of this is what a first rollup says
        self.remember().await;
        self.forget().await;
        self.rollup().await;
        if let Some(one) = self.different().await.first() {
            wrong.push(format!("from nothing: {one:?}"));
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(idle.len() * 10 <= changes.len() * 3, "{idle:?} of {} changes made no difference", changes.len());
    }
}
