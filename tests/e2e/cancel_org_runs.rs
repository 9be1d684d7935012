//! Matching and rollups are cancelled in the middle of their writing: within seconds, and nothing of it stays.

use std::time::Duration;

use ovia_demo::CompanySize;
use ovia_tests::{TestApp, eventually, state};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::{cancel::cancel, demo};

/// A transaction of somebody else's that holds what `statement` locks.
async fn hold(app: &TestApp, statement: &str) -> PgConnection {
    let mut holder = app.database.connection().await;
    holder.execute("begin").await.unwrap();
    holder.execute(AssertSqlSafe(statement.to_owned())).await.unwrap();
    holder
}

/// Whether a statement of the app waits for a lock.
async fn waits(app: &TestApp) -> bool {
    let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    state::count(&app.store, waiting).await > 0
}

/// Waits until the one run of `kind` is held up by a lock, and answers its id.
async fn held_up(app: &TestApp, kind: &str) -> String {
    eventually(&format!("the {kind} run to wait for the lock"), 120, async || waits(app).await.then_some(())).await;
    let runs = runs(app, kind).await;
    assert_eq!((runs.len(), &runs[0]["status"]), (1, &json!("running")), "{runs:?}");
    runs[0]["id"].as_str().unwrap().to_owned()
}

async fn runs(app: &TestApp, kind: &str) -> Vec<Value> {
    app.http.get_all(&format!("/runs?kind={kind}")).await
}

/// Cancels while the lock is held, lets go of it, and waits until the statement that waited is gone.
async fn cancel_and_release(app: &TestApp, run: &str, holder: PgConnection) {
    let took = cancel(app, run).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    holder.close().await.unwrap();
    let busy =
        "select count(*) from pg_stat_activity where datname = current_database() and xact_start is not null and pid <> pg_backend_pid()";
    eventually("open transactions to end", 20, async || (state::count(&app.store, busy).await == 0).then_some(())).await;
}

async fn start(app: &TestApp, kind: &str) -> Value {
    let (status, run) = app.http.post("/runs", json!({ "kind": kind })).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{run}");
    app.run_end(run["id"].as_str().unwrap(), 60).await
}

#[tokio::test]
async fn cancel_while_matching_writes() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    // people and links are written before the organisation's row
    let holder = hold(&app, "select from organisations for no key update").await;
    assert_eq!(app.sync(&connection).await["status"], "succeeded");
    let matching = held_up(&app, "matching").await;
    cancel_and_release(&app, &matching, holder).await;

    let written = "select (select count(*) from people) + (select count(*) from person_identity_links) + (select sum(identity_epoch) from organisations)";
    assert_eq!(state::count(&app.store, &format!("select ({written})::bigint")).await, 0);
    assert!(runs(&app, "kpi_rollup").await.is_empty(), "nothing follows a cancelled run");

    let again = start(&app, "matching").await;
    assert_eq!(again["status"], "succeeded", "{again}");
    assert!(state::count(&app.store, "select count(*) from people").await > 0);
}

#[tokio::test]
async fn cancel_while_a_rollup_writes() {
    let app = TestApp::start().await;
    let demo = demo::server(CompanySize::small()).await;
    let connection = demo::connect(&app, &demo).await;
    let holder = hold(&app, "lock table kpi_snapshots in share mode").await;
    assert_eq!(app.sync(&connection).await["status"], "succeeded");
    let rollup = held_up(&app, "kpi_rollup").await;
    cancel_and_release(&app, &rollup, holder).await;

    assert_eq!(state::count(&app.store, "select count(*) from kpi_snapshots").await, 0);
    let again = start(&app, "kpi_rollup").await;
    assert_eq!(again["status"], "succeeded", "{again}");
    assert!(state::count(&app.store, "select count(*) from kpi_snapshots").await > 0);
}
