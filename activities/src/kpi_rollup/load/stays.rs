//! When items were in which version.

use chrono::{DateTime, Utc};
use ovia_kpi::ReleaseItemFact;
use ovia_store::kpi::facts::VersionItemRow;

/// The stays of items in versions, from coming and going in the order of time and what is so now.
#[derive(Default)]
pub(super) struct Stays {
    done: Vec<ReleaseItemFact>,
    /// The pair whose rows are being read.
    pair: Option<(i64, i64)>,
    /// Since when it is in, as far as is known; `Some(None)`: since it was created.
    open: Option<Option<DateTime<Utc>>>,
    seen: bool,
}

impl Stays {
    pub(super) fn add(&mut self, row: &VersionItemRow) {
        let pair = (row.version_id, row.work_item_id);
        if self.pair != Some(pair) {
            // one that came, did not go and is not in it now: when it went is not known, so that it never was
            (self.pair, self.open, self.seen) = (Some(pair), None, false);
        }
        let fact = |added_at, removed_at| ReleaseItemFact { release_id: pair.0, work_item_id: pair.1, added_at, removed_at };
        match (row.at, row.added) {
            (None, _) => {
                let since = self.open.take().unwrap_or(None);
                self.done.push(fact(since, None));
            }
            (Some(at), true) => {
                self.open.get_or_insert(Some(at));
            }
            (Some(at), false) => {
                let since = match self.open.take() {
                    Some(since) => since,
                    None if !self.seen => None,
                    None => return,
                };
                self.done.push(fact(since, Some(at)));
            }
        }
        self.seen = true;
    }

    pub(super) fn finish(self) -> Vec<ReleaseItemFact> {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    fn at(day: u32) -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 3, day, 9, 0, 0).single().unwrap_or_default()
    }

    /// When it was added, and when removed.
    type Stay = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

    fn stays(rows: &[(Option<u32>, bool)]) -> Vec<Stay> {
        let mut stays = Stays::default();
        for (day, added) in rows {
            stays.add(&VersionItemRow { version_id: 1, work_item_id: 2, at: day.map(at), added: *added });
        }
        stays.finish().into_iter().map(|fact| (fact.added_at, fact.removed_at)).collect()
    }

    #[test]
    fn an_item_that_left_and_came_back_has_two_stays() {
        assert_eq!(stays(&[(None, true)]), [(None, None)]);
        assert_eq!(stays(&[(Some(2), true), (None, true)]), [(Some(at(2)), None)]);
        assert_eq!(
            stays(&[(Some(2), false), (Some(4), true), (None, true)]),
            [(None, Some(at(2))), (Some(at(4)), None)],
            "it was in from its creation"
        );
        assert_eq!(stays(&[(Some(2), true), (Some(4), false)]), [(Some(at(2)), Some(at(4)))]);
    }
}
