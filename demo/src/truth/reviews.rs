//! What merge requests' notes and approvals say: ready when, first reviewed when, draft at an instant, last touched when.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::company::Company;
use crate::company::model::{MergeRequest, NoteEvent};

type Time = DateTime<Utc>;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FirstReview {
    pub ready: Time,
    pub review: Time,
}

pub(super) fn is_bot(company: &Company, user: u64) -> bool {
    company.user(user).is_some_and(|user| user.bot)
}

/// `None` when it was never ready or nobody reviewed it.
pub(super) fn first_review(company: &Company, one: &MergeRequest) -> Option<FirstReview> {
    let ready = match one.notes.iter().filter(|note| note.event == Some(NoteEvent::MarkedReady)).map(|note| note.created_at).min() {
        Some(ready) => ready,
        None if one.draft => return None,
        None => one.created_at,
    };
    let reviews = |user: u64| user != one.author && !is_bot(company, user);
    let notes = one.notes.iter().filter(|note| !note.system && reviews(note.author)).map(|note| note.created_at);
    let approvals = approval_times(one).into_iter().filter(|(user, _)| reviews(*user)).map(|(_, at)| at);
    let review = notes.chain(approvals).filter(|at| *at >= ready && *at >= one.created_at).min()?;
    Some(FirstReview { ready, review })
}

/// When each account approved: `approved_at`, or the first "approved" note of an account without one.
fn approval_times(one: &MergeRequest) -> BTreeMap<u64, Time> {
    let mut times: BTreeMap<u64, Time> = BTreeMap::new();
    for note in one.notes.iter().filter(|note| note.event == Some(NoteEvent::Approved)) {
        let first = times.entry(note.author).or_insert(note.created_at);
        *first = (*first).min(note.created_at);
    }
    for approval in &one.approvals {
        if let Some(at) = approval.approved_at {
            times.insert(approval.user, at);
        }
    }
    times
}

/// Whether the merge request waits for somebody at `instant` and nobody has touched it for seven days.
pub(super) fn stale_at(company: &Company, one: &MergeRequest, instant: Time) -> bool {
    !is_bot(company, one.author)
        && open_at(one, instant)
        && !draft_at(one, instant)
        && last_activity(one, instant) <= instant - chrono::Duration::days(7)
}

fn open_at(one: &MergeRequest, instant: Time) -> bool {
    let undecided = one.merged_at.is_none() && one.closed_at.is_none();
    if one.created_at >= instant || (undecided && one.state != "opened" && one.state != "locked") {
        return false;
    }
    one.merged_at.is_none_or(|at| at >= instant) && one.closed_at.is_none_or(|at| at >= instant)
}

fn draft_at(one: &MergeRequest, instant: Time) -> bool {
    let mut marks: Vec<(Time, bool)> = Vec::new();
    for note in &one.notes {
        match note.event {
            Some(NoteEvent::MarkedDraft) => marks.push((note.created_at, true)),
            Some(NoteEvent::MarkedReady) => marks.push((note.created_at, false)),
            _ => {}
        }
    }
    marks.sort_unstable();
    if let Some((_, draft)) = marks.iter().rfind(|(at, _)| *at < instant) {
        return *draft;
    }
    marks.first().map_or(one.draft, |(_, draft)| !draft)
}

fn last_activity(one: &MergeRequest, instant: Time) -> Time {
    let notes = one.notes.iter().map(|note| note.created_at);
    let approvals = one.approvals.iter().filter_map(|approval| approval.approved_at);
    let commits = one.commits.iter().map(|commit| commit.committed_at);
    let last = notes.chain(approvals).chain(commits).chain([one.updated_at]).filter(|at| *at < instant).max();
    last.map_or(one.created_at, |at| at.max(one.created_at))
}
