//! Pipelines and deployments, what they brought and what they broke.

use std::collections::BTreeSet;

use serde_json::json;

use super::deliveries::Delivery;
use super::view::View;
use super::windows::Window;
use super::world::{Mr, Run, Time};
use super::{MetricTruth, hours};

impl<'a> View<'a> {
    pub(super) fn lead_time_for_changes(&self, window: &Window) -> MetricTruth {
        let world = self.world;
        let delivering: BTreeSet<usize> =
            world.deployments.iter().filter(|one| one.success && one.production).map(|one| one.one.project).collect();
        // where nothing is ever deployed, a change ends with its merge; elsewhere one that waits is looked at where it was merged
        let end = |one: &Mr<'_>| one.brought.map(|by| by.at).or(one.one.merged_at);
        let here = |one: &&Mr<'_>| end(one).is_some_and(|at| window.contains(at) && world.holds(&self.scope, &one.owner, at));
        let ended: Vec<&Mr<'_>> = world.merge_requests.iter().filter(here).collect();
        let (humans, bots): (Vec<&Mr<'_>>, Vec<&Mr<'_>>) = ended.into_iter().partition(|one| !one.bot);
        let waits = |one: &&Mr<'_>| one.brought.is_none() && delivering.contains(&one.one.project);
        let (waiting, over): (Vec<&Mr<'_>>, Vec<&Mr<'_>>) = humans.into_iter().partition(waits);
        let (timed, untimed): (Vec<&Mr<'_>>, Vec<&Mr<'_>>) = over.into_iter().partition(|one| one.first_commit.is_some());
        let value = |one: &Mr<'_>| Some(hours(one.first_commit?, end(one)?));
        let (counted, negative): (Vec<&Mr<'_>>, Vec<&Mr<'_>>) =
            timed.into_iter().partition(|one| value(one).is_some_and(|hours| hours >= 0.0));
        let rows = counted.iter().filter_map(|one| Some((one.id.clone(), value(one)?))).collect();
        let linked = counted.iter().filter(|one| one.brought.is_some_and(|by| by.by_commit)).count();
        let until_deployment = counted.iter().filter(|one| one.brought.is_some()).count();
        let mut figure = self.median("lead_time_for_changes", window, rows);
        if !counted.is_empty() {
            figure = figure.stat("until_deployment", json!(until_deployment)).stat("until_merge", json!(counted.len() - until_deployment));
        }
        figure = figure.left_out("excluded_bots", bots.len()).left_out("excluded_without_commits", untimed.len());
        figure = figure.left_out("excluded_negative", negative.len()).left_out("excluded_not_deployed", waiting.len());
        figure.share("mapped_authors", counted.iter().filter(|one| one.mapped).count()).share("linked_deployments", linked)
    }

    /// Pipelines of the window: those that succeeded or failed, and the others.
    fn runs_in(&self, window: &Window) -> (Vec<&'a Run<'a>>, Vec<&'a Run<'a>>) {
        let inside = self.runs.iter().copied().filter(|one| one.at.is_some_and(|at| window.contains(at)));
        inside.partition(|one| matches!(one.one.status, "success" | "failed"))
    }

    pub(super) fn pipeline_success_rate(&self, window: &Window) -> MetricTruth {
        let (decided, others) = self.runs_in(window);
        let rows = decided.iter().map(|one| (one.id.clone(), one.one.status == "success")).collect();
        let figure = self.ratio("pipeline_success_rate", window, rows).left_out("excluded_other_status", others.len());
        figure.share("mapped_authors", decided.iter().filter(|one| one.mapped).count())
    }

