#![doc = include_str!("../README.md")]

mod auth;
mod body;
mod config;
mod connections;
mod connectors;
mod deployments;
mod dispatch;
mod health;
mod identities;
mod merge_requests;
mod metrics;
mod middleware;
mod names;
mod page;
mod people;
mod pipelines;
mod problem;
mod routes;
mod run_events;
mod runs;
mod runs_start;
mod service;
mod state;
mod team_kpi;
mod time;
mod who;

pub use config::ApiConfig;
pub use problem::MAX_BODY_BYTES;
pub use service::{api_endpoint, api_serve, openapi_document};
