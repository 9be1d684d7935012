//! The rows metrics are computed from.
//!
//! Flat and small on purpose: each vector is filled by one select without nesting, project and account ids are interned to four bytes,
//! and a million rows fit in memory. Meaning (which status counts, which tier wins) is decided here and in the metrics, not in SQL.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use indexmap::IndexSet;
use ovia_domain::ConnectionId;

type Time = DateTime<Utc>;

/// A project, interned by [`Facts::project`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProjectKey(pub u32);

/// An account, interned by [`Facts::identity`]. Known even where the account has no identity row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdentityKey(pub u32);

/// Everything the metrics of one organisation need. Every interned project is a scope, with or without rows.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub merge_requests: Vec<MergeRequestFact>,
    /// In any order; those of unknown merge requests are ignored.
    pub review_events: Vec<ReviewEventFact>,
    pub pipelines: Vec<PipelineFact>,
    pub deployments: Vec<DeploymentFact>,
    projects: Interner,
    identities: Interner,
}

#[derive(Clone, Debug)]
pub struct MergeRequestFact {
    /// `merge_requests.id`.
    pub id: i64,
    pub project: ProjectKey,
    /// `None`: the source named no author. An author without an identity row has a key.
    pub author: Option<IdentityKey>,
    /// `identities.is_bot` is true. Unknown accounts count as human.
    pub author_is_bot: bool,
    pub state: MergeRequestState,
    /// Whether it is a draft now.
    pub draft: bool,
    pub created_at: Time,
    pub updated_at: Option<Time>,
    pub merged_at: Option<Time>,
    pub closed_at: Option<Time>,
}

/// A source's word for where a merge request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeRequestState {
    /// `opened` or `locked` (a merge is in progress).
    Open,
    Merged,
    Closed,
    Other,
}

impl MergeRequestState {
    /// Reads `merge_requests.state`.
    pub fn parse(state: &str) -> Self {
        match state {
            "opened" | "locked" => Self::Open,
            "merged" => Self::Merged,
            "closed" => Self::Closed,
            _ => Self::Other,
        }
    }
}

/// One dated thing that happened to a merge request: a note, an approval or a commit.
#[derive(Clone, Debug)]
pub struct ReviewEventFact {
    /// `merge_requests.id`.
    pub merge_request_id: i64,
    pub kind: ReviewEventKind,
    /// Who wrote or approved; `None` for commits and where the source does not say.
    pub by: Option<IdentityKey>,
    pub by_is_bot: bool,
    /// `created_at` of a note, `approved_at` of an approval, `committed_at` of a commit. Rows without a time are not loaded: an
    /// approval's system note tells instead.
    pub at: Time,
}

/// Ordered as events of one instant are read: made ready wins over made a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReviewEventKind {
    /// A person's (or bot's) note.
    Note,
    /// A row of `merge_request_approvals`.
    Approval,
    /// A system note that somebody approved.
    SystemApproved,
    MarkedDraft,
    MarkedReady,
    /// Any other system note.
    System,
    Commit,
}

impl ReviewEventKind {
    /// Reads `system` and `event` of a row of `merge_request_notes`.
    pub fn of_note(system: bool, event: Option<&str>) -> Self {
        match (system, event) {
            (false, _) => Self::Note,
            (true, Some("approved")) => Self::SystemApproved,
            (true, Some("marked_draft")) => Self::MarkedDraft,
            (true, Some("marked_ready")) => Self::MarkedReady,
            (true, _) => Self::System,
        }
    }
}

