//! Which days' rows need not be read: what came of them is kept from earlier rollups, and nothing has touched them since.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, Utc};
use ovia_kpi::{Calendar, Window};
use ovia_store::kpi::touched::TouchedSpan;

type Time = DateTime<Utc>;

/// Days by their first moment.
pub(super) struct KnownDays {
    calendar: Calendar,
    known: BTreeSet<Time>,
}

impl KnownDays {
    /// None: all rows are read.
    pub(super) fn none(calendar: Calendar) -> Self {
        Self { calendar, known: BTreeSet::new() }
    }

    /// Those of `kept` that no span touches.
    pub(super) fn new(calendar: Calendar, kept: BTreeSet<Time>, touched: &[TouchedSpan]) -> Self {
        let mut days = Self { calendar, known: kept };
        days.forget(touched);
        days
    }

    /// Without those that a span touches.
    pub(super) fn forget(&mut self, touched: &[TouchedSpan]) {
        self.known.retain(|day| {
            let end = next(self.calendar, *day);
            !touched.iter().any(|span| end >= span.from && *day <= span.to)
        });
    }

    /// Whether the day that begins there is one.
    pub(super) fn contains(&self, day: Time) -> bool {
        self.known.contains(&day)
    }

    /// Their first moments, ascending.
    pub(super) fn starts(&self) -> Vec<Time> {
        self.known.iter().copied().collect()
    }

    /// The first moment in `[from, until]` from which on rows have to be read.
    pub(super) fn unknown_from(&self, from: Time, until: Time) -> Time {
        let mut day = from;
        while day < until && self.known.contains(&day) {
            day = next(self.calendar, day);
        }
        day.min(until)
    }

    /// From when on rows have to be read for all of these windows.
    pub(super) fn read_from(&self, windows: &[Window]) -> Option<Time> {
        windows.iter().map(|window| self.unknown_from(window.start, window.end)).min()
    }
}

/// The days within `[from, until)`, each as `[begin, end)`.
pub(super) fn days_between(calendar: Calendar, from: Time, until: Time) -> impl Iterator<Item = (Time, Time)> {
    let first = calendar.midnight(calendar.date(from));
    let first = if first < from { next(calendar, first) } else { first };
    let days = std::iter::successors(Some(first), move |day| Some(next(calendar, *day)));
    days.map(move |day| (day, next(calendar, day))).take_while(move |(begin, end)| begin < end && *end <= until)
}

/// The first moment of the day after the one that `at` is in.
pub(super) fn next(calendar: Calendar, at: Time) -> Time {
    let date = calendar.date(at);
    calendar.midnight(date.checked_add_days(Days::new(1)).unwrap_or(date))
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use ovia_kpi::WindowKind;

    use super::*;

    fn at(text: &str) -> Time {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn span(from: &str, to: &str) -> TouchedSpan {
        TouchedSpan { from: at(from), to: at(to) }
    }

    /// The days of March 2026 in Berlin, whose clocks go forward on the 29th.
    fn march() -> (Calendar, BTreeSet<Time>) {
        let calendar = Calendar::new(Tz::Europe__Berlin);
        let days = days_between(calendar, at("2026-02-28T23:00:00Z"), at("2026-03-31T22:00:00Z"));
        (calendar, days.map(|day| day.0).collect())
    }

    #[test]
    fn days_are_whole_and_as_long_as_clocks_say() {
        let (calendar, days) = march();
        assert_eq!(days.len(), 31);
        let part = days_between(calendar, at("2026-03-28T12:00:00Z"), at("2026-03-30T21:59:59Z"));
        assert_eq!(
            part.collect::<Vec<_>>(),
            [(at("2026-03-28T23:00:00Z"), at("2026-03-29T22:00:00Z"))],
            "one of 23 hours, and no half ones"
        );
    }

    #[test]
    fn rows_are_read_from_the_first_day_that_was_touched_or_is_not_kept() {
        let (calendar, kept) = march();
        let gone = |days: &KnownDays| kept.iter().copied().filter(|day| !days.starts().contains(day)).collect::<Vec<_>>();
        let days = KnownDays::new(calendar, kept.clone(), &[span("2026-03-20T10:00:00Z", "2026-03-21T23:00:00Z")]);
        let want = ["2026-03-19T23:00:00Z", "2026-03-20T23:00:00Z", "2026-03-21T23:00:00Z"].map(at);
        assert_eq!(gone(&days), want, "to the first moment of the 22nd");
        let (begin, end) = (at("2026-02-28T23:00:00Z"), at("2026-03-31T22:00:00Z"));
        assert_eq!(days.unknown_from(begin, end), want[0]);
        assert_eq!(days.unknown_from(begin, at("2026-03-10T23:00:00Z")), at("2026-03-10T23:00:00Z"), "nothing has to be read");
        assert_eq!(days.unknown_from(at("2026-02-27T23:00:00Z"), end), at("2026-02-27T23:00:00Z"), "the day before is not kept");
        assert_eq!(days.unknown_from(at("2026-03-01T11:00:00Z"), end), at("2026-03-01T11:00:00Z"), "no day begins there");
        let window = |start, end| Window { kind: WindowKind::Week, start, end };
        let windows = [window(at("2026-03-22T23:00:00Z"), at("2026-03-29T22:00:00Z")), window(begin, at("2026-03-10T23:00:00Z"))];
        assert_eq!(days.read_from(&windows), Some(at("2026-03-10T23:00:00Z")), "the earliest of all windows");
        assert_eq!(days.read_from(&[]), None);
        assert_eq!(KnownDays::none(calendar).unknown_from(begin, end), begin);
        // a day ends where the next begins: states are looked at there
        let days = KnownDays::new(calendar, kept.clone(), &[span("2026-03-04T23:00:00Z", "2026-03-04T23:00:00Z")]);
        assert_eq!(gone(&days), ["2026-03-03T23:00:00Z", "2026-03-04T23:00:00Z"].map(at));
    }
}
