//! Types of the metric registry. The entries themselves, and the arithmetic, live in `ovia-kpi`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A metric's key, as `time_to_merge`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricKey {
    MergeThroughput,
    TimeToMerge,
    TimeToFirstReview,
    PipelineSuccessRate,
    StaleMergeRequests,
    DeploymentFrequency,
}

impl MetricKey {
    pub const ALL: [MetricKey; 6] = [
        Self::MergeThroughput,
        Self::TimeToMerge,
        Self::TimeToFirstReview,
        Self::PipelineSuccessRate,
        Self::StaleMergeRequests,
        Self::DeploymentFrequency,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::MergeThroughput => "merge_throughput",
            Self::TimeToMerge => "time_to_merge",
            Self::TimeToFirstReview => "time_to_first_review",
            Self::PipelineSuccessRate => "pipeline_success_rate",
            Self::StaleMergeRequests => "stale_merge_requests",
            Self::DeploymentFrequency => "deployment_frequency",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.as_str() == text)
    }
}

impl fmt::Display for MetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    HigherIsBetter,
    LowerIsBetter,
    /// More is not simply better or worse.
    Neutral,
}

/// One registry entry: everything about a metric but its arithmetic.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct MetricDefinition {
    pub key: MetricKey,
    pub name: &'static str,
    /// `count`, `hours`, `ratio`, `per day`.
    pub unit: &'static str,
    pub direction: Direction,
    /// The formula in words.
    pub formula: &'static str,
    /// Raised whenever the formula, a filter or an input changes.
    pub version: i32,
    pub inputs: &'static [&'static str],
    pub filters: &'static str,
    /// What counts as "no data". No data is never 0.
    pub no_data: &'static str,
    /// Where the formula is from.
    pub reference: &'static str,
}