#[derive(Clone, Debug)]
pub struct PipelineFact {
    /// `pipelines.id`.
    pub id: i64,
    pub project: ProjectKey,
    pub status: PipelineStatus,
    pub updated_at: Option<Time>,
    pub finished_at: Option<Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipelineStatus {
    Success,
    Failed,
    /// Cancelled, skipped, manual, running …: neither a success nor a failure.
    Other,
}

impl PipelineStatus {
    /// Reads `pipelines.status`.
    pub fn parse(status: &str) -> Self {
        match status {
            "success" => Self::Success,
            "failed" => Self::Failed,
            _ => Self::Other,
        }
    }
}

#[derive(Clone, Debug)]
pub struct DeploymentFact {
    /// `deployments.id`.
    pub id: i64,
    pub project: ProjectKey,
    pub status: DeploymentStatus,
    /// `tier` of the deployment's environment row.
    pub environment_tier: Option<EnvironmentTier>,
    /// `environment_tier` of the deployment itself, for environments without a row or a tier.
    pub deployment_tier: Option<EnvironmentTier>,
    pub created_at: Time,
    pub updated_at: Option<Time>,
    pub finished_at: Option<Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeploymentStatus {
    Success,
    /// Failed, blocked, running, `undeployed`, `completed` …
    Other,
}

impl DeploymentStatus {
    /// Reads `deployments.status`.
    pub fn parse(status: &str) -> Self {
        if status == "success" { Self::Success } else { Self::Other }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvironmentTier {
    Production,
    Other,
}

impl EnvironmentTier {
    /// Reads `environments.tier` or `deployments.environment_tier`.
    pub fn parse(tier: &str) -> Self {
        if tier == "production" { Self::Production } else { Self::Other }
    }
}

impl PipelineFact {
    /// When it finished, as far as is known.
    pub fn at(&self) -> Option<Time> {
        self.finished_at.or(self.updated_at)
    }
}

impl DeploymentFact {
    /// When it finished, as far as is known.
    pub fn at(&self) -> Time {
        self.finished_at.or(self.updated_at).unwrap_or(self.created_at)
    }

    pub fn is_production(&self) -> bool {
        self.environment_tier.or(self.deployment_tier) == Some(EnvironmentTier::Production)
    }
}

impl Facts {
    /// The key of a project; the same project always has the same key.
    pub fn project(&mut self, connection: ConnectionId, external_id: &str) -> ProjectKey {
        ProjectKey(self.projects.key(connection, external_id))
    }

    /// The key of an account; the same account always has the same key.
    pub fn identity(&mut self, connection: ConnectionId, external_id: &str) -> IdentityKey {
        IdentityKey(self.identities.key(connection, external_id))
    }

    /// Scope ids of the interned projects, `{connection_id}:{project external id}`, in the order of their keys.
    pub fn project_ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.projects.ids.iter().map(String::as_str)
    }

    /// The time of the first row a window could count, if there is any.
    pub fn earliest(&self) -> Option<Time> {
        let merge_requests = self.merge_requests.iter().flat_map(|row| [Some(row.created_at), row.merged_at]);
        let pipelines = self.pipelines.iter().map(PipelineFact::at);
        let deployments = self.deployments.iter().flat_map(|row| [Some(row.created_at), Some(row.at())]);
        merge_requests.chain(pipelines).chain(deployments).flatten().min()
    }
}

/// Texts by number, in order of arrival.
#[derive(Clone, Debug, Default)]
struct Interner {
    ids: IndexSet<String>,
    /// Reused, so that looking up a known id allocates nothing.
    scratch: String,
}

impl Interner {
    fn key(&mut self, connection: ConnectionId, external_id: &str) -> u32 {
        self.scratch.clear();
        // writing to a String cannot fail
        let _ = write!(self.scratch, "{connection}:{external_id}");
        let index = match self.ids.get_index_of(self.scratch.as_str()) {
            Some(index) => index,
            None => self.ids.insert_full(self.scratch.clone()).0,
        };
        u32::try_from(index).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_key_is_per_connection_and_external_id() {
        let (one, two) = (ConnectionId(Uuid::from_u128(1)), ConnectionId(Uuid::from_u128(2)));
        let mut facts = Facts::default();
        let first = facts.project(one, "7");
        assert_eq!(first, facts.project(one, "7"));
        assert_ne!(first, facts.project(two, "7"));
        assert_ne!(first, facts.project(one, "8"));
        assert_eq!(facts.project_ids().next(), Some("00000000-0000-0000-0000-000000000001:7"));
        assert_eq!(facts.project_ids().len(), 3);
    }

    #[test]
    fn system_notes_are_told_from_peoples() {
        assert_eq!(ReviewEventKind::of_note(false, Some("approved")), ReviewEventKind::Note);
        assert_eq!(ReviewEventKind::of_note(true, Some("approved")), ReviewEventKind::SystemApproved);
        assert_eq!(ReviewEventKind::of_note(true, Some("merged")), ReviewEventKind::System);
        assert_eq!(ReviewEventKind::of_note(true, None), ReviewEventKind::System);
    }

    #[test]
    fn a_million_rows_stay_small() {
        assert!(size_of::<MergeRequestFact>() <= 80, "{}", size_of::<MergeRequestFact>());
        assert!(size_of::<ReviewEventFact>() <= 40, "{}", size_of::<ReviewEventFact>());
        assert!(size_of::<PipelineFact>() <= 48);
        assert!(size_of::<DeploymentFact>() <= 64);
    }
}
