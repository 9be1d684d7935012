#![doc = include_str!("../README.md")]

mod atlassian;
pub mod confluence;
pub mod contract;
pub mod credentials;
pub mod gitlab;
pub mod http;
pub mod jira;
mod lenient;
mod look;
mod offset;
mod rows;

pub use contract::{
    Budget, Capabilities, CensusPage, CensusRequest, CheckReport, Connector, ConnectorConfig, ConnectorError, Detail, Page, Presence,
    PullRequest, PulledItem, RateObservation, RetryLimits, Unlimited, connector_open,
};
pub use credentials::Credentials;
