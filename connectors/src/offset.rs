//! Lists with offsets that move while they are read: groups and their members, accounts, versions, boards and sprints.
//!
//! A row that leaves shifts the rest to lower places, past the next page's beginning. So each page begins a few rows before the end of the
//! last one; if none of those rows comes again, rows may have been skipped, and the walk goes back until it finds one of them, or to the
//! beginning. Rows that come twice are stored once.
//!
//! Some sources leave rows out of a page after having counted them. Then the next page may be the same one: its beginning is among those left
//! out. The walk goes on by whole pages until others come.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::lenient::{Id, parse_row};

/// Rows that are read twice.
const OVERLAP: usize = 5;
/// As many pages in a row are the same where the source ignores `start`, and not because all rows between were left out.
const SAME_PAGES: u32 = 20;
/// No page that is asked for is longer. A row comes again until the walk has gone this far, where all before it was left out.
const LONGEST_PAGE: usize = 200;

/// Where the next page begins, and what it has to contain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Offset {
    pub start: usize,
    /// The last rows of the pages so far.
    tail: Vec<String>,
    /// How far the walk went back last.
    back: usize,
    /// The first and the last row of the last page.
    #[serde(default)]
    ends: Option<(String, String)>,
    /// Rows of the longest page so far: no page reaches less far than this.
    #[serde(default)]
    longest: usize,
    /// How often the last page came again.
    #[serde(default)]
    same: u32,
    /// Where it began first.
    #[serde(default)]
    same_from: usize,
}

#[derive(Debug, PartialEq)]
pub enum Stepped {
    Done,
    Go(Offset),
    /// The source ignores `start`.
    SamePage,
}

impl Offset {
    /// Whether the last page showed this row as well.
    pub fn is_known(&self, id: &str) -> bool {
        self.tail.iter().any(|known| known == id)
    }

    /// After a page with these ids, in their order. `more`: the source says that there are rows behind it.
    pub fn after(&self, ids: &[String], more: bool) -> Stepped {
        let joins = self.start == 0 || self.tail.is_empty() || self.tail.iter().any(|id| ids.contains(id));
        if !joins {
            let back = (self.back * 2).max(OVERLAP * 2);
            return Stepped::Go(Self { start: self.start.saturating_sub(back), back, ends: None, same: 0, ..self.clone() });
        }
        let ends = ids.first().cloned().zip(ids.last().cloned()).filter(|_| more);
        if ends.is_none() {
            return Stepped::Done;
        }
        let longest = self.longest.max(ids.len());
        if ends == self.ends {
            let same = self.same + 1;
            let same_from = if same == 1 { self.start } else { self.same_from };
            if same >= SAME_PAGES && self.start - same_from >= LONGEST_PAGE {
                return Stepped::SamePage;
            }
            let start = self.start + longest - OVERLAP.min(longest / 2);
            return Stepped::Go(Self { start, tail: Vec::new(), back: 0, ends, longest, same, same_from });
        }
        let overlap = OVERLAP.min(ids.len() / 2);
        let tail = ids.iter().skip(ids.len() - overlap).cloned().collect();
        Stepped::Go(Self { start: self.start + ids.len() - overlap, tail, back: 0, ends, longest, same: 0, same_from: 0 })
    }
}

/// Who the rows are; what cannot be read stands for itself.
pub fn row_ids(rows: &[Box<RawValue>]) -> Vec<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Who {
        #[serde(default)]
        id: Option<Id>,
        #[serde(default)]
        account_id: Option<Id>,
        #[serde(default)]
        group_id: Option<Id>,
    }
    let id = |raw: &RawValue| parse_row::<Who>(raw.get()).ok().and_then(|who| who.id.or(who.account_id).or(who.group_id)).map(|id| id.0);
    rows.iter().map(|raw| id(raw).unwrap_or_else(|| raw.get().chars().take(200).collect())).collect()
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
        for (rows, start, most) in [(100, 95, SAME_PAGES), (10, 5, 41), (1, 1, 201)] {
            let ids: Vec<String> = (0..rows).map(|id| id.to_string()).collect();
            let Stepped::Go(mut next) = Offset::default().after(&ids, true) else { unreachable!("more was said") };
            assert_eq!(next.start, start);
            let mut pages = 1;
            while let Stepped::Go(again) = next.after(&ids, true) {
                pages += 1;
                next = again;
            }
            assert_eq!(next.after(&ids, true), Stepped::SamePage);
            assert_eq!(pages, most);
        }
    }

    #[test]
    fn a_list_that_never_says_which_page_is_the_last_ends_behind_its_last_row() {
        let list: Vec<String> = (0..23).map(|id| id.to_string()).collect();
        let (mut at, mut starts) = (Offset::default(), vec![0]);
        while let Stepped::Go(next) = at.after(&page(&list, at.start, 10).0, true) {
            starts.push(next.start);
            at = next;
        }
        assert_eq!(starts, [0, 5, 10, 15, 19, 21, 22, 23]);
    }

    #[test]
    fn a_row_behind_a_page_of_rows_left_out_is_passed() {
        // 199 rows that are not shown, one that is, and one behind it: the first page shows one row of 200 places.
        let places: Vec<Option<&str>> = std::iter::repeat_n(None, 199).chain([Some("a"), Some("b")]).collect();
        let (mut at, mut seen) = (Offset::default(), BTreeSet::new());
        loop {
            let ids: Vec<String> = places.iter().skip(at.start).take(LONGEST_PAGE).flatten().map(|id| (*id).to_owned()).collect();
            seen.extend(ids.iter().cloned());
            match at.after(&ids, true) {
                Stepped::Go(next) => at = next,
                Stepped::Done => break,
                Stepped::SamePage => panic!("the source did not ignore the place"),
            }
        }
        assert_eq!(seen, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    }

    proptest! {
        /// A source counts rows that it does not show: all others are read, whatever page sizes it allows.
        #[test]
        fn a_list_with_rows_left_out_is_read_to_its_end(
            places in prop::collection::vec((any::<bool>(), 1usize..12), 0..30),
            limit in 5usize..40,
        ) {
            let places: Vec<Option<String>> = places
                .into_iter()
                .enumerate()
                .flat_map(|(run, (shown, length))| (0..length).map(move |n| shown.then(|| format!("{run}-{n}"))))
                .collect();
            let (mut at, mut seen) = (Offset::default(), BTreeSet::new());
            for pages in 0.. {
                prop_assert!(pages < 500, "the walk does not end");
                let ids: Vec<String> = places.iter().skip(at.start).take(limit).flatten().cloned().collect();
                seen.extend(ids.iter().cloned());
                at = match at.after(&ids, true) {
                    Stepped::Go(next) => next,
                    Stepped::Done => break,
                    Stepped::SamePage => return Err(TestCaseError::fail("the source did not ignore the place")),
                };
            }
            let end = at.start;
            let missed: Vec<&String> = places.iter().take(end).flatten().filter(|id| !seen.contains(*id)).collect();
            prop_assert!(missed.is_empty(), "{:?}", missed);
        }

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
