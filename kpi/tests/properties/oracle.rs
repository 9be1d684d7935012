//! The definitions read literally, one scope and one window at a time. Slow, and written without a look at the crate's arithmetic.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use ovia_domain::MetricKey;
use ovia_kpi::{
    DeploymentStatus, EnvironmentTier, Facts, MergeRequestFact, MergeRequestState, PipelineStatus, ProjectKey, ReviewEventFact,
    ReviewEventKind, Scope, Snapshot,
};

type Time = DateTime<Utc>;
/// A value and the ids of the rows behind it.
type Answer = (Option<f64>, Vec<i64>);

struct Question<'a> {
    facts: &'a Facts,
    project: Option<ProjectKey>,
    start: Time,
    end: Time,
    as_of: Time,
}

pub fn answer(facts: &Facts, asked: &Snapshot, as_of: Time) -> Answer {
    let project = match &asked.scope {
        Scope::Organisation => None,
        Scope::Project(id) => facts.project_ids().position(|known| known == id).map(|index| ProjectKey(index as u32)),
    };
    let question = Question { facts, project, start: asked.window.start, end: asked.window.end, as_of };
    match asked.metric {
        MetricKey::MergeThroughput => question.merge_throughput(),
        MetricKey::TimeToMerge => question.time_to_merge(),
        MetricKey::TimeToFirstReview => question.time_to_first_review(),
        MetricKey::PipelineSuccessRate => question.pipeline_success_rate(),
        MetricKey::StaleMergeRequests => question.stale_merge_requests(),
        MetricKey::DeploymentFrequency => question.deployment_frequency(),
    }
}

fn median(mut rows: Vec<(i64, f64)>) -> Answer {
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

fn hours(from: Time, to: Time) -> f64 {
    (to - from).num_seconds() as f64 / 3600.0
}

impl Question<'_> {
    fn asks(&self, project: ProjectKey) -> bool {
        self.project.is_none_or(|asked| asked == project)
    }

    fn within(&self, at: Time) -> bool {
        self.start <= at && at < self.end
    }

    fn merge_requests(&self) -> Vec<&MergeRequestFact> {
        self.facts.merge_requests.iter().filter(|row| self.asks(row.project)).collect()
    }

    fn events(&self, row: &MergeRequestFact) -> Vec<&ReviewEventFact> {
        let mut events: Vec<_> = self.facts.review_events.iter().filter(|event| event.merge_request_id == row.id).collect();
        events.sort_by_key(|event| (event.at, event.kind));
        events
    }

    fn merged(&self) -> Vec<(&MergeRequestFact, Time)> {
        let rows = self.merge_requests().into_iter().filter(|row| !row.author_is_bot);
        rows.filter_map(|row| row.merged_at.filter(|at| self.within(*at)).map(|at| (row, at))).collect()
    }

    fn merge_throughput(&self) -> Answer {
        if !self.merge_requests().iter().any(|row| row.created_at < self.end.min(self.as_of)) {
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

    fn time_to_first_review(&self) -> Answer {
        let mut rows = Vec::new();
        for row in self.merge_requests().into_iter().filter(|row| !row.author_is_bot) {
            let events = self.events(row);
            let of_kind = |kind| events.iter().filter(move |event| event.kind == kind);
            let ready = of_kind(ReviewEventKind::MarkedReady).map(|event| event.at).min();
            let Some(ready) = ready.or(if row.draft { None } else { Some(row.created_at) }) else { continue };
            let mut reviews: Vec<&ReviewEventFact> =
                of_kind(ReviewEventKind::Note).chain(of_kind(ReviewEventKind::Approval)).copied().collect();
            for note in of_kind(ReviewEventKind::SystemApproved) {
                let approved = of_kind(ReviewEventKind::Approval).any(|event| event.by == note.by);
                let earlier = of_kind(ReviewEventKind::SystemApproved).any(|event| event.by == note.by && event.at < note.at);
                if !approved && !earlier {
                    reviews.push(note);
                }
            }
            let by_author = |event: &ReviewEventFact| event.by.is_some() && event.by == row.author;
            let human = |event: &&&ReviewEventFact| !event.by_is_bot && !by_author(event);
            let first = reviews.iter().filter(human).map(|event| event.at).filter(|at| *at >= row.created_at && *at >= ready).min();
            rows.extend(first.filter(|at| self.within(*at)).map(|at| (row.id, hours(ready, at))));
        }
        median(rows)
    }

    fn pipeline_success_rate(&self) -> Answer {
        let rows = self
            .facts
            .pipelines
            .iter()
            .filter(|row| self.asks(row.project) && row.finished_at.or(row.updated_at).is_some_and(|at| self.within(at)));
        let rows: Vec<_> = rows.filter(|row| row.status != PipelineStatus::Other).collect();
        let successes = rows.iter().filter(|row| row.status == PipelineStatus::Success).count();
        ((!rows.is_empty()).then(|| successes as f64 / rows.len() as f64), rows.iter().map(|row| row.id).collect())
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
        let moment = self.end.min(self.as_of);
        if !self.merge_requests().iter().any(|row| row.created_at < moment) {
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
        let rows = self.merge_requests().into_iter().filter(|row| !row.author_is_bot).filter(open);
        let stale = rows.filter(|row| !self.was_draft(row, moment) && !active_since(row, moment - TimeDelta::days(7)));
        let ids: Vec<i64> = stale.map(|row| row.id).collect();
        (Some(ids.len() as f64), ids)
    }

    fn deployment_frequency(&self) -> Answer {
        let tier = |row: &&ovia_kpi::DeploymentFact| row.environment_tier.or(row.deployment_tier) == Some(EnvironmentTier::Production);
        let production: Vec<_> = self.facts.deployments.iter().filter(|row| self.asks(row.project)).filter(tier).collect();
        let at = |row: &ovia_kpi::DeploymentFact| row.finished_at.or(row.updated_at).unwrap_or(row.created_at);
        if !production.iter().any(|row| row.created_at < self.end || at(row) < self.end) {
            return (None, vec![]);
        }
        let days: BTreeSet<_> = (0..)
            .map(|hour| self.start + TimeDelta::hours(hour))
            .take_while(|hour| *hour < self.end && (*hour <= self.as_of || hour.date_naive() == self.as_of.date_naive()))
            .map(|hour| hour.date_naive())
            .collect();
        let counted: Vec<_> = production.iter().filter(|row| row.status == DeploymentStatus::Success && self.within(at(row))).collect();
        (Some(counted.len() as f64 / days.len() as f64), counted.iter().map(|row| row.id).collect())
    }
}
