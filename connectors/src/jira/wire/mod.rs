//! Jira's JSON, as far as it is read: unknown fields are ignored, unknown enum values are text, `null` stands for anything absent.
//!
//! Required is only what a row is useless without. What the vendor's document calls required and real sites leave out is optional.

mod agile;
mod history;
mod issue;
mod people;
mod project;

pub use agile::{Board, Sprint};
pub use history::{History, HistoryItem, IssueHistories, Worklog};
pub use issue::{Issue, IssueFields, IssueLink, IssueType, Status};
pub use people::{Group, Myself, User, named};
pub use project::{Field, Project, Version};
