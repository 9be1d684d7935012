//! What a report is about: days and weeks of the organisation's time zone.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use ovia_domain::report::ReportKind;
use ovia_kpi::Calendar;

/// The last day or ISO week that was over at `now` where clocks show the time of `tz`; half-open. Days have 23 or 25 hours where clocks are
/// changed.
pub fn last_complete(kind: ReportKind, now: DateTime<Utc>, tz: Tz) -> (DateTime<Utc>, DateTime<Utc>) {
    let calendar = Calendar::new(tz);
    let (first, after) = kind.last_complete(calendar.date(now));
    (calendar.midnight(first), calendar.midnight(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: ReportKind, now: &str, tz: Tz) -> (String, String) {
        let now: DateTime<Utc> = now.parse().unwrap_or_else(|error| panic!("{error}"));
        let (start, end) = last_complete(kind, now, tz);
        let text = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%MZ").to_string();
        (text(start), text(end))
    }

    fn period(start: &str, end: &str) -> (String, String) {
        (start.to_owned(), end.to_owned())
    }

    #[test]
    fn a_day_is_over_where_its_people_are() {
        let late = "2026-01-08T23:30:00Z";
        assert_eq!(of(ReportKind::Daily, late, Tz::UTC), period("2026-01-07T00:00Z", "2026-01-08T00:00Z"));
        assert_eq!(of(ReportKind::Daily, late, Tz::Europe__Berlin), period("2026-01-07T23:00Z", "2026-01-08T23:00Z"));
        assert_eq!(of(ReportKind::Daily, late, Tz::America__New_York), period("2026-01-07T05:00Z", "2026-01-08T05:00Z"));
    }

    #[test]
    fn weeks_hold_the_night_in_which_clocks_are_changed() {
        let monday = "2026-03-30T04:00:00Z";
        assert_eq!(of(ReportKind::Weekly, monday, Tz::Europe__Berlin), period("2026-03-22T23:00Z", "2026-03-29T22:00Z"), "167 hours");
        assert_eq!(of(ReportKind::Daily, monday, Tz::Europe__Berlin), period("2026-03-28T23:00Z", "2026-03-29T22:00Z"), "23 hours");
        assert_eq!(
            of(ReportKind::Daily, "2026-10-26T12:00:00Z", Tz::Europe__Berlin),
            period("2026-10-24T22:00Z", "2026-10-25T23:00Z"),
            "25 hours"
        );
        // Sunday evening in New York is Monday in Europe
        assert_eq!(of(ReportKind::Weekly, "2026-03-30T03:00:00Z", Tz::America__New_York), period("2026-03-16T04:00Z", "2026-03-23T04:00Z"));
    }

    #[test]
    fn where_midnight_is_left_out_the_day_begins_after_it() {
        // Santiago's clocks went from 24:00 to 1:00
        assert_eq!(of(ReportKind::Daily, "2025-09-08T12:00:00Z", Tz::America__Santiago), period("2025-09-07T04:00Z", "2025-09-08T03:00Z"));
    }
}
