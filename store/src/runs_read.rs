//! runs_read
