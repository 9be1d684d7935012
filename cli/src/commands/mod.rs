//! One file per command.

pub mod api;
pub mod audit;
pub mod backfill;
pub mod census;
pub mod connections;
pub mod connectors;
mod credentials;
pub mod dead_letters;
pub mod demo;
mod demo_company;
mod demo_pass;
mod demo_summary;
pub mod dev;
pub mod healthcheck;
pub mod kill_switch;
pub mod kpi;
mod listing;
pub mod match_eval;
pub mod migrate;
pub mod openapi;
pub mod people;
mod reference;
pub mod replay;
pub mod runs;
mod runs_control;
pub mod schedule;
pub mod sync;
mod watching;
mod webhook;
pub mod work_items;
pub mod worker;

use crate::{config::LogFormat, exit::CliResult, logging};

/// Operator verbs print results, not logs: only warnings, unless OVIA_LOG asks for more.
pub fn operator_logging() -> CliResult {
    let level = std::env::var("OVIA_LOG").ok().filter(|level| !level.is_empty());
    logging::start(level.as_deref().unwrap_or("warn"), LogFormat::Human)
}
