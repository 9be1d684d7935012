//! Checking a schedule that was asked for. Temporal works the times out; what it would refuse is refused here, by field.

use std::str::FromStr;

use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds, Year};
use ovia_domain::{
    ConnectionId, OrgId, Overlap, RunKind, Schedule, ScheduleId, When,
    schedule::{CATCH_UP_SECONDS_MIN, INTERVAL_SECONDS_MIN, SCHEDULE_SECONDS_MAX},
};

use super::types::ScheduleIn;
use crate::problem::Problem;

const CATCH_UP_SECONDS: i64 = 60;
/// Longest note, in characters.
const NOTE_MAX: usize = 500;

pub(crate) fn schedule(body: ScheduleIn, org_id: OrgId, connection_id: Option<ConnectionId>, kind: RunKind) -> Result<Schedule, Problem> {
    let when = match (body.interval, body.cron) {
        (Some(interval), None) => When::IntervalSeconds(seconds("interval", &interval, INTERVAL_SECONDS_MIN)?),
        (None, Some(cron)) => When::Cron(cron_check(&cron)?),
        (Some(_), Some(_)) => return Err(Problem::field("cron", "there is an `interval` already; one of the two is needed")),
        (None, None) => return Err(Problem::field("interval", "it is missing; give it or `cron`")),
    };
    let note = body.note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty());
    if note.as_ref().is_some_and(|note| note.chars().count() > NOTE_MAX) {
        return Err(Problem::field("note", format!("it is longer than {NOTE_MAX} characters")));
    }
    if body.period.is_some() && kind != RunKind::Report {
        return Err(Problem::field("period", "only schedules of reports have one"));
    }
    Ok(Schedule {
        id: ScheduleId::generate(),
        org_id,
        connection_id,
        kind,
        when,
        time_zone: time_zone(body.time_zone.as_deref())?,
        jitter_seconds: body.jitter.map_or(Ok(0), |text| seconds("jitter", &text, 0))?,
        overlap: body.overlap.map_or(Overlap::Skip, |overlap| overlap.0),
        catch_up_seconds: body
            .catch_up_window
            .map_or(Ok(CATCH_UP_SECONDS), |text| seconds("catch_up_window", &text, CATCH_UP_SECONDS_MIN))?,
        paused: body.paused,
        note,
        period: body.period.map(|period| period.0),
    })
}

/// Whole seconds from `min` to a year.
fn seconds(field: &str, text: &str, min: i64) -> Result<i64, Problem> {
    let wrong = |why: &str| Problem::field(field, why);
    let duration = humantime::parse_duration(text.trim()).map_err(|_| wrong("it is not a duration like 90s, 15m or 2h 30m"))?;
    if duration.subsec_nanos() != 0 {
        return Err(wrong("it has to be whole seconds"));
    }
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    if seconds < min {
        return Err(wrong(&format!("it is shorter than {min} s")));
    }
    if seconds > SCHEDULE_SECONDS_MAX {
        return Err(wrong("it is longer than a year"));
    }
    Ok(seconds)
}