    pub(super) fn pipeline_duration(&self, window: &Window) -> MetricTruth {
        let (decided, others) = self.runs_in(window);
        let minutes = |one: &Run<'_>| match (one.one.started_at, one.one.finished_at) {
            (Some(from), Some(to)) => Some(hours(from, to) * 60.0),
            _ => one.one.duration.map(|seconds| seconds as f64 / 60.0),
        };
        let timed: Vec<(&Run<'_>, f64)> = decided.iter().filter_map(|one| Some((*one, minutes(one)?))).collect();
        let untimed = decided.len() - timed.len();
        let (counted, negative): (Vec<_>, Vec<_>) = timed.into_iter().partition(|row| row.1 >= 0.0);
        let mapped = counted.iter().filter(|row| row.0.mapped).count();
        let rows = counted.into_iter().map(|(one, minutes)| (one.id.clone(), minutes)).collect();
        let figure = self.median("pipeline_duration", window, rows).left_out("excluded_other_status", others.len());
        let figure = figure.left_out("excluded_without_duration", untimed).left_out("excluded_negative", negative.len());
        figure.share("mapped_authors", mapped)
    }

    fn delivered_in(&self, window: &Window) -> Vec<&'a Delivery<'a>> {
        self.deliveries.iter().copied().filter(|one| window.contains(one.at)).collect()
    }

    pub(super) fn deployment_frequency(&self, window: &Window) -> MetricTruth {
        let question = self.world.question;
        let counted = self.delivered_in(window);
        let days = window.days(question.as_of, question.time_zone);
        let dates: BTreeSet<_> = counted.iter().map(|one| one.at.with_timezone(&question.time_zone).date_naive()).collect();
        if days == 0 || !self.attempts.iter().any(|one| one.one.created_at < window.end) {
            return self.figure("deployment_frequency", window, None, Vec::new());
        }
        let rows = counted.iter().map(|one| (one.id.clone(), 1.0 / days as f64)).collect();
        let figure = self.figure("deployment_frequency", window, Some(counted.len() as f64 / days as f64), rows);
        figure.stat("deployments", json!(counted.len())).stat("days", json!(days)).stat("days_with_deployment", json!(dates.len()))
    }

    /// The times at which the incidents of a deployment were resolved.
    fn resolutions(&self, delivery: &Delivery<'_>) -> Vec<Option<Time>> {
        let caused = self
            .world
            .incidents
            .iter()
            .filter(|one| one.caused_by.is_some_and(|(index, ..)| self.world.deployments[index].id == delivery.id));
        caused.map(|one| one.resolved).collect()
    }

    pub(super) fn change_failure_rate(&self, window: &Window) -> MetricTruth {
        let world = self.world;
        let counted = if world.incidents.is_empty() { Vec::new() } else { self.delivered_in(window) };
        let rows = counted.iter().map(|one| (one.id.clone(), !self.resolutions(one).is_empty())).collect();
        let nobodys = |project: &String| super::world::Owner { project: project.clone(), people: BTreeSet::new() };
        let unsettled = world.incidents.iter().filter(|one| one.caused_by.is_none() && window.contains(one.created));
        let unsettled = unsettled.filter(|one| world.holds(&self.scope, &nobodys(&one.project), one.created)).count();
        self.ratio("change_failure_rate", window, rows).left_out("excluded_incidents", unsettled)
    }

    pub(super) fn failed_deployment_recovery_time(&self, window: &Window) -> MetricTruth {
        let (mut rows, mut unresolved, mut negative) = (Vec::new(), 0, 0);
        for one in self.world.deployments.iter().filter(|one| one.success && one.production) {
            let resolutions = self.resolutions(one);
            let Some(last) = resolutions.iter().copied().max() else { continue };
            let last = last.filter(|_| resolutions.iter().all(Option::is_some));
            let at = last.unwrap_or(one.at);
            if !window.contains(at) || !self.world.holds(&self.scope, &one.owner, at) {
                continue;
            }
            match last.map(|last| hours(one.at, last)) {
                None => unresolved += 1,
                Some(hours) if hours < 0.0 => negative += 1,
                Some(hours) => rows.push((one.id.clone(), hours)),
            }
        }
        let figure = self.median("failed_deployment_recovery_time", window, rows);
        figure.left_out("excluded_unresolved", unresolved).left_out("excluded_negative", negative)
    }
}
