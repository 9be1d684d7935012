//! The days of windows and rows as the organisation's clocks show them: their midnights are not those of UTC.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::{client::ApiClient, exit::CliResult, output::text};

/// Puts `/days/first` and `/days/last` of the window and `/days/counted` of a row beside the times of each item, for tables.
pub async fn put(client: &ApiClient, items: &mut [Value]) -> CliResult {
    let settings: Value = client.get("team/kpi/settings", &[]).await?;
    let tz = text(&settings, "/settings/time_zone").parse().unwrap_or(Tz::UTC);
    items.iter_mut().for_each(|item| item["days"] = of(item, tz));
    Ok(())
}

/// A column of one of them; in UTC where they were not put.
pub fn day(row: &Value, name: &str) -> String {
    match text(row, &format!("/days/{name}")) {
        known if !known.is_empty() => known,
        _ => text(&of(row, Tz::UTC), &format!("/{name}")),
    }
}

fn of(item: &Value, tz: Tz) -> Value {
    let day = |pointer: &str, back: TimeDelta| {
        let at: Option<DateTime<Utc>> = text(item, pointer).parse().ok();
        at.map(|at| (at - back).with_timezone(&tz).date_naive().to_string())
    };
    let moment = TimeDelta::microseconds(1);
    json!({"first": day("/window/start", TimeDelta::zero()), "last": day("/window/end", moment), "counted": day("/counted_on", TimeDelta::zero())})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_begins_on_monday_wherever_its_people_are() {
        let week =
            json!({"window": {"start": "2026-03-22T23:00:00Z", "end": "2026-03-29T22:00:00Z"}, "counted_on": "2026-03-28T23:00:00Z"});
        assert_eq!(of(&week, Tz::Europe__Berlin), json!({"first": "2026-03-23", "last": "2026-03-29", "counted": "2026-03-29"}));
        let west = json!({"window": {"start": "2026-01-05T05:00:00Z", "end": "2026-01-12T05:00:00Z"}});
        assert_eq!(of(&west, Tz::America__New_York), json!({"first": "2026-01-05", "last": "2026-01-11", "counted": null}));
        assert_eq!(
            (day(&west, "first"), day(&west, "last"), day(&west, "counted")),
            ("2026-01-05".into(), "2026-01-12".into(), String::new())
        );
        assert_eq!(day(&json!({"days": {"first": "2026-03-23"}}), "first"), "2026-03-23");
    }
}
