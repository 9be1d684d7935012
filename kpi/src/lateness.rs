//! How late data is, counted in the syncs that its schedule would have had.

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::parser::CronParser;
use ovia_domain::quality::{EXPECTED_SECONDS, StreamFact};

type Time = DateTime<Utc>;

/// Shortest interval that is counted, in seconds: a sync takes a while itself.
const INTERVAL_SECONDS_MIN: i64 = 300;
/// Starts of a cron are counted up to so many.
const STARTS_MAX: usize = 1_000;
/// Whatever the schedule, data that was read within this time is not late, in minutes.
const LATE_MINUTES_MIN: i64 = 60;

/// How many syncs of the stream's schedule have been due in `(since, until]`: of an interval elapsed time ÷ interval (at least 5 minutes), of a
/// cron its starts in its time zone (at most 1,000), without a schedule the days. A cron that cannot be read counts as none.
pub fn syncs_due(stream: &StreamFact, since: Time, until: Time) -> f64 {
    due(stream, since, until, STARTS_MAX)
}

/// Whether more than `syncs` were due in `(since, until]`, and more than an hour has passed.
pub(crate) fn is_late(stream: &StreamFact, since: Time, until: Time, syncs: u32) -> bool {
    // of a cron one more start than that is enough to know
    until - since > TimeDelta::minutes(LATE_MINUTES_MIN) && due(stream, since, until, syncs as usize + 1) > f64::from(syncs)
}

fn due(stream: &StreamFact, since: Time, until: Time, starts_max: usize) -> f64 {
    if until <= since {
        return 0.0;
    }
    let starts = match (stream.interval_seconds, &stream.cron) {
        (None, Some(cron)) => starts(cron, stream.time_zone.as_deref().unwrap_or("UTC"), since, until, starts_max),
        _ => None,
    };
    let interval = stream.interval_seconds.unwrap_or(EXPECTED_SECONDS).max(INTERVAL_SECONDS_MIN);
    starts.unwrap_or_else(|| (until - since).num_seconds() as f64 / interval as f64)
}

fn starts(cron: &str, zone: &str, since: Time, until: Time, max: usize) -> Option<f64> {
    let cron = CronParser::new().parse(cron).ok()?;
    let zone = Tz::from_str(zone).unwrap_or(Tz::UTC);
    let starts = cron.iter_after(since.with_timezone(&zone)).take(max).take_while(|start| *start <= until).count();
    Some(starts as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{stream, utc};

    fn due(stream: &StreamFact, since: &str, until: &str) -> f64 {
        syncs_due(stream, utc(since), utc(until))
    }

    #[test]
    fn intervals_count_by_time_and_no_schedule_by_days() {
        let hourly = StreamFact { interval_seconds: Some(3600), ..stream("merge_requests", None) };
        assert_eq!(due(&hourly, "2026-01-10T09:00:00Z", "2026-01-10T12:00:00Z"), 3.0);
        let daily = stream("merge_requests", None);
        assert_eq!(due(&daily, "2026-01-10T09:00:00Z", "2026-01-10T12:00:00Z"), 0.125);
        let busy = StreamFact { interval_seconds: Some(10), ..stream("merge_requests", None) };
        assert_eq!(due(&busy, "2026-01-10T09:00:00Z", "2026-01-10T09:10:00Z"), 2.0, "seconds are no promise");
        assert_eq!(due(&hourly, "2026-01-10T12:00:00Z", "2026-01-10T09:00:00Z"), 0.0, "read later");
    }

    #[test]
    fn of_a_cron_its_starts_are_counted() {
        let cron = |cron: &str, zone: &str| StreamFact {
            cron: Some(cron.to_owned()),
            time_zone: Some(zone.to_owned()),
            ..stream("merge_requests", None)
        };
        let office = cron("*/15 8-17 * * 1-5", "UTC");
        assert_eq!(due(&office, "2026-01-09T17:46:00Z", "2026-01-12T08:00:00Z"), 1.0, "a weekend is no lateness");
        assert_eq!(due(&office, "2026-01-12T08:00:00Z", "2026-01-12T09:00:00Z"), 4.0);
        assert!(is_late(&office, utc("2026-01-12T08:00:00Z"), utc("2026-01-12T09:00:01Z"), 3));
        assert!(!is_late(&office, utc("2026-01-12T08:00:00Z"), utc("2026-01-12T09:00:01Z"), 4));
        // Berlin's clocks go from 2 to 3 in that night: 6:00 is 5:00 UTC before and 4:00 UTC after
        let berlin = cron("0 6 * * *", "Europe/Berlin");
        assert_eq!(due(&berlin, "2026-03-28T05:00:00Z", "2026-03-29T03:59:59Z"), 0.0);
        assert_eq!(due(&berlin, "2026-03-28T05:00:00Z", "2026-03-29T04:00:00Z"), 1.0);
        assert_eq!(due(&cron("nonsense", "UTC"), "2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z"), 2.0, "as without a schedule");
    }

    #[test]
    fn within_an_hour_nothing_is_late() {
        let often = StreamFact { interval_seconds: Some(300), ..stream("merge_requests", None) };
        assert!(!is_late(&often, utc("2026-01-10T09:00:00Z"), utc("2026-01-10T10:00:00Z"), 3));
        assert!(is_late(&often, utc("2026-01-10T09:00:00Z"), utc("2026-01-10T10:00:01Z"), 3));
        let daily = stream("merge_requests", None);
        assert!(!is_late(&daily, utc("2026-01-10T09:00:00Z"), utc("2026-01-13T09:00:00Z"), 3), "exactly three days are not more");
        assert!(is_late(&daily, utc("2026-01-10T09:00:00Z"), utc("2026-01-13T09:00:01Z"), 3));
    }
}
