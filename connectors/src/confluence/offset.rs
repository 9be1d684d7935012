//! Lists with offsets that move while they are read (groups and their members, in v1).
//!
//! A row that leaves shifts the rest to lower places, past the next page's beginning. So each page begins a few rows before the end of the
//! last one; if none of those rows comes again, rows may have been skipped, and the walk goes back until it finds one of them, or to the
//! beginning. Rows that come twice are stored once.

use serde::{Deserialize, Serialize};

/// Rows that are read twice.
const OVERLAP: usize = 5;

/// Where the next page begins, and what it has to contain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Offset {
    pub start: usize,
    /// The last rows of the pages so far.
    tail: Vec<String>,
    /// How far the walk went back last.
    back: usize,
}

#[derive(Debug, PartialEq)]
pub enum Stepped {
    Done,
    Go(Offset),
    /// The source ignores `start`.
    SamePage,
}

impl Offset {
    /// After a page with these ids, in their order. `more`: the source says that there are rows behind it.
    pub fn after(&self, ids: &[String], more: bool) -> Stepped {
        let joins = self.start == 0 || self.tail.is_empty() || self.tail.iter().any(|id| ids.contains(id));
        if !joins {
            let back = (self.back * 2).max(OVERLAP * 2);
            return Stepped::Go(Self { start: self.start.saturating_sub(back), tail: self.tail.clone(), back });
        }
        if !more || ids.is_empty() {
            return Stepped::Done;
        }
        let overlap = OVERLAP.min(ids.len() / 2);
        let tail = ids[ids.len() - overlap..].to_vec();
        if self.start > 0 && self.back == 0 && overlap > 0 && tail == self.tail {
            return Stepped::SamePage;
        }
        Stepped::Go(Self { start: self.start + ids.len() - overlap, tail, back: 0 })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    fn page(list: &[String], start: usize, limit: usize) -> (Vec<String>, bool) {
        let rows: Vec<String> = list.iter().skip(start).take(limit).cloned().collect();
        let more = start + rows.len() < list.len();
        (rows, more)
    }

    #[test]
    fn a_source_that_ignores_the_offset_is_noticed() {
        let ids: Vec<String> = (0..10).map(|id| id.to_string()).collect();
        let Stepped::Go(next) = Offset::default().after(&ids, true) else { unreachable!("more was said") };
        assert_eq!(next.start, 5);
        assert_eq!(next.after(&ids, true), Stepped::SamePage);
    }

    proptest! {
        /// Rows leave and come between any two pages: what is there throughout is read.
        #[test]
        fn a_moving_list_loses_nothing(
            count in 0usize..120,
            limit in 2usize..40,
            changes in prop::collection::vec((0usize..120, 0usize..8, 0usize..3), 0..12),
        ) {
            let mut list: Vec<String> = (0..count).map(|id| id.to_string()).collect();
            let (mut gone, mut seen) = (BTreeSet::new(), BTreeSet::new());
            let mut at = Offset::default();
            let mut changes = changes.into_iter();
            for pages in 0.. {
                prop_assert!(pages < 500, "the walk does not end");
                let (ids, more) = page(&list, at.start, limit);
                seen.extend(ids.iter().cloned());
                at = match at.after(&ids, more) {
                    Stepped::Go(next) => next,
                    Stepped::Done => break,
                    Stepped::SamePage => return Err(TestCaseError::fail("no page came twice")),
                };
                if let Some((place, leave, come)) = changes.next() {
                    let place = place.min(list.len());
                    let end = (place + leave).min(list.len());
                    gone.extend(list.drain(place..end));
                    list.extend((0..come).map(|n| format!("new{pages}-{n}")));
                }
            }
            let missed: Vec<String> = (0..count).map(|id| id.to_string()).filter(|id| !gone.contains(id) && !seen.contains(id)).collect();
            prop_assert!(missed.is_empty(), "{:?}", missed);
        }
    }
}
