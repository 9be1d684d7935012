//! Releases as they were at a moment: what was in them, what was done.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Days, NaiveDate, Utc};
use ovia_domain::{StatusCategory, WorkItemKind};

use crate::{
    ProjectKey, ReleaseFact,
    history::History,
    inputs::Inputs,
    scope::{Micros, micros},
};

/// An item was in the release from `from` until `to`.
struct Stay<'a> {
    item: History<'a>,
    from: Micros,
    to: Micros,
}

pub(crate) struct Release<'a> {
    pub(crate) row: &'a ReleaseFact,
    /// Midnight of its start.
    pub(crate) start: Option<Micros>,
    /// The end of the day it is planned for, or was released on.
    pub(crate) due: Option<Micros>,
    stays: Vec<Stay<'a>>,
}

pub(crate) struct Releases<'a>(Vec<Release<'a>>);

impl<'a> Releases<'a> {
    pub(crate) fn new(inputs: &'a Inputs<'a>) -> Self {
        let midnight = |day: NaiveDate| micros(inputs.calendar.midnight(day));
        let mut rows: Vec<&ReleaseFact> = inputs.facts.releases.iter().collect();
        rows.sort_unstable_by_key(|row| row.id);
        let mut releases: Vec<Release<'a>> = rows
            .into_iter()
            .map(|row| Release {
                row,
                start: row.start_on.map(midnight),
                due: row.release_on.and_then(|day| day.checked_add_days(Days::new(1))).map(midnight),
                stays: Vec::new(),
            })
            .collect();
        let index: HashMap<i64, usize> = releases.iter().enumerate().map(|(index, release)| (release.row.id, index)).collect();
        for row in &inputs.facts.release_items {
            let Some(item) = inputs.histories().of(row.work_item_id).filter(|item| item.row.kind != WorkItemKind::Epic) else { continue };
            let Some(index) = index.get(&row.release_id) else { continue };
            let from = row.added_at.unwrap_or(item.row.created_at);
            releases[*index].stays.push(Stay { item, from: micros(from), to: row.removed_at.map_or(Micros::MAX, micros) });
        }
        for release in &mut releases {
            release.stays.sort_unstable_by_key(|stay| (stay.item.row.item, stay.from, stay.to));
        }
        Self(releases)
    }

    /// Releases that had begun before `moment` and were not over when `start` came: of all projects (`Some(None)`), of one, or none.
    pub(crate) fn under_way(
        &self,
        projects: Option<Option<ProjectKey>>,
        start: DateTime<Utc>,
        moment: DateTime<Utc>,
    ) -> impl Iterator<Item = &Release<'a>> {
        let (start, moment) = (micros(start), micros(moment));
        let asked = move |release: &&Release<'a>| projects.is_some_and(|only| only.is_none_or(|project| project == release.row.project));
        let going = move |release: &&Release<'a>| {
            release.begin().is_some_and(|begin| begin < moment) && release.end().is_some_and(|end| end > start)
        };
        self.0.iter().filter(asked).filter(going)
    }
}

impl<'a> Release<'a> {
    /// Its start, else when its first item came.
    pub(crate) fn begin(&self) -> Option<Micros> {
        self.start.or_else(|| self.stays.iter().map(|stay| stay.from).min())
    }

    /// When it was released; never, if it is not; `None` where nobody knows.
    pub(crate) fn end(&self) -> Option<Micros> {
        if self.row.released { self.due } else { Some(Micros::MAX) }
    }

    fn observed(&self, moment: DateTime<Utc>) -> Micros {
        micros(moment).min(self.end().unwrap_or(Micros::MAX))
    }

    /// Items in it just before `moment`, each once.
    pub(crate) fn items(&self, moment: DateTime<Utc>) -> Vec<&History<'a>> {
        let moment = self.observed(moment);
        let mut items: Vec<&History<'a>> =
            self.stays.iter().filter(|stay| stay.from < moment && moment <= stay.to).map(|stay| &stay.item).collect();
        items.dedup_by_key(|item| item.row.item);
        items
    }

    /// Items done and items in it, just before `moment`.
    pub(crate) fn completion(&self, moment: DateTime<Utc>) -> (u64, u64) {
        let items = self.items(moment);
        let observed = self.observed(moment);
        let done = items.iter().filter(|item| item.category_before(observed) == Some(StatusCategory::Done)).count();
        (done as u64, items.len() as u64)
    }

    /// Items added or removed after its start and before `moment`, and items at its start; `None` without a start or an item then.
    pub(crate) fn scope_change(&self, moment: DateTime<Utc>) -> Option<(u64, u64)> {
        let (start, moment) = (self.start?, self.observed(moment));
        let distinct = |keep: &dyn Fn(&&Stay<'_>) -> bool| {
            self.stays.iter().filter(keep).map(|stay| stay.item.row.item.id).collect::<BTreeSet<i64>>().len() as u64
        };
        let at_start = distinct(&|stay| stay.from <= start && start < stay.to);
        let within = |at: Micros| start < at && at < moment;
        let changed = distinct(&|stay| within(stay.from) || within(stay.to));
        (at_start > 0).then_some((changed, at_start))
    }
}
