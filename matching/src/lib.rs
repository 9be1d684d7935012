#![doc = include_str!("../README.md")]

mod activity;
mod blocking;
mod bodies;
mod bot;
mod bots;
mod cluster;
mod compare;
mod compare_names;
mod config;
mod corpus;
mod email;
pub mod evaluation;
mod explain;
mod features;
pub mod generated;
mod labelled;
mod matcher;
mod name;
mod nicknames;
mod outcome;
mod people;
#[cfg(test)]
mod scenarios;
mod sentence;
mod sets;
mod table;
#[cfg(test)]
mod testing;
mod text;
mod together;
mod types;
mod union;
mod words;

pub use config::{ConfigProblem, MatchConfig, Switches, Thresholds, Weights};
pub use matcher::{Matcher, match_identities};
pub use outcome::{Candidate, Cluster, Evidence, Family, Link, LinkClass, MatchOutput, Rule, Shared};
pub use sentence::sentence;
pub use types::{Activity, CoOccurrence, CoOccurrenceKind, Decisions, IdentityIn, Inputs, RULE_SET_VERSION};
