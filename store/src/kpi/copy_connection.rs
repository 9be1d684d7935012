//! Connections that COPY is sent on.

use std::ops::{Deref, DerefMut};

use sqlx::{PgConnection, Postgres, pool::PoolConnection};

/// One that is dropped before its COPY ended, as when an activity is cancelled, would answer the next user's first query with what is left of
/// that: unless it is given back, it is closed.
pub(super) struct CopyConnection {
    inner: PoolConnection<Postgres>,
    is_clean: bool,
}

impl CopyConnection {
    pub(super) fn new(inner: PoolConnection<Postgres>) -> Self {
        Self { inner, is_clean: false }
    }

    /// To the pool: no transaction and no COPY is under way on it.
    pub(super) fn give_back(mut self) {
        self.is_clean = true;
    }
}

impl Deref for CopyConnection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for CopyConnection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}

impl Drop for CopyConnection {
    fn drop(&mut self) {
        if !self.is_clean {
            self.inner.close_on_drop();
        }
    }
}
