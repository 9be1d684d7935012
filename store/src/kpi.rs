//! KPIs: the rows they are computed from, the snapshots they become, what changed them, and reading them.

pub mod base;
pub mod changes;
mod copy_connection;
mod copy_in;
mod copy_out;
pub mod day_rows;
pub mod facts;
pub mod incidents;
mod notes;
pub mod read;
pub mod rows;
pub mod settings;
pub mod state;
pub mod stretch;
pub mod touched;
pub mod write;
