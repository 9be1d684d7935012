//! The windows figures are computed for: half-open spans of days in the organisation's time zone.

use std::fmt;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::calendar::{Calendar, after, before};

/// The newest this many days are computed: a year, and the month before it.
pub const MAX_DAYS: usize = 400;
/// The newest this many weeks are computed.
pub const MAX_WEEKS: usize = 104;
/// The newest this many months are computed.
pub const MAX_MONTHS: usize = 24;
/// The newest this many quarters are computed.
pub const MAX_QUARTERS: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowKind {
    /// The 30 days that end with the day of `as_of`.
    #[serde(rename = "trailing_30_days")]
    Trailing30Days,
    Day,
    /// ISO week, from Monday 00:00.
    Week,
    /// Calendar month.
    Month,
    /// Three calendar months, from January, April, July or October.
    Quarter,
}

impl WindowKind {
    pub const ALL: [Self; 5] = [Self::Trailing30Days, Self::Day, Self::Week, Self::Month, Self::Quarter];

    /// As stored in `kpi_snapshots.window_kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trailing30Days => "trailing_30_days",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// How many of the newest windows of the kind are computed.
    pub fn kept(self) -> usize {
        match self {
            Self::Trailing30Days => 1,
            Self::Day => MAX_DAYS,
            Self::Week => MAX_WEEKS,
            Self::Month => MAX_MONTHS,
            Self::Quarter => MAX_QUARTERS,
        }
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
}

/// The windows from `earliest` to `as_of`: the trailing one, then days, weeks, months and quarters, each ascending; the newest 400 days,
/// 104 weeks, 24 months and 8 quarters.
pub fn covering(earliest: DateTime<Utc>, as_of: DateTime<Utc>, tz: Tz) -> Vec<Window> {
    let calendar = Calendar::new(tz);
    let (first, today) = (calendar.date(earliest.min(as_of)), calendar.date(as_of));
    WindowKind::ALL
        .into_iter()
        .flat_map(|kind| {
            let newest = Calendar::first_day(kind, today);
            let oldest = Calendar::first_day(kind, first);
            let starts = std::iter::successors(Some(newest), |day| Some(before(kind, *day)));
            let mut windows: Vec<Window> = starts
                .take_while(|day| *day >= oldest || *day == newest)
                .take(kind.kept())
                .map(|day| window(calendar, kind, day))
                .collect();
            windows.reverse();
            windows
        })
        .filter(|window| window.start < window.end)
        .collect()
}

/// The windows, of all kinds, that hold `day`; the trailing one ends with it.
pub fn of_day(day: NaiveDate, tz: Tz) -> Vec<Window> {
    let calendar = Calendar::new(tz);
    let windows = WindowKind::ALL.into_iter().map(|kind| window(calendar, kind, Calendar::first_day(kind, day)));
    windows.filter(|window| window.start < window.end).collect()
}

/// Those of `windows` whose figures a change of rows dated in `[from, to]` can touch: the windows that hold a part of it, those that begin
/// where such a one ends (trends compare them), and the moment after it (states are read at a window's end).
pub fn affected(windows: &[Window], from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<Window> {
    let longest = |window: &Window| window.end - window.start;
    let touched = windows.iter().filter(|window| window.end >= from && window.start - longest(window) - TimeDelta::days(3) <= to);
    touched.copied().collect()
}

fn window(calendar: Calendar, kind: WindowKind, first: NaiveDate) -> Window {
    Window { kind, start: calendar.midnight(first), end: calendar.midnight(after(kind, first)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::utc;

    fn of_kind(windows: &[Window], kind: WindowKind) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        windows.iter().filter(|window| window.kind == kind).map(|window| (window.start, window.end)).collect()
    }

    fn utc_covering(earliest: &str, as_of: &str) -> Vec<Window> {
        covering(utc(earliest), utc(as_of), Tz::UTC)
    }

    #[test]
    fn trailing_window_is_thirty_days_that_end_with_today() {
        let windows = utc_covering("2024-03-10T08:00:00Z", "2024-03-31T23:59:59Z");
        assert_eq!(of_kind(&windows, WindowKind::Trailing30Days), [(utc("2024-03-02T00:00:00Z"), utc("2024-04-01T00:00:00Z"))]);
        assert!(windows[0].is_partial(utc("2024-03-31T23:59:59Z")));
    }

    #[test]
    fn weeks_are_iso_weeks_over_the_turn_of_the_year() {
        // Sunday 3 January 2021 belongs to week 53 of 2020, which began on 28 December
        let windows = utc_covering("2020-12-30T12:00:00Z", "2021-01-04T00:00:00Z");
        assert_eq!(
            of_kind(&windows, WindowKind::Week),
            [(utc("2020-12-28T00:00:00Z"), utc("2021-01-04T00:00:00Z")), (utc("2021-01-04T00:00:00Z"), utc("2021-01-11T00:00:00Z"))]
        );
        assert_eq!(of_kind(&windows, WindowKind::Day).len(), 6);
        assert_eq!(
            of_kind(&windows, WindowKind::Quarter),
            [(utc("2020-10-01T00:00:00Z"), utc("2021-01-01T00:00:00Z")), (utc("2021-01-01T00:00:00Z"), utc("2021-04-01T00:00:00Z"))]
        );
    }

    #[test]
    fn february_has_its_leap_day() {
        let windows = utc_covering("2024-01-31T12:00:00Z", "2024-02-29T12:00:00Z");
        let (january, february, march) = (utc("2024-01-01T00:00:00Z"), utc("2024-02-01T00:00:00Z"), utc("2024-03-01T00:00:00Z"));
        assert_eq!(of_kind(&windows, WindowKind::Month), [(january, february), (february, march)]);
    }

    #[test]
    fn windows_begin_where_clocks_show_midnight() {
        let windows = covering(utc("2024-03-30T12:00:00Z"), utc("2024-04-01T12:00:00Z"), Tz::Europe__Berlin);
        assert_eq!(
            of_kind(&windows, WindowKind::Day),
            [
                (utc("2024-03-29T23:00:00Z"), utc("2024-03-30T23:00:00Z")),
                (utc("2024-03-30T23:00:00Z"), utc("2024-03-31T22:00:00Z")),
                (utc("2024-03-31T22:00:00Z"), utc("2024-04-01T22:00:00Z")),
            ]
        );
        assert_eq!(of_kind(&windows, WindowKind::Month)[0], (utc("2024-02-29T23:00:00Z"), utc("2024-03-31T22:00:00Z")));
    }

    #[test]
    fn a_window_that_has_ended_is_not_partial() {
        let week = utc_covering("2024-03-04T00:00:00Z", "2024-03-11T00:00:00Z");
        let weeks: Vec<bool> = week
            .iter()
            .filter(|window| window.kind == WindowKind::Week)
            .map(|window| window.is_partial(utc("2024-03-11T00:00:00Z")))
            .collect();
        assert_eq!(weeks, [false, true]);
    }

    #[test]
    fn old_windows_are_dropped_and_the_newest_kept() {
        let windows = utc_covering("2010-01-01T00:00:00Z", "2024-06-15T10:00:00Z");
        for kind in WindowKind::ALL {
            assert_eq!(of_kind(&windows, kind).len(), kind.kept());
        }
        let (weeks, months) = (of_kind(&windows, WindowKind::Week), of_kind(&windows, WindowKind::Month));
        assert_eq!(weeks.last(), Some(&(utc("2024-06-10T00:00:00Z"), utc("2024-06-17T00:00:00Z"))));
        assert_eq!(months.first(), Some(&(utc("2022-07-01T00:00:00Z"), utc("2022-08-01T00:00:00Z"))));
    }

    #[test]
    fn facts_of_the_future_leave_the_present_windows() {
        assert_eq!(utc_covering("2030-01-01T00:00:00Z", "2024-06-15T10:00:00Z").len(), WindowKind::ALL.len());
        assert_eq!(of_day(NaiveDate::default(), Tz::UTC).len(), WindowKind::ALL.len());
    }
}
