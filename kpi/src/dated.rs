//! Rows of metrics at the moments they count, kept from one rollup to the next: a long window of which one day is new needs the rows of
//! that day, and of the other days only what came of them.

use std::collections::HashMap;

use ovia_domain::MetricKey;

use crate::{
    PersonKey, ProjectKey,
    facts::Time,
    scope::{Micros, Place, Who, micros},
    series::{Event, Mark},
};

/// Metrics whose rows can be kept: each row counts at one moment, and hangs on nothing that is dated elsewhere and read for every rollup
/// anyway, as deployments and incidents are.
pub const DATED: [MetricKey; 11] = [
    MetricKey::MergeThroughput,
    MetricKey::LeadTimeForChanges,
    MetricKey::TimeToFirstReview,
    MetricKey::ReviewDuration,
    MetricKey::TimeToMerge,
    MetricKey::MergeRequestSize,
    MetricKey::PipelineSuccessRate,
    MetricKey::PipelineDuration,
    MetricKey::CycleTime,
    MetricKey::Throughput,
    MetricKey::BugRatio,
];

/// A row of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DatedRow {
    /// When it counts, in microseconds since 1970.
    pub at: i64,
    /// Of the metric's table of rows.
    pub id: i64,
    pub value: f64,
    /// Whether it is counted, and what its coverage and stats ask, in bits.
    pub mark: u8,
    pub project: ProjectKey,
    /// Whose it is; `None` for an account that is nobody's.
    pub person: Option<PersonKey>,
}

/// Rows that are known without their facts. Of these metrics, facts tell nothing before [`Self::until`].
#[derive(Clone, Debug)]
pub struct KnownRows {
    pub until: Time,
    /// Ascending by `at`, all before `until`. A metric that is missing is told from the facts at all times.
    pub rows: HashMap<MetricKey, Vec<DatedRow>>,
}

impl KnownRows {
    /// What is known of a metric, if its rows are kept.
    pub(crate) fn of(&self, metric: MetricKey) -> Option<impl Iterator<Item = (Event, Place)>> {
        self.rows.get(&metric).map(|rows| rows.iter().map(DatedRow::placed))
    }

    /// Where what the facts tell of a metric begins.
    pub(crate) fn told_from(&self, metric: MetricKey) -> Micros {
        if self.rows.contains_key(&metric) { micros(self.until) } else { Micros::MIN }
    }
}

/// Bits of [`DatedRow::mark`]: three for the reason, one each for the others.
const MAPPED: u8 = 1 << 3;
const SOUND: u8 = 1 << 4;
const CLASS: u8 = 1 << 5;

impl DatedRow {
    pub(crate) fn of((event, place): &(Event, Place), people: usize) -> Self {
        let Mark { reason, mapped, sound, class } = event.mark;
        let bit = |is: bool, bit: u8| if is { bit } else { 0 };
        let person = match place.who {
            Who::One(person) if (person.0 as usize) < people => Some(person),
            _ => None,
        };
        Self {
            at: event.at,
            id: event.id,
            value: event.value,
            mark: reason & 7 | bit(mapped, MAPPED) | bit(sound, SOUND) | bit(class > 0, CLASS),
            project: place.project,
            person,
        }
    }

    fn placed(&self) -> (Event, Place) {
        let mark = Mark {
            reason: self.mark & 7,
            mapped: self.mark & MAPPED != 0,
            sound: self.mark & SOUND != 0,
            class: u8::from(self.mark & CLASS != 0),
        };
        let place = Place { project: self.project, who: self.person.map_or(Who::Nobody, Who::One) };
        (Event { at: self.at, id: self.id, value: self.value, mark }, place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::REASONS;

    #[test]
    fn every_mark_comes_back_as_it_was() {
        let all = (0..REASONS as u8).flat_map(|reason| (0..8u8).map(move |bits| (reason, bits)));
        for (reason, bits) in all {
            let mark = Mark { reason, mapped: bits & 1 > 0, sound: bits & 2 > 0, class: u8::from(bits & 4 > 0) };
            let place = Place { project: ProjectKey(3), who: Who::One(PersonKey(1)) };
            let row = DatedRow::of(&(Event { at: -5, id: 7, value: 0.5, mark }, place), 2);
            let (event, place) = row.placed();
            assert_eq!((event.at, event.id, event.value, event.mark), (-5, 7, 0.5, mark));
            assert!(place.project == ProjectKey(3) && matches!(place.who, Who::One(PersonKey(1))));
        }
    }

    #[test]
    fn an_account_that_is_nobody_s_is_nobody_s_again() {
        let event = Event { at: 0, id: 0, value: 0.0, mark: Mark::counted(false) };
        let place = |who| Place { project: ProjectKey(0), who };
        // a person of its own, behind all that are known
        assert_eq!(DatedRow::of(&(event, place(Who::One(PersonKey(2)))), 2).person, None);
        assert_eq!(DatedRow::of(&(event, place(Who::Nobody)), 2).person, None);
    }
}
