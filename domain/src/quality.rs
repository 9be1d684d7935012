//! Whether the data can be trusted: the registry of checks, and how their figures are graded. `docs/quality.md` says them in words.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::ConnectionId;

/// Rows of so many days are looked at for shares.
pub const QUALITY_DAYS: i32 = 90;
/// A drop is looked for where there were so many rows in a usual week.
pub const WEEK_ROWS_MIN: f64 = 10.0;
/// How often a connection is expected to be synced that has no schedule.
pub const EXPECTED_SECONDS: i64 = 24 * 3600;

/// A check's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QualityCheck {
    Freshness,
    MergedBeforeCreated,
    PipelineFinishedBeforeStarted,
    DeploymentWithoutCommit,
    DeploymentCommitUnknown,
    DoneWithoutChangelog,
    SuddenDrop,
    UnmappedAuthors,
}

/// What is known of a check.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CheckDefinition {
    pub check: QualityCheck,
    /// What its value is, in words.
    pub words: &'static str,
    /// `ratio`, or `intervals` of freshness: how many of a schedule's intervals have passed.
    pub unit: &'static str,
    /// Values beyond are worth a look.
    pub warn: f64,
    /// Values beyond make figures wrong.
    pub fail: f64,
    /// Of a drop lower values are worse.
    pub lower_is_worse: bool,
}

impl QualityCheck {
    pub const ALL: [QualityCheck; 8] = [
        Self::Freshness,
        Self::MergedBeforeCreated,
        Self::PipelineFinishedBeforeStarted,
        Self::DeploymentWithoutCommit,
        Self::DeploymentCommitUnknown,
        Self::DoneWithoutChangelog,
        Self::SuddenDrop,
        Self::UnmappedAuthors,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Freshness => "freshness",
            Self::MergedBeforeCreated => "merged_before_created",
            Self::PipelineFinishedBeforeStarted => "pipeline_finished_before_started",
            Self::DeploymentWithoutCommit => "deployment_without_commit",
            Self::DeploymentCommitUnknown => "deployment_commit_unknown",
            Self::DoneWithoutChangelog => "done_without_changelog",
            Self::SuddenDrop => "sudden_drop",
            Self::UnmappedAuthors => "unmapped_authors",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|check| check.as_str() == text)
    }

    /// The registry.
    pub fn definition(self) -> CheckDefinition {
        let share = |words, warn, fail| CheckDefinition { check: self, words, unit: "ratio", warn, fail, lower_is_worse: false };
        match self {
            Self::Freshness => CheckDefinition {
                unit: "intervals",
                ..share("syncs of its connection's schedule (days without one) since a stream was last read to its end", 2.0, 4.0)
            },
            Self::MergedBeforeCreated => share("share of merge requests that were merged or closed before they were created", 0.0, 0.01),
            Self::PipelineFinishedBeforeStarted => share("share of pipelines that finished before they started or were created", 0.0, 0.01),
            Self::DeploymentWithoutCommit => share("share of successful deployments that name no commit", 0.0, 0.2),
            Self::DeploymentCommitUnknown => {
                share("share of successful production deployments whose commit is in no merge request that was synced", 0.2, 0.5)
            }
            Self::DoneWithoutChangelog => share("share of work items that are done and have no change of status on record", 0.05, 0.3),
            Self::SuddenDrop => CheckDefinition {
                lower_is_worse: true,
                ..share("rows created in the last 7 days ÷ the median of the 4 weeks before", 0.5, 0.1)
            },
            Self::UnmappedAuthors => share("share of merge requests by people whose author's account belongs to no person", 0.1, 0.3),
        }
    }

    /// How bad `value` is. Exactly at a threshold is not beyond it.
    pub fn grade(self, value: f64) -> QualityStatus {
        let definition = self.definition();
        let beyond = |threshold: f64| if definition.lower_is_worse { value < threshold } else { value > threshold };
        match (beyond(definition.fail), beyond(definition.warn)) {
            (true, _) => QualityStatus::Fail,
            (_, true) => QualityStatus::Warn,
            _ => QualityStatus::Pass,
        }
    }
}

impl fmt::Display for QualityCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QualityStatus {
    Pass,
    Warn,
    Fail,
}

