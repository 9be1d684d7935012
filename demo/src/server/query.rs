//! Query parameters shared by lists. What GitLab refuses is refused in its words.

use chrono::{DateTime, NaiveDate, Utc};

use super::{Answer, Call};

const MAX_PER_PAGE: usize = 100;
const DEFAULT_PER_PAGE: usize = 20;
const MAX_OFFSET: usize = 50_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageQuery {
    pub page: usize,
    pub per_page: usize,
}

impl PageQuery {
    pub(crate) fn parse(call: &Call) -> Result<Self, Answer> {
        let page = positive(call, "page")?.unwrap_or(1);
        let per_page = positive(call, "per_page")?.unwrap_or(DEFAULT_PER_PAGE).min(MAX_PER_PAGE);
        if (page - 1).saturating_mul(per_page) > MAX_OFFSET {
            return Err(Answer::error(
                405,
                "Offset pagination has a maximum allowed offset of 50000 for requests that return objects of this type. Remaining records can be retrieved using keyset pagination.",
            ));
        }
        Ok(Self { page, per_page })
    }
}

fn positive(call: &Call, name: &str) -> Result<Option<usize>, Answer> {
    match call.param(name) {
        None | Some("") => Ok(None),
        Some(text) => text.parse().ok().filter(|n| *n > 0).map(Some).ok_or_else(|| invalid(name)),
    }
}

fn invalid(name: &str) -> Answer {
    Answer::error(400, &format!("{name} is invalid"))
}

/// A time parameter in milliseconds. A `+` that was not sent as `%2B` has become a space, and is refused.
pub(crate) fn time(call: &Call, name: &str) -> Result<Option<i64>, Answer> {
    let Some(text) = call.param(name) else { return Ok(None) };
    let date = || text.parse::<NaiveDate>().ok().and_then(|date| date.and_hms_opt(0, 0, 0)).map(|time| time.and_utc());
    let time = DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc)).filter(|_| !text.contains(' ')).or_else(date);
    time.map(|time| Some(time.timestamp_millis())).ok_or_else(|| invalid(name))
}

/// One of `allowed`, or the first of them.
pub(crate) fn choice(call: &Call, name: &str, allowed: &[&'static str]) -> Result<&'static str, Answer> {
    match call.param(name) {
        None => Ok(allowed[0]),
        Some(text) => allowed
            .iter()
            .find(|choice| **choice == text)
            .copied()
            .ok_or_else(|| Answer::error(400, &format!("{name} does not have a valid value"))),
    }
}
