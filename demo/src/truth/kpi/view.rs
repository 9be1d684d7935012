//! One scope's rows, and how figures are put together.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::deliveries::Delivery;
use super::items::Item;
use super::windows::Window;
use super::world::{Mr, Owner, Run, Scope, Time, World};
use super::{MetricTruth, quantile};

/// Rows by when they count; each list is of the scope.
pub(super) struct View<'a> {
    pub world: &'a World<'a>,
    pub scope: Scope,
    pub merged: Vec<&'a Mr<'a>>,
    pub reviewed: Vec<&'a Mr<'a>>,
    pub created: Vec<&'a Mr<'a>>,
    pub runs: Vec<&'a Run<'a>>,
    /// Successful ones to production.
    pub deliveries: Vec<&'a Delivery<'a>>,
    /// To production, whatever became of them, by their creation.
    pub attempts: Vec<&'a Delivery<'a>>,
    /// No epics: by their creation.
    pub filed: Vec<&'a Item>,
    /// No epics: by their end.
    pub done: Vec<&'a Item>,
}

impl<'a> View<'a> {
    pub(super) fn new(world: &'a World<'a>, scope: Scope) -> Self {
        let at = |owner: &Owner, at: Option<Time>| at.is_some_and(|at| world.holds(&scope, owner, at));
        let items = || world.items.iter().filter(|item| !item.epic);
        let production = || world.deployments.iter().filter(|one| one.production);
        Self {
            merged: world.merge_requests.iter().filter(|one| at(&one.owner, one.one.merged_at)).collect(),
            reviewed: world.merge_requests.iter().filter(|one| at(&one.owner, one.reviews.first)).collect(),
            created: world.merge_requests.iter().filter(|one| at(&one.owner, Some(one.one.created_at))).collect(),
            runs: world.pipelines.iter().filter(|one| at(&one.owner, one.at)).collect(),
            deliveries: production().filter(|one| one.success && at(&one.owner, Some(one.at))).collect(),
            attempts: production().filter(|one| at(&one.owner, Some(one.one.created_at))).collect(),
            filed: items().filter(|item| at(&item.owner, Some(item.created))).collect(),
            done: items().filter(|item| at(&item.owner, item.finished())).collect(),
            world,
            scope,
        }
    }

    pub(super) fn moment(&self, window: &Window) -> Time {
        window.moment(self.world.question.as_of)
    }

    pub(super) fn figure(&self, metric: &'static str, window: &Window, value: Option<f64>, rows: Vec<(String, f64)>) -> MetricTruth {
        let (scope, scope_id) = self.world.scope_id(&self.scope);
        MetricTruth {
            metric,
            scope,
            scope_id,
            window: window.kind,
            start: window.start,
            end: window.end,
            value,
            stats: BTreeMap::new(),
            rows: rows.into_iter().collect(),
            coverage: BTreeMap::from([("partial", json!(window.contains(self.world.question.as_of)))]),
        }
    }

    /// How many rows there are, where there can be any.
    pub(super) fn count(&self, metric: &'static str, window: &Window, known: bool, rows: Vec<String>) -> MetricTruth {
        let value = known.then_some(rows.len() as f64);
        self.figure(metric, window, value, rows.into_iter().filter(|_| known).map(|id| (id, 1.0)).collect())
    }

    /// The share of rows that are so.
    pub(super) fn ratio(&self, metric: &'static str, window: &Window, rows: Vec<(String, bool)>) -> MetricTruth {
        let (part, all) = (rows.iter().filter(|row| row.1).count(), rows.len());
        let value = (all > 0).then(|| part as f64 / all as f64);
        let rows = rows.into_iter().map(|(id, is)| (id, if is { 1.0 } else { 0.0 })).collect();
        let figure = self.figure(metric, window, value, rows);
        if all == 0 { figure } else { figure.stat("numerator", json!(part)).stat("denominator", json!(all)) }
    }

    pub(super) fn median(&self, metric: &'static str, window: &Window, rows: Vec<(String, f64)>) -> MetricTruth {
        let mut values: Vec<f64> = rows.iter().map(|row| row.1).collect();
        values.sort_by(f64::total_cmp);
        let mut figure = self.figure(metric, window, quantile(&values, 0.5), rows);
        for (name, p) in [("p75", 0.75), ("p90", 0.9)] {
            figure.stats.extend(quantile(&values, p).map(|value| (name, json!(value))));
        }
        figure
    }
}

impl MetricTruth {
    pub(super) fn stat(mut self, name: &'static str, value: Value) -> Self {
        self.stats.insert(name, value);
        self
    }

    pub(super) fn covering(mut self, name: &'static str, value: Value) -> Self {
        self.coverage.insert(name, value);
        self
    }

    pub(super) fn left_out(self, name: &'static str, rows: usize) -> Self {
        self.covering(name, json!(rows))
    }

    /// A share of the rows counted; of none, nothing is known.
    pub(super) fn share(self, name: &'static str, part: usize) -> Self {
        let all = self.rows.len();
        self.covering(name, if all == 0 { Value::Null } else { json!(part as f64 / all as f64) })
    }
}
