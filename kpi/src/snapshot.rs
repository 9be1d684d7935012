//! What a rollup stores: one figure for one metric, scope and window, with what it was made of.

use chrono::{DateTime, Utc};
use ovia_domain::{MetricKey, RowTable};
use serde_json::{Map, Value};

use crate::{Scope, Window, metric, percentile, series::Tally};

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
    /// `rows` counted, `excluded_…` left out, `partial` for a window still going on, and shares (0–1) of what is known of the rows.
    pub coverage: Map<String, Value>,
    /// The table `row_ids` are of.
    pub row_table: RowTable,
    /// Rows the value was computed from, ascending.
    pub row_ids: Vec<i64>,
    /// What each row contributes, in the order of `row_ids`; the entry's aggregate makes the value of them.
    pub row_values: Vec<f64>,
}

/// A snapshot whose rows are not in order yet: not everyone who wants the figure wants them.
#[derive(Debug)]
pub struct Draft<'a> {
    pub metric: MetricKey,
    pub scope: &'a Scope,
    pub window: Window,
    figure: Figure,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(metric: MetricKey, scope: &'a Scope, window: Window, figure: Figure, as_of: DateTime<Utc>) -> Self {
        Self { metric, scope, window, figure: figure.covering("partial", window.is_partial(as_of)) }
    }

    /// `None` means no data.
    pub fn value(&self) -> Option<f64> {
        self.figure.value
    }

    /// How many rows the value was computed from.
    pub fn row_count(&self) -> usize {
        self.figure.rows.len()
    }

    /// The snapshot, without its rows.
    pub fn without_rows(mut self) -> Snapshot {
        self.figure.rows = Vec::new();
        self.finish()
    }

    /// The snapshot.
    pub fn finish(self) -> Snapshot {
        let Figure { value, stats, coverage, mut rows } = self.figure;
        rows.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let (row_ids, row_values) = rows.into_iter().unzip();
        let entry = metric(self.metric);
        Snapshot {
            metric: self.metric,
            definition_version: entry.definition.version,
            scope: self.scope.clone(),
            window: self.window,
            value,
            unit: entry.definition.unit,
            stats,
            coverage,
            row_table: entry.row_table,
            row_ids,
            row_values,
        }
    }
}

/// A metric's answer for one scope and window, before it is labelled.
#[derive(Debug, Default)]
pub struct Figure {
    pub(crate) value: Option<f64>,
    pub(crate) stats: Map<String, Value>,
    pub(crate) coverage: Map<String, Value>,
    /// Id and value, in any order.
    pub(crate) rows: Vec<(i64, f64)>,
}

impl Figure {
    /// No data.
    pub(crate) fn none() -> Self {
        Self::of(None, Vec::new())
    }

    pub(crate) fn of(value: Option<f64>, rows: Vec<(i64, f64)>) -> Self {
        let counted = rows.len();
        Self { value, rows, ..Self::default() }.covering("rows", counted)
    }

    /// The number of rows, each worth 1.
    pub(crate) fn count_of(rows: Vec<(i64, f64)>) -> Self {
        Self::of(Some(rows.len() as f64), rows)
    }

    /// The mean of the rows' values with `numerator` (their sum) and `denominator`; no data without rows.
    pub(crate) fn mean_of(tally: Tally) -> Self {
        let (sum, count) = (tally.sum(), tally.rows.len());
        match count {
            0 => Self::none(),
            _ => Self::of(Some(sum / count as f64), tally.rows).stat("numerator", number(sum)).stat("denominator", count),
        }
    }

    /// The sum of parts ÷ the sum of wholes over `rows` (id, part, whole), with `numerator` and `denominator`; each row contributes its part
    /// ÷ the sum of wholes. No data without a whole.
    pub(crate) fn ratio_of(rows: &[(i64, u64, u64)]) -> Self {
        let (part, whole) = rows.iter().fold((0, 0), |sum, row| (sum.0 + row.1, sum.1 + row.2));
        if whole == 0 {
            return Self::none();
        }
        let share = |part: u64| part as f64 / whole as f64;
        let rows = rows.iter().map(|row| (row.0, share(row.1))).collect();
        Self::of(Some(share(part)), rows).stat("numerator", part).stat("denominator", whole)
    }

    /// The median of the rows' values with `p75` and `p90`; no data without rows.
    pub(crate) fn median_of(rows: Vec<(i64, f64)>) -> Self {
        let mut values: Vec<f64> = rows.iter().map(|row| row.1).collect();
        let figure = Self::of(percentile(&mut values, 0.5), rows);
        match (percentile(&mut values, 0.75), percentile(&mut values, 0.9)) {
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

    /// The share of the counted rows, as `name`; `null` where no row was counted.
    pub(crate) fn share(self, name: &str, part: u64) -> Self {
        let rows = self.rows.len();
        self.covering(name, if rows == 0 { Value::Null } else { Value::from(part as f64 / rows as f64) })
    }
}

/// A whole number is written as one.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 { Value::from(value as i64) } else { Value::from(value) }
}

/// Hours from `from` to `to`, negative if `to` is earlier.
pub(crate) fn hours(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    const MICROSECONDS_PER_HOUR: f64 = 3_600_000_000.0;
    let span = to - from;
    span.num_microseconds().map_or(span.num_milliseconds() as f64 * 1_000.0, |us| us as f64) / MICROSECONDS_PER_HOUR
}
