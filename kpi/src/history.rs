//! The way of each work item through its statuses, by category.

use ovia_domain::StatusCategory;
use rustc_hash::FxHashMap;

use crate::{
    Facts, ItemTable, WorkItemFact, WorkItemTransition,
    scope::{Micros, micros},
};

/// Transitions by item.
pub(crate) struct Histories<'a> {
    facts: &'a Facts,
    transitions: Vec<&'a WorkItemTransition>,
    /// Per work item, where its transitions end; they begin where the one before ends.
    ends: Vec<u32>,
    rows: FxHashMap<i64, u32>,
}

impl<'a> Histories<'a> {
    pub(crate) fn new(facts: &'a Facts) -> Self {
        let indexed = facts.work_items.iter().zip(0u32..).filter(|(row, _)| row.item.table == ItemTable::WorkItems);
        let rows: FxHashMap<i64, u32> = indexed.map(|(row, index)| (row.item.id, index)).collect();
        let mut keyed: Vec<(u32, &WorkItemTransition)> =
            facts.work_item_transitions.iter().filter_map(|row| rows.get(&row.work_item_id).map(|index| (*index, row))).collect();
        keyed.sort_unstable_by_key(|(index, row)| (*index, row.at, rank(row.from), rank(row.to)));
        let mut ends = vec![0u32; facts.work_items.len()];
        for (index, _) in &keyed {
            ends[*index as usize] += 1;
        }
        let mut end = 0;
        for count in &mut ends {
            end += *count;
            *count = end;
        }
        Self { facts, transitions: keyed.into_iter().map(|(_, row)| row).collect(), ends, rows }
    }

    /// Every work item but epics, which are containers of others.
    pub(crate) fn each(&self) -> impl Iterator<Item = History<'_>> {
        let all = (0..self.facts.work_items.len()).map(|index| self.at(index));
        all.filter(|history| history.row.item.table == ItemTable::WorkItems && history.row.kind != ovia_domain::WorkItemKind::Epic)
    }

    /// The history of a work item by its id.
    pub(crate) fn of(&self, id: i64) -> Option<History<'_>> {
        self.rows.get(&id).map(|index| self.at(*index as usize))
    }

    fn at(&self, index: usize) -> History<'_> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        History { row: &self.facts.work_items[index], steps: &self.transitions[start as usize..self.ends[index] as usize] }
    }
}

fn rank(category: Option<StatusCategory>) -> u8 {
    match category {
        None => 0,
        Some(StatusCategory::Todo) => 1,
        Some(StatusCategory::InProgress) => 2,
        Some(StatusCategory::Done) => 3,
    }
}

/// A work item with its transitions, ascending.
#[derive(Clone, Copy)]
pub(crate) struct History<'a> {
    pub(crate) row: &'a WorkItemFact,
    steps: &'a [&'a WorkItemTransition],
}

impl History<'_> {
    fn created(&self) -> Micros {
        micros(self.row.created_at)
    }

    /// What it was created as: what its first transition left, else what it is.
    fn initial(&self) -> Option<StatusCategory> {
        self.steps.first().map_or(self.row.category, |step| step.from)
    }

    /// When it first was in progress: a transition, or its creation when its first transition left a status in progress. `None` where no
    /// transition tells.
    pub(crate) fn started(&self) -> Option<Micros> {
        let progress = Some(StatusCategory::InProgress);
        let first = self.steps.first()?;
        if first.from == progress {
            return Some(self.created());
        }
        self.steps.iter().find(|step| step.to == progress).map(|step| micros(step.at))
    }

    /// When it came into done for the last time, if it stayed there. Moves from one status of category done to another are no new end.
    /// An item without any transition is taken at its resolution.
    pub(crate) fn finished(&self) -> Option<Micros> {
        let done = Some(StatusCategory::Done);
        if self.steps.is_empty() {
            return self.row.resolved_at.filter(|_| self.row.category == done).map(micros);
        }
        if self.steps.last().is_none_or(|step| step.to != done) {
            return None;
        }
        let before = std::iter::once(self.initial()).chain(self.steps.iter().map(|step| step.to));
        let entered = before.zip(self.steps).filter(|(before, step)| step.to == done && *before != done).last();
        entered.map(|(_, step)| micros(step.at)).or_else(|| self.steps.first().map(|step| micros(step.at)))
    }

    /// Its category just before `moment`; `None` before its creation and where the source names none.
    pub(crate) fn category_before(&self, moment: Micros) -> Option<StatusCategory> {
        if self.created() >= moment {
            return None;
        }
        if self.steps.is_empty() && self.row.category == Some(StatusCategory::Done) {
            // nothing tells what it was before its resolution
            return self.row.resolved_at.is_none_or(|at| micros(at) < moment).then_some(StatusCategory::Done);
        }
        let begun = self.steps.partition_point(|step| micros(step.at) < moment);
        begun.checked_sub(1).map_or_else(|| self.initial(), |last| self.steps[last].to)
    }

    /// When it was in progress, as `(from, to]` each. What is done now was in progress until its resolution at most, even where the
    /// transition that ended it is not known.
    pub(crate) fn progress_spans(&self) -> Vec<(Micros, Micros)> {
        let mut spans: Vec<(Micros, Micros)> = Vec::new();
        let end = match self.steps.last() {
            Some(last) if self.row.category == Some(StatusCategory::Done) => micros(self.row.resolved_at.unwrap_or(last.at)),
            _ => Micros::MAX,
        };
        let (mut from, mut category) = (self.created(), self.initial());
        let ends = self.steps.iter().map(|step| (micros(step.at), step.to)).chain([(end, None)]);
        for (at, next) in ends {
            if category == Some(StatusCategory::InProgress) && from < at {
                match spans.last_mut() {
                    // from one status in progress to another
                    Some(last) if last.1 == from => last.1 = at,
                    _ => spans.push((from, at)),
                }
            }
            (from, category) = (at.max(self.created()), next);
        }
        spans
    }

    /// Whether its transitions are a chain from its creation to what it is now, with a category everywhere. An item without transitions is
    /// known whole only while it is to do.
    pub(crate) fn is_complete(&self) -> bool {
        let chained = self.steps.windows(2).all(|pair| pair[0].to == pair[1].from);
        let named = self.steps.iter().all(|step| step.from.is_some() && step.to.is_some());
        match self.steps.last() {
            None => self.row.category == Some(StatusCategory::Todo),
            Some(last) => chained && named && last.to == self.row.category,
        }
    }

    pub(crate) fn has_steps(&self) -> bool {
        !self.steps.is_empty()
    }
}
