//! The database of an app.

use ovia_store::{Store, testing::TestDatabase};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// A migrated database: one of many on the shared server, or that of a private one.
pub struct AppDatabase {
    pub store: Store,
    url: String,
    /// Drops the database when it is dropped.
    shared: Option<TestDatabase>,
}

impl AppDatabase {
    pub(crate) async fn shared() -> Self {
        Self::of(TestDatabase::create().await)
    }

    fn of(database: TestDatabase) -> Self {
        Self { store: database.store.clone(), url: database.url(), shared: Some(database) }
    }

    /// Another database on the shared server with everything that is in this one. Nobody stays connected to this one.
    pub async fn copy(&self) -> Self {
        let shared = self.shared.as_ref().unwrap_or_else(|| panic!("{} is a private server's", self.url));
        Self::of(shared.copy().await)
    }

    pub(crate) async fn private(url: &str) -> Self {
        let store = Store::connect(url, 10).await.unwrap_or_else(|error| panic!("{error}"));
        store.migrate().await.unwrap_or_else(|error| panic!("{error}"));
        Self { store, url: url.to_owned(), shared: None }
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Runs statements, separated by semicolons, for their effect.
    pub async fn sql(&self, statements: &str) {
        let mut connection = self.connection().await;
        let done = connection.execute(AssertSqlSafe(statements.to_owned())).await;
        done.unwrap_or_else(|error| panic!("failed to run `{statements}`: {error}"));
    }

    /// A connection outside of the app's pool: for holding locks.
    pub async fn connection(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap_or_else(|error| panic!("failed to connect to {}: {error}", self.url))
    }
}
