#![doc = include_str!("../README.md")]

pub mod contract;
pub mod gitlab;
pub mod http;

pub use contract::{
    Budget, Capabilities, CensusPage, CensusRequest, CheckReport, Connector, ConnectorConfig, ConnectorError, Detail, Page, Presence,
    PullRequest, RateObservation, RetryLimits, Unlimited, connector_open,
};
