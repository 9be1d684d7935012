//! Offset pages that prove that nothing slipped between them.
//!
//! A row that leaves a list moves all rows behind it up, and the first row of the next page onto the page already read: plain offset
//! paging skips it. So every page here begins before the end of the one before it. The rows of such a list keep their order among
//! themselves (they are sorted by id or by creation), so when a page holds one of the last rows already seen, whatever follows that row is
//! on it, or on later pages: nothing can have slipped. A page without any of them is not believed: the walk goes back to where they are
//! now. Rows that are added shift rows to later pages only, which costs at most reading them twice.
//!
//! GitLab takes page numbers, no offsets. An overlap of a few rows is had by asking for a page size that puts a page's start there:
//! after 100 rows, page 2 of 99 rows each begins at the last of them.

use serde::{Deserialize, Serialize};

use super::client::Next;

/// Rows remembered of the end of a page: any of them may be gone by the next one.
const TAIL: usize = 20;
/// No server allows fewer rows on a page; a shorter first page is all there is.
const SMALLEST_MAXIMUM: u32 = 20;
/// Pages of one walk that may fail to connect, before the list is called unreadable.
const MAX_BREAKS: u32 = 50;

/// Where a walk by overlapping pages stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overlap {
    /// Rows of the list up to the last one seen.
    pub known: u32,
    /// Ids of the last rows seen, in their order.
    pub tail: Vec<String>,
    /// Rows a page may have: what was asked for or, if that is less, the server's maximum.
    pub page_size: u32,
    /// Pages in a row that did not connect.
    pub steps_back: u32,
    /// Pages of the whole walk that did not.
    pub breaks: u32,
}

/// What came of a page.
#[derive(Clone, Debug, PartialEq)]
pub enum Overlapped {
    Done,
    Go(Overlap),
    /// The list moves too much, or is not sorted: it cannot be read completely.
    GivenUp,
}

/// One page of a list, as far as this file needs it.
#[derive(Debug)]
pub struct OverlapPage<'a> {
    pub ids: &'a [&'a str],
    pub next: &'a Next,
    /// `x-per-page`: what the server made of the page size asked for.
    pub per_page: Option<u32>,
}

impl Overlap {
    pub fn start(page_size: u32) -> Self {
        Self { known: 0, tail: Vec::new(), page_size, steps_back: 0, breaks: 0 }
    }

    /// Page size and number to ask for: the pair that begins at or before the last known row and brings the most beyond it. For some
    /// tiny page sizes there is none; then the pair only repeats what is known.
    pub fn page(&self) -> (u32, u32) {
        let Some(last) = self.known.checked_sub(1) else { return (self.page_size, 1) };
        let smallest = self.page_size.div_ceil(2).max(1);
        let size = (smallest..=self.page_size).max_by_key(|size| (size - last % size, *size)).unwrap_or(self.page_size);
        (size, last / size + 1)
    }

    /// What to do after `page`, which `self.page()` asked for.
    pub fn after(&self, page: &OverlapPage<'_>) -> Overlapped {
        let (asked, number) = self.page();
        let count = u32::try_from(page.ids.len()).unwrap_or(u32::MAX);
        let is_last = matches!(page.next, Next::End);
        // A server with a smaller maximum answers another stretch of the list than was meant. Where it does not say so, its first page does;
        // every later page is asked for within that.
        let size = match page.per_page {
            Some(said) if said > 0 => said.min(asked),
            None if number == 1 && !is_last && count >= SMALLEST_MAXIMUM => count.min(asked),
            _ => asked,
        };
        let page_size = if size < asked { size } else { self.page_size };
        let start = (number - 1).saturating_mul(size);
        let known_here = page.ids.iter().rposition(|id| self.tail.iter().any(|seen| seen == id));
        if start > 0 && known_here.is_none() {
            let known = start.saturating_sub(size.saturating_mul(self.steps_back));
            return self.stuck(Self { known, page_size, ..self.clone() });
        }
        // Without paging headers a list ends with a page that has room for something new and has not.
        let brings = page.ids.len() - known_here.map_or(0, |at| at + 1);
        if is_last || (matches!(page.next, Next::Unsaid) && brings == 0 && count < size) {
            return Overlapped::Done;
        }
        let last = page.ids[page.ids.len().saturating_sub(TAIL)..].iter();
        // Rows that could not be read have no id, and are all alike.
        let tail = last.filter(|id| !id.is_empty()).map(|id| (*id).to_owned()).collect();
        let next = Self { known: start + count, tail, page_size, steps_back: 0, breaks: self.breaks };
        if brings == 0 { self.stuck(next) } else { Overlapped::Go(next) }
    }

    fn stuck(&self, next: Self) -> Overlapped {
        let (steps_back, breaks) = (self.steps_back + 1, self.breaks + 1);
        if breaks > MAX_BREAKS { Overlapped::GivenUp } else { Overlapped::Go(Self { steps_back, breaks, ..next }) }
    }
}

#[cfg(test)]
mod tests;
