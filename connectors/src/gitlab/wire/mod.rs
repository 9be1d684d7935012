//! GitLab's JSON, as far as it is read: unknown fields are ignored, unknown enum values are text, `null` stands for anything absent.
//!
//! Required is only what a row is useless without. What the vendor's document calls required and real servers leave out is optional.

mod ci;
mod deployment;
mod issue;
mod merge_request;
mod project;
mod user;

pub use ci::{Job, Pipeline, PipelineDetail};
pub use deployment::{Deployment, Environment, Release};
pub use issue::Issue;
pub use merge_request::{Approvals, Commit, Diff, MergeRequest, Note};
pub use project::{Group, Project};
pub use user::{Member, PersonalAccessToken, User, Version};

pub use crate::lenient::{Id, parse_row, parse_time};
