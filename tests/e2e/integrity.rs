//! Checks of what a sync of work items brought, against the demo company's own account of what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use ovia_demo::JiraServer;
use ovia_tests::{TestApp, TestOptions, state};
use ovia_workflows::types::SyncTuning;
use serde_json::{Value, json};
use sqlx::Row;

use crate::atlassian::{census, jira, options, sync, sync_writes_nothing};

/// All live projects of a site, with the labels that name releases there.
async fn connect(app: &TestApp, site: &JiraServer) -> String {
    let settings = json!({"project_keys": site.project_keys(), "release_label_prefixes": ["release-"]});
    app.connect_to("jira", site.base_url(), site.base_url(), site.credentials(), settings).await
}

/// `{rule}:{table}:{external id}` of anomalies with this status.
async fn anomalies(app: &TestApp, status: &str) -> BTreeSet<String> {
    let sql = "select rule || ':' || subject_table || ':' || external_id from anomalies where status = $1";
    let rows = sqlx::query_scalar::<_, String>(sql).bind(status).fetch_all(app.store.pool()).await.unwrap();
    rows.into_iter().collect()
}

fn names<'a>(ids: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    ids.into_iter().map(str::to_owned).collect()
}

/// What chose each item's release, and which it is, in the words of the demo company.
async fn memberships(app: &TestApp) -> BTreeMap<String, (Option<String>, &'static str)> {
    let sql = "select work_item_external_id, version_external_id, rule from release_memberships";
    let rows = sqlx::query(sql).fetch_all(app.store.pool()).await.unwrap();
    let evidence = |rule: &str| match rule {
        "fix_version" => "fix_version",
        "earliest_fix_version" => "fix_versions",
        "fix_version_tie" => "tie",
        "label" => "label",
        "fix_version_over_label" => "conflict",
        "none" => "none",
        other => panic!("nothing in the company is decided by {other}"),
    };
    rows.iter().map(|row| (row.get(0), (row.get(1), evidence(row.get(2))))).collect()
}

async fn assert_as_true(app: &TestApp, site: &JiraServer) {
    let truth = site.truth();
    assert_eq!(anomalies(app, "open").await, names(truth.anomalies.keys().map(String::as_str)));
    let stored = memberships(app).await;
    for (id, want) in &truth.release_membership {
        let got = stored.get(id).cloned().unwrap_or((None, "none"));
        assert_eq!((got.0.as_deref(), got.1), (want.version_external_id.as_deref(), want.evidence.as_str()), "item {id}");
    }
    let marked = "select external_id from work_items where needs_review and deleted_at is null";
    let marked: BTreeSet<String> = sqlx::query_scalar(marked).fetch_all(app.store.pool()).await.unwrap().into_iter().collect();
    let wrong = truth.anomalies.values().filter(|one| one.table == "work_items");
    assert_eq!(marked, wrong.map(|one| one.external_id.clone()).collect(), "items that need review");
}

/// All that is stored was stored before a pass looks back to.
async fn age(app: &TestApp) {
    for table in ["work_items", "versions", "sprints"] {
        app.database.sql(&format!("update {table} set changed_at = changed_at - interval '1 hour'")).await;
    }
}

#[tokio::test]
async fn everything_that_is_wrong_is_found_and_nothing_else() {
    let app = TestApp::start().await;
    let site = jira(options(Tz::UTC));
    let connection = connect(&app, &site).await;
    let run = sync(&app, &connection).await;
    assert_as_true(&app, &site).await;
    let truth = site.truth();
    let planted: BTreeSet<&str> = truth.planted.iter().map(|one| one.rule.as_str()).collect();
    assert_eq!(planted.len(), 8, "a rule without an example: {planted:?}");
    assert_figures(&run, &site);
    assert_eq!(run["result"]["integrity"]["opened"], json!(truth.anomalies.len()), "{run}");

    // what is acknowledged stays so, what is seen again keeps its first time
    let first = app.http.get("/anomalies?rule=orphan_parent&limit=1").await["items"][0].clone();
    let id = first["id"].as_i64().unwrap();
    let (_, acknowledged) = app.http.post(&format!("/anomalies/{id}/acknowledge"), json!({"note": "known"})).await;
    assert_eq!(acknowledged["status"], "acknowledged", "{acknowledged}");
    age(&app).await;
    let run = sync_writes_nothing(&app, &connection, &state::JIRA_TABLES).await;
    let again = app.http.get(&format!("/anomalies/{id}")).await;
    assert_eq!((&again["status"], &again["note"]), (&json!("acknowledged"), &json!("known")), "{again}");
    assert_eq!((&again["last_run_id"], &again["first_run_id"]), (&run["id"], &first["first_run_id"]), "{again}");
    assert_eq!(again["first_seen_at"], first["first_seen_at"]);
    assert!(again["last_seen_at"].as_str() > first["last_seen_at"].as_str(), "{again}");
    let found = &run["result"]["integrity"];
    assert_eq!(
        [&found["everything"], &found["checked"], &found["opened"], &found["reopened"], &found["resolved"], &found["acknowledged"]],
        [&json!(false), &json!(site.truth().versions.len() + site.truth().sprints.len()), &json!(0), &json!(0), &json!(0), &json!(1)],
        "{run}"
    );
    let stale = format!("select count(*) from anomalies where last_run_id <> '{}'", run["id"].as_str().unwrap());
    assert_eq!(state::count(&app.store, &stale).await, 0, "seen again, all of them");
}

