//! The Jira site: facts, what changes them, their JSON, their truth.

pub(super) mod anomalies;
pub(super) mod edits;
pub(super) mod generate;
pub(super) mod history;
mod issues;
mod jql;
pub(crate) mod model;
mod planted;
mod routes;
mod search;
mod setup;
mod texts;
pub(super) mod truth;
pub(super) mod wire;
pub(super) mod world;

pub(crate) use generate::generate;
pub(crate) use model::JiraFacts;
