//! Releases: what was in them when, how much of it is done, and what endangers them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, Duration};
use serde_json::{Value, json};

use super::MetricTruth;
use super::items::Item;
use super::reviews::{stale_at, waits_at};
use super::view::View;
use super::windows::{Window, midnight};
use super::world::{Mr, Scope, Time, World};
use crate::atlassian::jira::model::{Category, Version};

/// A version of the tracker.
pub(super) struct Release {
    pub id: String,
    project: String,
    released: bool,
    /// Midnight of its first day.
    start: Option<Time>,
    /// The end of its day of release.
    due: Option<Time>,
    /// Item (place among the items), from, until.
    stays: Vec<(usize, Time, Option<Time>)>,
}

impl World<'_> {
    pub(super) fn planned_releases(&self) -> Vec<Release> {
        let jira = &self.company.sites.jira;
        let day = |day| midnight(day, self.question.time_zone);
        let live = jira.versions.iter().enumerate().filter(|(_, one)| !one.archived && jira.projects[one.project].is_live());
        live.map(|(index, one)| Release {
            id: one.id.to_string(),
            project: jira.projects[one.project].id.to_string(),
            released: one.released,
            start: one.start_on.map(day),
            due: one.release_on.and_then(|release| release.checked_add_days(Days::new(1))).map(day),
            stays: self.stays(index, one),
        })
        .collect()
    }

    /// By what the changelog tells of coming and going, and by what is in it now. One that came, is not in it and was never seen going
    /// never was in it; one that went without having come was in it from its creation.
    fn stays(&self, index: usize, version: &Version) -> Vec<(usize, Time, Option<Time>)> {
        let jira = &self.company.sites.jira;
        let id = Some(version.id.to_string());
        let mut stays = Vec::new();
        for (place, item) in self.items.iter().enumerate().filter(|(_, item)| !item.epic) {
            let Some(issue) = jira.issues.iter().find(|one| one.id.to_string() == item.id) else { continue };
            let (mut since, mut first) = (None, true);
            for history in &issue.histories {
                for change in history.items.iter().filter(|change| change.field == "Fix Version") {
                    if change.from == id {
                        if first || since.is_some() {
                            stays.push((place, since.unwrap_or(item.created), Some(history.at)));
                        }
                        (since, first) = (None, false);
                    }
                    if change.to == id {
                        since = since.or(Some(history.at));
                        first = false;
                    }
                }
            }
            if issue.fix_versions.contains(&index) {
                stays.push((place, since.unwrap_or(item.created), None));
            }
        }
        stays
    }
}

/// What one release's danger is made of: what is measured, its weight, and the value at which it is full.
const FACTORS: [(&str, f64, f64); 6] = [
    ("behind_plan", 0.30, 0.5),
    ("scope_change", 0.15, 0.5),
    ("open_bugs", 0.15, 0.5),
    ("ageing_items", 0.15, 1.0),
    ("stale_merge_requests", 0.10, 1.0),
    ("pipeline_failures", 0.15, 0.5),
];

impl Release {
    /// Over for good; never, while it is not released. Nobody knows when one without a date was released.
    fn under_way(&self, from: Time, moment: Time) -> bool {
        let begin = self.start.or_else(|| self.stays.iter().map(|stay| stay.1).min());
        let over = if self.released { self.due.is_none_or(|due| due <= from) } else { false };
        begin.is_some_and(|begin| begin < moment) && !over
    }

    fn looked_at(&self, moment: Time) -> Time {
        self.due.filter(|_| self.released).map_or(moment, |due| due.min(moment))
    }

    fn items(&self, moment: Time) -> BTreeSet<usize> {
        let moment = self.looked_at(moment);
        self.stays
            .iter()
            .filter(|(_, from, until)| *from < moment && until.is_none_or(|until| moment <= until))
            .map(|stay| stay.0)
            .collect()
    }

    /// Done, and all.
    fn completion(&self, items: &[Item], moment: Time) -> (usize, usize) {
        let inside = self.items(moment);
        let moment = self.looked_at(moment);
        (inside.iter().filter(|place| items[**place].category_before(moment) == Some(Category::Done)).count(), inside.len())
    }

    /// Items that came or went since the start, and items at the start.
    fn scope_change(&self, moment: Time) -> Option<(usize, usize)> {
        let (start, moment) = (self.start?, self.looked_at(moment));
        let at_start: BTreeSet<usize> = self
            .stays
            .iter()
            .filter(|(_, from, until)| *from <= start && until.is_none_or(|until| start < until))
            .map(|stay| stay.0)
            .collect();
        let within = |at: Time| start < at && at < moment;
        let moved = self.stays.iter().filter(|(_, from, until)| within(*from) || until.is_some_and(within));
        let moved: BTreeSet<usize> = moved.map(|stay| stay.0).collect();
        (!at_start.is_empty()).then_some((moved.len(), at_start.len()))
    }

