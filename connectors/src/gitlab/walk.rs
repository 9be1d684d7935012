//! Where a walk goes after a page. Pure, so that lists that move while they are walked can be tried in tests.
//!
//! Offset pages over a list sorted by `updated_at` skip rows when rows move to its end meanwhile. So after *every* page the walk asks
//! anew for page 1 of "updated at or after the last row"; the filter is inclusive, so the rows at the boundary come again and are
//! dropped by id. Only where a whole page carries a single time does it turn pages; those pages are then read once more downwards,
//! since rows that leave shift the others to lower pages only.

use chrono::{DateTime, TimeDelta, Utc};

use super::client::Next;
use super::cursor::{Position, Then, Window};
use super::overlap::{Overlap, OverlapPage, Overlapped};

/// Ids at a boundary that are remembered; where more rows share one time, they are handed on again (and found unchanged).
const MAX_SEEN: usize = 200;
/// Empty pages in a row, with the source promising more, before the walk gives up.
const MAX_EMPTY_PAGES: u32 = 50;

/// A row's place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    At(DateTime<Utc>),
    /// The source gave no time; sorted last.
    Absent,
    /// The row could not be read.
    Unreadable,
}

/// What `advance` needs to know of a page.
#[derive(Debug)]
pub struct PageFacts<'a> {
    /// Id and key per row, in the order received.
    pub rows: &'a [(&'a str, Key)],
    pub next: &'a Next,
    pub fingerprint: &'a str,
}

/// What comes after a page.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Done,
    Go {
        position: Position,
        /// The next page must differ from this one; equal pages mean that the source ignores page numbers.
        sequential: bool,
    },
}

/// A list that does not end: going on would ask for the same page for ever.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    #[error("the source answers the same page again and again")]
    SamePage,
    #[error("the source promises more rows but {MAX_EMPTY_PAGES} pages in a row were empty")]
    OnlyEmptyPages,
}

/// The checks that keep a walk from running in circles. `last` is the fingerprint the page must differ from.
pub fn check_progress(facts: &PageFacts<'_>, position: &Position, last: Option<&str>, empties: u32) -> Result<(), WalkError> {
    if !facts.rows.is_empty() && last == Some(facts.fingerprint) {
        return Err(WalkError::SamePage);
    }
    if facts.rows.is_empty() && empties >= MAX_EMPTY_PAGES {
        return Err(WalkError::OnlyEmptyPages);
    }
    match (position, facts.next) {
        (Position::Page(page), Next::Page(next)) if next <= page => Err(WalkError::SamePage),
        (Position::Query(query), Next::Query(next)) if next == query => Err(WalkError::SamePage),
        _ => Ok(()),
    }
}

/// After a page of an unfiltered list. `keyset` lists have no page numbers: without a next link they are over.
pub fn advance_pages(position: &Position, facts: &PageFacts<'_>, keyset: bool) -> Step {
    let page = match position {
        Position::Page(page) => *page,
        _ => 0,
    };
    let position = match facts.next {
        Next::End => return Step::Done,
        Next::Unsaid if facts.rows.is_empty() || keyset => return Step::Done,
        Next::Unsaid => Position::Page(page + 1),
        Next::Page(next) => Position::Page(*next),
        // A link without a page number is the only way on; one with it says no more than "there is a next page".
        Next::Query(query) if keyset || page == 0 || !has_page_number(query) => Position::Query(query.clone()),
        Next::Query(_) => Position::Page(page + 1),
    };
    Step::Go { position, sequential: true }
}

fn has_page_number(query: &str) -> bool {
    query.split('&').any(|pair| pair.starts_with("page="))
}

