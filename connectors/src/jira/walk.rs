//! Where the walk over a project's issues goes after a page. Pure, so that lists that move while they are walked can be tried in tests.
//!
//! The list is sorted by `updated`, and an issue that changes moves to its end. Nobody says whether a page token stands for a place behind
//! a row or for a number of rows, and with the latter every such move skips a row. So wherever a page gets beyond the minute the walk
//! stands at, the next page is asked for anew, without a token, from the newest minute on: what was not seen cannot lie before it. Whole
//! minutes, because the source may compare no finer. Only within one minute with more rows than a page are tokens used; such a minute is
//! read until two readings in a row had the same issues. Then nothing moved during the first of the two, and the walk goes on from where
//! that one got to: the second may have skipped rows behind the minute.
//!
//! What changed in the last minutes is another matter: the index that is searched lags behind the rows that are shown, so that the newest
//! row of a page may stand before older ones. No new start is made there, and the next walk reads that stretch again.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Rows updated later than this before the walk began are not relied on, and read again by the next walk. More than the index lags.
pub const RECENT: TimeDelta = TimeDelta::minutes(10);
/// Readings of one minute, at most. Two equal ones in a row are proof that none was skipped; only a minute whose issues go on changing
/// for as long as it is read needs more than a few.
const MAX_PASSES: u32 = 50;
/// Page tokens that may be refused in one walk: one that has expired is, and so is one of another version of the source.
const MAX_RESTARTS: u32 = 5;

/// Where a walk by search stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// Inclusive, a whole minute; `None` means from the beginning.
    pub from: Option<DateTime<Utc>>,
    pub token: Option<String>,
    /// The source's clock when the walk began.
    pub began: Option<DateTime<Utc>>,
    /// The newest time seen in the walk.
    pub newest: Option<DateTime<Utc>>,
    /// The source does not filter or sort as asked: tokens to the end.
    pub unordered: bool,
    /// Pages since `from`.
    pages: u32,
    /// What there was of the minute `from` in this reading, and in the one before.
    pass: Pass,
    before: Option<Pass>,
    /// Where the reading before got to.
    before_end: Option<End>,
    passes: u32,
    /// A token seen some pages ago, to recognise circles by.
    mark: Option<String>,
    restarts: u32,
}

/// Issues of one minute, in any order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Pass {
    count: u64,
    digest: String,
}

/// The end of a reading: the newest minute on its last page, or the end of the list.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct End {
    reached: Option<DateTime<Utc>>,
    is_last: bool,
}

/// One page, as far as the walk needs it.
#[derive(Debug)]
pub struct SearchFacts<'a> {
    /// Id and `updated` per row, in the order received.
    pub rows: &'a [(&'a str, Option<DateTime<Utc>>)],
    pub token: Option<&'a str>,
    pub is_last: Option<bool>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Done,
    Go(Search),
}

/// A list that does not end, or does not say how it goes on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    #[error("the source answers the same page token again and again")]
    RepeatedToken,
    #[error("the source promises more issues, but the page is empty")]
    EmptyPage,
    #[error("the source promises more issues, but gives no page token")]
    NoToken,
}

impl Search {
    /// A walk from `from` on.
    pub fn start(from: Option<DateTime<Utc>>) -> Self {
        Self { from: from.map(minute), ..Self::default() }
    }

    /// A walk through a list that is sorted by something else: by tokens to the end.
    pub fn by_tokens() -> Self {
        Self { unordered: true, ..Self::default() }
    }

    /// The same place without its token, which the source refused; `None` if that has happened too often.
    pub fn without_token(&self) -> Option<Self> {
        self.token.as_ref().filter(|_| self.restarts < MAX_RESTARTS)?;
        Some(Self { token: None, mark: None, pages: 0, pass: Pass::default(), restarts: self.restarts + 1, ..self.clone() })
    }

    /// Up to when everything has been seen, once the walk is over: never beyond the source's clock at its beginning, or one issue dated in
    /// the future would hide everything until then.
    pub fn reached(&self) -> Option<DateTime<Utc>> {
        match (self.newest, self.began) {
            (Some(newest), Some(began)) => Some(newest.min(began)),
            (newest, _) => newest,
        }
    }

