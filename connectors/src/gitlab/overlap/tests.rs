//! Overlapping pages over lists that lose and gain rows while they are read.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// How the source says where a list ends.
#[derive(Clone, Copy, Debug)]
enum Says {
    All,
    NoPageSize,
    Nothing,
}

/// A list in the order of ids; `up` to which row ids may be, in the direction of the list.
struct List {
    ids: Vec<u32>,
    maximum: u32,
    says: Says,
}

impl List {
    /// A page as a server with a smaller maximum answers it.
    fn page(&self, size: u32, number: u32) -> (Vec<String>, Next, Option<u32>) {
        let size = size.min(self.maximum);
        let start = ((number - 1) * size) as usize;
        let ids = self.ids.iter().skip(start).take(size as usize).map(u32::to_string).collect();
        let next = match self.says {
            Says::Nothing => Next::Unsaid,
            _ if start + (size as usize) < self.ids.len() => Next::Page(number + 1),
            _ => Next::End,
        };
        (ids, next, matches!(self.says, Says::All).then_some(size))
    }
}

/// Reads the list to its end, changing it after every page. `None`: given up.
fn read(list: &mut List, page_size: u32, mut change: impl FnMut(&mut Vec<u32>, usize)) -> Option<(BTreeSet<u32>, usize)> {
    let (mut overlap, mut seen) = (Overlap::start(page_size), BTreeSet::new());
    for pages in 1..5_000 {
        let (size, number) = overlap.page();
        let (ids, next, per_page) = list.page(size, number);
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        seen.extend(ids.iter().filter_map(|id| id.parse::<u32>().ok()));
        match overlap.after(&OverlapPage { ids: &ids, next: &next, per_page }) {
            Overlapped::Done => return Some((seen, pages)),
            Overlapped::GivenUp => return None,
            Overlapped::Go(next) => overlap = next,
        }
        change(&mut list.ids, pages);
    }
    unreachable!("the walk does not end")
}

fn says() -> impl Strategy<Value = Says> {
    prop_oneof![Just(Says::All), Just(Says::NoPageSize), Just(Says::Nothing)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever is deleted, and added in front or behind, between any two pages: a row that was there throughout is seen, or the list is
    /// given up.
    #[test]
    fn no_row_that_stays_is_missed(
        count in 0u32..200,
        page_size in 20u32..40,
        maximum in 20u32..40,
        says in says(),
        newest_first in any::<bool>(),
        changes in prop::collection::vec((0usize..4, prop::collection::vec(0usize..200, 0..25)), 0..30),
    ) {
        let mut ids: Vec<u32> = (1_000..1_000 + count).collect();
        if newest_first {
            ids.reverse();
        }
        let throughout: BTreeSet<u32> = ids.iter().copied().collect();
        let (mut gone, mut newest) = (BTreeSet::new(), 5_000);
        let mut list = List { ids, maximum, says };
        let found = read(&mut list, page_size, |ids, page| {
            let Some((added, deleted)) = changes.get(page - 1) else { return };
            for at in deleted {
                if *at < ids.len() {
                    gone.insert(ids.remove(*at));
                }
            }
            for _ in 0..*added {
                newest += 1;
                ids.insert(if newest_first { 0 } else { ids.len() }, newest);
            }
        });
        if let Some((seen, _)) = found {
            let missed: Vec<&u32> = throughout.difference(&seen).filter(|id| !gone.contains(id)).collect();
            prop_assert!(missed.is_empty(), "{:?}", missed);
        }
    }

    /// A list at rest is never given up, and costs hardly more than its pages.
    #[test]
    fn a_quiet_list_is_read_whole(count in 0u32..800, page_size in 20u32..101, maximum in 20u32..101, says in says()) {
        let mut list = List { ids: (0..count).collect(), maximum, says };
        let (seen, pages) = read(&mut list, page_size, |_, _| {}).ok_or_else(|| TestCaseError::fail("given up"))?;
        prop_assert_eq!(seen.len(), count as usize);
        let least = count.div_ceil(page_size.min(maximum)) as usize;
        prop_assert!(pages <= least + least / 2 + 2, "{} pages instead of {}", pages, least);
    }
}

#[test]
fn pages_of_a_hundred_overlap_by_little() {
    let mut list = List { ids: (0..8_000).collect(), maximum: 100, says: Says::All };
    let pages = read(&mut list, 100, |_, _| {}).map(|(_, pages)| pages);
    assert!(pages.is_some_and(|pages| pages <= 92), "{pages:?}");
}

#[test]
fn plain_pages_would_have_missed_a_row() {
    let mut list = List { ids: (0..40).collect(), maximum: 100, says: Says::All };
    let (first, ..) = list.page(20, 1);
    list.ids.remove(0);
    let (second, ..) = list.page(20, 2);
    assert!(!first.iter().chain(&second).any(|id| id == "20"), "row 20 slipped to page 1");
    list.ids.insert(0, 0);
    let (seen, _) = read(&mut list, 20, |ids, page| {
        if page == 1 {
            ids.remove(0);
        }
    })
    .unwrap_or_default();
    assert_eq!(seen.len(), 40);
}

#[test]
fn a_list_in_another_order_every_time_is_given_up() {
    let mut list = List { ids: (0..500).collect(), maximum: 100, says: Says::All };
    // Pages of rows that were never seen before: nothing connects them.
    let found = read(&mut list, 100, |ids, page| *ids = (0..500).map(|n| n + 1_000 * page as u32).collect());
    assert!(found.is_none(), "nobody can read that");
}