impl QualityStatus {
    pub const ALL: [QualityStatus; 3] = [Self::Pass, Self::Warn, Self::Fail];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// A stream of a connection: when it was last read to its end, and how often it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamFact {
    pub connection: ConnectionId,
    pub connection_name: String,
    /// As `gitlab`.
    pub source: String,
    /// `None`: nothing of the connection was asked for yet.
    pub stream: Option<String>,
    /// `None`: never.
    pub last_success_at: Option<DateTime<Utc>>,
    /// Of the connection.
    pub created_at: DateTime<Utc>,
    /// Of the connection's schedule of syncs, one of the two; both `None` without a schedule.
    pub interval_seconds: Option<i64>,
    pub cron: Option<String>,
    /// The cron is read in it, an IANA name.
    pub time_zone: Option<String>,
}

/// A check that did not pass.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckFact {
    pub connection: ConnectionId,
    pub connection_name: String,
    pub check: QualityCheck,
    pub status: QualityStatus,
    /// The table whose rows it is about.
    pub table: String,
    /// What was found, as a sentence.
    pub detail: String,
    /// Since when it has not passed.
    pub since: Option<DateTime<Utc>>,
    pub checked_at: DateTime<Utc>,
}

/// What is known of the data behind an organisation's figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InputFacts {
    pub streams: Vec<StreamFact>,
    /// Of the newest `quality` run.
    pub checks: Vec<CheckFact>,
}

/// The table that a stream's rows go to.
pub fn table_of_stream(source: &str, stream: &str) -> String {
    match (source, stream) {
        ("jira", "issues") => "work_items".to_owned(),
        ("jira", "changelogs") => "work_item_changes".to_owned(),
        ("jira", "statuses") => "work_item_statuses".to_owned(),
        ("gitlab", "merge_request_diffs") => "merge_requests".to_owned(),
        ("gitlab", "pipeline_details") => "pipelines".to_owned(),
        (_, "pages" | "blog_posts") => "documents".to_owned(),
        _ => stream.to_owned(),
    }
}

/// The tables of figures that a source fills, for a connection of which nothing was read yet.
pub fn tables_of_source(source: &str) -> &'static [&'static str] {
    match source {
        "gitlab" => &["merge_requests", "pipelines", "deployments", "issues"],
        "jira" => &["work_items", "versions"],
        _ => &[],
    }
}

/// The median of `values`; `None` of none.
pub fn median(values: &[i64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[middle] as f64),
        _ => Some((sorted[middle - 1] + sorted[middle]) as f64 / 2.0),
    }
}

/// The last week's rows over the median of the weeks before. `None` where a usual week has too few rows to say anything.
pub fn drop_ratio(last: i64, before: &[i64]) -> Option<f64> {
    median(before).filter(|usual| *usual >= WEEK_ROWS_MIN).map(|usual| last as f64 / usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        assert!(QualityCheck::ALL.into_iter().all(|check| QualityCheck::parse(check.as_str()) == Some(check)));
        assert!(QualityStatus::ALL.into_iter().all(|status| QualityStatus::parse(status.as_str()) == Some(status)));
        assert!(QualityCheck::ALL.into_iter().all(|check| check.definition().check == check));
    }

    #[test]
    fn failing_is_worse_than_warning() {
        for check in QualityCheck::ALL {
            let definition = check.definition();
            let (warn, fail) = (definition.warn, definition.fail);
            assert!(if definition.lower_is_worse { fail < warn } else { fail > warn }, "{check}");
            assert_eq!((check.grade(warn), check.grade(fail)), (QualityStatus::Pass, QualityStatus::Warn), "{check}: not beyond");
        }
        assert_eq!(QualityCheck::UnmappedAuthors.grade(0.31), QualityStatus::Fail);
        assert_eq!(QualityCheck::SuddenDrop.grade(0.49), QualityStatus::Warn);
        assert_eq!(QualityCheck::SuddenDrop.grade(0.0), QualityStatus::Fail);
    }

    #[test]
    fn a_drop_is_measured_against_a_usual_week() {
        assert_eq!(median(&[3, 1, 2]), Some(2.0));
        assert_eq!(median(&[4, 1, 2, 3]), Some(2.5));
        assert_eq!(median(&[]), None);
        assert_eq!(drop_ratio(5, &[10, 20, 30, 20]), Some(0.25));
        assert_eq!(drop_ratio(0, &[9, 9, 9, 9]), None, "too few");
        assert_eq!(drop_ratio(0, &[0, 0, 1000, 0]), None, "one busy week is not usual");
    }
}
