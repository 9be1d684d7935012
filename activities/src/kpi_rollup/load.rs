//! From rows to facts: once what only all rows can tell, then the rows of one stretch of time after the other.

mod base;
mod firsts;
mod keys;
mod stays;
mod stretch;

use std::collections::HashSet;

use chrono::{DateTime, LocalResult, NaiveDate, NaiveTime, TimeZone, Utc};
use ovia_domain::StatusCategory;
use ovia_kpi::{Facts, KpiSettings};

use keys::Keys;

/// What figures of any time may need.
pub struct Base {
    /// Projects, people, teams, deployments, incidents and what they name; with [`Facts::given`].
    pub facts: Facts,
    /// The time of the first row a window could count.
    pub earliest: Option<DateTime<Utc>>,
    keys: Keys,
    /// Merge requests that are hotfixes, of those incidents name.
    hotfixes: HashSet<i64>,
    went_out: Vec<WentOut>,
}

/// A merge request went to production at another time than it was merged.
#[derive(Clone, Copy, Debug)]
struct WentOut {
    merge_request_id: i64,
    merged_at: DateTime<Utc>,
    at: DateTime<Utc>,
}

fn category(text: &str) -> Option<StatusCategory> {
    StatusCategory::ALL.into_iter().find(|category| category.as_str() == text)
}

fn lower(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.to_lowercase()).collect()
}

/// The first instant of a day in the organisation's time zone. Where clocks are put forward at midnight, the day begins with the first
/// hour there is.
fn midnight(settings: &KpiSettings, day: NaiveDate) -> DateTime<Utc> {
    let tz = settings.tz();
    let mut local = day.and_time(NaiveTime::MIN);
    loop {
        match tz.from_local_datetime(&local) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => return at.with_timezone(&Utc),
            LocalResult::None => local += chrono::TimeDelta::minutes(15),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_where_clocks_are_put_forward_at_midnight() {
        let settings = KpiSettings { time_zone: "Africa/Cairo".into(), ..KpiSettings::default() };
        let day = NaiveDate::from_ymd_opt(2024, 4, 26).unwrap_or_default();
        assert_eq!(midnight(&settings, day), Utc.with_ymd_and_hms(2024, 4, 25, 22, 0, 0).single().unwrap_or_default());
    }
}