/// The run says what its figures are made of.
fn assert_figures(run: &Value, site: &JiraServer) {
    let truth = site.truth();
    let found = &run["result"]["integrity"];
    for rule in truth.anomalies.values().map(|one| one.rule.as_str()) {
        let count = truth.anomalies.values().filter(|one| one.rule == rule).count();
        assert_eq!(found["by_rule"][rule], json!(count), "{rule}: {run}");
    }
    let shipped = |kind: &str| ["story", "bug", "task"].contains(&kind);
    let done = truth.work_items.iter().filter(|(_, row)| shipped(&row.kind) && row.status_category == "done");
    let evidence: Vec<&str> = done.map(|(id, _)| truth.release_membership[id].evidence.as_str()).collect();
    let clear = evidence.iter().filter(|one| ["fix_version", "fix_versions", "label"].contains(one)).count();
    assert_eq!((&found["releases_expected"], &found["releases_unambiguous"]), (&json!(evidence.len()), &json!(clear)), "{run}");
    let accuracy = found["release_mapping_accuracy"].as_f64().unwrap();
    assert!((accuracy - clear as f64 / evidence.len() as f64).abs() < 1e-9, "{accuracy}");
    for (stream, table) in [("issues", "work_items"), ("versions", "versions"), ("sprints", "sprints")] {
        let rows: BTreeSet<&str> = truth.anomalies.values().filter(|one| one.table == table).map(|one| one.external_id.as_str()).collect();
        let shown = run["progress"].as_array().unwrap().iter().find(|row| row["stream"] == stream).unwrap();
        assert_eq!(shown["flagged"], json!(rows.len()), "{stream}: {run}");
    }
}

/// A slice of one batch each: every one of them goes on where the last one stopped.
#[tokio::test]
async fn checks_go_on_in_the_next_slice() {
    let tuning = SyncTuning { slice_pages: 1, ..SyncTuning::default() };
    let app = TestApp::start_with(TestOptions { tuning, ..TestOptions::default() }).await;
    let site = jira(options(Tz::UTC));
    let connection = connect(&app, &site).await;
    sync(&app, &connection).await;
    assert_as_true(&app, &site).await;
    let checks = async || state::count(&app.store, "select count(*) from run_events where kind = 'integrity_checked'").await;
    assert_eq!(checks().await, 1);
    // a version, and sprints without items: a slice that ends there goes on behind them
    age(&app).await;
    let touch = "update versions set changed_at = now() where id = (select min(id) from versions);
        update sprints s set changed_at = now() where id in (
            select id from sprints s where not exists (select from work_items w where w.sprint_external_ids @> array[s.external_id])
        ) or id = (select min(id) from sprints)";
    app.database.sql(touch).await;
    let run = sync(&app, &connection).await;
    assert_eq!(run["result"]["integrity"]["everything"], false, "{run}");
    assert_as_true(&app, &site).await;
    assert_eq!(checks().await, 2);
}

