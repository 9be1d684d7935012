//! PostgreSQL as a child process.

mod account;
mod binaries;
mod cluster;
mod leftover;
mod server;

pub(crate) use server::PostgresServer;
