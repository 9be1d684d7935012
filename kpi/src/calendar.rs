//! Days of an organisation: when they begin, and how many a window has. Days have 23, 24 or 25 hours where clocks are changed.

use chrono::{DateTime, Datelike, Days, LocalResult, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::{Window, WindowKind};

pub(crate) const TRAILING_DAYS: u64 = 30;

/// The calendar of a time zone.
#[derive(Clone, Copy, Debug)]
pub struct Calendar(Tz);

impl Calendar {
    pub fn new(tz: Tz) -> Self {
        Self(tz)
    }

    /// The date clocks show at `at`.
    pub fn date(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.0).date_naive()
    }

    /// The first instant of `day`. Where clocks jump over midnight, the first instant after the jump.
    pub fn midnight(&self, day: NaiveDate) -> DateTime<Utc> {
        const LONGEST_JUMP: i64 = 48 * 60;
        let midnight = day.and_time(NaiveTime::MIN);
        (0..=LONGEST_JUMP)
            .filter_map(|minutes| midnight.checked_add_signed(TimeDelta::minutes(minutes)))
            .find_map(|local| match self.0.from_local_datetime(&local) {
                LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at.with_timezone(&Utc)),
                LocalResult::None => None,
            })
            .unwrap_or_else(|| midnight.and_utc())
    }

    /// Days of the window; of one still going on, those that have begun.
    pub fn days(&self, window: &Window, as_of: DateTime<Utc>) -> i64 {
        let last = self.date(window.end - TimeDelta::microseconds(1)).min(self.date(as_of));
        (last - self.date(window.start)).num_days().max(-1) + 1
    }

    /// The window before `window`, as its part of the same length as has passed of `window` at `as_of`: what it is compared with.
    pub fn previous(&self, window: &Window, as_of: DateTime<Utc>) -> Window {
        let day = self.date(window.start);
        let start = match self.midnight(day) == window.start {
            true => self.midnight(before(window.kind, day)),
            false => window.start - (window.end - window.start),
        };
        let end = if window.is_partial(as_of) { (start + (as_of - window.start)).min(window.start) } else { window.start };
        Window { kind: window.kind, start, end }
    }

    /// The first day of the window of `kind` that `day` is in; of trailing windows, the one that ends with `day`.
    pub fn first_day(kind: WindowKind, day: NaiveDate) -> NaiveDate {
        let month = |month: u32| NaiveDate::from_ymd_opt(day.year(), month, 1).unwrap_or(day);
        match kind {
            WindowKind::Trailing30Days => day.checked_sub_days(Days::new(TRAILING_DAYS - 1)).unwrap_or(NaiveDate::MIN),
            WindowKind::Day => day,
            WindowKind::Week => day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday()))).unwrap_or(NaiveDate::MIN),
            WindowKind::Month => month(day.month()),
            WindowKind::Quarter => month(day.month0() / 3 * 3 + 1),
        }
    }
}

/// The first day of the window after the one that begins with `day`.
pub(crate) fn after(kind: WindowKind, day: NaiveDate) -> NaiveDate {
    let next = match kind {
        WindowKind::Trailing30Days => day.checked_add_days(Days::new(TRAILING_DAYS)),
        WindowKind::Day => day.checked_add_days(Days::new(1)),
        WindowKind::Week => day.checked_add_days(Days::new(7)),
        WindowKind::Month => day.checked_add_months(Months::new(1)),
        WindowKind::Quarter => day.checked_add_months(Months::new(3)),
    };
    next.unwrap_or(NaiveDate::MAX)
}

/// The first day of the window before the one that begins with `day`.
pub(crate) fn before(kind: WindowKind, day: NaiveDate) -> NaiveDate {
    let last = match kind {
        WindowKind::Trailing30Days => day.checked_sub_days(Days::new(TRAILING_DAYS)),
        WindowKind::Day => day.checked_sub_days(Days::new(1)),
        WindowKind::Week => day.checked_sub_days(Days::new(7)),
        WindowKind::Month => day.checked_sub_months(Months::new(1)),
        WindowKind::Quarter => day.checked_sub_months(Months::new(3)),
    };
    last.unwrap_or(NaiveDate::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::utc;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn days_begin_where_the_clocks_say() {
        let berlin = Calendar::new(Tz::Europe__Berlin);
        assert_eq!(berlin.midnight(day("2024-03-31")), utc("2024-03-30T23:00:00Z"));
        assert_eq!(berlin.midnight(day("2024-04-01")), utc("2024-03-31T22:00:00Z"), "a day of 23 hours");
        assert_eq!(berlin.midnight(day("2024-10-28")) - berlin.midnight(day("2024-10-27")), TimeDelta::hours(25));
        assert_eq!(berlin.date(utc("2024-03-31T22:00:00Z")), day("2024-04-01"));
    }

    #[test]
    fn a_midnight_that_never_was_is_the_moment_after_the_jump() {
        // clocks in Beirut went from 00:00 to 01:00 on 27 March 2022
        let beirut = Calendar::new(Tz::Asia__Beirut);
        assert_eq!(beirut.midnight(day("2022-03-27")), utc("2022-03-26T22:00:00Z"));
        // and Samoa had no 30 December 2011 at all
        let apia = Calendar::new(Tz::Pacific__Apia);
        assert_eq!(apia.midnight(day("2011-12-30")), apia.midnight(day("2011-12-31")));
    }

    #[test]
    fn days_of_a_window_are_dates_not_spans_of_24_hours() {
        let berlin = Calendar::new(Tz::Europe__Berlin);
        let window = |kind, from, to| Window { kind, start: berlin.midnight(day(from)), end: berlin.midnight(day(to)) };
        let march = window(WindowKind::Month, "2024-03-01", "2024-04-01");
        assert_eq!(berlin.days(&march, utc("2024-06-01T00:00:00Z")), 31);
        assert_eq!(berlin.days(&march, utc("2024-03-31T21:59:59Z")), 31);
        assert_eq!(berlin.days(&march, utc("2024-03-30T22:59:59Z")), 30);
        assert_eq!(berlin.days(&march, utc("2024-02-28T00:00:00Z")), 0, "not begun");
        let short = window(WindowKind::Day, "2024-03-31", "2024-04-01");
        assert_eq!((berlin.days(&short, march.end), short.end - short.start), (1, TimeDelta::hours(23)));
    }

    #[test]
    fn the_previous_window_is_cut_to_what_has_passed() {
        let berlin = Calendar::new(Tz::Europe__Berlin);
        let april = Window { kind: WindowKind::Month, start: berlin.midnight(day("2024-04-01")), end: berlin.midnight(day("2024-05-01")) };
        let whole = berlin.previous(&april, utc("2024-06-01T00:00:00Z"));
        assert_eq!((whole.start, whole.end), (utc("2024-02-29T23:00:00Z"), utc("2024-03-31T22:00:00Z")));
        let begun = berlin.previous(&april, utc("2024-04-02T22:00:00Z"));
        assert_eq!((begun.start, begun.end), (utc("2024-02-29T23:00:00Z"), utc("2024-03-02T23:00:00Z")));
        let odd = Window { kind: WindowKind::Day, start: utc("2024-04-02T10:00:00Z"), end: utc("2024-04-02T12:00:00Z") };
        assert_eq!(berlin.previous(&odd, utc("2024-06-01T00:00:00Z")).start, utc("2024-04-02T08:00:00Z"));
    }
}
