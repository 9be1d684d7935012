//! How likely a release is to slip: six factors, each listed with what was measured and how much it adds.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use ovia_domain::{StatusCategory, WorkItemKind};
use serde::Serialize;

use crate::{
    Facts, ItemRef, KpiSettings, PipelineStatus, ProjectKey, ScopeFilter,
    bands::{bands_of, of},
    inputs::Inputs,
    releases::Release,
    scope::{Micros, micros},
};

/// Weights of the factors, of 1 together. A factor that cannot be measured leaves the mean.
pub(crate) const WEIGHTS: [(&str, f64, &str); 6] = [
    ("behind_plan", 0.30, "share of the time from start to day of release that has passed − share of items done; .5 is full danger"),
    ("scope_change", 0.15, "items added or removed since the start ÷ items at the start; .5 is full danger"),
    ("open_bugs", 0.15, "bugs not done ÷ items; .5 is full danger"),
    ("ageing_items", 0.15, "items in progress for longer than the setting ÷ items in progress; all is full danger"),
    ("stale_merge_requests", 0.10, "stale ÷ open merge requests of its items; all is full danger"),
    (
        "pipeline_failures",
        0.15,
        "failed ÷ finished pipelines of the 30 days before, in the projects of those merge requests; .5 is full danger",
    ),
];
/// What is measured grows to full danger at this value, in the order of the weights.
const FULL: [f64; 6] = [0.5, 0.5, 0.5, 1.0, 1.0, 0.5];
const PIPELINE_DAYS: i64 = 30;

/// One reason of a risk.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RiskFactor {
    /// As `behind_plan`.
    pub factor: &'static str,
    /// What was measured: a share, mostly 0–1.
    pub value: f64,
    /// 0–100.
    pub danger: f64,
    /// Its share of the score, the absent factors' weights spread over the present ones.
    pub weight: f64,
    /// Points of the score: danger × weight. They sum to the score.
    pub contribution: f64,
}

/// The risk of one release at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReleaseRisk {
    /// `versions.id`.
    pub release_id: i64,
    /// 0–100.
    pub score: f64,
    /// `low`, `medium`, `high`, or as the organisation's bands say.
    pub label: String,
    /// Those that could be measured.
    pub factors: Vec<RiskFactor>,
}

/// The risk of every release under way at `as_of`: begun, not released, with items. In the order of release ids.
pub fn release_risks(facts: &Facts, settings: &KpiSettings, as_of: DateTime<Utc>) -> Vec<ReleaseRisk> {
    let inputs = Inputs::new(facts, settings, as_of, &ScopeFilter::Only(std::collections::BTreeSet::new()));
    let risks = Risks::new(&inputs);
    risks.at(Some(None), as_of)
}

/// A merge request's states, as `(from, to]` each.
struct MergeRequestStates {
    project: ProjectKey,
    created: Micros,
    open: Vec<(Micros, Micros)>,
    stale: Vec<(Micros, Micros)>,
}

/// What the risks of all releases are told from.
pub(crate) struct Risks<'a> {
    inputs: &'a Inputs<'a>,
    linked: BTreeMap<ItemRef, Vec<i64>>,
    states: HashMap<i64, MergeRequestStates>,
    /// Finished pipelines by project, ascending, with how many failed up to each.
    pipelines: HashMap<ProjectKey, Vec<(Micros, u64)>>,
}

impl<'a> Risks<'a> {
    pub(crate) fn new(inputs: &'a Inputs<'a>) -> Self {
        let mut risks = Self { inputs, linked: BTreeMap::new(), states: HashMap::new(), pipelines: HashMap::new() };
        if inputs.facts.releases.is_empty() {
            return risks;
        }
        let planned: std::collections::HashSet<i64> = inputs.facts.release_items.iter().map(|row| row.work_item_id).collect();
        for row in inputs.facts.item_merge_requests.iter().filter(|row| planned.contains(&row.item.id)) {
            let Some(timeline) = inputs.timelines.of(row.merge_request_id).filter(|timeline| !inputs.by_bot(timeline.row)) else {
                continue;
            };
            risks.linked.entry(row.item).or_default().push(row.merge_request_id);
            risks.states.entry(row.merge_request_id).or_insert_with(|| MergeRequestStates {
                project: timeline.row.project,
                created: micros(timeline.row.created_at),
                open: timeline.ready_spans(),
                stale: timeline.stale_spans(inputs.settings.stale_after()),
            });
        }
        for row in inputs.facts.pipelines.iter().filter(|row| row.status != PipelineStatus::Other) {
            let Some(at) = row.at() else { continue };
            risks.pipelines.entry(row.project).or_default().push((micros(at), u64::from(row.status == PipelineStatus::Failed)));
        }
        for rows in risks.pipelines.values_mut() {
            rows.sort_unstable();
            let mut failed = 0;
            for row in rows {
                failed += row.1;
                row.1 = failed;
            }
        }
        risks
    }

