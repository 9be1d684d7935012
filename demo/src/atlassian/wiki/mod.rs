//! The Confluence site: facts, what changes them, their JSON, their truth.

mod cql;
mod edits;
pub(super) mod generate;
pub(super) mod model;
mod routes;
pub(super) mod truth;
mod v1;
mod wire;
pub(super) mod world;

pub(crate) use generate::generate;
pub(crate) use model::WikiFacts;
