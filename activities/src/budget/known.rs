//! What one worker knows of a budget, and what follows from it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use ovia_connectors::contract::RateObservation;
use ovia_store::budgets::BudgetRow;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BudgetClass {
    /// Syncs and connection checks.
    Live,
    /// Backfills, censuses, replays: they leave a reserve to the live ones.
    Background,
}

/// Background work stops when no more than this share of the limit is left, in percent.
const RESERVE_PERCENT: i64 = 20;
/// How long a window is taken to last where the source does not say.
const WINDOW_UNKNOWN: TimeDelta = TimeDelta::seconds(60);

/// The source's limits, as far as they are known here.
#[derive(Debug, Default)]
pub struct Known {
    /// By endpoint; `""` is the whole source.
    limits: BTreeMap<String, Limit>,
    /// Endpoints whose limit Postgres does not know yet.
    unsaved: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Limit {
    row: BudgetRow,
    /// Requests admitted since `row.remaining` was observed.
    spent: i64,
}

impl Known {
    /// Until when a request to `endpoint` has to wait; `None` if it may be sent.
    pub fn refusal(&self, endpoint: &str, class: BudgetClass, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let whole = self.limits.get("").and_then(|limit| limit.refusal(class, now));
        let own = self.limits.get(endpoint).and_then(|limit| limit.refusal(class, now));
        whole.max(own)
    }

    /// A request to `endpoint` is about to be sent.
    pub fn spend(&mut self, endpoint: &str) {
        for name in [Some(""), (!endpoint.is_empty()).then_some(endpoint)].into_iter().flatten() {
            if let Some(limit) = self.limits.get_mut(name) {
                limit.spent += 1;
            }
        }
    }

    /// An answer said this. True if it tells us to stop for longer than was known.
    pub fn observe(&mut self, endpoint: &str, observed: &RateObservation, now: DateTime<Utc>) -> bool {
        if *observed == (RateObservation { endpoint_only: observed.endpoint_only, ..RateObservation::default() }) {
            return false;
        }
        let name = if observed.endpoint_only { endpoint } else { "" };
        let limit = self.limits.entry(name.to_owned()).or_default();
        let row = &mut limit.row;
        row.endpoint = name.to_owned();
        row.updated_at = now;
        let told = observed.not_before > row.not_before && observed.not_before > Some(now);
        row.not_before = row.not_before.max(observed.not_before);
        if observed.remaining.is_some() {
            row.remaining = observed.remaining;
            limit.spent = 0;
        }
        row.limit = observed.limit.or(row.limit);
        row.reset_at = observed.reset_at.or(row.reset_at);
        self.unsaved.insert(name.to_owned());
        told
    }

    /// What Postgres has: the later "not before", and whatever was observed later than what is known here.
    pub fn merge(&mut self, rows: Vec<BudgetRow>) {
        for row in rows {
            let limit = self.limits.entry(row.endpoint.clone()).or_default();
            let not_before = limit.row.not_before.max(row.not_before);
            if row.updated_at > limit.row.updated_at {
                *limit = Limit { row, spent: 0 };
            }
            limit.row.not_before = not_before;
        }
    }

    /// What Postgres is to be told. Taken once; `unsaved` gives it back if that fails.
    pub fn take_unsaved(&mut self) -> Vec<BudgetRow> {
        let names = std::mem::take(&mut self.unsaved);
        names.iter().filter_map(|name| self.limits.get(name)).map(Limit::estimate).collect()
    }

    pub fn is_saved(&self) -> bool {
        self.unsaved.is_empty()
    }

    pub fn unsaved(&mut self, rows: Vec<BudgetRow>) {
        self.unsaved.extend(rows.into_iter().map(|row| row.endpoint));
    }
}

impl Limit {
    fn estimate(&self) -> BudgetRow {
        BudgetRow { remaining: self.remaining(), ..self.row.clone() }
    }

    fn remaining(&self) -> Option<i64> {
        self.row.remaining.map(|remaining| (remaining - self.spent).max(0))
    }

    fn refusal(&self, class: BudgetClass, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let told = self.row.not_before;
        told.max(self.used_up(class)).filter(|until| *until > now)
    }

