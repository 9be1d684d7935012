//! Walks over lists that move while they are read.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// A source's table: id → updated_at (seconds). Edits move a row to the end, as GitLab's `updated_at` does.
struct Table {
    rows: BTreeMap<u32, i64>,
    clock: i64,
    page_size: usize,
}

impl Table {
    fn edit(&mut self, id: u32) {
        self.clock += 1;
        self.rows.insert(id, self.clock);
    }

    /// One page, and whether there are more.
    fn page(&self, from: Option<DateTime<Utc>>, page: u32) -> (Vec<(String, Key)>, Next) {
        let from = from.map_or(i64::MIN, |from| from.timestamp());
        let mut rows: Vec<(i64, u32)> = self.rows.iter().map(|(id, at)| (*at, *id)).filter(|(at, _)| *at >= from).collect();
        rows.sort_unstable();
        let start = (page as usize - 1) * self.page_size;
        let shown = rows.iter().skip(start).take(self.page_size).map(|(at, id)| (id.to_string(), Key::At(time(*at)))).collect();
        let next = if start + self.page_size < rows.len() { Next::Page(page + 1) } else { Next::End };
        (shown, next)
    }
}

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn first() -> Window {
    Window { page: 1, ..Window::default() }
}

/// Walks to the end from its beginning, applying one edit after each page. Gives the last version seen of every row, and the number of pages.
fn walk(table: &mut Table, edits: &[Option<u32>]) -> (BTreeMap<u32, i64>, usize) {
    walk_from(first(), table, edits)
}

fn walk_from(mut window: Window, table: &mut Table, edits: &[Option<u32>]) -> (BTreeMap<u32, i64>, usize) {
    let mut seen = BTreeMap::new();
    for pages in 1..20_000 {
        let (rows, next) = table.page(window.from, window.page);
        for (id, key) in &rows {
            let Key::At(at) = key else { unreachable!("every row has a time") };
            seen.insert(id.parse().unwrap(), at.timestamp());
        }
        if let Some(Some(id)) = edits.get(pages - 1) {
            table.edit(*id);
        }
        let keys: Vec<(&str, Key)> = rows.iter().map(|(id, key)| (id.as_str(), *key)).collect();
        match advance_window(&window, &PageFacts { rows: &keys, next: &next, fingerprint: "" }) {
            Step::Done => return (seen, pages),
            Step::Go { position: Position::Window(next), .. } => window = next,
            Step::Go { .. } => unreachable!("a window stays a window"),
        }
    }
    panic!("the walk does not end");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Every row is seen as it is, ties over several pages and edits between any two pages included: those edited behind the walk's back
    /// are newer than the walk's end, so the next walk shows them.
    #[test]
    fn a_moving_list_loses_nothing(
        times in prop::collection::vec(0i64..6, 1..60),
        page_size in 1usize..7,
        edits in prop::collection::vec(prop::option::weighted(0.6, 0u32..60), 0..40),
    ) {
        let ids: BTreeSet<u32> = (0..times.len() as u32).collect();
        let rows = ids.iter().copied().zip(times.iter().copied()).collect();
        let mut table = Table { rows, clock: 1_000, page_size };
        let edits: Vec<Option<u32>> = edits.into_iter().map(|edit| edit.filter(|id| ids.contains(id))).collect();
        let (mut seen, _) = walk(&mut table, &edits);
        let edited: BTreeSet<u32> = edits.iter().flatten().copied().collect();
        let unseen: Vec<&u32> = ids.difference(&edited).filter(|id| !seen.contains_key(id)).collect();
        prop_assert!(unseen.is_empty(), "nobody edited {:?}", unseen);
        let newest = seen.values().max().copied().unwrap_or(0);
        for (id, at) in &table.rows {
            let seen = seen.get(id);
            prop_assert!(seen == Some(at) || *at >= newest, "row {} was changed at {} and seen as of {:?}, walk ended at {}", id, at, seen, newest);
        }
        seen.extend(walk_from(Window { from: Some(time(newest)), ..first() }, &mut table, &[]).0);
        prop_assert_eq!(seen, table.rows);
    }

    /// Where nobody edits, one walk sees every row.
    #[test]
    fn a_quiet_list_is_seen_whole(times in prop::collection::vec(0i64..6, 1..60), page_size in 1usize..7) {
        let rows: BTreeMap<u32, i64> = (0u32..).zip(times).collect();
        let (seen, _) = walk(&mut Table { rows: rows.clone(), clock: 1_000, page_size }, &[]);
        prop_assert_eq!(seen, rows);
    }

    /// Distinct times cost one request per page, plus what the overlap of one row adds.
    #[test]
    fn a_quiet_list_costs_hardly_more_than_its_pages(count in 1usize..500, page_size in 2usize..50) {
        let rows = (0..count as u32).map(|id| (id, i64::from(id))).collect();
        let (seen, pages) = walk(&mut Table { rows, clock: 1_000, page_size }, &[]);
        prop_assert_eq!(seen.len(), count);
        prop_assert!(pages <= count.div_ceil(page_size - 1) + 1, "{} pages", pages);
    }
}

/// A row that is edited when the page it was on was read and it was not there any more: the walk does not see it, the next one does.
#[test]
fn a_row_that_moves_on_behind_the_walk_comes_with_the_next_one() {
    let rows = (0u32..).zip([1, 1, 5, 5, 1, 1, 1, 1, 0, 1, 0, 5, 2, 5, 5]).collect();
    let mut table = Table { rows, clock: 1_000, page_size: 4 };
    let (seen, _) = walk(&mut table, &[None, None, None, None, None, Some(11), Some(14)]);
    assert!(!seen.contains_key(&14), "the list did not move as it was meant to");
    let newest = seen.values().max().copied().unwrap();
    let (seen, _) = walk_from(Window { from: Some(time(newest)), ..first() }, &mut table, &[]);
    assert_eq!(seen.get(&14), Some(&1_002));
}

