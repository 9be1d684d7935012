//! The cursor of one partition: opaque JSON to the engine, typed here.
//!
//! A cursor this version cannot read starts the walk over instead of failing: rows are upserted by id, so reading twice is only slow.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::offset::Offset;

/// Raised when the meaning of a stored cursor changes.
const VERSION: u32 = 1;
/// Times a walk begins a list anew because its cursor died, before it gives up.
const MAX_RESTARTS: u32 = 3;
/// Ids of what is out of use that a cursor holds: the highest, which are the newest. What comes back of the others is seen when it is
/// edited.
const MAX_RETIRED: usize = 2_000;
/// Empty pages in a row, with the source promising more, before the walk gives up.
pub const MAX_EMPTY_PAGES: u32 = 50;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    v: u32,
    /// Walks completed.
    pub walks: u64,
    /// Everything changed before this has been seen by a completed walk.
    pub watermark: Option<DateTime<Utc>>,
    /// What was out of use at the end of the last walk, by id, as far as there is room: what is missing there later may be in use again.
    #[serde(default)]
    pub retired: Vec<String>,
    /// The walk in progress.
    pub walk: Option<Walk>,
}

/// A walk over a partition, between two pages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Walk {
    /// Which of the stream's lists is being read.
    pub phase: Phase,
    /// Where in it.
    pub place: Place,
    /// Rows asked for a page: the same throughout a list.
    pub limit: u32,
    /// The question, word for word the same throughout the walk.
    pub cql: Option<String>,
    /// The source's clock when the walk began.
    pub began: Option<DateTime<Utc>>,
    /// What is out of use, as far as this walk has seen it.
    #[serde(default)]
    pub retired: Vec<String>,
    /// The token may not see what is out of use.
    #[serde(default)]
    pub closed: bool,
    /// What is still to be asked for by id.
    #[serde(default)]
    pub left: Vec<String>,
    /// Empty pages in a row.
    #[serde(default)]
    pub empties: u32,
    /// Times the list was begun anew.
    #[serde(default)]
    pub restarts: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// What is in use, listed whole.
    #[default]
    Current,
    /// What the search says has changed.
    Changed,
    /// What is archived or in the trash, listed whole.
    Retired,
    /// What was there in the last walk and is no longer: by id.
    Restored,
}

/// Where the next page is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    #[default]
    Start,
    /// Behind an opaque cursor of the source.
    After(String),
    /// Of a list with offsets.
    At(Offset),
}

/// A list that does not end: going on would ask for the same page for ever.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    #[error("the source answers the same page again and again")]
    SamePage,
    #[error("the source promises more rows but {MAX_EMPTY_PAGES} pages in a row were empty")]
    OnlyEmptyPages,
    #[error("the source promises more rows but does not say where")]
    Nowhere,
}

impl Default for Cursor {
    fn default() -> Self {
        Self { v: VERSION, walks: 0, watermark: None, retired: Vec::new(), walk: None }
    }
}

impl Cursor {
    pub fn read(stored: Option<&Value>) -> Self {
        let Some(stored) = stored.filter(|stored| !stored.is_null()) else { return Self::default() };
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

    /// The cursor after a completed walk, which saw what changed before it began. The watermark never goes back.
    pub fn finished(&self) -> Self {
        let began = self.walk.as_ref().and_then(|walk| walk.began);
        let retired = self.walk.as_ref().map(|walk| walk.retired.clone()).unwrap_or_default();
        Self { v: VERSION, walks: self.walks + 1, watermark: self.watermark.max(began), retired, walk: None }
    }

    /// The cursor after a walk that could not be made: the next one starts from where the last completed one ended.
    pub fn abandoned(&self) -> Self {
        Self { walk: None, ..self.clone() }
    }
}

impl Walk {
    /// The walk behind a page with `rows` rows; `None` if the list is over.
    pub fn behind(&self, rows: usize, next: &super::client::Next) -> Result<Option<Self>, WalkError> {
        use super::client::Next;
        let cursor = match next {
            Next::End => return Ok(None),
            Next::Unnamed => return Err(WalkError::Nowhere),
            Next::Cursor(cursor) => cursor,
        };
        if matches!(&self.place, Place::After(last) if last == cursor) {
            return Err(WalkError::SamePage);
        }
        let empties = if rows == 0 { self.empties + 1 } else { 0 };
        if empties > MAX_EMPTY_PAGES {
            return Err(WalkError::OnlyEmptyPages);
        }
        Ok(Some(Self { place: Place::After(cursor.clone()), empties, ..self.clone() }))
    }

