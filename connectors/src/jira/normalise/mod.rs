//! Rows of Jira's API into records. Pure: text in, records and dead letters out.
//!
//! A row that cannot be read becomes a dead letter and the page goes on; its id is fished out on a best-effort basis, so that a
//! person can find it.

mod agile;
mod custom;
mod history;
mod issues;
mod kinds;
mod people;
mod projects;
mod rows;

use super::streams;

pub use crate::rows::{RowError, dead_letter};
pub use history::{history, worklog};
pub use issues::issue;
pub use projects::custom_field;
pub use rows::{Context, Normalised, Row, Rows, normalise_rows};

/// How rows of a stream are read.
pub fn row_of(stream: &str) -> Row {
    match stream {
        streams::FIELDS => projects::field,
        streams::STATUSES => projects::status,
        streams::GROUPS => people::group,
        streams::USERS => people::user,
        streams::GROUP_MEMBERS => people::member,
        streams::PROJECTS => projects::project,
        streams::VERSIONS => projects::version,
        streams::BOARDS => agile::board,
        streams::SPRINTS => agile::sprint,
        streams::CHANGELOGS => history,
        streams::WORKLOGS => worklog,
        _ => issue,
    }
}