#[test]
fn plain_offset_paging_would_have_lost_a_row() {
    let mut table = Table { rows: (0..6).map(|id| (id, i64::from(id))).collect(), clock: 1_000, page_size: 2 };
    let (first_page, _) = table.page(None, 1);
    table.edit(0);
    let (second_page, _) = table.page(None, 2);
    assert!(!first_page.iter().chain(&second_page).any(|(id, _)| id == "2"), "row 2 slipped to page 1");
    let (seen, _) = walk(&mut table, &[Some(1)]);
    assert_eq!(seen.len(), 6);
}

fn step(window: &Window, rows: &[(&str, Key)], next: Next) -> Step {
    advance_window(window, &PageFacts { rows, next: &next, fingerprint: "" })
}

#[test]
fn the_boundary_rows_are_remembered() {
    let rows = [("1", Key::At(time(1))), ("2", Key::At(time(2))), ("3", Key::At(time(2)))];
    let Step::Go { position: Position::Window(window), sequential } = step(&first(), &rows, Next::Page(2)) else {
        unreachable!("not the end")
    };
    assert_eq!(window, Window { from: Some(time(2)), page: 1, seen: vec!["2".into(), "3".into()], ..Window::default() });
    assert!(!sequential);
}

#[test]
fn a_page_of_one_time_turns_the_page() {
    let window = Window { from: Some(time(2)), ..first() };
    let rows = [("1", Key::At(time(2))), ("2", Key::At(time(2)))];
    assert!(matches!(
        step(&window, &rows, Next::Page(2)),
        Step::Go { position: Position::Window(Window { page: 2, .. }), sequential: true }
    ));
}

#[test]
fn rows_without_a_time_turn_the_page_too() {
    let rows = [("1", Key::At(time(2))), ("2", Key::Absent)];
    let next = step(&first(), &rows, Next::Page(2));
    assert!(matches!(next, Step::Go { position: Position::Window(Window { page: 2, from: None, .. }), .. }));
}

#[test]
fn a_source_that_ignores_the_filter_or_the_order_is_walked_by_pages() {
    let window = Window { from: Some(time(100)), ..first() };
    let ignored = step(&window, &[("1", Key::At(time(1)))], Next::Page(2));
    assert!(matches!(ignored, Step::Go { position: Position::Window(Window { page: 2, unordered: true, .. }), .. }));
    let unsorted = step(&first(), &[("1", Key::At(time(5))), ("2", Key::At(time(1)))], Next::Page(2));
    assert!(matches!(unsorted, Step::Go { position: Position::Window(Window { page: 2, unordered: true, .. }), .. }));
}

#[test]
fn an_unreadable_row_does_not_hold_the_walk_up() {
    let rows = [("", Key::Unreadable), ("1", Key::At(time(1))), ("", Key::Unreadable)];
    assert!(matches!(
        step(&first(), &rows, Next::Page(2)),
        Step::Go { position: Position::Window(Window { page: 1, from: Some(_), .. }), .. }
    ));
    let rows = [("", Key::Unreadable)];
    assert!(matches!(step(&first(), &rows, Next::Page(2)), Step::Go { position: Position::Window(Window { page: 2, .. }), .. }));
}

#[test]
fn without_paging_headers_only_an_empty_page_ends() {
    let rows = [("1", Key::At(time(1)))];
    assert!(matches!(step(&first(), &rows, Next::Unsaid), Step::Go { .. }));
    assert_eq!(step(&first(), &[], Next::Unsaid), Step::Done);
    let facts = |rows| PageFacts { rows, next: &Next::Unsaid, fingerprint: "" };
    assert!(matches!(advance_pages(&Position::Page(1), &facts(&rows), false), Step::Go { position: Position::Page(2), .. }));
    assert_eq!(advance_pages(&Position::Page(2), &facts(&[]), false), Step::Done);
}

#[test]
fn a_keyset_list_without_a_link_is_over() {
    let rows = [("1", Key::At(time(1)))];
    let facts = PageFacts { rows: &rows, next: &Next::Unsaid, fingerprint: "" };
    assert_eq!(advance_pages(&Position::Query("cursor=a".into()), &facts, true), Step::Done);
}

#[test]
fn circles_are_noticed() {
    let rows = [("1", Key::At(time(1)))];
    let facts = |next| PageFacts { rows: &rows, next, fingerprint: "same" };
    let page = Position::Page(2);
    assert_eq!(check_progress(&facts(&Next::Page(3)), &page, Some("same"), 0), Err(WalkError::SamePage));
    assert_eq!(check_progress(&facts(&Next::Page(2)), &page, None, 0), Err(WalkError::SamePage));
    assert_eq!(check_progress(&facts(&Next::Page(3)), &page, Some("other"), 0), Ok(()));
    let query = Position::Query("cursor=a".into());
    assert_eq!(check_progress(&facts(&Next::Query("cursor=a".into())), &query, None, 0), Err(WalkError::SamePage));
    let empty = PageFacts { rows: &[], next: &Next::Page(9), fingerprint: "" };
    assert_eq!(check_progress(&empty, &Position::Page(8), None, MAX_EMPTY_PAGES), Err(WalkError::OnlyEmptyPages));
}
