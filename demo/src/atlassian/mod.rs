//! The company's Jira and Confluence: the same people, their issues and pages, behind Atlassian's APIs on loopback.

pub(crate) mod accounts;
pub(crate) mod jira;
pub(crate) mod mentions;
mod people;
mod rows;
mod server;
mod servers;
mod wiki;

use std::sync::Arc;

use crate::company::Span;
use crate::company::dice::{Dice, mix};
use crate::company::model::{Person, User};
use accounts::Directory;
pub(crate) use jira::JiraFacts;
pub use jira::anomalies::AnomalyTruth;
pub use jira::truth::{
    BoardRow, JiraProjectRow, JiraTruth, PlantedTruth, ReleaseMembershipTruth, SprintRow, VersionRow, WorkItemChangeRow, WorkItemFieldRow,
    WorkItemLinkRow, WorkItemRow, WorkItemStatusRow, WorklogRow,
};
pub use people::PersonAcross;
pub use rows::{AccountGroupRow, AccountMembershipRow, AccountRow, ReferencesRow};
pub use server::{PointsLimit, SiteOptions};
pub use servers::{Confluence, ConfluenceServer, Jira, JiraServer};
pub(crate) use wiki::WikiFacts;
pub use wiki::truth::{ConfluenceTruth, DocumentCommentRow, DocumentRow, DocumentVersionRow, SpaceRow};

/// Both sites, as they are at the company's present. Shared by all clones of a company: the servers have copies of their own to change.
#[derive(Clone, Debug)]
pub(crate) struct Sites {
    pub directory: Arc<Directory>,
    pub jira: Arc<JiraFacts>,
    pub wiki: Arc<WikiFacts>,
}

/// How much of it: full-size companies have 15 projects, 1,500 issues and 300 pages.
pub(crate) fn generate(seed: u64, full: bool, persons: &[Person], users: &[User], span: Span) -> Sites {
    let (projects, issues, spaces, pages) = if full { (15, 1500, 8, 300) } else { (5, 200, 4, 60) };
    let directory = Arc::new(accounts::generate(&mut Dice::new(mix(seed, 31)), seed, persons, users));
    let jira = jira::generate(seed, directory.clone(), projects, issues, span);
    let keys: Vec<String> = jira.issues.iter().filter(|one| jira.is_visible(one)).map(|one| jira.key(one)).collect();
    let wiki = wiki::generate(seed, directory.clone(), spaces, pages, span, &keys);
    Sites { directory, jira: Arc::new(jira), wiki: Arc::new(wiki) }
}