    /// The risks of the releases under way at `moment`: of all projects (`Some(None)`), of one, or none.
    pub(crate) fn at(&self, projects: Option<Option<ProjectKey>>, moment: DateTime<Utc>) -> Vec<ReleaseRisk> {
        let under_way = self.inputs.releases().under_way(projects, moment - TimeDelta::microseconds(1), moment);
        under_way.filter_map(|release| self.of(release, moment)).collect()
    }

    fn of(&self, release: &Release<'_>, moment: DateTime<Utc>) -> Option<ReleaseRisk> {
        let values = self.measure(release, moment)?;
        let present: f64 = WEIGHTS.iter().zip(&values).filter(|(_, value)| value.is_some()).map(|((_, weight, _), _)| weight).sum();
        let factors: Vec<RiskFactor> = WEIGHTS
            .iter()
            .zip(values)
            .zip(FULL)
            .filter_map(|(((factor, weight, _), value), full)| {
                let value = value?;
                let danger = 100.0 * (value / full).clamp(0.0, 1.0);
                let weight = weight / present;
                Some(RiskFactor { factor, value, danger, weight, contribution: danger * weight })
            })
            .collect();
        let score = factors.iter().map(|factor| factor.contribution).sum();
        let label = of(bands_of(self.inputs.settings, "release_risk"), score).map(|band| band.label.clone()).unwrap_or_default();
        Some(ReleaseRisk { release_id: release.row.id, score, label, factors })
    }

    /// What is measured, in the order of the weights; `None` for a release without items.
    fn measure(&self, release: &Release<'_>, moment: DateTime<Utc>) -> Option<[Option<f64>; 6]> {
        let items = release.items(moment);
        let at = micros(moment);
        let (done, all) = release.completion(moment);
        if all == 0 {
            return None;
        }
        let share = |part: usize, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
        let behind = release.start.zip(release.due).filter(|(start, due)| start < due).map(|(start, due)| {
            let passed = ((at - start) as f64 / (due - start) as f64).clamp(0.0, 1.0);
            passed - done as f64 / all as f64
        });
        let scope_change = release.scope_change(moment).map(|(changed, at_start)| changed as f64 / at_start as f64);
        let open_bugs = items
            .iter()
            .filter(|item| item.row.kind == WorkItemKind::Bug && item.category_before(at) != Some(StatusCategory::Done))
            .count();
        let in_progress: Vec<_> = items.iter().filter(|item| item.category_before(at) == Some(StatusCategory::InProgress)).collect();
        let patience = TimeDelta::days(i64::from(self.inputs.settings.ageing_after_days)).num_microseconds().unwrap_or(Micros::MAX);
        let ageing = in_progress.iter().filter(|item| item.started().is_some_and(|started| at - started > patience)).count();
        let mut merge_requests: Vec<i64> = items.iter().filter_map(|item| self.linked.get(&item.row.item)).flatten().copied().collect();
        merge_requests.sort_unstable();
        merge_requests.dedup();
        let states: Vec<&MergeRequestStates> = merge_requests.iter().filter_map(|id| self.states.get(id)).collect();
        let holds = |spans: &[(Micros, Micros)]| spans.iter().any(|(from, to)| *from < at && at <= *to);
        let open = states.iter().filter(|row| holds(&row.open)).count();
        let stale = states.iter().filter(|row| holds(&row.stale)).count();
        let mut projects: Vec<ProjectKey> = states.iter().filter(|row| row.created < at).map(|row| row.project).collect();
        projects.sort_unstable();
        projects.dedup();
        let (failed, finished) =
            projects.iter().map(|project| self.pipelines_before(*project, moment)).fold((0, 0), |sum, row| (sum.0 + row.0, sum.1 + row.1));
        Some([
            behind,
            scope_change,
            share(open_bugs, items.len()),
            share(ageing, in_progress.len()),
            share(stale, open),
            share(failed as usize, finished as usize),
        ])
    }

    /// Failed and finished pipelines of the 30 days before `moment`.
    fn pipelines_before(&self, project: ProjectKey, moment: DateTime<Utc>) -> (u64, u64) {
        let rows = self.pipelines.get(&project).map_or(&[][..], Vec::as_slice);
        let until = |at: DateTime<Utc>| rows.partition_point(|row| row.0 < micros(at));
        let (from, to) = (until(moment - TimeDelta::days(PIPELINE_DAYS)), until(moment));
        let failed = |end: usize| end.checked_sub(1).map_or(0, |last| rows[last].1);
        (failed(to) - failed(from), (to - from) as u64)
    }
}
