//! What needs attention: the kinds of risk items, and from which figures on something is one. `docs/risks.md` says them in words.

use std::fmt;

use chrono::NaiveDate;

/// So many failed pipelines of a default branch, one after the other, are a risk.
pub const FAILURES_IN_A_ROW: i64 = 3;
/// A default branch whose pipelines succeed less often than this is a risk, …
pub const PIPELINE_SUCCESS_MIN: f64 = 0.8;
/// … if so many have finished.
pub const PIPELINES_MIN: i64 = 10;
/// Pipelines and deployments of so many days are looked at.
pub const LOOK_BACK_DAYS: i32 = 30;
/// Releases that are due within so many days are looked at.
pub const RELEASE_DUE_DAYS: i32 = 14;
/// So many open review requests of one person are a hot spot.
pub const REVIEW_REQUESTS_MANY: i64 = 5;

/// What an organisation has set for its figures, as far as risks follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RiskSettings {
    /// An open merge request is stale after so many days without activity.
    pub stale_after_days: i32,
    /// A work item ages after so many days in progress.
    pub ageing_after_days: i32,
    /// Tiers of environments that count as production, as the source names them.
    pub production_tiers: Vec<String>,
    /// The day it is where the organisation is: releases are due by it.
    pub today: NaiveDate,
}

/// What kind of thing needs attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RiskKind {
    StaleMergeRequest,
    AgeingWorkItem,
    FailingPipelines,
    ReleaseAtRisk,
    ReviewLoad,
    NoProductionDeployment,
}

impl RiskKind {
    pub const ALL: [RiskKind; 6] = [
        Self::StaleMergeRequest,
        Self::AgeingWorkItem,
        Self::FailingPipelines,
        Self::ReleaseAtRisk,
        Self::ReviewLoad,
        Self::NoProductionDeployment,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::StaleMergeRequest => "stale_merge_request",
            Self::AgeingWorkItem => "ageing_work_item",
            Self::FailingPipelines => "failing_pipelines",
            Self::ReleaseAtRisk => "release_at_risk",
            Self::ReviewLoad => "review_load",
            Self::NoProductionDeployment => "no_production_deployment",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for RiskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RiskSeverity {
    Low,
    Medium,
    High,
}

impl RiskSeverity {
    pub const ALL: [RiskSeverity; 3] = [Self::High, Self::Medium, Self::Low];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == text)
    }
}

/// Whether it is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RiskStatus {
    Open,
    /// A person knows and said why it is left so.
    Muted,
    /// Its cause is gone.
    Resolved,
}