/// Only what changed is looked at, and all that depends on it.
#[tokio::test]
async fn what_a_change_makes_wrong_or_right_elsewhere_is_seen() {
    let app = TestApp::start().await;
    let site = jira(options(Tz::UTC));
    let connection = connect(&app, &site).await;
    sync(&app, &connection).await;

    // a release that is not there any more, and comes back. No payload changed: nothing but the row says so
    let version = "select version_external_id from release_memberships where rule = 'fix_version' and expected
        group by 1 having count(*) > 1 order by 1 limit 1";
    let version: String = sqlx::query_scalar(version).fetch_one(app.store.pool()).await.unwrap();
    let of_version = format!(
        "rule = 'release_missing' and status = 'open' and external_id in (
        select external_id from work_items where fix_version_external_ids = array['{version}'])"
    );
    let missing = async || state::count(&app.store, &format!("select count(*) from anomalies where {of_version}")).await;
    assert_eq!(missing().await, 0);
    let touch = async |change: &str| {
        app.database.sql(&format!("update versions set {change}, changed_at = now() where external_id = '{version}'")).await;
        sync(&app, &connection).await
    };
    touch("deleted_at = now()").await;
    let gone = missing().await;
    assert!(gone > 1, "{gone} items of version {version} lack a release");
    touch("deleted_at = null").await;
    assert_as_true(&app, &site).await;

    // sprints of an item that begin to run
    let sprints =
        "select external_id from work_items where cardinality(sprint_external_ids) > 1 and not needs_review and deleted_at is null
        order by id limit 1";
    let item: String = sqlx::query_scalar(sprints).fetch_one(app.store.pool()).await.unwrap();
    let states = format!(
        "create table was as select external_id, state from sprints where external_id = any(
        (select sprint_external_ids from work_items where external_id = '{item}')::text[])"
    );
    app.database.sql(&states).await;
    app.database.sql("update sprints s set state = 'active', changed_at = now() from was where was.external_id = s.external_id").await;
    sync(&app, &connection).await;
    assert!(anomalies(&app, "open").await.contains(&format!("sprint_overlap:work_items:{item}")));
    app.database.sql("update sprints s set state = was.state, changed_at = now() from was where was.external_id = s.external_id").await;
    let run = sync(&app, &connection).await;
    assert_as_true(&app, &site).await;
    assert_eq!(run["result"]["integrity"]["everything"], false, "{run}");

    // an epic goes: what is below it is orphaned. A census tells of it, and the next sync checks
    let (before, truth) = (anomalies(&app, "open").await, site.truth());
    let below = |epic: &String| -> BTreeSet<String> {
        let items = truth.work_items.iter().filter(|(_, row)| row.parent_external_id.as_ref() == Some(epic));
        items.map(|(id, _)| format!("orphan_parent:work_items:{id}")).collect()
    };
    let (epic, _) = truth.work_items.iter().find(|(id, row)| row.kind == "epic" && below(id).len() > 1).unwrap();
    assert!(site.edit(|jira| jira.delete_issue(epic)));
    census(&app, &connection).await;
    sync(&app, &connection).await;
    let orphaned: BTreeSet<String> = anomalies(&app, "open").await.difference(&before).cloned().collect();
    assert_eq!(orphaned, below(epic));
    let of_epic = format!("select count(*) from anomalies where external_id = '{epic}' and status <> 'resolved'");
    assert_eq!(state::count(&app.store, &of_epic).await, 0, "nothing is wrong with what is gone");
}

/// Resolved when it is put right, open again when it comes back, whatever somebody had said about it before.
#[tokio::test]
async fn an_anomaly_is_resolved_and_comes_back() {
    let app = TestApp::start().await;
    let site = jira(options(Tz::UTC));
    let connection = connect(&app, &site).await;
    sync(&app, &connection).await;
    let row = app.http.get("/anomalies?rule=done_without_resolution&limit=1").await["items"][0].clone();
    let (id, item) = (row["id"].as_i64().unwrap(), row["external_id"].as_str().unwrap());
    app.http.post(&format!("/anomalies/{id}/acknowledge"), json!({})).await;
    let set = async |resolution: &str| {
        let sql = format!("update work_items set resolution = {resolution}, changed_at = now() where external_id = '{item}'");
        app.database.sql(&sql).await;
        let run = sync(&app, &connection).await;
        (run["result"]["integrity"].clone(), app.http.get(&format!("/anomalies/{id}")).await)
    };
    let (found, right) = set("'Done'").await;
    assert_eq!((&found["resolved"], &right["status"]), (&json!(1), &json!("resolved")), "{found} {right}");
    assert!(right["resolved_at"].is_string(), "{right}");
    let marked = format!("select count(*) from work_items where external_id = '{item}' and needs_review");
    assert_eq!(state::count(&app.store, &marked).await, 0);
    let (found, back) = set("null").await;
    assert_eq!((&found["reopened"], &found["opened"], &back["status"]), (&json!(1), &json!(0), &json!("open")), "{found} {back}");
    assert_eq!([&back["resolved_at"], &back["acknowledged_at"], &back["acknowledged_by"]], [&Value::Null; 3], "{back}");
    assert_eq!(back["first_seen_at"], row["first_seen_at"]);
    assert_eq!(state::count(&app.store, &marked).await, 1);
}

/// Other prefixes are another basis: everything is looked at again, and labels count no more.
#[tokio::test]
async fn settings_that_change_have_everything_looked_at_again() {
    let app = TestApp::start().await;
    let site = jira(options(Tz::UTC));
    let connection = connect(&app, &site).await;
    sync(&app, &connection).await;
    let by_label = "select count(*) from release_memberships where rule = 'label'";
    assert!(state::count(&app.store, by_label).await > 0);
    let settings = json!({"project_keys": site.project_keys()});
    let (status, patched) =
        app.http.send(reqwest::Method::PATCH, &format!("/connections/{connection}"), Some(json!({"settings": settings}))).await;
    assert_eq!(status, 200, "{patched}");
    let run = sync(&app, &connection).await;
    assert_eq!(run["result"]["integrity"]["everything"], true, "{run}");
    assert_eq!(state::count(&app.store, by_label).await, 0);
    let conflicts = names(site.truth().planted.iter().filter(|one| one.rule == "release_conflict").map(|one| one.external_id.as_str()));
    let open = anomalies(&app, "open").await;
    assert!(!conflicts.is_empty() && conflicts.iter().all(|id| !open.contains(&format!("release_conflict:work_items:{id}"))), "{open:?}");
}
