//! Decisions about accounts on a real PostgreSQL.

#![expect(clippy::unwrap_used, reason = "tests")]

mod activity;
mod concurrency;
mod decisions;
mod faults;
mod imports;
mod moves;
mod plans;
mod reads;
mod runs;
mod teams;
mod tenancy;
mod undo;
mod versions;
mod world;
