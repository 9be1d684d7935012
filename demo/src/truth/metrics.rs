//! Every metric over every window, by filtering all facts each time. Slow on purpose: nothing to get wrong.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::reviews::{FirstReview, first_review, is_bot, stale_at};
use super::windows::{Window, windows};
use crate::company::Company;
use crate::company::deployments::{finished_at, tier_by_name};
use crate::company::model::{Deployment, MergeRequest, Pipeline};

/// One metric for one scope and window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricTruth {
    pub metric: &'static str,
    /// `organisation` or `project`.
    pub scope: &'static str,
    /// Empty for the organisation, else the project's external id.
    pub scope_id: String,
    /// `trailing_30_days`, `week` or `month`.
    pub window: &'static str,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    /// The window contains `as_of`.
    pub partial: bool,
    /// `None` means no data, which is not 0.
    pub value: Option<f64>,
    pub stats: BTreeMap<&'static str, f64>,
    /// External ids of the rows counted, sorted.
    pub rows: Vec<String>,
    /// Rows left out, by reason; only reasons that apply to this metric.
    pub excluded: BTreeMap<&'static str, usize>,
}

struct Scope<'a> {
    company: &'a Company,
    id: String,
    merge_requests: Vec<(&'a MergeRequest, Option<FirstReview>)>,
    pipelines: Vec<&'a Pipeline>,
    deployments: Vec<&'a Deployment>,
    as_of: DateTime<Utc>,
}

pub(super) fn compute(company: &Company, as_of: DateTime<Utc>) -> Vec<MetricTruth> {
    let created = company.merge_requests.iter().map(|one| one.created_at).chain(company.pipelines.iter().map(|one| one.created_at));
    let earliest = created.chain(company.deployments.iter().map(|one| one.created_at)).min().unwrap_or(as_of);
    let windows = windows(earliest, as_of);
    let mut metrics = Vec::new();
    for project in std::iter::once(None).chain((0..company.projects.len()).map(Some)) {
        let scope = Scope::new(company, project, as_of);
        for window in &windows {
            metrics.extend([
                scope.merge_throughput(window),
                scope.time_to_merge(window),
                scope.time_to_first_review(window),
                scope.pipeline_success_rate(window),
                scope.stale_merge_requests(window),
                scope.deployment_frequency(window),
            ]);
        }
    }
    metrics
}

impl<'a> Scope<'a> {
    fn new(company: &'a Company, project: Option<usize>, as_of: DateTime<Utc>) -> Self {
        let inside = |index: usize| project.is_none_or(|project| project == index);
        let merge_requests = company.merge_requests.iter().filter(|one| inside(one.project));
        Self {
            company,
            id: project.map(|project| company.projects[project].id.to_string()).unwrap_or_default(),
            merge_requests: merge_requests.map(|one| (one, first_review(company, one))).collect(),
            pipelines: company.pipelines.iter().filter(|one| inside(one.project)).collect(),
            deployments: company.deployments.iter().filter(|one| inside(one.project)).collect(),
            as_of,
        }
    }

    fn metric(&self, metric: &'static str, window: &Window, value: Option<f64>, mut rows: Vec<String>) -> MetricTruth {
        rows.sort_unstable();
        MetricTruth {
            metric,
            scope: if self.id.is_empty() { "organisation" } else { "project" },
            scope_id: self.id.clone(),
            window: window.kind,
            start: window.start,
            end: window.end,
            partial: window.contains(self.as_of),
            value,
            stats: BTreeMap::new(),
            rows,
            excluded: BTreeMap::new(),
        }
    }

    fn has_merge_request_before(&self, instant: DateTime<Utc>) -> bool {
        self.merge_requests.iter().any(|(one, _)| one.created_at < instant)
    }

    /// Merged in the window: by humans, by bots.
    fn merged(&self, window: &Window) -> (Vec<&'a MergeRequest>, Vec<&'a MergeRequest>) {
        let merged = self.merge_requests.iter().map(|(one, _)| *one).filter(|one| one.merged_at.is_some_and(|at| window.contains(at)));
        merged.partition(|one| !is_bot(self.company, one.author))
    }

    fn merge_throughput(&self, window: &Window) -> MetricTruth {
        let (humans, bots) = self.merged(window);
        let known = self.has_merge_request_before(window.end.min(self.as_of));
        let rows = humans.iter().filter(|_| known).map(|one| one.id.to_string()).collect();
        let mut metric = self.metric("merge_throughput", window, known.then_some(humans.len() as f64), rows);
        metric.excluded.insert("excluded_bots", bots.len());
        metric
    }

