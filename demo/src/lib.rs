#![doc = include_str!("../README.md")]

mod atlassian;
mod bench;
mod company;
mod server;
mod truth;
mod wire;

pub use atlassian::{
    AccountGroupRow, AccountMembershipRow, AccountRow, AnomalyTruth, BoardRow, Confluence, ConfluenceServer, ConfluenceTruth,
    DocumentCommentRow, DocumentRow, DocumentVersionRow, Jira, JiraProjectRow, JiraServer, JiraTruth, PersonAcross, PlantedTruth,
    PointsLimit, ReferencesRow, ReleaseMembershipTruth, SiteOptions, SpaceRow, SprintRow, VersionRow, WorkItemChangeRow, WorkItemFieldRow,
    WorkItemLinkRow, WorkItemRow, WorkItemStatusRow, WorklogRow,
};
pub use bench::{BenchOptions, BenchServer};
pub use company::{Company, CompanyOptions, CompanySize};
pub use server::{DemoServer, FaultKind, FaultRule, Faults, LimitReason, RateLimit, ServerOptions, Stats, When};
pub use truth::*;
pub use wire::EXTERNAL_URL;
