//! The windows metrics are computed over: trailing 30 days, ISO weeks, calendar months; half-open, UTC.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, Utc};

pub(super) const MAX_WEEKS: usize = 104;
pub(super) const MAX_MONTHS: usize = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub kind: &'static str,
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
}

impl Window {
    pub(super) fn contains(&self, time: DateTime<Utc>) -> bool {
        self.start <= time && time < self.end
    }

    /// Whole days; of a window that contains `as_of` only those up to the midnight after it.
    pub(super) fn days(&self, as_of: DateTime<Utc>) -> i64 {
        let end = if self.contains(as_of) { self.end.min(midnight(as_of.date_naive() + Days::new(1))) } else { self.end };
        (end - self.start).num_days()
    }
}

pub(super) fn midnight(date: NaiveDate) -> DateTime<Utc> {
    date.and_time(NaiveTime::MIN).and_utc()
}

/// All windows from the earliest fact to `as_of`, newest kept where there are too many.
pub(super) fn windows(earliest: DateTime<Utc>, as_of: DateTime<Utc>) -> Vec<Window> {
    let today = as_of.date_naive();
    let mut windows =
        vec![Window { kind: "trailing_30_days", start: midnight(today - Days::new(29)), end: midnight(today + Days::new(1)) }];
    let first = earliest.min(as_of).date_naive();
    let mut monday = today - Days::new(u64::from(today.weekday().num_days_from_monday()));
    for _ in 0..MAX_WEEKS {
        windows.push(Window { kind: "week", start: midnight(monday), end: midnight(monday + Days::new(7)) });
        if monday <= first {
            break;
        }
        monday = monday - Days::new(7);
    }
    let mut month = today - Days::new(u64::from(today.day0()));
    for _ in 0..MAX_MONTHS {
        windows.push(Window { kind: "month", start: midnight(month), end: midnight(month + Months::new(1)) });
        if month <= first {
            break;
        }
        month = month - Months::new(1);
    }
    windows
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn windows_cover_everything_and_end_at_midnight() {
        let as_of: DateTime<Utc> = "2026-03-04T15:30:00Z".parse().unwrap();
        let all = windows("2026-01-31T23:00:00Z".parse().unwrap(), as_of);
        let of = |kind: &str| all.iter().filter(|window| window.kind == kind).map(|window| window.start.to_rfc3339()).collect::<Vec<_>>();
        assert_eq!(of("trailing_30_days"), ["2026-02-03T00:00:00+00:00"]);
        assert_eq!(of("month"), ["2026-03-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00"]);
        assert_eq!(of("week").len(), 6);
        assert_eq!(of("week").last().unwrap(), "2026-01-26T00:00:00+00:00");
        assert_eq!(all[0].days(as_of), 30);
        assert_eq!(all.iter().find(|window| window.kind == "week").unwrap().days(as_of), 3);
    }
}
