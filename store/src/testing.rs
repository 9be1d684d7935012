//! A database per test, migrated, dropped at the end even when the test panics.
//!
//! The migrations are applied once per server, to a template; a test's database is a copy of it, which takes a fifth of the time.

use ovia_domain::{OrgId, RunId, RunKind};
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::{MIGRATOR, Store, runs::NewRun};

const VARIABLE: &str = "OVIA_TEST_DATABASE_URL";

/// A run of an organisation that nobody has started yet.
pub fn new_run(org_id: OrgId, kind: RunKind) -> NewRun {
    let run_id = RunId::generate();
    NewRun {
        org_id,
        run_id,
        kind,
        connection_id: None,
        source: None,
        requested_by: "token:ops".into(),
        params: json!({}),
        parent_run_id: None,
        retry_of: None,
        workflow_id: format!("{kind}/{org_id}/{run_id}"),
    }
}

/// A migrated database of its own.
#[derive(Debug)]
pub struct TestDatabase {
    pub store: Store,
    admin_url: String,
    name: String,
}

impl TestDatabase {
    /// Creates it on the server that OVIA_TEST_DATABASE_URL names. Panics, saying what to do, when that is not set.
    pub async fn create() -> Self {
        let admin_url = std::env::var(VARIABLE)
            .unwrap_or_else(|_| panic!("{VARIABLE} is not set: run `make test`, which starts a PostgreSQL for the tests"));
        let template = template(&admin_url).await;
        let name = format!("ovia_test_{}", Uuid::new_v4().simple());
        run(&admin_url, &format!("create database {name} template {template}")).await;
        let store = Store::connect(&database_url(&admin_url, &name), 10).await.unwrap_or_else(|error| panic!("{error}"));
        Self { store, admin_url, name }
    }

    /// Another database with everything that is in this one. Whoever is connected to this one no longer is.
    pub async fn copy(&self) -> Self {
        let (admin_url, name) = (self.admin_url.clone(), format!("ovia_test_{}", Uuid::new_v4().simple()));
        self.store.pool.close().await;
        let others = format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}'", self.name);
        run(&admin_url, &others).await;
        run(&admin_url, &format!("create database {name} template {}", self.name)).await;
        let store = Store::connect(&database_url(&admin_url, &name), 10).await.unwrap_or_else(|error| panic!("{error}"));
        Self { store, admin_url, name }
    }

    /// The database's URL.
    pub fn url(&self) -> String {
        database_url(&self.admin_url, &self.name)
    }

    /// Runs statements, separated by semicolons, for their effect.
    pub async fn sql(&self, statements: &str) {
        run(&self.url(), statements).await;
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (url, statement) = (self.admin_url.clone(), format!("drop database if exists {} with (force)", self.name));
        // a thread, because the test's runtime may be the one that is being torn down
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap_or_else(|error| panic!("{error}")).block_on(run(&url, &statement));
        });
        if dropped.join().is_err() {
            eprintln!("failed to drop the test database {}", self.name);
        }
    }
}

/// The name of the migrated database that tests copy, made if it is not there. Named after the migrations, so that an older build's is
/// never taken; renamed into place, so that a half-made one is never found.
async fn template(admin_url: &str) -> String {
    let mut hash = Sha256::new();
    for migration in MIGRATOR.iter() {
        hash.update(&*migration.checksum);
    }
    let name = format!("ovia_template_{}", &hex::encode(hash.finalize())[..16]);
    let mut admin = connect(admin_url).await;
    if exists(&mut admin, &name).await {
        return name;
    }
    // Held to the end of this connection: one makes it, the others wait.
    execute(&mut admin, "select pg_advisory_lock(7001)").await;
    if !exists(&mut admin, &name).await {
        let unfinished = format!("{name}_unfinished");
        execute(&mut admin, &format!("drop database if exists {unfinished} with (force)")).await;
        execute(&mut admin, &format!("create database {unfinished}")).await;
        let store = Store::connect(&database_url(admin_url, &unfinished), 1).await.unwrap_or_else(|error| panic!("{error}"));
        store.migrate().await.unwrap_or_else(|error| panic!("{error}"));
        store.pool.close().await;
        execute(&mut admin, &format!("alter database {unfinished} rename to {name}")).await;
    }
    name
}

async fn exists(admin: &mut PgConnection, name: &str) -> bool {
    let found = sqlx::query_scalar::<_, bool>("select exists (select from pg_database where datname = $1)").bind(name);
    found.fetch_one(admin).await.unwrap_or_else(|error| panic!("{error}"))
}

fn database_url(admin_url: &str, name: &str) -> String {
    let (server, query) = admin_url.split_once('?').map_or((admin_url, String::new()), |(server, query)| (server, format!("?{query}")));
    let base = server.rsplit_once('/').map_or(server, |(base, _)| base);
    format!("{base}/{name}{query}")
}

async fn run(url: &str, statements: &str) {
    execute(&mut connect(url).await, statements).await;
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap_or_else(|error| panic!("failed to connect to the test PostgreSQL: {error}"))
}

async fn execute(connection: &mut PgConnection, statements: &str) {
    connection
        .execute(sqlx::AssertSqlSafe(statements.to_owned()))
        .await
        .unwrap_or_else(|error| panic!("failed to run `{statements}`: {error}"));
}
