//! The windows figures are computed for: half-open spans of UTC days.

use std::{fmt, ops::Range};

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, Utc};
use serde::Serialize;

/// The newest this many weeks are computed.
pub const MAX_WEEKS: usize = 104;
/// The newest this many months are computed.
pub const MAX_MONTHS: usize = 24;
const TRAILING_DAYS: u64 = 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowKind {
    /// The 30 UTC days that end with the day of `as_of`.
    #[serde(rename = "trailing_30_days")]
    Trailing30Days,
    /// ISO week, from Monday 00:00.
    Week,
    /// Calendar month.
    Month,
}

impl WindowKind {
    pub const ALL: [Self; 3] = [Self::Trailing30Days, Self::Week, Self::Month];

    /// As stored in `kpi_snapshots.window_kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trailing30Days => "trailing_30_days",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for WindowKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Window {
    pub kind: WindowKind,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
}

impl Window {
    pub fn contains(&self, at: DateTime<Utc>) -> bool {
        self.start <= at && at < self.end
    }

    /// Whether the window was still going on at `as_of`, so that its figures are not final.
    pub fn is_partial(&self, as_of: DateTime<Utc>) -> bool {
        self.contains(as_of)
    }

    /// The moment a state is looked at: the window's end, or `as_of` when that is earlier.
    pub fn observed_until(&self, as_of: DateTime<Utc>) -> DateTime<Utc> {
        self.end.min(as_of)
    }

    /// Whole days of the window; of one still going on, those that have begun.
    pub fn days(&self, as_of: DateTime<Utc>) -> i64 {
        (self.end.min(midnight(next_day(as_of.date_naive()))) - self.start).num_days().max(0)
    }
}

/// The windows from `earliest` to `as_of`: the trailing one, then weeks, then months, each ascending; the newest 104 weeks and 24 months.
pub fn covering(earliest: DateTime<Utc>, as_of: DateTime<Utc>) -> Vec<Window> {
    let today = as_of.date_naive();
    let first = earliest.min(as_of).date_naive();
    let trailing = Window {
        kind: WindowKind::Trailing30Days,
        start: midnight(today.checked_sub_days(Days::new(TRAILING_DAYS - 1)).unwrap_or(NaiveDate::MIN)),
        end: midnight(next_day(today)),
    };
    let weeks = newest_first(
        WindowKind::Week,
        monday_of(today),
        |day| day.checked_add_days(Days::new(7)),
        |day| day.checked_sub_days(Days::new(7)),
    );
    let months = newest_first(
        WindowKind::Month,
        first_of_month(today),
        |day| day.checked_add_months(Months::new(1)),
        |day| day.checked_sub_months(Months::new(1)),
    );
    let mut windows = vec![trailing];
    windows.extend(back_to(weeks, monday_of(first), MAX_WEEKS));
    windows.extend(back_to(months, first_of_month(first), MAX_MONTHS));
    windows
}

fn newest_first(
    kind: WindowKind,
    newest: NaiveDate,
    after: impl Fn(NaiveDate) -> Option<NaiveDate>,
    before: impl Fn(NaiveDate) -> Option<NaiveDate>,
) -> impl Iterator<Item = Window> {
    std::iter::successors(Some(newest), move |day| before(*day))
        .map_while(move |day| after(day).map(|end| Window { kind, start: midnight(day), end: midnight(end) }))
}

fn back_to(newest_first: impl Iterator<Item = Window>, first: NaiveDate, at_most: usize) -> Vec<Window> {
    let mut windows: Vec<Window> = newest_first.take_while(|window| window.start >= midnight(first)).take(at_most).collect();
    windows.reverse();
    windows
}

fn monday_of(day: NaiveDate) -> NaiveDate {
    day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday()))).unwrap_or(NaiveDate::MIN)
}

