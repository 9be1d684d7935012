#![doc = include_str!("../README.md")]

mod accounts;
mod blocks;
mod bot;
mod email;
mod engine;
mod full_name;
mod groups;
mod output;
mod people;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod testing;
mod text;
mod types;

pub use engine::match_identities;
pub use types::{Cluster, Decisions, Evidence, IdentityIn, Link, LinkClass, MatchOutput, RULE_SET_VERSION, Rule};
