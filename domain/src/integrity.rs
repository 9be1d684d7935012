//! Whether work items hold together: the vocabulary of anomalies, and the rules that find them. `docs/integrity.md` says them in words.

mod releases;
mod rules;

pub use releases::{Decision, MembershipRule, VersionFacts, decide, is_expected};
pub use rules::{ItemFacts, Parent, SprintFacts, VersionDates, sprint_findings, version_findings, work_item_findings};

/// Raised when a rule finds something else in the same rows: every row is looked at again then.
pub const RULES_VERSION: u32 = 1;

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AnomalyRule {
    OrphanParent,
    TypeMismatch,
    ReleaseMissing,
    ReleaseConflict,
    DoneWithoutResolution,
    ResolvedButOpen,
    DatesOutOfOrder,
    SprintOverlap,
}

impl AnomalyRule {
    pub const ALL: [AnomalyRule; 8] = [
        Self::OrphanParent,
        Self::TypeMismatch,
        Self::ReleaseMissing,
        Self::ReleaseConflict,
        Self::DoneWithoutResolution,
        Self::ResolvedButOpen,
        Self::DatesOutOfOrder,
        Self::SprintOverlap,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::OrphanParent => "orphan_parent",
            Self::TypeMismatch => "type_mismatch",
            Self::ReleaseMissing => "release_missing",
            Self::ReleaseConflict => "release_conflict",
            Self::DoneWithoutResolution => "done_without_resolution",
            Self::ResolvedButOpen => "resolved_but_open",
            Self::DatesOutOfOrder => "dates_out_of_order",
            Self::SprintOverlap => "sprint_overlap",
        }
    }

    pub fn severity(self) -> Severity {
        match self {
            Self::TypeMismatch | Self::ResolvedButOpen | Self::DatesOutOfOrder => Severity::Error,
            Self::OrphanParent | Self::ReleaseMissing | Self::ReleaseConflict | Self::DoneWithoutResolution => Severity::Warning,
            Self::SprintOverlap => Severity::Info,
        }
    }
}

/// What an anomaly does to figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It makes them wrong.
    Error,
    /// They lack it.
    Warning,
    /// They are harder to read.
    Info,
}

impl Severity {
    pub const ALL: [Severity; 3] = [Self::Error, Self::Warning, Self::Info];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnomalyStatus {
    Open,
    /// A person knows and leaves it so.
    Acknowledged,
    /// It is not there any more.
    Resolved,
}

impl AnomalyStatus {
    pub const ALL: [AnomalyStatus; 3] = [Self::Open, Self::Acknowledged, Self::Resolved];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

/// The table of what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubjectTable {
    WorkItems,
    Versions,
    Sprints,
}

impl SubjectTable {
    pub const ALL: [SubjectTable; 3] = [Self::WorkItems, Self::Versions, Self::Sprints];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::WorkItems => "work_items",
            Self::Versions => "versions",
            Self::Sprints => "sprints",
        }
    }
}

/// A rule that something breaks, and how: at most one of each rule for one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub rule: AnomalyRule,
    /// Sentences for a person.
    pub explanation: String,
}

impl Finding {
    fn new(rule: AnomalyRule, explanation: impl Into<String>) -> Self {
        Self { rule, explanation: explanation.into() }
    }
}