    /// Remembers what is out of use, each once; the newest, where there is not room for all.
    pub fn retire(&mut self, ids: Vec<String>) {
        let number = |id: &String| id.parse::<u64>().ok();
        self.retired.extend(ids);
        self.retired.sort_by(|a, b| number(a).cmp(&number(b)).then_with(|| a.cmp(b)));
        self.retired.dedup();
        let excess = self.retired.len().saturating_sub(MAX_RETIRED);
        self.retired.drain(..excess);
    }

    /// The next list of the walk.
    pub fn next_phase(&self, phase: Phase, limit: u32) -> Self {
        let (cql, retired, left) = (self.cql.clone(), self.retired.clone(), self.left.clone());
        Self { phase, limit, cql, began: self.began, retired, left, closed: self.closed, ..Self::default() }
    }

    /// The list from its beginning, with the same question: a stored cursor can be dead. `None` if that was tried too often.
    pub fn restarted(&self) -> Option<Self> {
        let can = self.place != Place::Start && self.restarts < MAX_RESTARTS;
        let retired = if self.phase == Phase::Retired { Vec::new() } else { self.retired.clone() };
        can.then(|| Self { place: Place::Start, empties: 0, restarts: self.restarts + 1, retired, ..self.clone() })
    }

    /// The cursor to ask with.
    pub fn after(&self) -> Option<&str> {
        match &self.place {
            Place::After(cursor) => Some(cursor),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::confluence::client::Next;
    use serde_json::json;

    #[test]
    fn a_cursor_survives_storage_and_an_unknown_one_starts_over() {
        let walk = Walk { place: Place::After("abc".into()), limit: 50, cql: Some("type = page".into()), ..Walk::default() };
        let cursor = Cursor::default().walking(walk);
        assert_eq!(Cursor::read(Some(&cursor.to_value())), cursor);
        for stored in [json!({"v": 9}), json!("x"), json!(null)] {
            assert_eq!(Cursor::read(Some(&stored)), Cursor::default());
        }
    }

    #[test]
    fn a_walk_that_gets_nowhere_ends() {
        let walk = Walk { place: Place::After("a".into()), ..Walk::default() };
        assert_eq!(walk.behind(2, &Next::Cursor("a".into())), Err(WalkError::SamePage));
        assert_eq!(walk.behind(2, &Next::Unnamed), Err(WalkError::Nowhere));
        assert_eq!(walk.behind(2, &Next::End), Ok(None));
        let mut walk = walk;
        for page in 0..MAX_EMPTY_PAGES {
            walk = walk.behind(0, &Next::Cursor(format!("b{page}"))).unwrap().unwrap();
        }
        assert_eq!(walk.behind(0, &Next::Cursor("c".into())), Err(WalkError::OnlyEmptyPages));
    }

    #[test]
    fn of_too_many_ids_out_of_use_the_newest_are_remembered() {
        let mut walk = Walk::default();
        let ids = |from: usize, to: usize| (from..to).map(|id| id.to_string()).collect::<Vec<_>>();
        // page by page, as listed, and one that is seen again and late
        walk.retire(ids(900, 1_150));
        walk.retire(ids(1_150, 3_400));
        walk.retire(ids(3_399, 3_401));
        walk.retire(ids(950, 951));
        assert_eq!(walk.retired, ids(1_401, 3_401));
    }

    #[test]
    fn a_dead_cursor_begins_the_list_anew_a_few_times() {
        let mut walk = Walk { place: Place::After("a".into()), cql: Some("q".into()), ..Walk::default() };
        for _ in 0..MAX_RESTARTS {
            walk = walk.restarted().unwrap();
            assert_eq!((walk.restarted(), walk.cql.as_deref()), (None, Some("q")), "already at the start");
            walk.place = Place::After("b".into());
        }
        assert_eq!(walk.restarted(), None);
    }
}
