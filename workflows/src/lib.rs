#![doc = include_str!("../README.md")]

pub mod activities;
pub mod client;
pub mod connection_check;
mod failure;
mod follow_up;
pub mod kpi_rollup;
pub mod matching;
pub mod names;
mod org_run;
pub mod policies;
pub mod sync;
pub mod temporal;
pub mod types;

pub use activities::OviaActivities;
pub use client::{ConnectionCheck, Engine, EngineError, RunStart, workflow_id};
pub use connection_check::ConnectionCheckWorkflow;
pub use kpi_rollup::KpiRollupWorkflow;
pub use matching::MatchingWorkflow;
pub use sync::SyncWorkflow;
pub use temporal::{TemporalConfig, TemporalEngine};
