//! Rows of GitLab's API into records. Pure: text in, records and dead letters out.
//!
//! A row that cannot be read becomes a dead letter and the page goes on; its id is fished out on a best-effort basis, so that a
//! person can find it.

mod accounts;
mod bots;
mod ci;
mod deployments;
mod issues;
mod mentions;
mod merge_requests;
mod notes;
mod projects;
mod reviews;
mod rows;
mod sizes;
mod tier;
mod volatile;

pub use crate::rows::{RowError, dead_letter};
pub use accounts::{member, user_detail};
pub use ci::{bridge, job, pipeline, pipeline_detail};
pub use deployments::{deployment, environment, release};
pub use issues::issue;
pub use merge_requests::merge_request;
pub use projects::{group, project};
pub use reviews::{approvals, commit, note};
pub use rows::{Normalised, Row, RowContext, RowKey, Rows, normalise_rows};
pub use sizes::{FileSize, SizePayload, file_size, size_record, stored_size};
