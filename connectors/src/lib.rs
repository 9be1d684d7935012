#![doc = include_str!("../README.md")]

pub mod contract;
pub mod gitlab;
pub mod http;

pub use contract::{CheckReport, Connector, ConnectorConfig, ConnectorError, Detail, Page, PullRequest, RetryLimits, connector_open};