impl RiskStatus {
    pub const ALL: [RiskStatus; 3] = [Self::Open, Self::Muted, Self::Resolved];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Muted => "muted",
            Self::Resolved => "resolved",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// Of a merge request without activity for `days`, where it is stale `after` so many: medium from 14 and high from 30 where that is 7, and
/// in proportion.
pub fn stale_severity(days: i64, after: i32) -> RiskSeverity {
    in_proportion(days, i64::from(after), (7, 14, 30))
}

/// Of a work item that has been in progress for `days`, where it ages `after` so many: medium from 30 and high from 60 where that is 14, and
/// in proportion.
pub fn ageing_severity(days: i64, after: i32) -> RiskSeverity {
    in_proportion(days, i64::from(after), (14, 30, 60))
}

fn in_proportion(days: i64, after: i64, (low, medium, high): (i64, i64, i64)) -> RiskSeverity {
    match days * low {
        scaled if scaled >= high * after => RiskSeverity::High,
        scaled if scaled >= medium * after => RiskSeverity::Medium,
        _ => RiskSeverity::Low,
    }
}

/// Of the pipelines of a default branch: how many failed since the last success, and how many of the `finished` succeeded. `None`: no risk.
pub fn pipelines_severity(failures_in_a_row: i64, finished: i64, succeeded: i64) -> Option<RiskSeverity> {
    if failures_in_a_row >= FAILURES_IN_A_ROW {
        return Some(RiskSeverity::High);
    }
    (finished >= PIPELINES_MIN && (succeeded as f64) < PIPELINE_SUCCESS_MIN * finished as f64).then_some(RiskSeverity::Medium)
}

/// Of a release that is due in `days_left` days (negative: overdue) and of whose `items` so many are `done`. `None`: no risk, or nothing
/// is known of its scope.
pub fn release_severity(days_left: i64, items: i64, done: i64) -> Option<RiskSeverity> {
    if items <= 0 || done >= items {
        return None;
    }
    let completion = done as f64 / items as f64;
    match days_left {
        ..0 => Some(RiskSeverity::High),
        0..=7 if completion < 0.5 => Some(RiskSeverity::High),
        0..=7 if completion < 0.8 => Some(RiskSeverity::Medium),
        8..=14 if completion < 0.5 => Some(RiskSeverity::Medium),
        _ => None,
    }
}

/// Of a person with so many open review requests.
pub fn review_load_severity(requests: i64) -> RiskSeverity {
    if requests >= 2 * REVIEW_REQUESTS_MANY { RiskSeverity::High } else { RiskSeverity::Medium }
}

/// Of a project that was deployed to production last so many `days` ago.
pub fn undeployed_severity(days: i64) -> RiskSeverity {
    if days >= 90 { RiskSeverity::Medium } else { RiskSeverity::Low }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        assert!(RiskKind::ALL.into_iter().all(|kind| RiskKind::parse(kind.as_str()) == Some(kind)));
        assert!(RiskSeverity::ALL.into_iter().all(|severity| RiskSeverity::parse(severity.as_str()) == Some(severity)));
        assert!(RiskStatus::ALL.into_iter().all(|status| RiskStatus::parse(status.as_str()) == Some(status)));
        assert_eq!(RiskKind::parse("stale"), None);
    }

    #[test]
    fn age_makes_it_worse() {
        use RiskSeverity::{High, Low, Medium};
        assert_eq!([7, 13, 14, 29, 30].map(|days| stale_severity(days, 7)), [Low, Low, Medium, Medium, High]);
        assert_eq!([14, 29, 30, 60].map(|days| ageing_severity(days, 14)), [Low, Low, Medium, High]);
        assert_eq!([21, 41, 42, 90].map(|days| stale_severity(days, 21)), [Low, Low, Medium, High], "in proportion");
        assert_eq!([1, 2, 3, 5].map(|days| ageing_severity(days, 1)), [Low, Low, Medium, High]);
        assert_eq!([5, 9, 10].map(review_load_severity), [Medium, Medium, High]);
        assert_eq!([30, 89, 90].map(undeployed_severity), [Low, Low, Medium]);
    }

    #[test]
    fn pipelines_fail_in_a_row_or_often() {
        assert_eq!(pipelines_severity(3, 3, 0), Some(RiskSeverity::High));
        assert_eq!(pipelines_severity(2, 2, 0), None, "two say little");
        assert_eq!(pipelines_severity(0, 10, 7), Some(RiskSeverity::Medium));
        assert_eq!(pipelines_severity(0, 10, 8), None, "four in five is not less than that");
        assert_eq!(pipelines_severity(1, 9, 1), None, "too few to say how often");
    }

    #[test]
    fn a_release_is_at_risk_when_it_is_due_and_not_done() {
        assert_eq!(release_severity(-1, 10, 9), Some(RiskSeverity::High));
        assert_eq!(release_severity(-1, 10, 10), None, "all is done");
        assert_eq!(release_severity(0, 0, 0), None, "nothing is known of it");
        assert_eq!(release_severity(7, 10, 4), Some(RiskSeverity::High));
        assert_eq!(release_severity(7, 10, 7), Some(RiskSeverity::Medium));
        assert_eq!(release_severity(7, 10, 8), None);
        assert_eq!(release_severity(14, 10, 4), Some(RiskSeverity::Medium));
        assert_eq!(release_severity(14, 10, 5), None);
        assert_eq!(release_severity(15, 10, 0), None, "there is time");
    }
}
