//! Keyset paging: only a `Link rel="next"`, no counts.
//!
//! A page that is full carries a link even if it is the last: GitLab does not look ahead, and the page behind that link is empty.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Answer, Call, PageQuery, Paging};

/// A position in an ordered list: the sort key and id of the last row seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    pub key: i64,
    pub id: u64,
}

/// How a position travels in the next link.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `id_after=42` / `id_before=42`, as projects and users do.
    Id { descending: bool },
    /// `cursor=<opaque>`, as the newer ones do.
    Cursor,
}

/// Whether the call asks for keyset paging.
pub(crate) fn requested(call: &Call) -> bool {
    call.param("pagination") == Some("keyset")
}

/// Where to go on; an unreadable cursor is refused.
pub(crate) fn position(call: &Call, style: Style) -> Result<Option<Position>, Answer> {
    let (name, parse): (&str, fn(&str) -> Option<Position>) = match style {
        Style::Id { descending } => {
            (if descending { "id_before" } else { "id_after" }, |text| text.parse().ok().map(|id| Position { key: 0, id }))
        }
        Style::Cursor => ("cursor", |text| serde_json::from_slice(&URL_SAFE.decode(text).ok()?).ok()),
    };
    match call.param(name) {
        None | Some("") => Ok(None),
        Some(text) => parse(text).map(Some).ok_or_else(|| Answer::error(400, &format!("{name} is invalid"))),
    }
}

impl Paging {
    /// The answer for one page: `body` holds `count` rows, `last` is the position of the last of them.
    pub(crate) fn keyset(&self, call: &Call, query: PageQuery, style: Style, count: usize, last: Option<Position>, body: Bytes) -> Answer {
        let answer = Answer::json(body);
        let Some(last) = last.filter(|_| count == query.per_page) else { return answer };
        let per_page = ("per_page", query.per_page.to_string());
        let next = match style {
            Style::Id { descending } => (if descending { "id_before" } else { "id_after" }, last.id.to_string()),
            Style::Cursor => ("cursor", URL_SAFE.encode(serde_json::to_vec(&last).unwrap_or_default())),
        };
        answer.header("link", self.link(call, "next", &[per_page, next, ("page", String::new())]))
    }
}
