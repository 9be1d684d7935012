//! Reports: digests of a day or a week, the periods they are about, and how often their delivery is tried.

use std::fmt;

use chrono::{Datelike, Days, NaiveDate};
use serde::{Deserialize, Serialize};

/// A delivery that failed so often is given up.
pub const DELIVERY_ATTEMPTS_MAX: i32 = 12;
/// A run waits for deliveries that are due within so many seconds; the next run takes the others.
pub const DELIVERY_WAIT_MAX_SECONDS: i64 = 600;
/// What a worker cannot send as it is set up is looked at again after so many seconds: longer than a run waits for.
pub const DELIVERY_NOT_YET_SECONDS: i64 = 900;

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    Daily,
    Weekly,
}

impl ReportKind {
    pub const ALL: [ReportKind; 2] = [Self::Daily, Self::Weekly];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The last day or ISO week that was over when `today` began: its first day, and the day after its last.
    pub fn last_complete(self, today: NaiveDate) -> (NaiveDate, NaiveDate) {
        let (end, days) = match self {
            Self::Daily => (today, 1),
            Self::Weekly => (today - Days::new(u64::from(today.weekday().num_days_from_monday())), 7),
        };
        (end - Days::new(days), end)
    }
}

impl fmt::Display for ReportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a report is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DestinationKind {
    Webhook,
    Email,
}

impl DestinationKind {
    pub const ALL: [DestinationKind; 2] = [Self::Webhook, Self::Email];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Email => "email",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryStatus {
    Pending,
    Delivered,
    /// Refused for good, or given up after the last attempt.
    Failed,
}

impl DeliveryStatus {
    pub const ALL: [DeliveryStatus; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// Seconds until the next attempt after `attempts` that failed: 5, 15, 45 … at most six hours.
pub fn delivery_wait_seconds(attempts: i32) -> i64 {
    let exponent = u32::try_from(attempts.clamp(1, 12) - 1).unwrap_or_default();
    (5 * 3_i64.pow(exponent)).min(6 * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_period_is_over_before_it_is_reported() {
        let of = |kind: ReportKind, today| kind.last_complete(day(today));
        let thursday = "2026-01-01";
        assert_eq!(of(ReportKind::Daily, thursday), (day("2025-12-31"), day("2026-01-01")));
        assert_eq!(of(ReportKind::Weekly, thursday), (day("2025-12-22"), day("2025-12-29")));
        assert_eq!(of(ReportKind::Weekly, "2026-01-05"), (day("2025-12-29"), day("2026-01-05")), "Monday");
        assert_eq!(of(ReportKind::Weekly, "2026-01-04"), of(ReportKind::Weekly, thursday), "Sunday is of the week");
    }

    #[test]
    fn waits_grow_up_to_six_hours() {
        assert_eq!([0, 1, 2, 3, 8, 12, 99].map(delivery_wait_seconds), [5, 5, 15, 45, 10_935, 21_600, 21_600]);
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        assert!(ReportKind::ALL.into_iter().all(|kind| ReportKind::parse(kind.as_str()) == Some(kind)));
        assert!(DestinationKind::ALL.into_iter().all(|kind| DestinationKind::parse(kind.as_str()) == Some(kind)));
        assert!(DeliveryStatus::ALL.into_iter().all(|status| DeliveryStatus::parse(status.as_str()) == Some(status)));
    }
}
