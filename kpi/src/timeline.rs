//! The dated events of each merge request in order, indexed once for all metrics, and what they say about a moment.

use chrono::{DateTime, TimeDelta, Utc};
use rustc_hash::FxHashMap;

use crate::{
    Facts, MergeRequestFact, ReviewEventFact, ReviewEventKind,
    scope::{Micros, micros},
};

/// Events by merge request.
pub(crate) struct Timelines<'a> {
    facts: &'a Facts,
    events: Vec<&'a ReviewEventFact>,
    /// Per merge request, where its events end; they begin where the one before ends.
    ends: Vec<u32>,
    rows: FxHashMap<i64, u32>,
}

impl<'a> Timelines<'a> {
    pub(crate) fn new(facts: &'a Facts) -> Self {
        let rows: FxHashMap<i64, u32> = facts.merge_requests.iter().zip(0u32..).map(|(row, index)| (row.id, index)).collect();
        let mut keyed: Vec<(u32, &ReviewEventFact)> =
            facts.review_events.iter().filter_map(|event| rows.get(&event.merge_request_id).map(|row| (*row, event))).collect();
        keyed.sort_unstable_by_key(|(row, event)| (*row, event.at, event.kind, event.by));
        let mut ends = vec![0u32; facts.merge_requests.len()];
        for (row, _) in &keyed {
            ends[*row as usize] += 1;
        }
        let mut end = 0;
        for count in &mut ends {
            end += *count;
            *count = end;
        }
        Self { facts, events: keyed.into_iter().map(|(_, event)| event).collect(), ends, rows }
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = Timeline<'_>> {
        (0..self.facts.merge_requests.len()).map(|index| self.at(index))
    }

    /// The timeline of a merge request by its id.
    pub(crate) fn of(&self, id: i64) -> Option<Timeline<'_>> {
        self.rows.get(&id).map(|index| self.at(*index as usize))
    }

    fn at(&self, index: usize) -> Timeline<'_> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let events = &self.events[start as usize..self.ends[index] as usize];
        Timeline { facts: self.facts, row: &self.facts.merge_requests[index], events }
    }
}

/// One merge request with its events, ascending.
#[derive(Clone, Copy)]
pub(crate) struct Timeline<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) row: &'a MergeRequestFact,
    pub(crate) events: &'a [&'a ReviewEventFact],
}

impl Timeline<'_> {
    /// When it was first ready for review; `None` for a draft that never was. What became a draft was ready before.
    pub(crate) fn ready_at(&self) -> Option<DateTime<Utc>> {
        let change = |event: &&&ReviewEventFact| matches!(event.kind, ReviewEventKind::MarkedDraft | ReviewEventKind::MarkedReady);
        match self.events.iter().find(change) {
            Some(event) if event.kind == ReviewEventKind::MarkedReady => Some(event.at),
            Some(_) => Some(self.row.created_at),
            None => (!self.row.draft).then_some(self.row.created_at),
        }
    }

    /// When it was open and no draft, as `(from, to]` each. A change of the draft state tells what was before it; without any change the
    /// flag of now was always so.
    pub(crate) fn ready_spans(&self) -> Vec<(Micros, Micros)> {
        let Some(end) = self.open_until() else { return Vec::new() };
        let (created, end) = (micros(self.row.created_at), end.map_or(Micros::MAX, micros));
        let change = |event: &&&ReviewEventFact| matches!(event.kind, ReviewEventKind::MarkedDraft | ReviewEventKind::MarkedReady);
        let first = self.events.iter().find(change);
        let mut ready = first.map_or(!self.row.draft, |event| event.kind == ReviewEventKind::MarkedDraft);
        let (mut from, mut spans) = (created, Vec::new());
        let ends = self.events.iter().filter(change).map(|event| (micros(event.at), event.kind == ReviewEventKind::MarkedReady));
        for (at, next) in ends.chain([(Micros::MAX, false)]) {
            let span = (from.max(created), at.min(end));
            if ready && span.0 < span.1 {
                spans.push(span);
            }
            (from, ready) = (at, next);
        }
        spans
    }

    /// When it was open and no draft, and nothing had happened for `quiet` or longer, as `(from, to]` each. What happens: creation, notes,
    /// approvals, commits, updates.
    pub(crate) fn stale_spans(&self, quiet: TimeDelta) -> Vec<(Micros, Micros)> {
        let ready = self.ready_spans();
        let quiet = quiet.num_microseconds().unwrap_or(Micros::MAX);
        // an untouched one that is not open long enough cannot be stale: most are not
        if ready.iter().all(|(_, to)| to.saturating_sub(micros(self.row.created_at)) < quiet) {
            return Vec::new();
        }
        let created = micros(self.row.created_at);
        let mut acts: Vec<Micros> = self.events.iter().map(|event| micros(event.at)).chain(self.row.updated_at.map(micros)).collect();
        acts.retain(|at| *at > created);
        acts.extend([created, Micros::MAX]);
        acts.sort_unstable();
        let silences = acts.windows(2).map(|pair| (pair[0].saturating_add(quiet) - 1, pair[1])).filter(|(from, to)| from < to);
        silences
            .flat_map(|(from, to)| ready.iter().map(move |span| (span.0.max(from), span.1.min(to))))
            .filter(|(from, to)| from < to)
            .collect()
    }

    /// The moment it was merged or closed; `Some(None)` while it is open, `None` when nothing is known of an end that must have been.
    pub(crate) fn open_until(&self) -> Option<Option<DateTime<Utc>>> {
        let end = match (self.row.merged_at, self.row.closed_at) {
            (Some(merged), Some(closed)) => Some(merged.min(closed)),
            (merged, closed) => merged.or(closed),
        };
        (end.is_some() || self.row.state == crate::MergeRequestState::Open).then_some(end)
    }
}
