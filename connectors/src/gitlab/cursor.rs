//! The cursor of one partition: opaque JSON to the engine, typed here.
//!
//! A cursor this version cannot read starts the walk over instead of failing: rows are upserted by id, so reading twice is only slow.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::overlap::Overlap;

/// Raised when the meaning of a stored cursor changes.
const VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    v: u32,
    /// Walks completed; 0 until the first one is.
    pub walks: u64,
    /// Everything updated before this has been seen by a completed walk.
    pub watermark: Option<DateTime<Utc>>,
    /// The walk in progress.
    pub walk: Option<Walk>,
}

/// A walk over a partition, between two pages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Walk {
    pub phase: Phase,
    pub position: Position,
    /// Rows asked for a page: what the position's page number counts in.
    #[serde(default)]
    pub page_size: u32,
    /// The newest time seen in the walk.
    pub newest: Option<DateTime<Utc>>,
    /// The source's clock when the walk began.
    pub began: Option<DateTime<Utc>>,
    /// Fingerprint of the last page, if the next one has to differ from it.
    pub last: Option<String>,
    /// Empty pages in a row.
    pub empties: u32,
}

impl Walk {
    /// The walk with pages of another size. The page numbers of a size mean nothing in another: those of the list or of its window are
    /// read again from the first. Positions that bring their own size go on.
    pub fn with_page_size(self, page_size: u32) -> Self {
        if self.page_size == page_size {
            return self;
        }
        let position = match self.position {
            Position::Page(_) => Position::Page(1),
            Position::Window(window) => Position::Window(Window { page: 1, then: None, ..window }),
            own_size @ (Position::Overlap(_) | Position::Query(_)) => own_size,
        };
        Self { position, page_size, last: None, empties: 0, ..self }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Main,
    /// Rows without `updated_at`: a time window never shows them.
    Untimed,
    /// Open merge requests: a push does not bump `updated_at`, so a time window does not show it.
    Open,
}

/// Where the next page is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    Window(Window),
    Page(u32),
    /// Of pages that overlap.
    Overlap(Overlap),
    /// The query of a keyset link.
    Query(String),
}

/// A page of the list filtered by time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Inclusive; `None` means unfiltered.
    pub from: Option<DateTime<Utc>>,
    /// Exclusive: where a backfill's window ends; `None` goes on to the newest row.
    #[serde(default)]
    pub to: Option<DateTime<Utc>>,
    pub page: u32,
    /// Set while pages of one single time are read again downwards: what to do after page 1.
    pub then: Option<Then>,
    /// The source does not filter or sort as asked: plain pages from here on.
    pub unordered: bool,
    /// Rows exactly at `from` that were already handed on.
    pub seen: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    Finish,
    Window { from: DateTime<Utc>, seen: Vec<String> },
}

impl Default for Cursor {
    fn default() -> Self {
        Self { v: VERSION, walks: 0, watermark: None, walk: None }
    }
}

impl Cursor {
    pub fn read(stored: Option<&Value>) -> Self {
        let Some(stored) = stored else { return Self::default() };
        match serde_json::from_value::<Self>(stored.clone()) {
            Ok(cursor) if cursor.v == VERSION => cursor,
            _ => {
                tracing::warn!("a stored cursor is of another version; this partition is walked from the start");
                Self::default()
            }
        }
    }

    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// The cursor in mid-walk.
    pub fn walking(&self, walk: Walk) -> Self {
        Self { walk: Some(walk), ..self.clone() }
    }

    /// The cursor after a completed walk. The watermark never goes back, and never beyond the source's own clock at the walk's
    /// beginning: one row dated in the future would hide everything until then.
    pub fn finished(&self, newest: Option<DateTime<Utc>>, began: Option<DateTime<Utc>>) -> Self {
        let reached = match (newest, began) {
            (Some(newest), Some(began)) => Some(newest.min(began)),
            (newest, _) => newest,
        };
        Self { v: VERSION, walks: self.walks + 1, watermark: self.watermark.max(reached), walk: None }
    }

    /// The cursor after a walk that could not be made: the next one starts from where the last completed one ended.
    pub fn abandoned(&self) -> Self {
        Self { walk: None, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::json;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn walk(position: Position) -> Walk {
        Walk { phase: Phase::Open, position, page_size: 20, newest: None, began: None, last: Some("x".into()), empties: 1 }
    }

    #[test]
    fn a_cursor_survives_storage() {
        let window = Window { from: Some(at("2026-01-02T03:04:05.678Z")), page: 2, then: Some(Then::Finish), ..Window::default() };
        let cursor = Cursor { walk: Some(walk(Position::Window(window))), ..Cursor::default() };
        assert_eq!(Cursor::read(Some(&cursor.to_value())), cursor);
    }

    #[test]
    fn a_page_number_is_not_used_with_another_page_size() {
        let at_page = |position: Position| walk(position).with_page_size(100);
        let again = |position: Position| Walk { position, page_size: 100, last: None, empties: 0, ..walk(Position::Page(2)) };
        assert_eq!(at_page(Position::Page(7)), again(Position::Page(1)));
        let window = Window { from: Some(at("2026-01-02T03:04:05Z")), page: 1, seen: vec!["4".into()], ..Window::default() };
        let turned = Window { page: 3, then: Some(Then::Finish), ..window.clone() };
        assert_eq!(at_page(Position::Window(turned)), again(Position::Window(window)));
        let query = Position::Query("per_page=20&id_after=7".into());
        assert_eq!(at_page(query.clone()), again(query));
        assert_eq!(walk(Position::Page(7)).with_page_size(20), walk(Position::Page(7)));
    }

    #[test]
    fn an_unreadable_cursor_starts_over() {
        for stored in [json!(null), json!({"v": 99, "walks": 3}), json!("x")] {
            assert_eq!(Cursor::read(Some(&stored)), Cursor::default());
        }
    }

    #[test]
    fn the_watermark_stays_below_the_sources_clock_and_never_goes_back() {
        let cursor = Cursor::default().finished(Some(at("2099-01-01T00:00:00Z")), Some(at("2026-01-01T00:00:00Z")));
        assert_eq!(cursor.watermark, Some(at("2026-01-01T00:00:00Z")));
        assert_eq!(cursor.walks, 1);
        let later = cursor.finished(None, Some(at("2026-02-01T00:00:00Z")));
        assert_eq!(later.watermark, cursor.watermark, "an empty walk proves nothing newer");
        let earlier = cursor.finished(Some(at("2020-01-01T00:00:00Z")), None);
        assert_eq!(earlier.watermark, cursor.watermark);
    }
}
