//! The rows metrics are computed from.
//!
//! Flat and small on purpose: each vector is filled by one select without nesting, ids of projects, accounts, people and teams are
//! interned to four bytes, and a million rows fit in memory. Meaning (which status counts, which tier wins) is decided here and in the
//! metrics, not in SQL.

mod delivery;
mod merge_requests;
mod people;
mod work;

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use indexmap::IndexSet;
use ovia_domain::ConnectionId;

pub use delivery::{
    ContainmentRule, DeploymentFact, DeploymentMergeRequest, DeploymentStatus, EnvironmentTier, PipelineFact, PipelineStatus,
};
pub use merge_requests::{EarlierMerge, MergeRequestFact, MergeRequestState, RevertFact, ReviewEventFact, ReviewEventKind};
pub(crate) use people::Link;
pub use people::{PersonKey, TeamKey, TeamMembership};
pub use work::{
    AttributionOverride, IncidentProject, ItemMergeRequest, ItemRef, ItemTable, ReleaseFact, ReleaseItemFact, WorkItemFact,
    WorkItemTransition,
};

pub(crate) type Time = DateTime<Utc>;

/// A project, interned by [`Facts::project`]: a repository with its pipelines, or a project of work items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProjectKey(pub u32);

/// An account, interned by [`Facts::identity`]. Known even where the account has no identity row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdentityKey(pub u32);

/// The first 16 hexadecimal digits of a commit's id: enough to tell the commits of a project apart, in eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha(std::num::NonZeroU64);

impl Sha {
    /// Reads a commit's full id; `None` for anything shorter than 16 digits, and for the id of no commit (zeros).
    pub fn parse(sha: &str) -> Option<Self> {
        let digits = sha.get(..16)?;
        u64::from_str_radix(digits, 16).ok().and_then(std::num::NonZeroU64::new).map(Self)
    }

    /// The first eight digits, as branches of reverts name them.
    pub(crate) fn short(self) -> u32 {
        (self.0.get() >> 32) as u32
    }
}

/// Everything the metrics of one organisation need. Every interned project, team and person is a scope, with or without rows. Rows are in
/// any order; what refers to rows that are not there is ignored.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub merge_requests: Vec<MergeRequestFact>,
    /// Merge requests that are not among [`Self::merge_requests`], where the rows here are those of a stretch of time only.
    pub earlier_merges: Vec<EarlierMerge>,
    pub review_events: Vec<ReviewEventFact>,
    pub reverts: Vec<RevertFact>,
    pub pipelines: Vec<PipelineFact>,
    pub deployments: Vec<DeploymentFact>,
    pub work_items: Vec<WorkItemFact>,
    pub work_item_transitions: Vec<WorkItemTransition>,
    pub releases: Vec<ReleaseFact>,
    pub release_items: Vec<ReleaseItemFact>,
    pub item_merge_requests: Vec<ItemMergeRequest>,
    pub incident_projects: Vec<IncidentProject>,
    pub attribution_overrides: Vec<AttributionOverride>,
    pub team_memberships: Vec<TeamMembership>,
    /// What rows of all times say, where the rows here are those of a stretch of time only. Without it, it is found from the rows here.
    pub given: Option<crate::Given>,
    /// What came of rows that are not here.
    pub known: Option<crate::KnownRows>,
    projects: Interner,
    identities: Interner,
    people: Interner,
    teams: Interner,
    /// By identity key.
    links: Vec<Option<Link>>,
}

impl Facts {
    /// The key of a project; the same project always has the same key.
    pub fn project(&mut self, connection: ConnectionId, external_id: &str) -> ProjectKey {
        ProjectKey(self.projects.key(format_args!("{connection}:{external_id}")))
    }

    /// The key of an account; the same account always has the same key.
    pub fn identity(&mut self, connection: ConnectionId, external_id: &str) -> IdentityKey {
        IdentityKey(self.identities.key(format_args!("{connection}:{external_id}")))
    }

    /// The key of a project that is known already.
    pub fn project_known(&self, connection: ConnectionId, external_id: &str) -> Option<ProjectKey> {
        self.projects.known(&format!("{connection}:{external_id}")).map(ProjectKey)
    }

    /// The key of an account that is known already.
    pub fn identity_known(&self, connection: ConnectionId, external_id: &str) -> Option<IdentityKey> {
        self.identities.known(&format!("{connection}:{external_id}")).map(IdentityKey)
    }

    /// The key of a person (`people.id`).
    pub fn person(&mut self, id: &str) -> PersonKey {
        PersonKey(self.people.key(format_args!("{id}")))
    }

    /// The key of a team (its id).
    pub fn team(&mut self, id: &str) -> TeamKey {
        TeamKey(self.teams.key(format_args!("{id}")))
    }