fn first_of_month(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

fn next_day(day: NaiveDate) -> NaiveDate {
    day.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX)
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// Windows by kind, so that the ones an instant falls into are found by bisection.
pub(crate) struct WindowSet {
    windows: Vec<Window>,
    kinds: Vec<Range<usize>>,
}

impl WindowSet {
    /// Windows of one kind may overlap, as long as a later start means no earlier end.
    pub(crate) fn new(mut windows: Vec<Window>) -> Self {
        windows.sort_unstable();
        windows.dedup();
        let mut kinds: Vec<Range<usize>> = Vec::new();
        for (index, window) in windows.iter().enumerate() {
            match kinds.last_mut() {
                Some(range) if windows[range.start].kind == window.kind => range.end = index + 1,
                _ => kinds.push(index..index + 1),
            }
        }
        Self { windows, kinds }
    }

    pub(crate) fn as_slice(&self) -> &[Window] {
        &self.windows
    }

    /// Indices of the windows `at` falls into.
    pub(crate) fn containing(&self, at: DateTime<Utc>) -> impl Iterator<Item = usize> {
        self.kinds.iter().flat_map(move |range| {
            let windows = &self.windows[range.clone()];
            let begun = windows.partition_point(|window| window.start <= at);
            let ended = windows[..begun].partition_point(|window| window.end <= at);
            range.start + ended..range.start + begun
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::utc;

    fn of_kind(windows: &[Window], kind: WindowKind) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        windows.iter().filter(|window| window.kind == kind).map(|window| (window.start, window.end)).collect()
    }

    #[test]
    fn trailing_window_is_thirty_days_that_end_with_today() {
        let windows = covering(utc("2024-03-10T08:00:00Z"), utc("2024-03-31T23:59:59Z"));
        assert_eq!(of_kind(&windows, WindowKind::Trailing30Days), [(utc("2024-03-02T00:00:00Z"), utc("2024-04-01T00:00:00Z"))]);
        assert!(windows[0].is_partial(utc("2024-03-31T23:59:59Z")));
        assert_eq!(windows[0].days(utc("2024-03-31T23:59:59Z")), 30);
    }

    #[test]
    fn weeks_are_iso_weeks_over_the_turn_of_the_year() {
        // Sunday 3 January 2021 belongs to week 53 of 2020, which began on 28 December
        let windows = covering(utc("2020-12-30T12:00:00Z"), utc("2021-01-04T00:00:00Z"));
        assert_eq!(
            of_kind(&windows, WindowKind::Week),
            [(utc("2020-12-28T00:00:00Z"), utc("2021-01-04T00:00:00Z")), (utc("2021-01-04T00:00:00Z"), utc("2021-01-11T00:00:00Z"))]
        );
    }

    #[test]
    fn february_has_its_leap_day() {
        let windows = covering(utc("2024-01-31T12:00:00Z"), utc("2024-02-29T12:00:00Z"));
        let february = Window { kind: WindowKind::Month, start: utc("2024-02-01T00:00:00Z"), end: utc("2024-03-01T00:00:00Z") };
        assert_eq!(of_kind(&windows, WindowKind::Month), [(utc("2024-01-01T00:00:00Z"), february.start), (february.start, february.end)]);
        assert_eq!(february.days(utc("2024-05-01T00:00:00Z")), 29);
        assert_eq!(february.days(utc("2024-02-10T12:00:00Z")), 10, "the tenth has begun");
        assert_eq!(february.days(utc("2024-02-10T00:00:00Z")), 10, "and at its first instant too");
    }

    #[test]
    fn a_window_that_has_ended_is_not_partial() {
        let week = covering(utc("2024-03-04T00:00:00Z"), utc("2024-03-11T00:00:00Z"));
        let weeks: Vec<bool> = week
            .iter()
            .filter(|window| window.kind == WindowKind::Week)
            .map(|window| window.is_partial(utc("2024-03-11T00:00:00Z")))
            .collect();
        assert_eq!(weeks, [false, true]);
    }

    #[test]
    fn old_windows_are_dropped_and_the_newest_kept() {
        let as_of = utc("2024-06-15T10:00:00Z");
        let windows = covering(utc("2010-01-01T00:00:00Z"), as_of);
        let (weeks, months) = (of_kind(&windows, WindowKind::Week), of_kind(&windows, WindowKind::Month));
        assert_eq!((weeks.len(), months.len()), (MAX_WEEKS, MAX_MONTHS));
        assert_eq!(weeks.last(), Some(&(utc("2024-06-10T00:00:00Z"), utc("2024-06-17T00:00:00Z"))));
        assert_eq!(months.first(), Some(&(utc("2022-07-01T00:00:00Z"), utc("2022-08-01T00:00:00Z"))));
    }

    #[test]
    fn facts_of_the_future_leave_the_present_windows() {
        let windows = covering(utc("2030-01-01T00:00:00Z"), utc("2024-06-15T10:00:00Z"));
        assert_eq!(windows.len(), 3);
    }

    #[test]
    fn an_instant_is_found_in_each_kind_at_most_once() {
        let set = WindowSet::new(covering(utc("2023-01-01T00:00:00Z"), utc("2024-06-15T10:00:00Z")));
        for at in
            ["2024-06-10T00:00:00Z", "2024-06-09T23:59:59.999999Z", "2023-01-01T00:00:00Z", "2022-12-25T23:59:59Z", "2024-07-01T00:00:00Z"]
        {
            let at = utc(at);
            let slow: Vec<usize> = (0..set.as_slice().len()).filter(|index| set.as_slice()[*index].contains(at)).collect();
            assert_eq!(set.containing(at).collect::<Vec<_>>(), slow, "{at}");
        }
    }
}
