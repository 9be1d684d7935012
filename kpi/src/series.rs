//! Dated rows of one metric, in order of time for every scope: a window is then a slice, found by bisection and never by filtering.

use chrono::{DateTime, Utc};
use ovia_domain::MetricKey;

use crate::{
    DatedRow, FirstOf, Window,
    inputs::Inputs,
    scope::{ByScope, Micros, Place, ScopeIndex, micros},
    snapshot::Figure,
};

/// One row, at the moment it counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) at: Micros,
    pub(crate) id: i64,
    pub(crate) value: f64,
    pub(crate) mark: Mark,
}

/// What becomes of a row, and what is known of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    /// 0: counted. Others: left out, each for a reason of the metric's own.
    pub(crate) reason: u8,
    /// Its author (assignee) is linked to a person.
    pub(crate) mapped: bool,
    /// What the coverage of the metric asks besides: a linked deployment, a complete changelog.
    pub(crate) sound: bool,
    /// A difference the metric's stats show.
    pub(crate) class: u8,
}

impl Mark {
    pub(crate) const COUNTED: u8 = 0;

    pub(crate) fn counted(mapped: bool) -> Self {
        Self { reason: Self::COUNTED, mapped, sound: false, class: 0 }
    }

    pub(crate) fn left_out(reason: u8) -> Self {
        Self { reason, mapped: false, sound: false, class: 0 }
    }

    pub(crate) fn sound(self, sound: bool) -> Self {
        Self { sound, ..self }
    }

    pub(crate) fn class(self, class: u8) -> Self {
        Self { class, ..self }
    }
}

/// Reasons to leave a row out, at most.
pub(crate) const REASONS: usize = 6;

/// The rows of a scope and a window, summed up.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Id and value of the rows counted.
    pub(crate) rows: Vec<(i64, f64)>,
    /// Rows by reason; 0 are the counted ones.
    pub(crate) by_reason: [u64; REASONS],
    pub(crate) mapped: u64,
    pub(crate) sound: u64,
    /// Counted rows of class 1.
    pub(crate) classed: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, id: i64, value: f64, mark: Mark) {
        if let Some(count) = self.by_reason.get_mut(usize::from(mark.reason)) {
            *count += 1;
        }
        if mark.reason == Mark::COUNTED {
            self.rows.push((id, value));
            self.mapped += u64::from(mark.mapped);
            self.sound += u64::from(mark.sound);
            self.classed += u64::from(mark.class);
        }
    }

    pub(crate) fn sum(&self) -> f64 {
        self.rows.iter().map(|row| row.1).sum()
    }

    /// The figure of the rows, with how many were left out for which reason: names of the reasons from 1 on, as the entry's coverage.
    pub(crate) fn figure(self, names: &[(&str, &str)], figure: impl FnOnce(Self) -> Figure) -> Figure {
        let by_reason = self.by_reason;
        let left_out = names.iter().zip(by_reason.into_iter().skip(1));
        left_out.fold(figure(self), |figure, ((name, _), count)| figure.covering(name, count))
    }

    /// As [`Self::figure`] for the median of the rows.
    pub(crate) fn median(self, names: &[(&str, &str)]) -> Figure {
        self.figure(names, |tally| Figure::median_of(tally.rows))
    }
}

fn sort(rows: &mut [(Event, Place)]) {
    rows.sort_unstable_by(|(a, _), (b, _)| (a.at, a.id, a.mark).cmp(&(b.at, b.id, b.mark)).then(a.value.total_cmp(&b.value)));
}

pub(crate) struct Series {
    events: Vec<Event>,
    index: ByScope,
}

impl Series {
    /// Of a metric of [`crate::DATED`]: with the rows that are known already, and keeping these if it is asked for.
    pub(crate) fn dated(inputs: &Inputs<'_>, metric: MetricKey, mut rows: Vec<(Event, Place)>) -> Self {
        let from = inputs.facts.known.as_ref().map_or(Micros::MIN, |known| known.told_from(metric));
        rows.retain(|(event, _)| event.at >= from);
        sort(&mut rows);
        if let Some(keep) = inputs.keep() {
            let people = inputs.facts.person_ids().len();
            keep(metric, rows.iter().map(|row| DatedRow::of(row, people)).collect());
        }
        match inputs.facts.known.as_ref().and_then(|known| known.of(metric)) {
            // ascending, and before what the facts tell: sorting looks once and finds it so
            Some(known) => Self::new(inputs, known.chain(rows).collect()),
            None => Self::of_sorted(inputs, rows),
        }
    }

