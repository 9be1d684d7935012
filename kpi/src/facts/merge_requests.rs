//! Merge requests and what happened to them.

use super::{IdentityKey, ProjectKey, Sha, Time};

#[derive(Clone, Debug)]
pub struct MergeRequestFact {
    /// `merge_requests.id`.
    pub id: i64,
    /// The project it was merged into; for one from a fork, not the fork.
    pub project: ProjectKey,
    /// `None`: the source named no author. An author without an identity row has a key.
    pub author: Option<IdentityKey>,
    /// `identities.is_bot` is true. Unknown accounts count as human.
    pub author_is_bot: bool,
    pub state: MergeRequestState,
    /// Whether it is a draft now.
    pub draft: bool,
    pub is_fork: bool,
    /// [`crate::KpiSettings::is_hotfix`] of its source branch and labels.
    pub is_hotfix: bool,
    pub created_at: Time,
    pub updated_at: Option<Time>,
    pub merged_at: Option<Time>,
    pub closed_at: Option<Time>,
    /// The earliest `authored_at` of its rows in `merge_request_commits`.
    pub first_commit_at: Option<Time>,
    pub head_sha: Option<Sha>,
    pub merge_sha: Option<Sha>,
    pub squash_sha: Option<Sha>,
    /// Lines; `None` where its size was not read.
    pub additions: Option<u32>,
    /// Lines; `None` where its size was not read.
    pub deletions: Option<u32>,
}

/// A merge request that had ended before a stretch of time began: all that a trend from the window before asks of it.
#[derive(Clone, Copy, Debug)]
pub struct EarlierMerge {
    pub id: i64,
    pub project: ProjectKey,
    pub author: Option<IdentityKey>,
    pub author_is_bot: bool,
    pub merged_at: Time,
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

/// A merge request that takes back another one of the same project. [`crate::find_reverts`] tells them from titles and branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RevertFact {
    /// `merge_requests.id` of the one that takes back.
    pub merge_request_id: i64,
    /// `merge_requests.id` of the one taken back.
    pub reverted_id: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_notes_are_told_from_peoples() {
        assert_eq!(ReviewEventKind::of_note(false, Some("approved")), ReviewEventKind::Note);
        assert_eq!(ReviewEventKind::of_note(true, Some("approved")), ReviewEventKind::SystemApproved);
        assert_eq!(ReviewEventKind::of_note(true, Some("merged")), ReviewEventKind::System);
        assert_eq!(ReviewEventKind::of_note(true, None), ReviewEventKind::System);
    }
}