    /// Says whose account `identity` is. An account that is never linked is its own person. `is_bot` makes every row by the account a
    /// bot's, whatever the row itself says.
    pub fn person_of(&mut self, identity: IdentityKey, person: PersonKey, is_bot: bool) {
        let index = identity.0 as usize;
        if self.links.len() <= index {
            self.links.resize(index + 1, None);
        }
        self.links[index] = Some(Link { person, is_bot });
    }

    /// Scope ids of the interned projects, `{connection_id}:{project external id}`, in the order of their keys.
    pub fn project_ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.projects.ids.iter().map(String::as_str)
    }

    /// Scope ids of the interned people, in the order of their keys.
    pub fn person_ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.people.ids.iter().map(String::as_str)
    }

    /// Scope ids of the interned teams, in the order of their keys.
    pub fn team_ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.teams.ids.iter().map(String::as_str)
    }

    /// Who is behind an account: the linked person, else the account as a person of its own (keys after those of all people).
    pub fn person_behind(&self, identity: IdentityKey) -> PersonKey {
        let own = || PersonKey(u32::try_from(self.people.ids.len()).unwrap_or(u32::MAX).saturating_add(identity.0));
        self.link(identity).map_or_else(own, |link| link.person)
    }

    pub(crate) fn link(&self, identity: IdentityKey) -> Option<Link> {
        self.links.get(identity.0 as usize).copied().flatten()
    }

    /// Whether an account is a bot's, by its own row or by its person's.
    pub fn is_bot(&self, identity: Option<IdentityKey>, row_says: bool) -> bool {
        row_says || identity.and_then(|identity| self.link(identity)).is_some_and(|link| link.is_bot)
    }

    /// The time of the first row a window could count, if there is any.
    pub fn earliest(&self) -> Option<Time> {
        let merge_requests = self.merge_requests.iter().flat_map(|row| [Some(row.created_at), row.merged_at]);
        let pipelines = self.pipelines.iter().map(PipelineFact::at);
        let deployments = self.deployments.iter().flat_map(|row| [Some(row.created_at), Some(row.at())]);
        let items = self.work_items.iter().map(|row| Some(row.created_at));
        merge_requests.chain(pipelines).chain(deployments).chain(items).flatten().min()
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
    fn known(&self, id: &str) -> Option<u32> {
        self.ids.get_index_of(id).and_then(|index| u32::try_from(index).ok())
    }

    fn key(&mut self, id: std::fmt::Arguments<'_>) -> u32 {
        self.scratch.clear();
        // writing to a String cannot fail
        let _ = self.scratch.write_fmt(id);
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
    fn accounts_of_one_person_are_one_and_strangers_are_themselves() {
        let one = ConnectionId(Uuid::from_u128(1));
        let mut facts = Facts::default();
        let (work, home, stranger) = (facts.identity(one, "w"), facts.identity(one, "h"), facts.identity(one, "s"));
        let ann = facts.person("ann");
        facts.person_of(work, ann, false);
        facts.person_of(home, ann, false);
        assert_eq!(facts.person_behind(work), facts.person_behind(home));
        assert_ne!(facts.person_behind(stranger), ann);
        assert_eq!(facts.person_ids().collect::<Vec<_>>(), ["ann"], "a stranger is no scope");
        facts.person_of(stranger, ann, true);
        assert!(facts.is_bot(Some(stranger), false));
        assert!(!facts.is_bot(Some(work), false) && facts.is_bot(None, true) && !facts.is_bot(None, false));
    }

    #[test]
    fn a_sha_is_its_first_sixteen_digits() {
        let sha = Sha::parse("00c0ffee00c0ffee1234567890abcdef12345678").unwrap_or_else(|| panic!("a commit"));
        assert_eq!(Some(sha), Sha::parse("00C0FFEE00c0ffee"));
        assert_eq!(sha.short(), 0x00c0_ffee);
        assert_eq!(
            [Sha::parse("00c0ffee"), Sha::parse("0000000000000000"), Sha::parse("not hexadecimal, this"), Sha::parse("ööööööööö")],
            [None; 4]
        );
    }

    #[test]
    fn a_million_rows_stay_small() {
        assert!(size_of::<MergeRequestFact>() <= 144, "{}", size_of::<MergeRequestFact>());
        assert!(size_of::<ReviewEventFact>() <= 40, "{}", size_of::<ReviewEventFact>());
        assert!(size_of::<PipelineFact>() <= 88, "{}", size_of::<PipelineFact>());
        assert!(size_of::<DeploymentFact>() <= 80, "{}", size_of::<DeploymentFact>());
        assert!(size_of::<WorkItemFact>() <= 72, "{}", size_of::<WorkItemFact>());
        assert!(size_of::<WorkItemTransition>() <= 24, "{}", size_of::<WorkItemTransition>());
    }
}
