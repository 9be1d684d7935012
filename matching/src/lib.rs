#![doc = include_str!("../README.md")]

mod accounts;
mod blocks;
mod bot;
mod email;
mod engine;
mod groups;
mod output;
mod people;
mod text;
#[cfg(test)]
mod testing;
mod full_name;
mod types;

pub use engine::match_identities;
pub use types::{Cluster, Decisions, Evidence, IdentityIn, Link, LinkClass, MatchOutput, RULE_SET_VERSION, Rule};
