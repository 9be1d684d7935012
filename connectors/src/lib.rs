#![doc = include_str!("../README.md")]

pub mod contract;
pub mod gitlab;

pub use contract::{Connector, ConnectorConfig, ConnectorError, Page, PullRequest, connector_open};
