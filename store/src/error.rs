//! What can go wrong with Postgres, as far as callers care.

/// A store failure. `Fenced` and `Conflict` are answers; the rest is trouble.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database URL is not a valid postgres:// URL")]
    BadDatabaseUrl,
    /// Another attempt holds the connection's lease: nothing was written, and nothing may be.
    #[error("this attempt no longer holds the connection's lease")]
    Fenced,
    /// Another run of the connection holds the lease, or goes first.
    #[error("another run is writing to this connection")]
    LeaseBusy,
    /// The run is paused; nothing was written.
    #[error("the run is paused")]
    Paused,
    /// The run was asked to stop; nothing was written.
    #[error("the run is being cancelled")]
    Cancelling,
    #[error("{0}")]
    Conflict(String),
    #[error("the pagination cursor is not one of ours")]
    BadCursor,
    #[error("sealed credentials cannot be opened: {0}")]
    Seal(String),
    /// Something that a newer version wrote.
    #[error("{0}")]
    Unreadable(String),
    #[error("failed to query Postgres: {0}")]
    Sql(#[from] sqlx::Error),
    #[error("failed to migrate Postgres: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("failed to read or write JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl StoreError {
    /// Whether the error is a violation of the unique index `name`.
    pub fn is_unique_violation(&self, name: &str) -> bool {
        matches!(self, Self::Sql(sqlx::Error::Database(error)) if error.is_unique_violation() && error.constraint() == Some(name))
    }

    /// Whether a lock was not to be had in time: somebody else holds it, and later it may be free (SQLSTATE 55P03).
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Sql(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55P03"))
    }
}

/// Whether a failed query may succeed when repeated: no connection, a server going down or coming up, a deadlock, too little of
/// something (SQLSTATE classes 08, 25, 40, 53, 55, 57).
pub fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Tls(_) => true,
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| ["08", "25", "40", "53", "55", "57"].iter().any(|class| code.starts_with(class)))
        }
        _ => false,
    }
}