/// Five fields. What is more (`@hourly`, seconds, `L`) is left out: a person reading the schedule should not need Temporal's manual.
fn cron_check(text: &str) -> Result<String, Problem> {
    let wrong = |why: String| Problem::field("cron", why);
    let cron = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let fields = cron.split(' ').filter(|field| !field.is_empty()).count();
    if fields != 5 {
        return Err(wrong(format!("it has {fields} fields; five are expected: minute hour day month weekday")));
    }
    if let Some(odd) = cron.chars().find(|c| !(c.is_ascii_alphanumeric() || "*/,- ".contains(*c))) {
        return Err(wrong(format!("`{odd}` has no meaning in it")));
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    parser.parse(&cron).map_err(|error| wrong(format!("it is not a cron expression: {error}")))?;
    // croner knows more than Temporal
    let fields = cron.to_ascii_uppercase();
    if fields.split([' ', ',', '-', '/']).any(|part| !part.is_empty() && !is_plain(part)) {
        return Err(wrong("only numbers, `*`, lists, ranges, steps and names of months and days are taken".into()));
    }
    Ok(cron)
}

fn is_plain(part: &str) -> bool {
    const NAMES: [&str; 19] = [
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC", "SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT",
    ];
    part == "*" || part.parse::<u8>().is_ok() || NAMES.contains(&part)
}

fn time_zone(text: Option<&str>) -> Result<String, Problem> {
    let text = text.unwrap_or("UTC").trim();
    let wrong = |_| Problem::field("time_zone", "it is not an IANA time zone like Europe/Berlin or UTC");
    Tz::from_str(text).map(|zone| zone.name().to_owned()).map_err(wrong)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    fn parse(body: Value) -> Result<Schedule, String> {
        let body: ScheduleIn = serde_json::from_value(body).unwrap();
        let kind = if body.note.as_deref() == Some("report") { RunKind::Report } else { RunKind::Matching };
        schedule(body, OrgId(Uuid::nil()), None, kind).map_err(|problem| problem.errors[0].field.clone())
    }

    #[test]
    fn a_schedule_has_sensible_defaults() {
        let made = parse(json!({"interval": "15m"})).unwrap();
        assert_eq!((made.when, made.time_zone.as_str()), (When::IntervalSeconds(900), "UTC"));
        assert_eq!((made.jitter_seconds, made.catch_up_seconds, made.overlap, made.paused), (0, 60, Overlap::Skip, false));
    }

    #[test]
    fn everything_is_taken_over() {
        let made = parse(json!({"cron": " 0  */2 * * MON-FRI ", "time_zone": "Europe/Berlin", "jitter": "30s", "overlap": "buffer_one",
            "catch_up_window": "1h", "paused": true, "note": " nightly "}))
        .unwrap();
        assert_eq!(made.when, When::Cron("0 */2 * * MON-FRI".into()));
        assert_eq!((made.time_zone.as_str(), made.jitter_seconds, made.catch_up_seconds), ("Europe/Berlin", 30, 3600));
        assert_eq!((made.overlap, made.paused, made.note.as_deref()), (Overlap::BufferOne, true, Some("nightly")));
    }

    #[test]
    fn a_report_s_period_is_taken_over() {
        let of = |period: Value| parse(json!({"cron": "0 6 * * 1", "note": "report", "period": period})).unwrap().period;
        assert_eq!((of(json!("weekly")), of(Value::Null)), (Some(ovia_domain::report::ReportKind::Weekly), None));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, field) in [
            (json!({}), "interval"),
            (json!({"interval": "15m", "cron": "0 * * * *"}), "cron"),
            (json!({"interval": "9s"}), "interval"),
            (json!({"interval": "soon"}), "interval"),
            (json!({"interval": ""}), "interval"),
            (json!({"interval": "1500ms"}), "interval"),
            (json!({"interval": "2years"}), "interval"),
            (json!({"interval": "1h", "jitter": "-3s"}), "jitter"),
            (json!({"interval": "1h", "catch_up_window": "9s"}), "catch_up_window"),
            (json!({"interval": "1h", "time_zone": "Mars/Olympus"}), "time_zone"),
            (json!({"interval": "1h", "time_zone": ""}), "time_zone"),
            (json!({"interval": "1h", "note": "x".repeat(501)}), "note"),
            (json!({"interval": "1h", "period": "weekly"}), "period"),
        ] {
            assert_eq!(parse(body.clone()).unwrap_err(), field, "{body}");
        }
    }

    #[test]
    fn crons_that_temporal_would_not_take_are_refused() {
        for cron in
            ["", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "0 0 L * *", "0 0 * * 1#2", "@hourly", "a b c d e", "0 0 1W * *"]
        {
            assert_eq!(parse(json!({ "cron": cron })).unwrap_err(), "cron", "{cron}");
        }
        for cron in ["* * * * *", "0 */2 * * *", "*/5 8-18 1,15 JAN-MAR mon-fri", "0 0 * * 7"] {
            assert!(parse(json!({ "cron": cron })).is_ok(), "{cron}");
        }
    }
}
