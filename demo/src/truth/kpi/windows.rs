//! The windows metrics are computed over: trailing 30 days, days, ISO weeks, months and quarters; half-open, in a time zone.

use chrono::{DateTime, Datelike, Days, Duration, Months, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

type Time = DateTime<Utc>;

/// Kind and how many of the newest windows there are.
const KINDS: [(&str, usize); 5] = [("trailing_30_days", 1), ("day", 400), ("week", 104), ("month", 24), ("quarter", 8)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub kind: &'static str,
    pub first: NaiveDate,
    pub start: Time,
    pub end: Time,
}

impl Window {
    fn of(kind: &'static str, first: NaiveDate, tz: Tz) -> Self {
        Self { kind, first, start: midnight(first, tz), end: midnight(next(kind, first), tz) }
    }

    pub(super) fn contains(&self, time: Time) -> bool {
        self.start <= time && time < self.end
    }

    /// When states are looked at.
    pub(super) fn moment(&self, as_of: Time) -> Time {
        self.end.min(as_of)
    }

    /// Dates of the window; of one that goes on, those that have begun.
    pub(super) fn days(&self, as_of: Time, tz: Tz) -> i64 {
        let today = as_of.with_timezone(&tz).date_naive();
        let mut day = self.first;
        let mut days = 0;
        while midnight(day, tz) < self.end && day <= today {
            days += 1;
            day = day + Days::new(1);
        }
        days
    }

    /// The window before; of one that goes on, as much of it.
    pub(super) fn before(&self, as_of: Time, tz: Tz) -> Self {
        let mut before = Self::of(self.kind, previous(self.kind, self.first), tz);
        if self.contains(as_of) {
            before.end = before.end.min(before.start + (as_of - self.start));
        }
        before
    }
}

/// The first instant of a day; where clocks skip midnight, the first after the gap.
pub(super) fn midnight(date: NaiveDate, tz: Tz) -> Time {
    let mut local = date.and_time(NaiveTime::MIN);
    loop {
        match tz.from_local_datetime(&local).earliest() {
            Some(at) => return at.with_timezone(&Utc),
            None => local += Duration::minutes(15),
        }
    }
}

fn next(kind: &str, day: NaiveDate) -> NaiveDate {
    match kind {
        "trailing_30_days" => day + Days::new(30),
        "day" => day + Days::new(1),
        "week" => day + Days::new(7),
        "month" => day + Months::new(1),
        _ => day + Months::new(3),
    }
}

fn previous(kind: &str, day: NaiveDate) -> NaiveDate {
    match kind {
        "trailing_30_days" => day - Days::new(30),
        "day" => day - Days::new(1),
        "week" => day - Days::new(7),
        "month" => day - Months::new(1),
        _ => day - Months::new(3),
    }
}

fn newest(kind: &str, today: NaiveDate) -> NaiveDate {
    match kind {
        "trailing_30_days" => today - Days::new(29),
        "day" => today,
        "week" => today - Days::new(u64::from(today.weekday().num_days_from_monday())),
        "month" => today - Days::new(u64::from(today.day0())),
        _ => today - Days::new(u64::from(today.day0())) - Months::new(today.month0() % 3),
    }
}

/// All windows from the earliest fact to `as_of`, the newest where there are too many; of days, those that are asked for.
pub(super) fn windows(earliest: Time, as_of: Time, tz: Tz, days: &[NaiveDate]) -> Vec<Window> {
    let today = as_of.with_timezone(&tz).date_naive();
    let mut windows = Vec::new();
    for (kind, most) in KINDS {
        let mut day = newest(kind, today);
        for _ in 0..most {
            let window = Window::of(kind, day, tz);
            if kind != "day" || days.contains(&day) {
                windows.push(window);
            }
            if window.start <= earliest {
                break;
            }
            day = previous(kind, day);
        }
    }
    windows
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn windows_cover_everything_and_end_at_midnight() {
        let as_of: Time = "2026-03-04T15:30:00Z".parse().unwrap();
        let all = windows(
            "2026-01-31T23:00:00Z".parse().unwrap(),
            as_of,
            Tz::UTC,
            &["2026-03-01".parse().unwrap(), "2026-03-04".parse().unwrap()],
        );
        let of = |kind: &str| all.iter().filter(|window| window.kind == kind).map(|window| window.start.to_rfc3339()).collect::<Vec<_>>();
        assert_eq!(of("trailing_30_days"), ["2026-02-03T00:00:00+00:00"]);
        assert_eq!(of("month"), ["2026-03-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00"]);
        assert_eq!(of("quarter"), ["2026-01-01T00:00:00+00:00"]);
        assert_eq!((of("week").len(), of("day").len()), (6, 2));
        assert_eq!(of("week").last().unwrap(), "2026-01-26T00:00:00+00:00");
        assert_eq!(all[0].days(as_of, Tz::UTC), 30);
        assert_eq!(all.iter().find(|window| window.kind == "week").unwrap().days(as_of, Tz::UTC), 3);
    }

    #[test]
    fn days_follow_the_clocks() {
        let as_of: Time = "2026-03-31T10:00:00Z".parse().unwrap();
        let all = windows(as_of, as_of, Tz::Europe__Berlin, &[]);
        let month = all.iter().find(|window| window.kind == "month").unwrap();
        assert_eq!(
            (month.start.to_rfc3339(), month.end.to_rfc3339()),
            ("2026-02-28T23:00:00+00:00".into(), "2026-03-31T22:00:00+00:00".into())
        );
        assert_eq!(month.days(as_of, Tz::Europe__Berlin), 31);
        let before = month.before(as_of, Tz::Europe__Berlin);
        assert_eq!((before.start.to_rfc3339(), before.end), ("2026-01-31T23:00:00+00:00".into(), month.start), "February is shorter");
    }
}
