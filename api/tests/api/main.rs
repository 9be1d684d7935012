//! The service over a real Postgres and a mocked Temporal: one file per resource, and the rules that hold for all of them.
#![expect(clippy::unwrap_used, reason = "tests")]

mod anomalies;
mod audit;
mod auth;
mod common;
mod connections;
mod dead_letters;
mod events;
mod kpi;
mod kpi_notes;
mod kpi_teams;
mod lists;
mod live;
mod matching_config;
mod operations;
mod people;
mod people_decisions;
mod people_sheets;
mod problems;
mod quality;
mod releases;
mod reports;
mod risk_causes;
mod risks;
mod runs;
mod schedules;
mod teams;
mod tenancy;
mod webhooks;
mod work;
mod work_items;
