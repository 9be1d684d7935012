//! Every metric over every window, by filtering all facts each time. Slow on purpose: nothing to get wrong.
//!
//! The arithmetic is written a second time, from the definitions in words and from the company itself. Nothing here is shared with what
//! it is held against.

mod composite;
mod deliveries;
mod delivery;
mod incidents;
mod items;
mod merged;
mod releases;
mod reviews;
#[cfg(test)]
mod spot;
mod view;
mod windows;
mod work;
mod world;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::Value;

use crate::company::Company;
use view::View;
use world::World;

/// What is asked of the company's figures, and what only people can know.
#[derive(Clone, Debug)]
pub struct KpiQuestion {
    pub as_of: DateTime<Utc>,
    pub time_zone: Tz,
    /// Who is who. An account nobody has is a person of its own, and no scope.
    pub people: Vec<KpiPerson>,
    pub teams: Vec<KpiTeam>,
    /// Whether the Jira site counts, or GitLab alone.
    pub jira: bool,
    /// The days to answer for as windows of their own.
    pub days: Vec<NaiveDate>,
    /// An incident is put down to a deployment at most this many hours before it.
    pub attribution_window_hours: i64,
    /// Components and labels, and the full paths of the code projects they stand for.
    pub services: BTreeMap<String, Vec<String>>,
}

impl KpiQuestion {
    /// UTC, settings as shipped, nobody known to be anybody, no teams and no days.
    pub fn at(as_of: DateTime<Utc>) -> Self {
        Self {
            as_of,
            time_zone: Tz::UTC,
            people: Vec::new(),
            teams: Vec::new(),
            jira: false,
            days: Vec::new(),
            attribution_window_hours: 24,
            services: BTreeMap::new(),
        }
    }
}

/// A person with the external ids of their accounts, of GitLab and Atlassian alike.
#[derive(Clone, Debug)]
pub struct KpiPerson {
    /// The scope's id.
    pub id: String,
    pub accounts: Vec<String>,
    pub is_bot: bool,
}

/// A team with who was in it when.
#[derive(Clone, Debug)]
pub struct KpiTeam {
    pub id: String,
    pub stays: Vec<KpiStay>,
}

/// From midnight of one day until midnight of another.
#[derive(Clone, Debug)]
pub struct KpiStay {
    pub person: String,
    pub from: NaiveDate,
    pub until: Option<NaiveDate>,
}

/// One metric for one scope and window.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricTruth {
    pub metric: &'static str,
    /// `organisation`, `project`, `team` or `person`.
    pub scope: &'static str,
    /// Empty for the organisation; a project's external id; the id of a team or person.
    pub scope_id: String,
    /// `trailing_30_days`, `day`, `week`, `month` or `quarter`.
    pub window: &'static str,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
    /// `None` means no data, which is not 0.
    pub value: Option<f64>,
    pub stats: BTreeMap<&'static str, Value>,
    /// What each row counted contributes, by external id.
    pub rows: BTreeMap<String, f64>,
    /// Rows left out by reason, shares of what is known, and whether the window goes on.
    pub coverage: BTreeMap<&'static str, Value>,
}

/// Which deployment an incident is put down to, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttributionTruth {
    /// External id of an issue or work item.
    pub incident: String,
    /// External id of a deployment.
    pub deployment: String,
    pub rule: &'static str,
    pub confidence: f64,
}

impl Company {
    /// Every metric for the organisation, each project, team and person, over every window.
    pub fn kpi_truth(&self, question: &KpiQuestion) -> Vec<MetricTruth> {
        let world = World::new(self, question);
        let windows = windows::windows(world.earliest(), question.as_of, question.time_zone, &question.days);
        let mut all = Vec::new();
        for scope in world.scopes() {
            let view = View::new(&world, scope);
            for window in &windows {
                all.extend([
                    view.merge_throughput(window),
                    view.time_to_merge(window),
                    view.time_to_first_review(window),
                    view.review_duration(window),
                    view.merge_request_size(window),
                    view.stale_merge_requests(window),
                    view.lead_time_for_changes(window),
                    view.pipeline_success_rate(window),
                    view.pipeline_duration(window),
                    view.deployment_frequency(window),
                    view.change_failure_rate(window),
                    view.failed_deployment_recovery_time(window),
                    view.cycle_time(window),
                    view.throughput(window),
                    view.work_in_progress(window),
                    view.work_item_age(window),
                    view.bug_ratio(window),
                    view.release_scope_change(window),
                    view.release_completion(window),
                    view.release_risk(window),
                    view.delivery_health(window),
                ]);
            }
        }
        all
    }

    /// Which incidents are put down to which deployments, by incident.
    pub fn attributions(&self, question: &KpiQuestion) -> Vec<AttributionTruth> {
        World::new(self, question).attributions()
    }
}

/// Hours from one moment to another.
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
