//! What a rollup stores: one figure for one metric, scope and window, with what it was made of.

use chrono::{DateTime, Utc};
use ovia_domain::MetricKey;
use serde_json::{Map, Value};

use crate::{Window, percentile};

/// What a figure is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    Organisation,
    /// `{connection_id}:{project external id}`.
    Project(String),
}

impl Scope {
    /// As stored in `kpi_snapshots.scope_kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Project(_) => "project",
        }
    }

    /// As stored in `kpi_snapshots.scope_id`; empty for the organisation.
    pub fn id(&self) -> &str {
        match self {
            Self::Organisation => "",
            Self::Project(id) => id,
        }
    }
}

/// A row of `kpi_snapshots`.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    pub metric: MetricKey,
    pub definition_version: i32,
    pub scope: Scope,
    pub window: Window,
    /// `None` means no data, never 0.
    pub value: Option<f64>,
    pub unit: &'static str,
    /// Further figures, as `p75`, `p90`, `numerator`; empty where there is no value.
    pub stats: Map<String, Value>,
    /// `rows` counted, `excluded_…` left out, and `partial` for a window still going on.
    pub coverage: Map<String, Value>,
    /// The table `row_ids` are of.
    pub row_table: &'static str,
    /// Rows the value was computed from, ascending.
    pub row_ids: Vec<i64>,
}

/// A metric's answer for one scope and window, before it is labelled.
#[derive(Debug, Default)]
pub struct Figure {
    pub(crate) value: Option<f64>,
    pub(crate) stats: Map<String, Value>,
    pub(crate) coverage: Map<String, Value>,
    pub(crate) row_ids: Vec<i64>,
}

impl Figure {
    /// No data.
    pub(crate) fn none() -> Self {
        Self::of(None, Vec::new())
    }

    pub(crate) fn of(value: Option<f64>, mut row_ids: Vec<i64>) -> Self {
        row_ids.sort_unstable();
        let rows = row_ids.len();
        Self { value, row_ids, ..Self::default() }.covering("rows", rows)
    }

    /// The median of `rows` (row id, hours) with `p75` and `p90`; no data without rows.
    pub(crate) fn median_of(rows: &[(i64, f64)]) -> Self {
        let mut values: Vec<f64> = rows.iter().map(|row| row.1).collect();
        values.sort_unstable_by(f64::total_cmp);
        let figure = Self::of(percentile(&values, 0.5), rows.iter().map(|row| row.0).collect());
        match (percentile(&values, 0.75), percentile(&values, 0.9)) {
            (Some(p75), Some(p90)) => figure.stat("p75", p75).stat("p90", p90),
            _ => figure,
        }
    }

    pub(crate) fn stat(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.stats.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn covering(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.coverage.insert(name.to_owned(), value.into());
        self
    }
}

/// Hours from `from` to `to`, negative if `to` is earlier.
pub(crate) fn hours(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    const MICROSECONDS_PER_HOUR: f64 = 3_600_000_000.0;
    let span = to - from;
    span.num_microseconds().map_or(span.num_milliseconds() as f64 * 1_000.0, |us| us as f64) / MICROSECONDS_PER_HOUR
}