/// After a page of a list whose pages overlap. A list that cannot be read that way is done with: it is asked again by the next walk.
pub fn advance_overlap(overlap: &Overlap, facts: &PageFacts<'_>, per_page: Option<u32>) -> Step {
    let ids: Vec<&str> = facts.rows.iter().map(|(id, _)| *id).collect();
    match overlap.after(&OverlapPage { ids: &ids, next: facts.next, per_page }) {
        Overlapped::Go(next) => Step::Go { position: Position::Overlap(next), sequential: false },
        Overlapped::Done | Overlapped::GivenUp => Step::Done,
    }
}

/// After a page of a time window.
pub fn advance_window(window: &Window, facts: &PageFacts<'_>) -> Step {
    // A window's end is the list's: the source was asked for nothing behind it.
    let is_last = match facts.next {
        Next::End => true,
        Next::Unsaid => facts.rows.is_empty(),
        _ => false,
    };
    if let Some(then) = &window.then {
        return if window.page > 1 { turn(window, window.page - 1, Some(then.clone())) } else { settle(window, then.clone()) };
    }
    if window.unordered || !is_ordered(window, facts.rows) {
        let window = Window { unordered: true, page: window.page + 1, seen: Vec::new(), ..window.clone() };
        return if is_last { Step::Done } else { Step::Go { position: Position::Window(window), sequential: true } };
    }
    let then = match next_window(window, facts.rows) {
        _ if is_last => Then::Finish,
        Some(then) => then,
        None => return turn(window, window.page + 1, None),
    };
    if window.page > 1 { turn(window, window.page - 1, Some(then)) } else { settle(window, then) }
}

fn turn(window: &Window, page: u32, then: Option<Then>) -> Step {
    let sequential = then.is_none();
    Step::Go { position: Position::Window(Window { page, then, ..window.clone() }), sequential }
}

fn settle(window: &Window, then: Then) -> Step {
    match then {
        Then::Finish => Step::Done,
        Then::Window { from, seen } => {
            let window = Window { from: Some(from), to: window.to, page: 1, seen, ..Window::default() };
            Step::Go { position: Position::Window(window), sequential: false }
        }
    }
}

/// The window after this page; `None` if the page does not get beyond the window's start.
fn next_window(window: &Window, rows: &[(&str, Key)]) -> Option<Then> {
    if rows.iter().any(|(_, key)| *key == Key::Absent) {
        return None;
    }
    let newest = newest(rows)?;
    if window.from.is_some_and(|from| newest <= from) {
        return None;
    }
    let mut seen: Vec<String> = rows.iter().filter(|(_, key)| *key == Key::At(newest)).map(|(id, _)| (*id).to_owned()).collect();
    if seen.len() > MAX_SEEN {
        seen.clear();
    }
    Some(Then::Window { from: newest, seen })
}

/// The newest time on a page.
pub fn newest(rows: &[(&str, Key)]) -> Option<DateTime<Utc>> {
    let times = rows.iter().filter_map(|(_, key)| match key {
        Key::At(time) => Some(*time),
        _ => None,
    });
    times.max()
}

/// Whether the source filtered and sorted as asked. At the beginning a second of tolerance: it may cut the filter's fraction off. One that
/// shows rows behind the end it was asked for is not trusted with the order either.
fn is_ordered(window: &Window, rows: &[(&str, Key)]) -> bool {
    let readable: Vec<Key> = rows.iter().map(|(_, key)| *key).filter(|key| *key != Key::Unreadable).collect();
    let begins = match (window.from, readable.first()) {
        (Some(from), Some(Key::At(first))) => *first >= from - TimeDelta::seconds(1),
        _ => true,
    };
    let ends = window.to.is_none_or(|to| newest(rows).is_none_or(|newest| newest <= whole_second_after(to)));
    begins && ends && readable.is_sorted()
}

/// `time` rounded up: what a window's end is asked for as.
pub fn whole_second_after(time: DateTime<Utc>) -> DateTime<Utc> {
    let seconds = time.timestamp() + i64::from(time.timestamp_subsec_nanos() > 0);
    DateTime::from_timestamp(seconds, 0).unwrap_or(time)
}

#[cfg(test)]
mod tests;
