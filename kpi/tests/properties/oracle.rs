//! The definitions read literally, one scope and one window at a time. Slow, and written without a look at the crate's arithmetic.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use ovia_domain::MetricKey;
use ovia_kpi::{
    DeploymentFact, DeploymentStatus, EnvironmentTier, Facts, IdentityKey, MergeRequestFact, MergeRequestState, PersonKey, PipelineStatus,
    ProjectKey, ReviewEventFact, ReviewEventKind, Scope, Snapshot,
};

pub type Time = DateTime<Utc>;
/// A value and the ids of the rows behind it.
pub type Answer = (Option<f64>, Vec<i64>);

pub struct Question<'a> {
    pub facts: &'a Facts,
    scope: &'a Scope,
    start: Time,
    end: Time,
    as_of: Time,
}

/// `None` where no oracle is written; hand-computed cases are beside the metric then.
pub fn answer(facts: &Facts, asked: &Snapshot, as_of: Time) -> Option<Answer> {
    let question = Question { facts, scope: &asked.scope, start: asked.window.start, end: asked.window.end, as_of };
    Some(match asked.metric {
        MetricKey::MergeThroughput => question.merge_throughput(),
        MetricKey::TimeToMerge => question.time_to_merge(),
        MetricKey::MergeRequestSize => question.merge_request_size(),
        MetricKey::TimeToFirstReview => question.time_to_first_review(),
        MetricKey::ReviewDuration => question.review_duration(),
        MetricKey::LeadTimeForChanges => question.lead_time_for_changes(),
        MetricKey::PipelineSuccessRate => question.pipeline_success_rate(),
        MetricKey::PipelineDuration => question.pipeline_duration(),
        MetricKey::StaleMergeRequests => question.stale_merge_requests(),
        MetricKey::DeploymentFrequency => question.deployment_frequency(),
        MetricKey::CycleTime => question.cycle_time(),
        MetricKey::Throughput => question.throughput(),
        MetricKey::WorkInProgress => question.work_in_progress(),
        MetricKey::WorkItemAge => question.work_item_age(),
        MetricKey::BugRatio => question.bug_ratio(),
        MetricKey::ReleaseCompletion => question.release_completion(),
        MetricKey::ReleaseScopeChange => question.release_scope_change(),
        _ => return None,
    })
}

pub fn median(mut rows: Vec<(i64, f64)>) -> Answer {
    let ids = rows.iter().map(|row| row.0).collect();
    rows.sort_by(|a, b| a.1.total_cmp(&b.1));
    let middle = rows.len() / 2;
    let value = match rows.len() {
        0 => None,
        n if n % 2 == 1 => Some(rows[middle].1),
        _ => Some((rows[middle - 1].1 + rows[middle].1) / 2.0),
    };
    (value, ids)
}

pub fn hours(from: Time, to: Time) -> f64 {
    (to - from).num_seconds() as f64 / 3600.0
}

