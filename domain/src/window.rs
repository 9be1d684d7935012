//! Stretches of time a backfill walks.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// Half-open: `from` is in it, `to` is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeWindow {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
}

impl TimeWindow {
    pub fn contains(&self, time: DateTime<Utc>) -> bool {
        self.from <= time && time < self.to
    }

    /// Cuts it into windows of at most `length`, newest first. They touch and do not overlap; the oldest may be shorter. None for an
    /// empty window or a length that is not positive.
    pub fn split(self, length: TimeDelta) -> Vec<TimeWindow> {
        let mut windows = Vec::new();
        let mut to = self.to;
        while length > TimeDelta::zero() && self.from < to {
            let from = to.checked_sub_signed(length).map_or(self.from, |from| from.max(self.from));
            windows.push(TimeWindow { from, to });
            to = from;
        }
        windows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(day)
    }

    #[test]
    fn windows_touch_and_are_newest_first() {
        let windows = TimeWindow { from: day(0), to: day(10) }.split(TimeDelta::days(4));
        let bounds: Vec<_> = windows.iter().map(|window| (window.from, window.to)).collect();
        assert_eq!(bounds, [(day(6), day(10)), (day(2), day(6)), (day(0), day(2))]);
    }

    #[test]
    fn nothing_comes_of_nothing() {
        assert!(TimeWindow { from: day(1), to: day(1) }.split(TimeDelta::days(1)).is_empty());
        assert!(TimeWindow { from: day(1), to: day(2) }.split(TimeDelta::zero()).is_empty());
    }
}
