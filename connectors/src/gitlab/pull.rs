//! One pull of any list: from the stored cursor to a page of records and the cursor after it.

use chrono::{DateTime, Utc};
use ovia_domain::{DeadLetter, TimeWindow};
use serde_json::Value;

use super::client::Next;
use super::cursor::{Cursor, Phase, Position, Walk, Window};
use super::normalise::{RowKey, Rows};
use super::walk::{Key, PageFacts, Step, check_progress, newest};
use crate::http::{RequestCount, request_text};
use crate::{ConnectorError, Page};

/// A list being walked, between reading the cursor and writing the next one.
#[derive(Debug)]
pub struct Pull {
    pub cursor: Cursor,
    pub walk: Walk,
    /// This is the walk's first page.
    pub starting: bool,
    /// A backfill's walk: only rows of this window.
    pub window: Option<TimeWindow>,
    pub requests: RequestCount,
}

/// What a pull starts from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stored<'a> {
    pub cursor: Option<&'a Value>,
    pub window: Option<TimeWindow>,
}

/// What the source answered, without the rows.
#[derive(Debug)]
pub struct PageHead {
    pub url: url::Url,
    pub next: Next,
    pub total: Option<i64>,
    pub per_page: Option<u32>,
    pub server_time: Option<DateTime<Utc>>,
}

impl Pull {
    /// Reads the cursor; without a walk in progress, `start` says where a new one begins.
    pub fn open(stream: &str, request: Stored<'_>, page_size: u32, start: impl FnOnce(&Cursor) -> Position) -> Self {
        let cursor = Cursor::read(request.cursor);
        let starting = cursor.walk.is_none();
        let walk = cursor.walk.clone().unwrap_or_else(|| new_phase(Phase::Main, start(&cursor), page_size)).with_page_size(page_size);
        Self { cursor, walk, starting, window: request.window, requests: RequestCount::to(stream) }
    }

    /// Not the first walk over this partition.
    pub fn is_incremental(&self) -> bool {
        self.cursor.walks > 0
    }

    /// A backfill's window that has been walked, or in which nothing can be.
    pub fn is_over(&self) -> bool {
        self.window.is_some_and(|window| window.from >= window.to || (self.starting && self.cursor.walks > 0))
    }

    /// Nothing to do: no rows, no requests, nothing to remember.
    pub fn nothing(self) -> Page {
        Page {
            cursor: self.cursor.to_value(),
            done: true,
            watermark: if self.window.is_none() { self.cursor.watermark } else { None },
            requests: self.requests.get(),
            ..Page::default()
        }
    }

    /// The source does not offer this list here.
    pub fn not_available(self, reason: String) -> Page {
        Page { not_available: Some(reason), cursor: self.cursor.abandoned().to_value(), ..self.nothing() }
    }

    /// The page, with the cursor after it. `advance` says where the walk goes; `phase_after` what follows when a phase is over.
    pub fn page(
        mut self,
        head: &PageHead,
        rows: Rows,
        advance: impl FnOnce(&Walk, &PageFacts<'_>) -> Step,
        phase_after: impl FnOnce(&Walk) -> Option<(Phase, Position)>,
    ) -> Result<Page, ConnectorError> {
        let keys: Vec<(&str, Key)> = rows.keys.iter().map(|row| (row.external_id.as_str(), self.key(row.updated, row.created))).collect();
        let facts = PageFacts { rows: &keys, next: &head.next, fingerprint: &rows.fingerprint };
        check_progress(&facts, &self.walk.position, self.walk.last.as_deref(), self.walk.empties)
            .map_err(|error| ConnectorError::Refused { status: 200, request: request_text(&head.url), message: error.to_string() })?;
        if self.walk.phase == Phase::Main {
            self.walk.newest = self.walk.newest.max(newest(&keys));
            self.walk.began = self.walk.began.or(head.server_time);
        }
        let wanted: Vec<bool> =
            rows.keys.iter().zip(&keys).map(|(row, (id, key))| self.is_wanted(row) && !is_repeated(&self.walk, id, *key)).collect();
        let step = advance(&self.walk, &facts);
        let total_hint = if self.starting { head.total } else { None };
        let next = self.after(step, &rows, phase_after);
        let (records, dead_letters) = rows.only(&wanted);
        Ok(self.build(next, records, dead_letters, total_hint))
    }

    /// Whether a row lies in the window. Without a time to go by it is handed on: twice is harmless, never is not.
    fn is_wanted(&self, row: &RowKey) -> bool {
        let time = match (row.updated, row.created) {
            (Key::At(time), _) | (Key::Absent, Key::At(time)) => time,
            _ => return true,
        };
        self.window.is_none_or(|window| window.contains(time))
    }

    fn key(&self, updated: Key, created: Key) -> Key {
        if self.walk.phase == Phase::Open { created } else { updated }
    }

    /// The walk after this page; `None` if it is complete.
    fn after(&self, step: Step, rows: &Rows, phase_after: impl FnOnce(&Walk) -> Option<(Phase, Position)>) -> Option<Walk> {
        match step {
            Step::Go { position, sequential } => Some(Walk {
                position,
                last: sequential.then(|| rows.fingerprint.clone()),
                empties: if rows.keys.is_empty() { self.walk.empties + 1 } else { 0 },
                ..self.walk.clone()
            }),
            Step::Done => phase_after(&self.walk).map(|(phase, position)| {
                let Walk { newest, began, page_size, .. } = self.walk;
                Walk { newest, began, ..new_phase(phase, position, page_size) }
            }),
        }
    }

    fn build(self, next: Option<Walk>, records: Vec<ovia_domain::Record>, dead_letters: Vec<DeadLetter>, total_hint: Option<i64>) -> Page {
        let done = next.is_none();
        let (cursor, watermark) = match next {
            // What a window has seen says nothing about what is newer.
            _ if self.window.is_some() => {
                let cursor = next.map_or_else(|| self.cursor.finished(None, None), |walk| self.cursor.walking(walk));
                (cursor, None)
            }
            None => {
                let cursor = self.cursor.finished(self.walk.newest, self.walk.began);
                let watermark = cursor.watermark;
                (cursor, watermark)
            }
            Some(walk) => {
                let watermark = self.cursor.watermark.max(reached(&walk));
                (self.cursor.walking(walk), watermark)
            }
        };
        Page {
            records,
            dead_letters,
            cursor: cursor.to_value(),
            done,
            watermark,
            total_hint,
            requests: self.requests.get(),
            not_available: None,
            note: None,
        }
    }
}

fn new_phase(phase: Phase, position: Position, page_size: u32) -> Walk {
    Walk { phase, position, page_size, newest: None, began: None, last: None, empties: 0 }
}

/// Up to when an ascending walk has seen everything.
fn reached(walk: &Walk) -> Option<DateTime<Utc>> {
    match (&walk.position, walk.phase) {
        (Position::Window(Window { from, unordered: false, .. }), Phase::Main) => *from,
        _ => None,
    }
}

/// Whether a row was handed on before: at a window's boundary, or, where rows without a time are looked for, any other.
fn is_repeated(walk: &Walk, id: &str, key: Key) -> bool {
    match (&walk.position, walk.phase) {
        (_, Phase::Untimed) => matches!(key, Key::At(_)),
        (Position::Window(Window { from: Some(from), seen, .. }), _) => key == Key::At(*from) && seen.iter().any(|seen| seen == id),
        _ => false,
    }
}
