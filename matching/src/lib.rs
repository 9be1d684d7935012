#![doc = include_str!("../README.md")]

mod accounts;
mod blocks;
mod bot;
mod config;
mod email;
mod engine;
mod full_name;
mod groups;
mod matcher;
mod outcome;
mod output;
mod people;
#[cfg(test)]
mod scenarios;
mod sentence;
#[cfg(test)]
mod testing;
mod text;
mod types;

pub use config::{ConfigProblem, MatchConfig, Switches, Thresholds, Weights};
pub use matcher::{Matcher, match_identities};
pub use outcome::{Candidate, Cluster, Evidence, Family, Link, LinkClass, MatchOutput, Rule, Shared};
pub use sentence::sentence;
pub use types::{CoOccurrence, CoOccurrenceKind, Decisions, IdentityIn, Inputs, RULE_SET_VERSION};
