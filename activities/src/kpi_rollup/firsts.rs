//! Since when each scope has rows, now and at the last rollup: where the two differ, figures between them are 0 instead of no data, or the
//! other way round.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use ovia_kpi::{FirstOf, Scope};
use ovia_store::kpi::touched::TouchedSpan;
use serde_json::{Value, json};

type Time = DateTime<Utc>;

/// As `kpi_rollup_state.firsts` has them.
pub(super) fn stored(firsts: &[(FirstOf, Scope, Time)]) -> Value {
    let by_key: BTreeMap<String, i64> =
        firsts.iter().map(|(of, scope, at)| (format!("{} {} {}", of.as_str(), scope.kind(), scope.id()), at.timestamp_micros())).collect();
    json!(by_key)
}

/// From the earlier of two first moments to the later one; to `as_of` where there was or is none.
pub(super) fn moved(before: &Value, after: &Value, as_of: Time) -> Vec<TouchedSpan> {
    let read = |firsts: &Value| -> BTreeMap<String, i64> { serde_json::from_value(firsts.clone()).unwrap_or_default() };
    let (before, after) = (read(before), read(after));
    let time = |at: Option<&i64>| at.and_then(|at| DateTime::from_timestamp_micros(*at)).unwrap_or(as_of);
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differing = keys.into_iter().map(|key| (before.get(key), after.get(key))).filter(|(before, after)| before != after);
    let spans: BTreeSet<(Time, Time)> =
        differing.map(|(before, after)| (time(before), time(after))).map(|(one, other)| (one.min(other), one.max(other))).collect();
    spans.into_iter().map(|(from, to)| TouchedSpan { from, to }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u32) -> Time {
        DateTime::from_timestamp(86_400 * i64::from(day), 0).unwrap_or_default()
    }

    #[test]
    fn what_lies_between_two_first_moments_is_touched() {
        let firsts =
            |day| stored(&[(FirstOf::MergeRequest, Scope::Organisation, at(1)), (FirstOf::WorkItem, Scope::Team("t".into()), at(day))]);
        assert_eq!(moved(&firsts(5), &firsts(5), at(9)), []);
        assert_eq!(moved(&firsts(5), &firsts(3), at(9)), [TouchedSpan { from: at(3), to: at(5) }]);
        assert_eq!(moved(&firsts(3), &firsts(5), at(9)), [TouchedSpan { from: at(3), to: at(5) }]);
        let gone = stored(&[(FirstOf::MergeRequest, Scope::Organisation, at(1))]);
        assert_eq!(moved(&firsts(3), &gone, at(9)), [TouchedSpan { from: at(3), to: at(9) }]);
        assert_eq!(moved(&gone, &firsts(3), at(9)), [TouchedSpan { from: at(3), to: at(9) }]);
    }
}