    /// What is measured of each factor; nothing of a release without items.
    fn measured(&self, world: &World<'_>, moment: Time) -> Option<[Option<f64>; 6]> {
        let items: Vec<&Item> = self.items(moment).into_iter().map(|place| &world.items[place]).collect();
        let (done, all) = self.completion(&world.items, moment);
        if all == 0 {
            return None;
        }
        let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
        let behind = self.start.zip(self.due).filter(|(start, due)| start < due).map(|(start, due)| {
            let passed = (moment - start).num_milliseconds() as f64 / (due - start).num_milliseconds() as f64;
            passed.clamp(0.0, 1.0) - done as f64 / all as f64
        });
        let open_bugs = items.iter().filter(|item| item.bug && item.category_before(moment) != Some(Category::Done)).count();
        let begun: Vec<&&Item> = items.iter().filter(|item| item.in_progress_before(moment)).collect();
        let old = begun.iter().filter(|item| item.started().is_some_and(|at| moment - at > Duration::days(14))).count();
        let known = world.merge_requests.iter().filter(|one| !one.bot && one.one.created_at < moment);
        let linked: Vec<&Mr<'_>> = known.filter(|one| items.iter().any(|item| one.keys.contains(&item.key))).collect();
        let open = linked.iter().filter(|one| waits_at(one.one, moment)).count();
        let stale = linked.iter().filter(|one| stale_at(one.one, moment)).count();
        let projects: BTreeSet<&String> = linked.iter().map(|one| &one.owner.project).collect();
        let recent = |at: Time| moment - Duration::days(30) <= at && at < moment;
        let runs = world.pipelines.iter().filter(|run| projects.contains(&run.owner.project) && run.at.is_some_and(recent));
        let ended: Vec<&str> = runs.map(|run| run.one.status).filter(|status| matches!(*status, "success" | "failed")).collect();
        let failed = ended.iter().filter(|status| **status == "failed").count();
        Some([
            behind,
            self.scope_change(moment).map(|(moved, all)| moved as f64 / all as f64),
            share(open_bugs, all),
            share(old, begun.len()),
            share(stale, open),
            share(failed, ended.len()),
        ])
    }
}

impl<'a> View<'a> {
    /// Teams and people have no releases.
    fn releases(&self) -> Vec<&'a Release> {
        let own = |release: &&Release| match &self.scope {
            Scope::Organisation => true,
            Scope::Project(id) => release.project == *id,
            _ => false,
        };
        self.world.releases.iter().filter(own).collect()
    }

    /// Parts ÷ wholes over the releases under way; how many of them have no whole.
    fn of_releases(
        &self,
        metric: &'static str,
        window: &Window,
        left_out: &'static str,
        parts: impl Fn(&Release, Time) -> Option<(usize, usize)>,
    ) -> MetricTruth {
        let moment = self.moment(window);
        let under_way: Vec<&Release> = self.releases().into_iter().filter(|release| release.under_way(window.start, moment)).collect();
        let measured: Vec<(String, usize, usize)> =
            under_way.iter().filter_map(|release| parts(release, moment).map(|(part, all)| (release.id.clone(), part, all))).collect();
        let (part, all): (usize, usize) = (measured.iter().map(|row| row.1).sum(), measured.iter().map(|row| row.2).sum());
        let rows = measured.iter().map(|row| (row.0.clone(), row.1 as f64 / all as f64)).collect();
        let figure = self.figure(metric, window, (all > 0).then(|| part as f64 / all as f64), rows);
        let figure = figure.left_out(left_out, under_way.len() - measured.len());
        if all == 0 { figure } else { figure.stat("numerator", json!(part)).stat("denominator", json!(all)) }
    }

    pub(super) fn release_scope_change(&self, window: &Window) -> MetricTruth {
        self.of_releases("release_scope_change", window, "excluded_without_start", Release::scope_change)
    }

    pub(super) fn release_completion(&self, window: &Window) -> MetricTruth {
        self.of_releases("release_completion", window, "excluded_empty", |release, moment| {
            Some(release.completion(&self.world.items, moment)).filter(|(_, all)| *all > 0)
        })
    }

    pub(super) fn release_risk(&self, window: &Window) -> MetricTruth {
        let moment = self.moment(window);
        let mut risks: BTreeMap<String, (f64, Vec<Value>, f64)> = BTreeMap::new();
        // under way at the moment itself: one that ends with it still is
        for release in self.releases().into_iter().filter(|release| release.under_way(moment - Duration::milliseconds(1), moment)) {
            let Some(values) = release.measured(self.world, moment) else { continue };
            let present: Vec<_> = FACTORS.iter().zip(values).filter_map(|(factor, value)| Some((factor, value?))).collect();
            let weights: f64 = present.iter().map(|(factor, _)| factor.1).sum();
            let mut score = 0.0;
            let mut factors = Vec::new();
            for ((name, weight, full), value) in present {
                let (danger, weight) = (100.0 * (value / full).clamp(0.0, 1.0), weight / weights);
                score += danger * weight;
                factors.push(json!({"factor": name, "value": value, "danger": danger, "weight": weight, "contribution": danger * weight}));
            }
            risks.insert(release.id.clone(), (score, factors, 1.0 - weights));
        }
        let worst = risks.values().rev().max_by(|a, b| a.0.total_cmp(&b.0));
        let rows = risks.iter().map(|(id, risk)| (id.clone(), risk.0)).collect();
        let Some((score, factors, missing)) = worst else {
            return self.figure("release_risk", window, None, Vec::new()).covering("missing_weight", Value::Null);
        };
        let label = if *score <= 33.0 {
            "low"
        } else if *score <= 66.0 {
            "medium"
        } else {
            "high"
        };
        let figure = self.figure("release_risk", window, Some(*score), rows).stat("label", json!(label)).stat("factors", json!(factors));
        figure.covering("missing_weight", json!(missing))
    }
}
