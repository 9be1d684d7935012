//! What goes in: accounts, decisions, and what was seen together.

use ovia_domain::{IdentityId, PersonId};
use serde::{Deserialize, Serialize};

/// Raised whenever a rule changes its answers.
pub const RULE_SET_VERSION: i32 = 3;

/// One account. Ids are unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityIn {
    pub id: IdentityId,
    /// The kind of source, as `gitlab`.
    pub source: String,
    /// Where the source is, as its host or base URL: accounts of one source and host share an id space.
    pub host: String,
    /// The account's id in that space.
    pub external_id: String,
    pub username: Option<String>,
    pub display_name: Option<String>,
    pub email: Option<String>,
    /// The source's own word. `None`: it did not say.
    pub is_bot: Option<bool>,
    /// The person the account is linked to by rules now.
    pub current_person: Option<PersonId>,
    /// The person somebody confirmed it to be. Never changed; accounts confirmed to one person are together whatever the rules say.
    pub confirmed_person: Option<PersonId>,
    /// When and where the account is at work; `None` where that is not known.
    pub activity: Option<Activity>,
    /// How much there is of it, as the number of commits. Decides which name and address a person is shown with, never who it is.
    pub weight: Option<u64>,
}

/// When and where an account is at work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Activity {
    /// What it did in each hour of the day, in UTC: counts.
    pub hours: [u32; 24],
    /// Projects it acts in, in any order, in names that are the same for all sources.
    pub projects: Vec<String>,
}

/// What people decided about pairs. Pairs of unknown accounts, and of an account with itself, are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// Never the same person, in either order. Accounts confirmed to the same person are together all the same.
    pub never_together: Vec<(IdentityId, IdentityId)>,
    /// The same person, in either order. Weaker than `never_together` for the same pair; accounts confirmed to different persons stay
    /// apart.
    pub together: Vec<(IdentityId, IdentityId)>,
}

/// Two accounts seen in one place, in either order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoOccurrence {
    pub a: IdentityId,
    pub b: IdentityId,
    pub kind: CoOccurrenceKind,
    /// How often. Counts of one pair and kind are added up.
    pub count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoOccurrenceKind {
    /// A commit's author and the account that opened the merge request with the commit.
    MergeRequestCommit,
    /// The account that pushed a branch named after an issue and the one the issue is assigned to.
    IssueBranch,
}

/// Everything beside the accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    pub decisions: Decisions,
    pub co_occurrences: Vec<CoOccurrence>,
}

impl From<Decisions> for Inputs {
    fn from(decisions: Decisions) -> Self {
        Self { decisions, co_occurrences: Vec::new() }
    }
}