    fn time_to_merge(&self, window: &Window) -> MetricTruth {
        let (humans, bots) = self.merged(window);
        let all = humans.len();
        let timed: Vec<(u64, f64)> = humans
            .iter()
            .filter_map(|one| Some((one.id, hours(one.created_at, one.merged_at?))))
            .filter(|(_, hours)| *hours >= 0.0)
            .collect();
        let mut metric = self.durations("time_to_merge", window, &timed);
        metric.excluded.insert("excluded_bots", bots.len());
        metric.excluded.insert("excluded_negative", all - timed.len());
        metric
    }

    fn time_to_first_review(&self, window: &Window) -> MetricTruth {
        let reviewed = self.merge_requests.iter().filter(|(one, _)| !is_bot(self.company, one.author));
        let timed: Vec<(u64, f64)> = reviewed
            .filter_map(|(one, review)| {
                review.filter(|review| window.contains(review.review)).map(|review| (one.id, hours(review.ready, review.review)))
            })
            .collect();
        self.durations("time_to_first_review", window, &timed)
    }

    fn durations(&self, name: &'static str, window: &Window, timed: &[(u64, f64)]) -> MetricTruth {
        let mut values: Vec<f64> = timed.iter().map(|(_, hours)| *hours).collect();
        values.sort_by(f64::total_cmp);
        let mut metric = self.metric(name, window, quantile(&values, 0.5), timed.iter().map(|(id, _)| id.to_string()).collect());
        for (key, p) in [("p75", 0.75), ("p90", 0.9)] {
            metric.stats.extend(quantile(&values, p).map(|value| (key, value)));
        }
        metric
    }

    fn pipeline_success_rate(&self, window: &Window) -> MetricTruth {
        let decided = self.pipelines.iter().filter(|one| {
            one.finished_at.or(one.updated_at).is_some_and(|at| window.contains(at)) && matches!(one.status, "success" | "failed")
        });
        let decided: Vec<&&Pipeline> = decided.collect();
        let success = decided.iter().filter(|one| one.status == "success").count() as f64;
        let rate = (!decided.is_empty()).then(|| success / decided.len() as f64);
        let mut metric = self.metric("pipeline_success_rate", window, rate, decided.iter().map(|one| one.id.to_string()).collect());
        if rate.is_some() {
            metric.stats.extend([("numerator", success), ("denominator", decided.len() as f64)]);
        }
        metric
    }

    fn stale_merge_requests(&self, window: &Window) -> MetricTruth {
        let instant = window.end.min(self.as_of);
        let stale = self.merge_requests.iter().filter(|(one, _)| stale_at(self.company, one, instant));
        let rows: Vec<String> = stale.map(|(one, _)| one.id.to_string()).collect();
        let value = self.has_merge_request_before(instant).then_some(rows.len() as f64);
        self.metric("stale_merge_requests", window, value, rows)
    }

    fn deployment_frequency(&self, window: &Window) -> MetricTruth {
        let production: Vec<&Deployment> = self.deployments.iter().copied().filter(|one| self.is_production(one)).collect();
        let time = |one: &Deployment| finished_at(one, &self.company.pipelines).unwrap_or(one.updated_at);
        let counted: Vec<&&Deployment> = production.iter().filter(|one| one.status == "success" && window.contains(time(one))).collect();
        let dates: BTreeSet<_> = counted.iter().map(|one| time(one).date_naive()).collect();
        let days = window.days(self.as_of) as f64;
        let known = production.iter().any(|one| one.created_at < window.end);
        let rows = counted.iter().map(|one| one.id.to_string()).collect();
        let mut metric = self.metric("deployment_frequency", window, known.then_some(counted.len() as f64 / days), rows);
        if known {
            metric.stats.extend([("deployments", counted.len() as f64), ("days", days), ("days_with_deployment", dates.len() as f64)]);
        }
        metric
    }

    fn is_production(&self, one: &Deployment) -> bool {
        let environment = &self.company.environments[one.environment];
        environment.tier.unwrap_or_else(|| tier_by_name(environment.name)) == "production"
    }
}

fn hours(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).num_milliseconds() as f64 / 3_600_000.0
}

/// By linear interpolation between the neighbours of position (n - 1) · p; `values` is sorted.
fn quantile(values: &[f64], p: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let position = last as f64 * p;
    let low = position.floor() as usize;
    let high = (low + 1).min(last);
    Some(values[low] + (values[high] - values[low]) * (position - low as f64))
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn quantiles_interpolate() {
        let values = [1.0, 2.0, 3.0, 10.0];
        assert_eq!(quantile(&values, 0.5), Some(2.5));
        assert_eq!(quantile(&values, 0.75), Some(4.75));
        assert_eq!(quantile(&[4.0], 0.9), Some(4.0));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
