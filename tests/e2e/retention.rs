//! Retention: what is old goes, batch by batch; what something newer needs stays.

use ovia_tests::{TestApp, state};
use reqwest::{Method, StatusCode};
use serde_json::json;

async fn sweep(app: &TestApp) -> serde_json::Value {
    let (status, run) = app.http.post("/runs", json!({"kind": "retention"})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    app.run_end(run["id"].as_str().unwrap(), 60).await
}

#[tokio::test]
async fn old_runs_go_and_newer_ones_stay() {
    let app = TestApp::start().await;
    let connection = app.connect("c", "http://127.0.0.1:9", "t", json!({"projects": ["a/b"]})).await;
    let org = app.org;
    // two runs a day for the last hundred days; each repeats the one before
    let runs = format!(
        "insert into runs (id, org_id, kind, status, connection_id, source, requested_by, workflow_id, created_at, ended_at)
         select gen_random_uuid(), '{org}', k.kind, 'succeeded', '{connection}', 'gitlab', 'test', k.kind || n, now() - n * interval '1 day',
             now() - n * interval '1 day' from generate_series(1, 100) n, (values ('sync'), ('census')) k (kind);
         update runs r set parent_run_id = e.id, retry_of = e.id from runs e
             where e.kind = r.kind and e.connection_id = r.connection_id and date_trunc('hour', e.created_at) = date_trunc('hour', r.created_at - interval '1 day');
         insert into run_events (org_id, run_id, kind) select org_id, id, 'page_committed' from runs, generate_series(1, 60) n where connection_id is not null;
         insert into census_ids (org_id, run_id, stream, partition, external_id)
             select org_id, id, 'issues', '', n::text from runs, generate_series(1, 60) n where kind = 'census' and status = 'succeeded';
         insert into dead_letters (org_id, connection_id, run_id, stream, payload, payload_hash, reason, status, resolved_at)
             select '{org}', '{connection}', '{connection}', 's', n::text, n::text::bytea, 'r', case when n = 100 then 'open' else 'dropped' end,
                 case when n <> 100 then now() - n * interval '1 day' end from generate_series(1, 100) n;
         insert into anomalies (org_id, connection_id, rule, severity, subject_table, external_id, explanation, status, resolved_at, first_run_id,
             last_run_id)
             select '{org}', '{connection}', 'orphan_parent', 'warning', 'work_items', n::text, 'e', case when n = 100 then 'open' else 'resolved' end,
                 case when n <> 100 then now() - n * interval '1 day' end, '{connection}', '{connection}' from generate_series(1, 100) n;
         insert into risk_items (org_id, kind, subject_table, subject_id, severity, summary, evidence, status, resolved_at, first_run_id, last_run_id)
             select '{org}', 'review_load', 'people', n::text, 'low', 's', '{{}}', case when n = 100 then 'muted' else 'resolved' end,
                 case when n <> 100 then now() - n * interval '1 day' end, '{connection}', '{connection}' from generate_series(1, 100) n;
         update risk_items set muted_at = now(), muted_until = case subject_id when '90' then now() - interval '1 day' end where subject_id in ('90', '95');
         insert into quality_results (org_id, check_key, connection_id, scope, subject_table, status, value, unit, warn_beyond, fail_beyond, detail,
             checked_at, run_id)
             select '{org}', 'freshness', '{connection}', 's', 's', 'pass', 0, 'ratio', 0, 0, 'd', now() - n * interval '1 day', gen_random_uuid()
             from generate_series(1, 100) n;
         insert into audit_events (org_id, at, actor, action, subject_kind, subject_id)
             select '{org}', now() - n * interval '1 year', 'token:x', 'run.start', 'run', '' from generate_series(0, 3) n;
         insert into reports (id, org_id, kind, period_start, period_end, title, markdown, html, run_id)
             select gen_random_uuid(), '{org}', 'daily', date_trunc('day', now()) - (n + 1) * interval '1 day',
                 date_trunc('day', now()) - n * interval '1 day', 't', 'm', 'h', '{connection}' from generate_series(1, 100) n;
         insert into report_destinations (id, org_id, kind, name, report_kinds, recipients, created_by)
             values ('{connection}', '{org}', 'email', 'team', '{{daily}}', '{{team@acme.example}}', 'test');
         insert into outbox (id, org_id, report_id, destination_id, status)
             select gen_random_uuid(), '{org}', id, '{connection}', case when period_end < now() - interval '100 days' then 'pending' else 'delivered' end
             from reports;
         insert into stream_ingest_hours (org_id, connection_id, stream, hour, items)
             select '{org}', '{connection}', 's', date_trunc('hour', now()) - n * interval '1 hour', 1 from generate_series(0, 71) n;
         insert into webhook_deliveries (id, org_id, connection_id, delivery_id, kind, state, received_at)
             select gen_random_uuid(), '{org}', '{connection}', n::text, 'push', case when n = 20 then 'pending' else 'done' end,
                 now() - n * interval '1 day' from generate_series(1, 20) n;
         insert into org_request_minutes (org_id, minute, requests) select '{org}', now() - n * interval '1 hour', 1 from generate_series(0, 47) n"
    );
    app.database.sql(&runs).await;

    let (status, organisation) =
        app.http.send(Method::PATCH, "/organisation", Some(json!({"retention_days": 40, "report_retention_days": 50}))).await;
    assert_eq!((status, &organisation["retention_days"]), (StatusCode::OK, &json!(40)), "{organisation}");
    let run = sweep(&app).await;
    assert_eq!(run["status"], "succeeded", "{run}");
    let count = async |what: &str| state::count(&app.store, &format!("select count(*) from {what}")).await;
    assert_eq!(count("runs where kind = 'sync'").await, 40 - 1, "of yesterday to 39 days ago");
    assert_eq!(count("run_events where kind = 'page_committed'").await, 2 * 39 * 60);
    assert_eq!(count("census_ids").await, 0, "a census that has ended needs none");
    assert_eq!(count("dead_letters where status = 'open'").await, 1);
    assert_eq!(count("dead_letters where status = 'dropped'").await, 39);
    assert_eq!(count("anomalies where status = 'open'").await, 1);
    assert_eq!(count("anomalies where status = 'resolved'").await, 39);
    assert_eq!(count("risk_items where status = 'muted'").await, 1);
    assert_eq!(count("risk_items where status = 'resolved'").await, 39 + 1, "a mute outlives the cause, until its time is up");
    assert_eq!(count("quality_results").await, 39);
    assert_eq!(count("reports").await, 49 + 1, "and what is still to be sent");
    assert_eq!(count("outbox").await, 50, "deliveries go with their report");
    assert_eq!(count("audit_events where actor = 'token:x'").await, 2);
    assert_eq!(count("stream_ingest_hours").await, 48);
    assert_eq!(count("org_request_minutes").await, 24);
    assert_eq!(count("webhook_deliveries").await, 6 + 1, "a week, and what is still to be pulled");
    assert_eq!(run["result"]["runs"], 122, "{run}");
    assert_eq!(run["result"]["census_ids"], 6000, "{run}");

    let again = sweep(&app).await;
    assert_eq!((&again["status"], &again["result"]["runs"]), (&json!("succeeded"), &json!(0)), "{again}");
}

#[tokio::test]
async fn the_last_run_of_a_connection_stays() {
    let app = TestApp::start().await;
    let connection = app.connect("c", "http://127.0.0.1:9", "t", json!({"projects": ["a/b"]})).await;
    let runs = format!(
        "insert into runs (id, org_id, kind, status, connection_id, source, requested_by, workflow_id, created_at, ended_at)
         select gen_random_uuid(), '{}', 'sync', 'succeeded', '{connection}', 'gitlab', 'test', n::text, now() - n * interval '1 day',
             now() - n * interval '1 day' from generate_series(200, 203) n",
        app.org
    );
    app.database.sql(&runs).await;
    assert_eq!(sweep(&app).await["result"]["runs"], 3);
    assert_eq!(state::count(&app.store, "select count(*) from runs where kind = 'sync' and workflow_id = '200'").await, 1);
}
