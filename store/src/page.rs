//! Cursor paging: every list is walked by the sort key of the last row seen, never by offset.
//!
//! A page token is base64url of JSON, `["<list>", key]`. It is opaque to callers and not signed: it holds nothing but a position,
//! and every query is scoped by organisation anyway. It names its list, so that one list's token is refused by another.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::StoreError;

pub const DEFAULT_LIMIT: u32 = 50;
pub const MAX_LIMIT: u32 = 200;

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct PageOf<T> {
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last one.
    pub next_cursor: Option<String>,
}

/// Which page of a list is wanted.
#[derive(Clone, Debug, Default)]
pub struct PageToken {
    limit: Option<u32>,
    cursor: Option<String>,
}

impl PageToken {
    /// `limit` is brought into 1..=200 (50 when absent); `cursor` is a `next_cursor` of the same list.
    pub fn new(limit: Option<u32>, cursor: Option<String>) -> Self {
        Self { limit, cursor }
    }

    fn limit(&self) -> usize {
        self.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT) as usize
    }

    /// Rows to ask Postgres for: one more than the page holds, which tells whether there is a next page.
    pub(crate) fn fetch(&self) -> i64 {
        self.limit() as i64 + 1
    }

    /// As [`Self::fetch`].
    pub(crate) fn fetch_len(&self) -> usize {
        self.limit() + 1
    }

    /// The key to start after, or `StoreError::BadCursor`.
    pub(crate) fn key<K: DeserializeOwned>(&self, list: &str) -> Result<Option<K>, StoreError> {
        self.cursor.as_deref().map(|text| decode(list, text)).transpose()
    }

    /// Cuts the surplus row off and makes the cursor of the last row kept.
    pub(crate) fn page<T, K: Serialize>(&self, list: &str, mut rows: Vec<T>, key: impl Fn(&T) -> K) -> Result<PageOf<T>, StoreError> {
        let more = rows.len() > self.limit();
        rows.truncate(self.limit());
        let next_cursor = match rows.last() {
            Some(last) if more => Some(encode(list, &key(last))?),
            _ => None,
        };
        Ok(PageOf { items: rows, next_cursor })
    }
}

/// A time within a cursor. Times that Postgres could not take (a forged cursor) are refused.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub(crate) struct CursorTime(pub DateTime<Utc>);

impl From<CursorTime> for i64 {
    fn from(time: CursorTime) -> i64 {
        time.0.timestamp_micros()
    }
}

impl TryFrom<i64> for CursorTime {
    type Error = &'static str;
    fn try_from(micros: i64) -> Result<Self, Self::Error> {
        let time = DateTime::from_timestamp_micros(micros).ok_or("out of range")?;
        if (0..10_000).contains(&time.year()) { Ok(Self(time)) } else { Err("out of range") }
    }
}

/// A day within a cursor, refused like a `CursorTime` where Postgres could not take it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(try_from = "NaiveDate", into = "NaiveDate")]
pub(crate) struct CursorDate(pub NaiveDate);

impl From<CursorDate> for NaiveDate {
    fn from(date: CursorDate) -> NaiveDate {
        date.0
    }
}

impl TryFrom<NaiveDate> for CursorDate {
    type Error = &'static str;
    fn try_from(date: NaiveDate) -> Result<Self, Self::Error> {
        if (0..10_000).contains(&date.year()) { Ok(Self(date)) } else { Err("out of range") }
    }
}

fn encode<K: Serialize>(list: &str, key: &K) -> Result<String, StoreError> {
    Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&(list, key))?))
}

fn decode<K: DeserializeOwned>(list: &str, text: &str) -> Result<K, StoreError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| StoreError::BadCursor)?;
    let json = String::from_utf8(bytes).map_err(|_| StoreError::BadCursor)?;
    // Postgres has no NUL in text
    if json.contains("\\u0000") {
        return Err(StoreError::BadCursor);
    }
    let (name, key): (String, K) = serde_json::from_str(&json).map_err(|_| StoreError::BadCursor)?;
    if name == list { Ok(key) } else { Err(StoreError::BadCursor) }
}

/// `text` as a pattern for `ilike`: found anywhere, its own wildcards taken literally.
pub(crate) fn contains_pattern(text: &str) -> String {
    let mut out = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('%');
    out
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_the_key_it_was_made_of() {
        let page = PageToken::new(Some(2), None).page("things", vec![(1, "a"), (2, "b"), (3, "c")], |row| row.0).unwrap();
        assert_eq!(page.items, [(1, "a"), (2, "b")]);
        let next = PageToken::new(Some(2), page.next_cursor);
        assert_eq!(next.key::<i64>("things").unwrap(), Some(2));
        assert!(next.page("things", vec![(3, "c")], |row| row.0).unwrap().next_cursor.is_none());
    }

    #[test]
    fn refuses_cursors_that_are_not_ours() {
        let of = |text: &str| PageToken::new(None, Some(text.to_owned()));
        let foreign = encode("others", &7).unwrap();
        let nul = encode("things", &"a\0b").unwrap();
        for text in ["", "!!", "bm90IGpzb24", &foreign] {
            assert!(matches!(of(text).key::<i64>("things"), Err(StoreError::BadCursor)), "{text}");
        }
        assert!(matches!(of(&nul).key::<String>("things"), Err(StoreError::BadCursor)));
        for micros in [i64::MAX, i64::MIN, 253_402_300_800_000_000] {
            let late = encode("things", &micros).unwrap();
            assert!(matches!(of(&late).key::<CursorTime>("things"), Err(StoreError::BadCursor)), "{micros}");
        }
        for (day, is_ours) in [("2026-01-31", true), ("0001-01-01", true), ("-9999-01-01", false), ("+10000-01-01", false), ("x", false)] {
            let cursor = encode("things", &day).unwrap();
            assert_eq!(of(&cursor).key::<CursorDate>("things").is_ok(), is_ours, "{day}");
        }
    }

    #[test]
    fn limits_are_brought_into_range() {
        let fetch = |limit| PageToken::new(limit, None).fetch();
        assert_eq!([fetch(None), fetch(Some(0)), fetch(Some(7)), fetch(Some(1000))], [51, 2, 8, 201]);
    }

    #[test]
    fn wildcards_are_literal_in_a_search() {
        assert_eq!(contains_pattern(r"50%_\"), r"%50\%\_\\%");
    }
}
