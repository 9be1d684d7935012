//! Questions to the search (CQL), and the time in them.
//!
//! A time is read in the time zone of the account that asks, and to the minute. Where that zone is known, the time is written in it;
//! where it is not (it is hidden, or a name we do not have), it is written in UTC and set back by more than any zone is away.

use chrono::{DateTime, LocalResult, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// Read again by every walk: the search knows of a change some time after it happened.
const OVERLAP: TimeDelta = TimeDelta::hours(1);
/// The same where the account's time zone is not known. Zones lie between 12 hours behind UTC and 14 before it.
const OVERLAP_WITHOUT_ZONE: TimeDelta = TimeDelta::hours(26);

/// `"yyyy-MM-dd HH:mm"` from which on to ask, so that nothing changed at or after `since` is left out.
pub fn literal(since: DateTime<Utc>, zone: Option<Tz>) -> String {
    let text = |time: chrono::NaiveDateTime| time.format("%Y-%m-%d %H:%M").to_string();
    let Some(zone) = zone else { return text((since - OVERLAP_WITHOUT_ZONE).naive_utc()) };
    let mut from = since - OVERLAP;
    // An hour that comes twice when the clocks go back: which one is meant nobody says, so the time before it is taken.
    for _ in 0..4 {
        let local = from.with_timezone(&zone).naive_local();
        match zone.from_local_datetime(&local) {
            LocalResult::Ambiguous(..) => from -= OVERLAP,
            _ => return text(local),
        }
    }
    text(from.with_timezone(&zone).naive_local())
}

/// What to search for in a space, in a fixed order. `since`: only what changed from then on.
pub fn question(space_key: &str, kind: &str, since: Option<&str>) -> String {
    let changed = since.map(|since| format!(" and lastModified >= \"{since}\"")).unwrap_or_default();
    format!("space = \"{}\" and type = {kind}{changed} order by lastModified asc", quoted(space_key))
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use chrono::NaiveDateTime;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn zone(name: &str) -> Option<Tz> {
        Some(name.parse().unwrap())
    }

    #[test]
    fn the_time_is_written_in_the_accounts_zone_an_hour_back() {
        let since = at("2026-03-01T12:34:56Z");
        assert_eq!(literal(since, zone("America/New_York")), "2026-03-01 06:34");
        assert_eq!(literal(since, zone("Asia/Shanghai")), "2026-03-01 19:34");
        assert_eq!(literal(since, zone("Asia/Kathmandu")), "2026-03-01 17:19");
        assert_eq!(literal(since, None), "2026-02-28 10:34", "26 hours back, whatever the zone");
    }

    #[test]
    fn an_hour_that_comes_twice_is_left_behind() {
        // 01:30 comes twice in New York on that day
        assert_eq!(literal(at("2026-11-01T06:30:00Z"), zone("America/New_York")), "2026-11-01 00:30");
        assert_eq!(literal(at("2026-11-01T07:30:00Z"), zone("America/New_York")), "2026-11-01 00:30");
    }

    #[test]
    fn a_space_key_cannot_end_its_quotes() {
        let asked = question("A\" or space = \"HR", "page", Some("2026-01-01 00:00"));
        let expected =
            "space = \"A\\\" or space = \\\"HR\" and type = page and lastModified >= \"2026-01-01 00:00\" order by lastModified asc";
        assert_eq!(asked, expected);
        assert_eq!(question("DOCS", "comment", None), "space = \"DOCS\" and type = comment order by lastModified asc");
    }

    proptest! {
        /// However the source resolves the literal, it lies before the time meant, by the index's lag at least.
        #[test]
        fn nothing_is_left_out_in_any_zone(
            seconds in 1_700_000_000i64..1_900_000_000,
            name in prop::sample::select(&["America/New_York", "Asia/Shanghai", "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/Berlin",
                "Pacific/Kiritimati", "Etc/GMT+12", "America/St_Johns"][..]),
            known in any::<bool>(),
        ) {
            let since = Utc.timestamp_opt(seconds, 0).unwrap();
            let zone: Tz = name.parse().unwrap();
            let text = literal(since, known.then_some(zone));
            let local = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M").unwrap();
            let latest = zone.from_local_datetime(&local).latest().map_or_else(|| Utc.from_utc_datetime(&local), |time| time.to_utc());
            prop_assert!(since - latest >= TimeDelta::minutes(59), "{text} in {name} is {latest}, meant is {since}");
            prop_assert!(since - latest <= TimeDelta::hours(42));
        }
    }
}
