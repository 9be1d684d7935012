//! The dated events of each merge request in order, indexed once for all metrics, and what they say about a moment.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::{Facts, MergeRequestFact, ReviewEventFact, ReviewEventKind};

/// Events by merge request.
pub(crate) struct Timelines<'a> {
    facts: &'a Facts,
    events: Vec<&'a ReviewEventFact>,
    /// Per merge request, where its events end; they begin where the one before ends.
    ends: Vec<usize>,
}

impl<'a> Timelines<'a> {
    pub(crate) fn new(facts: &'a Facts) -> Self {
        let rows: HashMap<i64, usize> = facts.merge_requests.iter().enumerate().map(|(index, row)| (row.id, index)).collect();
        let mut keyed: Vec<(usize, &ReviewEventFact)> =
            facts.review_events.iter().filter_map(|event| rows.get(&event.merge_request_id).map(|row| (*row, event))).collect();
        keyed.sort_unstable_by_key(|(row, event)| (*row, event.at, event.kind, event.by));
        let mut ends = vec![0; facts.merge_requests.len()];
        for (row, _) in &keyed {
            ends[*row] += 1;
        }
        let mut end = 0;
        for count in &mut ends {
            end += *count;
            *count = end;
        }
        Self { facts, events: keyed.into_iter().map(|(_, event)| event).collect(), ends }
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = Timeline<'_>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let spans = starts.zip(&self.ends);
        self.facts.merge_requests.iter().zip(spans).map(|(row, (start, end))| Timeline { row, events: &self.events[start..*end] })
    }
}

/// One merge request with its events, ascending.
#[derive(Clone, Copy)]
pub(crate) struct Timeline<'a> {
    pub(crate) row: &'a MergeRequestFact,
    pub(crate) events: &'a [&'a ReviewEventFact],
}

impl Timeline<'_> {
    /// When it was first ready for review; `None` for a draft that never was.
    pub(crate) fn ready_at(&self) -> Option<DateTime<Utc>> {
        let marked = self.events.iter().find(|event| event.kind == ReviewEventKind::MarkedReady);
        marked.map(|event| event.at).or((!self.row.draft).then_some(self.row.created_at))
    }

    /// Whether it was a draft just before `moment`. A change after it tells what was before the change; without any change the flag of
    /// now was always so.
    pub(crate) fn was_draft(&self, moment: DateTime<Utc>) -> bool {
        let (before, after) = self.events.split_at(self.until(moment));
        let change = |event: &&&ReviewEventFact| matches!(event.kind, ReviewEventKind::MarkedDraft | ReviewEventKind::MarkedReady);
        if let Some(last) = before.iter().rev().find(change) {
            return last.kind == ReviewEventKind::MarkedDraft;
        }
        after.iter().find(change).map_or(self.row.draft, |next| next.kind == ReviewEventKind::MarkedReady)
    }

    /// The last thing known to have happened before `moment`, at the earliest its creation.
    pub(crate) fn last_activity(&self, moment: DateTime<Utc>) -> DateTime<Utc> {
        let event = self.events[..self.until(moment)].last().map(|event| event.at);
        let update = self.row.updated_at.filter(|at| *at < moment);
        [event, update].into_iter().flatten().fold(self.row.created_at, DateTime::max)
    }

    /// The moment it was merged or closed; `Some(None)` while it is open, `None` when nothing is known of an end that must have been.
    pub(crate) fn open_until(&self) -> Option<Option<DateTime<Utc>>> {
        let end = match (self.row.merged_at, self.row.closed_at) {
            (Some(merged), Some(closed)) => Some(merged.min(closed)),
            (merged, closed) => merged.or(closed),
        };
        (end.is_some() || self.row.state == crate::MergeRequestState::Open).then_some(end)
    }

    fn until(&self, moment: DateTime<Utc>) -> usize {
        self.events.partition_point(|event| event.at < moment)
    }
}
