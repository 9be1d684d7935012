//! From rows to facts: once what only all rows can tell, then the rows of one stretch of time after the other.

mod base;
mod crowds;
mod firsts;
mod keys;
mod stays;
mod stretch;

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use ovia_domain::StatusCategory;
use ovia_kpi::Facts;

use keys::Keys;

/// What figures of any time may need.
pub struct Base {
    /// Projects, people, teams, deployments, incidents and what they name; with [`Facts::given`].
    pub facts: Facts,
    /// The time of the first row a window could count.
    pub earliest: Option<DateTime<Utc>>,
    keys: Keys,
    /// Merge requests that are hotfixes, of those incidents name.
    hotfixes: HashSet<i64>,
    /// Those that went out at [`Self::went_out_from`] or later.
    went_out: Vec<WentOut>,
    /// `None`: at any time.
    went_out_from: Option<DateTime<Utc>>,
}

/// A merge request went to production at another time than it was merged.
#[derive(Clone, Copy, Debug)]
struct WentOut {
    merge_request_id: i64,
    merged_at: DateTime<Utc>,
    at: DateTime<Utc>,
}

fn category(text: &str) -> Option<StatusCategory> {
    StatusCategory::ALL.into_iter().find(|category| category.as_str() == text)
}

fn lower(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.to_lowercase()).collect()
}
