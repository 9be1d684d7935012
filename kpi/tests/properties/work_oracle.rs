//! The definitions of the work items' metrics, read literally.

use chrono::{Days, NaiveTime, TimeDelta};
use ovia_domain::{StatusCategory, WorkItemKind};
use ovia_kpi::{ReleaseFact, WorkItemFact, WorkItemTransition};

use crate::oracle::{Answer, Question, Time, hours, median};

const DONE: Option<StatusCategory> = Some(StatusCategory::Done);
const PROGRESS: Option<StatusCategory> = Some(StatusCategory::InProgress);

impl Question<'_> {
    fn items(&self) -> Vec<&WorkItemFact> {
        self.facts.work_items.iter().filter(|row| row.kind != WorkItemKind::Epic).collect()
    }

    fn steps(&self, row: &WorkItemFact) -> Vec<&WorkItemTransition> {
        let mut steps: Vec<_> = self.facts.work_item_transitions.iter().filter(|step| step.work_item_id == row.item.id).collect();
        steps.sort_by_key(|step| step.at);
        steps
    }

    fn started(&self, row: &WorkItemFact) -> Option<Time> {
        let steps = self.steps(row);
        let born = steps.first().filter(|step| step.from == PROGRESS).map(|_| row.created_at);
        born.or_else(|| steps.iter().find(|step| step.to == PROGRESS).map(|step| step.at))
    }

    fn finished(&self, row: &WorkItemFact) -> Option<Time> {
        let steps = self.steps(row);
        if steps.is_empty() {
            return if row.category == DONE { row.resolved_at } else { None };
        }
        if steps.last()?.to != DONE {
            return None;
        }
        // backwards over moves from done to done
        let tail = steps.iter().rev().take_while(|step| step.to == DONE).last()?;
        Some(tail.at)
    }

    /// Just before `moment`.
    fn category(&self, row: &WorkItemFact, moment: Time) -> Option<StatusCategory> {
        let steps = self.steps(row);
        if row.created_at >= moment {
            return None;
        }
        match (steps.iter().rev().find(|step| step.at < moment), steps.first()) {
            (Some(last), _) => last.to,
            (None, Some(first)) => first.from,
            (None, None) if row.category == DONE && row.resolved_at.is_some_and(|at| at >= moment) => None,
            (None, None) => row.category,
        }
    }

    fn known(&self) -> bool {
        self.items().iter().any(|row| row.created_at < self.moment() && self.asks(row.project, row.assignee, row.created_at))
    }

    fn done(&self) -> Vec<(&WorkItemFact, Time)> {
        let rows = self.items().into_iter().filter(|row| !row.assignee_is_bot);
        let done = rows.filter_map(|row| self.finished(row).map(|at| (row, at)));
        done.filter(|(row, at)| self.within(*at) && self.asks(row.project, row.assignee, *at)).collect()
    }

    pub fn cycle_time(&self) -> Answer {
        let timed = self.done().into_iter().filter_map(|(row, at)| self.started(row).map(|from| (row.item.id, hours(from, at))));
        median(timed.filter(|(_, hours)| *hours >= 0.0).collect())
    }

    pub fn throughput(&self) -> Answer {
        let ids: Vec<i64> = self.done().iter().map(|(row, _)| row.item.id).collect();
        if self.known() { (Some(ids.len() as f64), ids) } else { (None, vec![]) }
    }

    fn in_progress(&self) -> Vec<&WorkItemFact> {
        let rows = self.items().into_iter().filter(|row| !row.assignee_is_bot && self.asks_now(row.project, row.assignee));
        rows.filter(|row| self.category(row, self.moment()) == PROGRESS).collect()
    }

    pub fn work_in_progress(&self) -> Answer {
        let ids: Vec<i64> = self.in_progress().iter().map(|row| row.item.id).collect();
        if self.known() { (Some(ids.len() as f64), ids) } else { (None, vec![]) }
    }

    pub fn work_item_age(&self) -> Answer {
        let rows =
            self.in_progress().into_iter().filter_map(|row| self.started(row).map(|from| (row.item.id, hours(from, self.moment()) / 24.0)));
        median(rows.collect())
    }

    pub fn bug_ratio(&self) -> Answer {
        let created =
            self.items().into_iter().filter(|row| self.within(row.created_at) && self.asks(row.project, row.assignee, row.created_at));
        let created: Vec<&WorkItemFact> = created.filter(|row| !row.assignee_is_bot).collect();
        let bugs = created.iter().filter(|row| row.kind == WorkItemKind::Bug).count();
        ((!created.is_empty()).then(|| bugs as f64 / created.len() as f64), created.iter().map(|row| row.item.id).collect())
    }

    /// Items of a release with when they were in it.
    fn stays(&self, release: &ReleaseFact) -> Vec<(&WorkItemFact, Time, Option<Time>)> {
        let rows = self.facts.release_items.iter().filter(|row| row.release_id == release.id);
        let items = self.items();
        rows.filter_map(|row| {
            let item = items.iter().find(|item| item.item.id == row.work_item_id)?;
            Some((*item, row.added_at.unwrap_or(item.created_at), row.removed_at))
        })
        .collect()
    }

    /// Releases under way, with their start and the moment they are looked at.
    fn releases(&self) -> Vec<(&ReleaseFact, Option<Time>, Time)> {
        let mut found = Vec::new();
        for release in self.facts.releases.iter().filter(|row| self.is_project_scope() && self.asks(row.project, None, self.start())) {
            let midnight = |day: chrono::NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
            let start = release.start_on.map(midnight);
            let Some(begin) = start.or_else(|| self.stays(release).iter().map(|stay| stay.1).min()) else { continue };
            let end = match (release.released, release.release_on) {
                (false, _) => self.moment() + TimeDelta::days(999),
                (true, Some(day)) => midnight(day + Days::new(1)),
                (true, None) => continue,
            };
            if begin < self.moment() && end > self.start() {
                found.push((release, start, end.min(self.moment())));
            }
        }
        found
    }

    fn ratio(rows: Vec<(i64, usize, usize)>) -> Answer {
        let (part, whole) = rows.iter().fold((0, 0), |sum, row| (sum.0 + row.1, sum.1 + row.2));
        ((whole > 0).then(|| part as f64 / whole as f64), rows.iter().map(|row| row.0).collect())
    }

    pub fn release_completion(&self) -> Answer {
        let mut rows = Vec::new();
        for (release, _, moment) in self.releases() {
            let mut items: Vec<&WorkItemFact> = self
                .stays(release)
                .into_iter()
                .filter(|stay| stay.1 < moment && stay.2.is_none_or(|to| to >= moment))
                .map(|stay| stay.0)
                .collect();
            items.sort_by_key(|item| item.item.id);
            items.dedup_by_key(|item| item.item.id);
            let done = items.iter().filter(|item| self.category(item, moment) == DONE).count();
            if !items.is_empty() {
                rows.push((release.id, done, items.len()));
            }
        }
        Self::ratio(rows)
    }

    pub fn release_scope_change(&self) -> Answer {
        let mut rows = Vec::new();
        for (release, start, moment) in self.releases() {
            let Some(start) = start else { continue };
            let stays = self.stays(release);
            let count = |keep: &dyn Fn(Time, Option<Time>) -> bool| {
                let mut ids: Vec<i64> = stays.iter().filter(|stay| keep(stay.1, stay.2)).map(|stay| stay.0.item.id).collect();
                ids.sort_unstable();
                ids.dedup();
                ids.len()
            };
            let at_start = count(&|from, to| from <= start && to.is_none_or(|to| to > start));
            let later = |at: Time| at > start && at < moment;
            let changed = count(&|from, to| later(from) || to.is_some_and(later));
            if at_start > 0 {
                rows.push((release.id, changed, at_start));
            }
        }
        Self::ratio(rows)
    }
}