    pub(crate) fn new(inputs: &Inputs<'_>, mut rows: Vec<(Event, Place)>) -> Self {
        sort(&mut rows);
        Self::of_sorted(inputs, rows)
    }

    fn of_sorted(inputs: &Inputs<'_>, rows: Vec<(Event, Place)>) -> Self {
        let index = ByScope::new(inputs.scopes.len(), |note| {
            for ((event, place), row) in rows.iter().zip(0u32..) {
                inputs.scopes.at(*place, event.at, &inputs.crowds, |scope| note(row, scope));
            }
        });
        let mut events: Vec<Event> = rows.into_iter().map(|(event, _)| event).collect();
        // collected where the rows were, which took more
        events.shrink_to_fit();
        Self { events, index }
    }

    fn event(&self, row: u32) -> Event {
        self.events[row as usize]
    }

    /// The rows of a scope in `[from, to)`, ascending.
    pub(crate) fn between(&self, scope: ScopeIndex, from: DateTime<Utc>, to: DateTime<Utc>) -> impl ExactSizeIterator<Item = Event> {
        let rows = self.index.of(scope);
        let (from, to) = (micros(from), micros(to));
        let begin = rows.partition_point(|row| self.event(*row).at < from);
        let end = begin + rows[begin..].partition_point(|row| self.event(*row).at < to);
        rows[begin..end].iter().map(|row| self.event(*row))
    }

    pub(crate) fn tally(&self, scope: ScopeIndex, window: &Window) -> Tally {
        let events = self.between(scope, window.start, window.end);
        let mut tally = Tally { rows: Vec::with_capacity(events.len()), ..Tally::default() };
        for event in events {
            tally.add(event.id, event.value, event.mark);
        }
        tally
    }
}

/// Per scope, the first time something happened: before that there is no data.
pub(crate) struct Firsts(pub(crate) Vec<Micros>);

impl Firsts {
    /// When the first merge request of each scope was created.
    pub(crate) fn of_merge_requests(inputs: &Inputs<'_>) -> Self {
        Self::given(inputs, FirstOf::MergeRequest)
            .unwrap_or_else(|| Self::new(inputs, inputs.facts.merge_requests.iter().map(|row| (inputs.place_of(row), row.created_at))))
    }

    /// When the first work item of each scope was created.
    pub(crate) fn of_work_items(inputs: &Inputs<'_>) -> Self {
        Self::given(inputs, FirstOf::WorkItem).unwrap_or_else(|| {
            let rows = inputs.histories().each().map(|history| history.row);
            Self::new(inputs, rows.map(|row| (inputs.place(row.project, row.assignee), row.created_at)))
        })
    }

    /// When the first deployment to production of each scope was begun.
    pub(crate) fn of_deployments(inputs: &Inputs<'_>) -> Self {
        let rows = inputs.facts.deployments.iter().enumerate().filter(|(_, row)| row.is_production(inputs.settings));
        Self::new(inputs, rows.map(|(index, row)| (inputs.place_of_deployment(index), row.created_at.min(row.at()))))
    }

    fn given(inputs: &Inputs<'_>, of: FirstOf) -> Option<Self> {
        let given = inputs.facts.given.as_ref()?;
        let mut firsts = vec![Micros::MAX; inputs.scopes.len()];
        for first in given.firsts.iter().filter(|first| first.of == of) {
            if let Some(known) = firsts.get_mut(inputs.scopes.index_of(first.scope)) {
                *known = micros(first.at).min(*known);
            }
        }
        Some(Self(firsts))
    }

    fn new(inputs: &Inputs<'_>, times: impl Iterator<Item = (Place, DateTime<Utc>)>) -> Self {
        let mut firsts = vec![Micros::MAX; inputs.scopes.len()];
        for (place, at) in times {
            let at = micros(at);
            inputs.scopes.at(place, at, &inputs.crowds, |scope| {
                let first = &mut firsts[scope.0 as usize];
                *first = at.min(*first);
            });
        }
        Self(firsts)
    }

    /// Whether it happened in the scope before `moment`.
    pub(crate) fn before(&self, scope: ScopeIndex, moment: DateTime<Utc>) -> bool {
        self.0.get(scope.0 as usize).is_some_and(|first| *first < micros(moment))
    }
}
