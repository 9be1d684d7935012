//! Matching runs and decisions together, with the real engine on a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "tests")]

mod company;
mod model;
mod rooted;
mod runs;
mod sequence;
