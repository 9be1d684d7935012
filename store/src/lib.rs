#![doc = include_str!("../README.md")]

pub mod account_activity;
pub mod accounts;
pub mod anomalies;
pub mod audit;
pub mod backfill;
pub mod budgets;
pub mod census;
pub mod changed_people;
pub mod connections;
pub mod cursors;
pub mod dead_letters;
pub mod decisions;
pub mod deployments;
pub mod detail_queue;
pub mod documents;
mod error;
pub mod figures;
pub mod identities;
pub mod identity_events;
pub mod ingest;
pub mod integrity;
pub mod kill_switch;
pub mod kpi;
pub mod leases;
pub mod letter_drop;
pub mod links;
pub mod mappings;
pub mod matching;
pub mod matching_config;
mod membership_moves;
pub mod mentions;
pub mod merge_requests;
pub mod org_lock;
pub mod org_runs;
pub mod organisation;
pub mod outbox;
mod page;
pub mod people;
pub mod people_detail;
pub mod people_import;
pub mod pipelines;
mod places;
pub mod quality;
pub mod reconcile;
pub mod replay;
pub mod reports;
pub mod retention;
pub mod risks;
pub mod run_control;
pub mod run_events;
pub mod run_health;
pub mod run_log;
pub mod run_problems;
pub mod run_verdict;
pub mod runs;
pub mod runs_read;
pub mod scheduled_runs;
pub mod schedules;
pub mod seal;
pub mod sprints;
pub mod stream_reads;
pub mod stream_states;
pub mod team_memberships;
pub mod teams;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tokens;
pub mod versions;
pub mod webhook_deliveries;
pub mod webhooks;
pub mod work_item_history;
pub mod work_item_keys;
pub mod work_items;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

pub use error::{StoreError, is_transient};
pub use page::{PageOf, PageToken};
pub use seal::Sealer;
pub use sqlx::PgPool;

/// The schema, compiled in. `ovia migrate` applies it; `/ready` compares it.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");

/// Settings of every session. A prepared statement's generic plan is made while the tables are empty and kept while they grow to millions
/// of rows; planning anew costs a fraction of a millisecond. The timeouts keep a process that froze in mid-transaction, or lost its
/// network, from holding the rest up.
const SESSION: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_custom_plan"),
    ("lock_timeout", "15s"),
    ("idle_in_transaction_session_timeout", "60s"),
    ("tcp_keepalives_idle", "30"),
];

/// A handle to Ovia's Postgres. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) pool: PgPool,
}

fn connect_options(database_url: &str) -> Result<PgConnectOptions, StoreError> {
    let options: PgConnectOptions = database_url.parse().map_err(|_| StoreError::BadDatabaseUrl)?;
    Ok(options.application_name("ovia").statement_cache_capacity(200).options(SESSION))
}

fn pool_options(max_connections: u32) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(max_connections).acquire_timeout(std::time::Duration::from_secs(10))
}

impl Store {
    /// Connects a pool of at most `max_connections` to `database_url`.
    pub async fn connect(database_url: &str, max_connections: u32) -> Result<Self, StoreError> {
        let pool = pool_options(max_connections).connect_with(connect_options(database_url)?).await?;
        Ok(Self { pool })
    }

    /// As `connect`, at the first query.
    pub fn connect_lazy(database_url: &str, max_connections: u32) -> Result<Self, StoreError> {
        let pool = pool_options(max_connections).connect_lazy_with(connect_options(database_url)?);
        Ok(Self { pool })
    }

    pub fn from_pool(pool: PgPool) -> Self {
        Self { pool }
    }

    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Applies migrations that are not applied yet. Safe to run from several processes at once.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        Ok(MIGRATOR.run(&self.pool).await?)
    }

    /// Whether Postgres answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("select 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Migrations compiled in but not applied; 0 means the schema is current.
    pub async fn migrations_pending(&self) -> Result<usize, StoreError> {
        let applied: Vec<i64> = match sqlx::query_scalar("select version from _sqlx_migrations where success").fetch_all(&self.pool).await {
            Ok(versions) => versions,
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(MIGRATOR.iter().filter(|migration| !applied.contains(&migration.version)).count())
    }
}