    /// What comes after `page`, which was asked for with `self`. `now` is the source's clock.
    pub fn after(&self, page: &SearchFacts<'_>, now: DateTime<Utc>) -> Result<Step, WalkError> {
        let is_last = page.is_last.unwrap_or(page.token.is_none());
        if !is_last && page.rows.is_empty() {
            return Err(WalkError::EmptyPage);
        }
        let began = self.began.unwrap_or(now);
        let settled = |time: &DateTime<Utc>| *time < began - RECENT;
        let times = || page.rows.iter().filter_map(|(_, time)| *time);
        let unordered = self.unordered || !is_ordered(self.from, times().filter(settled));
        let mut next =
            Self { began: Some(began), newest: self.newest.max(times().max()), unordered, pages: self.pages + 1, ..self.clone() };
        // a minute that is still going on is read again by the next walk anyway
        let watched = self.from.filter(|from| !unordered && settled(&(*from + TimeDelta::minutes(1))));
        if let Some(from) = watched {
            let rows = page.rows.iter().filter(|(_, time)| time.is_some_and(|time| minute(time) == from));
            rows.for_each(|(id, _)| next.pass.add(id));
        }
        let reached =
            times().filter(settled).map(minute).max().filter(|reached| !unordered && self.from.is_none_or(|from| *reached > from));
        if !is_last && reached.is_none() {
            return next.by_token(page.token);
        }
        let end = End { reached, is_last };
        let is_sure = watched.is_none() || next.pages == 1 || next.before.as_ref() == Some(&next.pass) || next.passes + 1 >= MAX_PASSES;
        if !is_sure {
            let before = Some(std::mem::take(&mut next.pass));
            let (before_end, passes) = (Some(end), next.passes + 1);
            return Ok(Step::Go(Self { token: None, mark: None, pages: 0, before, before_end, passes, ..next }));
        }
        // a page without a token begins where it was asked to
        let end = next.before_end.filter(|_| next.pages > 1).unwrap_or(end);
        if end.is_last {
            return Ok(Step::Done);
        }
        let Self { newest, restarts, .. } = next;
        Ok(Step::Go(Self { from: end.reached, began: Some(began), newest, restarts, ..Self::default() }))
    }

    /// Goes on behind the page. A token that comes back is recognised within twice the length of its circle.
    fn by_token(self, token: Option<&str>) -> Result<Step, WalkError> {
        let token = token.ok_or(WalkError::NoToken)?;
        if self.token.as_deref() == Some(token) || self.mark.as_deref() == Some(&fingerprint(token)) {
            return Err(WalkError::RepeatedToken);
        }
        let mark = if self.pages.is_power_of_two() { Some(fingerprint(token)) } else { self.mark.clone() };
        Ok(Step::Go(Self { token: Some(token.to_owned()), mark, ..self }))
    }
}

impl Pass {
    fn add(&mut self, id: &str) {
        let known = u64::from_str_radix(&self.digest, 16).unwrap_or(0);
        let hash = Sha256::digest(id).iter().take(8).fold(0u64, |hash, byte| hash << 8 | u64::from(*byte));
        *self = Self { count: self.count + 1, digest: format!("{:016x}", known.wrapping_add(hash)) };
    }
}

/// Whether the source filtered and sorted as asked, by the rows that can be relied on.
fn is_ordered(from: Option<DateTime<Utc>>, settled: impl Iterator<Item = DateTime<Utc>>) -> bool {
    let times: Vec<DateTime<Utc>> = settled.map(minute).collect();
    times.is_sorted() && from.zip(times.first().copied()).is_none_or(|(from, first)| first >= from)
}

/// The beginning of its minute.
pub fn minute(time: DateTime<Utc>) -> DateTime<Utc> {
    time.duration_trunc(TimeDelta::minutes(1)).unwrap_or(time)
}

fn fingerprint(token: &str) -> String {
    Sha256::digest(token).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
