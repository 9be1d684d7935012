//! Types of the metric registry. The entries themselves, and the arithmetic, live in `ovia-kpi`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A metric's key, as `time_to_merge`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricKey {
    MergeThroughput,
    LeadTimeForChanges,
    TimeToFirstReview,
    ReviewDuration,
    TimeToMerge,
    MergeRequestSize,
    StaleMergeRequests,
    PipelineSuccessRate,
    PipelineDuration,
    DeploymentFrequency,
    ChangeFailureRate,
    FailedDeploymentRecoveryTime,
    CycleTime,
    WorkInProgress,
    WorkItemAge,
    Throughput,
    BugRatio,
    ReleaseScopeChange,
    ReleaseCompletion,
    DeliveryHealth,
    ReleaseRisk,
}

impl MetricKey {
    pub const ALL: [MetricKey; 21] = [
        Self::MergeThroughput,
        Self::LeadTimeForChanges,
        Self::TimeToFirstReview,
        Self::ReviewDuration,
        Self::TimeToMerge,
        Self::MergeRequestSize,
        Self::StaleMergeRequests,
        Self::PipelineSuccessRate,
        Self::PipelineDuration,
        Self::DeploymentFrequency,
        Self::ChangeFailureRate,
        Self::FailedDeploymentRecoveryTime,
        Self::CycleTime,
        Self::WorkInProgress,
        Self::WorkItemAge,
        Self::Throughput,
        Self::BugRatio,
        Self::ReleaseScopeChange,
        Self::ReleaseCompletion,
        Self::DeliveryHealth,
        Self::ReleaseRisk,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::MergeThroughput => "merge_throughput",
            Self::LeadTimeForChanges => "lead_time_for_changes",
            Self::TimeToFirstReview => "time_to_first_review",
            Self::ReviewDuration => "review_duration",
            Self::TimeToMerge => "time_to_merge",
            Self::MergeRequestSize => "merge_request_size",
            Self::StaleMergeRequests => "stale_merge_requests",
            Self::PipelineSuccessRate => "pipeline_success_rate",
            Self::PipelineDuration => "pipeline_duration",
            Self::DeploymentFrequency => "deployment_frequency",
            Self::ChangeFailureRate => "change_failure_rate",
            Self::FailedDeploymentRecoveryTime => "failed_deployment_recovery_time",
            Self::CycleTime => "cycle_time",
            Self::WorkInProgress => "work_in_progress",
            Self::WorkItemAge => "work_item_age",
            Self::Throughput => "throughput",
            Self::BugRatio => "bug_ratio",
            Self::ReleaseScopeChange => "release_scope_change",
            Self::ReleaseCompletion => "release_completion",
            Self::DeliveryHealth => "delivery_health",
            Self::ReleaseRisk => "release_risk",
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

impl Direction {
    /// As people say it.
    pub fn words(self) -> &'static str {
        match self {
            Self::HigherIsBetter => "higher is better",
            Self::LowerIsBetter => "lower is better",
            Self::Neutral => "neither is better",
        }
    }
}

/// How the values of a figure's rows make the figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// The figure is the sum of its rows' values.
    Sum,
    /// The figure is the mean of its rows' values: of ratios, each 1 or 0.
    Mean,
    /// The figure is the median of its rows' values.
    Median,
    /// The figure is the greatest of its rows' values.
    Maximum,
    /// The figure is made of other figures and has no rows of its own.
    Composite,
}

impl Aggregate {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Mean => "mean",
            Self::Median => "median",
            Self::Maximum => "maximum",
            Self::Composite => "composite",
        }
    }
}

/// The table the rows of a metric's figures are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowTable {
    MergeRequests,
    Pipelines,
    Deployments,
    WorkItems,
    Versions,
    /// Of figures that are made of other figures.
    KpiSnapshots,
}

impl RowTable {
    pub const ALL: [RowTable; 6] =
        [Self::MergeRequests, Self::Pipelines, Self::Deployments, Self::WorkItems, Self::Versions, Self::KpiSnapshots];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::MergeRequests => "merge_requests",
            Self::Pipelines => "pipelines",
            Self::Deployments => "deployments",
            Self::WorkItems => "work_items",
            Self::Versions => "versions",
            Self::KpiSnapshots => "kpi_snapshots",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.as_str() == text)
    }
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
    /// How the rows' values make the figure.
    pub aggregate: Aggregate,
    /// Where the formula is from.
    pub reference: &'static str,
}