impl Question<'_> {
    /// Whether a row of these people in this project belongs to the scope, by `member` of (from, to) of a membership.
    fn belongs(&self, project: ProjectKey, people: &[PersonKey], member: impl Fn(Option<Time>, Option<Time>) -> bool) -> bool {
        let number = |mut ids: Box<dyn Iterator<Item = &str> + '_>, id: &str| ids.position(|known| known == id).unwrap() as u32;
        match self.scope {
            Scope::Organisation => true,
            Scope::Project(id) => number(Box::new(self.facts.project_ids()), id) == project.0,
            Scope::Person(id) => people.contains(&PersonKey(number(Box::new(self.facts.person_ids()), id))),
            Scope::Team(id) => {
                let team = number(Box::new(self.facts.team_ids()), id);
                let rows = self.facts.team_memberships.iter().filter(|row| row.team.0 == team && people.contains(&row.person));
                rows.into_iter().any(|row| member(row.from, row.to))
            }
        }
    }

    /// A row that happened at `at`.
    pub fn asks(&self, project: ProjectKey, who: Option<IdentityKey>, at: Time) -> bool {
        let people: Vec<PersonKey> = who.iter().map(|who| self.facts.person_behind(*who)).collect();
        self.belongs(project, &people, |from, to| from.is_none_or(|from| from <= at) && to.is_none_or(|to| at < to))
    }

    /// A row that is in a state just before the observed moment.
    pub fn asks_now(&self, project: ProjectKey, who: Option<IdentityKey>) -> bool {
        let people: Vec<PersonKey> = who.iter().map(|who| self.facts.person_behind(*who)).collect();
        let moment = self.moment();
        self.belongs(project, &people, |from, to| from.is_none_or(|from| from < moment) && to.is_none_or(|to| moment <= to))
    }

    pub fn is_project_scope(&self) -> bool {
        matches!(self.scope, Scope::Organisation | Scope::Project(_))
    }

    pub fn moment(&self) -> Time {
        self.end.min(self.as_of)
    }

    pub fn start(&self) -> Time {
        self.start
    }

    pub fn within(&self, at: Time) -> bool {
        self.start <= at && at < self.end
    }

    fn any_merge_request(&self) -> bool {
        self.facts.merge_requests.iter().any(|row| row.created_at < self.moment() && self.asks(row.project, row.author, row.created_at))
    }

    /// The people a deployment counts for.
    fn people_of(&self, deployment: &DeploymentFact) -> Vec<PersonKey> {
        let brought = self
            .facts
            .merge_requests
            .iter()
            .filter(|row| !row.author_is_bot && self.deployment_of(row).is_some_and(|found| found.id == deployment.id));
        let authors: Vec<PersonKey> = brought.filter_map(|row| row.author).map(|who| self.facts.person_behind(who)).collect();
        let deployer = deployment.deployed_by.filter(|_| !deployment.deployed_by_bot).map(|who| self.facts.person_behind(who));
        if authors.is_empty() { deployer.into_iter().collect() } else { authors }
    }

    fn deliveries(&self, project: ProjectKey) -> Vec<&DeploymentFact> {
        let mut rows: Vec<_> = self
            .facts
            .deployments
            .iter()
            .filter(|row| row.project == project && row.status == DeploymentStatus::Success && is_production(row))
            .collect();
        rows.sort_by_key(|row| (finish(row), row.id));
        rows
    }

    fn deployment_of(&self, row: &MergeRequestFact) -> Option<&DeploymentFact> {
        let merged_at = row.merged_at?;
        let sha = row.merge_sha.or(row.head_sha);
        let deliveries = self.deliveries(row.project);
        let same = deliveries.iter().find(|deployment| sha.is_some() && deployment.sha == sha);
        same.or_else(|| deliveries.iter().find(|deployment| finish(deployment) >= merged_at)).copied()
    }

    fn lead_time_for_changes(&self) -> Answer {
        let mut rows = Vec::new();
        for row in self.facts.merge_requests.iter().filter(|row| !row.author_is_bot) {
            let (Some(merged_at), Some(first)) = (row.merged_at, row.first_commit_at) else { continue };
            let end = match self.deployment_of(row) {
                Some(deployment) => finish(deployment),
                None if self.deliveries(row.project).is_empty() => merged_at,
                None => continue,
            };
            if self.within(end) && end >= first && self.asks(row.project, row.author, end) {
                rows.push((row.id, hours(first, end)));
            }
        }
        median(rows)
    }

    fn events(&self, row: &MergeRequestFact) -> Vec<&ReviewEventFact> {
        let mut events: Vec<_> = self.facts.review_events.iter().filter(|event| event.merge_request_id == row.id).collect();
        events.sort_by_key(|event| (event.at, event.kind));
        events
    }

    fn merged(&self) -> Vec<(&MergeRequestFact, Time)> {
        let rows = self.facts.merge_requests.iter().filter(|row| !row.author_is_bot);
        let merged = rows.filter_map(|row| row.merged_at.filter(|at| self.within(*at)).map(|at| (row, at)));
        merged.filter(|(row, at)| self.asks(row.project, row.author, *at)).collect()
    }

    fn merge_throughput(&self) -> Answer {
        if !self.any_merge_request() {
            return (None, vec![]);
        }
        let ids: Vec<i64> = self.merged().iter().map(|(row, _)| row.id).collect();
        (Some(ids.len() as f64), ids)
    }

    fn time_to_merge(&self) -> Answer {
        median(
            self.merged()
                .into_iter()
                .filter(|(row, at)| *at >= row.created_at)
                .map(|(row, at)| (row.id, hours(row.created_at, at)))
                .collect(),
        )
    }

    fn merge_request_size(&self) -> Answer {
        let merged = self.merged();
        median(merged.iter().filter_map(|(row, _)| Some((row.id, f64::from(row.additions?) + f64::from(row.deletions?)))).collect())
    }

    /// When it was ready, and first reviewed.
    fn review(&self, row: &MergeRequestFact) -> Option<(Time, Time)> {
        let events = self.events(row);
        let of_kind = |kind| events.iter().filter(move |event| event.kind == kind);
        let person = |who: Option<IdentityKey>| who.map(|who| self.facts.person_behind(who));
        let drafted = of_kind(ReviewEventKind::MarkedDraft).map(|event| event.at).min();
        let ready = of_kind(ReviewEventKind::MarkedReady).map(|event| event.at).min();
        // of two changes at one moment, it became a draft first
        let ready = if drafted.is_some_and(|drafted| ready.is_none_or(|ready| drafted <= ready)) { Some(row.created_at) } else { ready };
        let ready = ready.or(if row.draft { None } else { Some(row.created_at) })?;
        let told = |who| of_kind(ReviewEventKind::SystemApproved).any(|note| note.at >= row.created_at && person(note.by) == person(who));
        let untold = of_kind(ReviewEventKind::Approval).filter(|event| !told(event.by));
        let reviews: Vec<&ReviewEventFact> =
            of_kind(ReviewEventKind::Note).chain(of_kind(ReviewEventKind::SystemApproved)).chain(untold).copied().collect();
        let by_author = |event: &ReviewEventFact| event.by.is_some() && person(event.by) == person(row.author);
        let human = |event: &&&ReviewEventFact| !event.by_is_bot && !by_author(event);
        let first = reviews.iter().filter(human).map(|event| event.at).filter(|at| *at >= row.created_at && *at >= ready).min()?;
        Some((ready, first))
    }

    fn time_to_first_review(&self) -> Answer {
        let humans = self.facts.merge_requests.iter().filter(|row| !row.author_is_bot);
        let reviewed = humans.filter_map(|row| self.review(row).map(|(ready, first)| (row, ready, first)));
        let asked = reviewed.filter(|(row, _, first)| self.within(*first) && self.asks(row.project, row.author, *first));
        median(asked.map(|(row, ready, first)| (row.id, hours(ready, first))).collect())
    }

    fn review_duration(&self) -> Answer {
        let reviewed = self.merged().into_iter().filter_map(|(row, at)| Some((row, self.review(row)?.1, at)));
        median(reviewed.filter(|(_, first, at)| first <= at).map(|(row, first, at)| (row.id, hours(first, at))).collect())
    }

    fn pipeline_success_rate(&self) -> Answer {
        let rows = self.facts.pipelines.iter().filter(|row| {
            row.finished_at.or(row.updated_at).is_some_and(|at| self.within(at) && self.asks(row.project, row.started_by, at))
        });
        let rows: Vec<_> = rows.filter(|row| row.status != PipelineStatus::Other).collect();
        let successes = rows.iter().filter(|row| row.status == PipelineStatus::Success).count();
        ((!rows.is_empty()).then(|| successes as f64 / rows.len() as f64), rows.iter().map(|row| row.id).collect())
    }

    fn pipeline_duration(&self) -> Answer {
        let (_, counted) = self.pipeline_success_rate();
        let rows = self.facts.pipelines.iter().filter(|row| counted.contains(&row.id));
        let minutes = rows.filter_map(|row| match (row.started_at, row.finished_at, row.duration_seconds) {
            (Some(from), Some(to), _) => Some((row.id, hours(from, to) * 60.0)),
            (_, _, seconds) => seconds.map(|seconds| (row.id, f64::from(seconds) / 60.0)),
        });
        median(minutes.filter(|(_, minutes)| *minutes >= 0.0).collect())
    }

    fn was_draft(&self, row: &MergeRequestFact, moment: Time) -> bool {
        let change = |event: &&ReviewEventFact| matches!(event.kind, ReviewEventKind::MarkedDraft | ReviewEventKind::MarkedReady);
        let changes: Vec<_> = self.events(row).into_iter().filter(change).collect();
        match (changes.iter().rfind(|event| event.at < moment), changes.first()) {
            (Some(last), _) => last.kind == ReviewEventKind::MarkedDraft,
            (None, Some(next)) => next.kind == ReviewEventKind::MarkedReady,
            (None, None) => row.draft,
        }
    }

    fn stale_merge_requests(&self) -> Answer {
        let moment = self.moment();
        if !self.any_merge_request() {
            return (None, vec![]);
        }
        let open = |row: &&MergeRequestFact| {
            let ended = row.merged_at.is_some() || row.closed_at.is_some();
            row.created_at < moment
                && row.merged_at.is_none_or(|at| at >= moment)
                && row.closed_at.is_none_or(|at| at >= moment)
                && (ended || row.state == MergeRequestState::Open)
        };
        let active_since = |row: &MergeRequestFact, since: Time| {
            let events = self.events(row).into_iter().map(|event| event.at);
            events.chain(row.updated_at).filter(|at| *at < moment).chain([row.created_at]).any(|at| at > since)
        };
        let humans = self.facts.merge_requests.iter().filter(|row| !row.author_is_bot && self.asks_now(row.project, row.author));
        let rows = humans.filter(open);
        let stale = rows.filter(|row| !self.was_draft(row, moment) && !active_since(row, moment - TimeDelta::days(7)));
        let ids: Vec<i64> = stale.map(|row| row.id).collect();
        (Some(ids.len() as f64), ids)
    }

    fn deployment_frequency(&self) -> Answer {
        let asks = |row: &DeploymentFact, at: Time| {
            self.belongs(row.project, &self.people_of(row), |from, to| from.is_none_or(|from| from <= at) && to.is_none_or(|to| at < to))
        };
        let production: Vec<_> = self.facts.deployments.iter().filter(|row| is_production(row)).collect();
        let known = |row: &&&DeploymentFact| {
            let first = row.created_at.min(finish(row));
            first < self.end && asks(row, first)
        };
        if !production.iter().any(|row| known(&row)) {
            return (None, vec![]);
        }
        let days: BTreeSet<_> = (0..)
            .map(|hour| self.start + TimeDelta::hours(hour))
            .take_while(|hour| *hour < self.end && (*hour <= self.as_of || hour.date_naive() == self.as_of.date_naive()))
            .map(|hour| hour.date_naive())
            .collect();
        let successes = production.iter().filter(|row| row.status == DeploymentStatus::Success);
        let counted: Vec<_> = successes.filter(|row| self.within(finish(row)) && asks(row, finish(row))).collect();
        (Some(counted.len() as f64 / days.len() as f64), counted.iter().map(|row| row.id).collect())
    }
}

fn is_production(row: &DeploymentFact) -> bool {
    row.environment_tier.or(row.deployment_tier) == Some(EnvironmentTier::Production)
}

fn finish(row: &DeploymentFact) -> Time {
    row.finished_at.or(row.updated_at).unwrap_or(row.created_at)
}
