//! One pull of any list: from the stored cursor to a page of records and the cursor after it.

use chrono::{DateTime, Utc};
use ovia_domain::DeadLetter;
use serde_json::Value;

use super::client::Next;
use super::cursor::{Cursor, Phase, Position, Walk, Window};
use super::normalise::Rows;
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
    pub requests: RequestCount,
}

/// What the source answered, without the rows.
#[derive(Debug)]
pub struct PageHead {
    pub url: url::Url,
    pub next: Next,
    pub total: Option<i64>,
    pub server_time: Option<DateTime<Utc>>,
}

impl Pull {
    /// Reads the cursor; without a walk in progress, `start` says where a new one begins.
    pub fn open(stored: Option<&Value>, start: impl FnOnce(&Cursor) -> Position) -> Self {
        let cursor = Cursor::read(stored);
        let starting = cursor.walk.is_none();
        let walk = cursor.walk.clone().unwrap_or_else(|| new_phase(Phase::Main, start(&cursor), None));
        Self { cursor, walk, starting, requests: RequestCount::default() }
    }

    /// Not the first walk over this partition.
    pub fn is_incremental(&self) -> bool {
        self.cursor.walks > 0
    }

    /// Nothing to do: no rows, no requests, nothing to remember.
    pub fn nothing(self) -> Page {
        Page {
            cursor: self.cursor.to_value(),
            done: true,
            watermark: self.cursor.watermark,
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
        let dropped = repeated(&self.walk, &keys);
        let step = advance(&self.walk, &facts);
        let total_hint = if self.starting { head.total } else { None };
        let next = self.after(step, &rows, phase_after);
        let mut records = rows.records;
        if !dropped.is_empty() {
            records.retain(|record| !dropped.contains(&record.external_id));
        }
        Ok(self.build(next, records, rows.dead_letters, total_hint))
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
            Step::Done => phase_after(&self.walk).map(|(phase, position)| new_phase(phase, position, Some(&self.walk))),
        }
    }

    fn build(self, next: Option<Walk>, records: Vec<ovia_domain::Record>, dead_letters: Vec<DeadLetter>, total_hint: Option<i64>) -> Page {
        let done = next.is_none();
        let (cursor, watermark) = match next {
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
        }
    }
}

fn new_phase(phase: Phase, position: Position, before: Option<&Walk>) -> Walk {
    let (newest, began) = before.map_or((None, None), |walk| (walk.newest, walk.began));
    Walk { phase, position, newest, began, last: None, empties: 0 }
}

/// Up to when an ascending walk has seen everything.
fn reached(walk: &Walk) -> Option<DateTime<Utc>> {
    match (&walk.position, walk.phase) {
        (Position::Window(Window { from, unordered: false, .. }), Phase::Main) => *from,
        _ => None,
    }
}

/// Ids of rows that were handed on before: those at a window's boundary, and, where rows without a time are looked for, all others.
fn repeated(walk: &Walk, keys: &[(&str, Key)]) -> Vec<String> {
    let is_repeated = |id: &str, key: Key| match (&walk.position, walk.phase) {
        (_, Phase::Untimed) => matches!(key, Key::At(_)),
        (Position::Window(Window { from: Some(from), seen, .. }), _) => key == Key::At(*from) && seen.iter().any(|seen| seen == id),
        _ => false,
    };
    keys.iter().filter(|(id, key)| is_repeated(id, *key)).map(|(id, _)| (*id).to_owned()).collect()
}