    /// When the window ends whose requests are used up, as far as this class may use them.
    fn used_up(&self, class: BudgetClass) -> Option<DateTime<Utc>> {
        let remaining = self.remaining()?;
        match class {
            BudgetClass::Live if remaining <= 0 => self.row.reset_at,
            BudgetClass::Live => None,
            BudgetClass::Background => {
                let reserve = self.row.limit.unwrap_or_default().max(0) * RESERVE_PERCENT / 100;
                (remaining <= reserve).then(|| self.row.reset_at.unwrap_or(self.row.updated_at + WINDOW_UNKNOWN))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use BudgetClass::{Background, Live};

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn left(remaining: i64) -> RateObservation {
        RateObservation { limit: Some(100), remaining: Some(remaining), reset_at: Some(at(60)), ..RateObservation::default() }
    }

    fn stop(until: i64, endpoint_only: bool) -> RateObservation {
        RateObservation { not_before: Some(at(until)), endpoint_only, ..RateObservation::default() }
    }

    #[test]
    fn nothing_is_sent_before_the_time_that_was_told() {
        let mut known = Known::default();
        assert_eq!(known.refusal("", Live, at(0)), None);
        assert!(known.observe("notes", &stop(30, false), at(0)));
        assert!(!known.observe("", &stop(10, false), at(1)), "sooner than what is known already");
        assert_eq!(known.refusal("", Live, at(29)), Some(at(30)));
        assert_eq!(known.refusal("notes", Background, at(29)), Some(at(30)));
        assert_eq!(known.refusal("", Live, at(30)), None);
    }

    #[test]
    fn a_burst_limit_stops_its_endpoint_only() {
        let mut known = Known::default();
        assert!(known.observe("notes", &stop(30, true), at(0)));
        assert_eq!(known.refusal("notes", Live, at(5)), Some(at(30)));
        assert_eq!(known.refusal("", Live, at(5)), None);
        assert_eq!(known.refusal("jobs", Live, at(5)), None);
    }

    #[test]
    fn background_work_leaves_a_fifth_until_the_window_ends() {
        let mut known = Known::default();
        known.observe("", &left(22), at(0));
        for _ in 0..2 {
            assert_eq!(known.refusal("", Background, at(1)), None);
            known.spend("");
        }
        assert_eq!(known.refusal("", Background, at(1)), Some(at(60)), "20 of 100 are left");
        assert_eq!(known.refusal("", Live, at(1)), None);
        for _ in 0..20 {
            known.spend("");
        }
        assert_eq!(known.refusal("", Live, at(1)), Some(at(60)), "nothing is left");
        assert_eq!(known.refusal("", Background, at(60)), None, "a new window");
    }

    #[test]
    fn the_newest_observation_counts_and_not_before_moves_later_only() {
        let mut known = Known::default();
        known.observe("", &left(50), at(10));
        let row = |updated: i64, remaining: i64, not_before: i64| BudgetRow {
            limit: Some(100),
            remaining: Some(remaining),
            reset_at: Some(at(60)),
            not_before: Some(at(not_before)),
            updated_at: at(updated),
            ..BudgetRow::default()
        };
        known.merge(vec![row(5, 3, 20)]);
        assert_eq!(known.take_unsaved()[0].remaining, Some(50), "Postgres' is older");
        assert_eq!(known.refusal("", Live, at(11)), Some(at(20)));
        known.merge(vec![row(15, 3, 12)]);
        assert_eq!(known.refusal("", Live, at(16)), Some(at(20)), "not sooner again");
        assert_eq!(known.refusal("", Background, at(21)), Some(at(60)), "3 are left");
    }

    #[test]
    fn answers_without_headers_change_nothing() {
        let mut known = Known::default();
        assert!(!known.observe("", &RateObservation::default(), at(0)));
        assert!(known.take_unsaved().is_empty());
        known.observe("", &left(5), at(0));
        let rows = known.take_unsaved();
        assert_eq!(rows.len(), 1);
        known.unsaved(rows);
        assert_eq!(known.take_unsaved().len(), 1, "it is tried again");
    }
}
