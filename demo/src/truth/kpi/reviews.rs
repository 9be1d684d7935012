//! What merge requests' notes and approvals say: ready when, first reviewed when, draft at an instant, last touched when.

use std::collections::BTreeMap;

use super::world::{Time, World};
use crate::company::model::{MergeRequest, NoteEvent};

/// What is known about the reviews of a merge request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reviews {
    pub ready: Option<Time>,
    /// The first by a human who is not the author, once it was ready.
    pub first: Option<Time>,
    /// By humans, dated before the merge request.
    pub before_creation: usize,
    /// By bots, since it was created.
    pub by_bots: Vec<Time>,
}

/// Nobody reviews their own work with a second account: accounts of one person are one.
pub(super) fn reviews(world: &World<'_>, one: &MergeRequest) -> Reviews {
    // what was marked a draft first, was none before
    let ready = match marks(one).first() {
        Some((at, draft)) => Some(if *draft { one.created_at } else { *at }),
        None => (!one.draft).then_some(one.created_at),
    };
    let author = world.person(&one.author.to_string());
    let mut all: Vec<(u64, Time)> = one.notes.iter().filter(|note| !note.system).map(|note| (note.author, note.created_at)).collect();
    all.extend(approvals(world, one));
    all.retain(|(user, _)| world.person(&user.to_string()) != author);
    let (by_bots, by_humans): (Vec<_>, Vec<_>) = all.into_iter().partition(|(user, _)| world.is_bot(&user.to_string()));
    let since = |at: &Time| *at >= one.created_at;
    let counts = by_humans.iter().map(|(_, at)| *at).filter(since).filter(|at| ready.is_some_and(|ready| ready <= *at));
    Reviews {
        ready,
        first: counts.min(),
        before_creation: by_humans.iter().filter(|(_, at)| !since(at)).count(),
        by_bots: by_bots.into_iter().map(|(_, at)| at).filter(since).collect(),
    }
}

/// Whose account approved, and when.
type Given = (u64, Time);

/// The approvals of one person.
#[derive(Default)]
struct OfOnePerson {
    /// With a time of their own.
    timed: Vec<Given>,
    /// Of system notes.
    told: Vec<Given>,
}

/// When approvals were given: as the notes since the creation tell; of a person of whom none tells, at their own time. Of all a person approved
/// before the merge request was there, the first.
fn approvals(world: &World<'_>, one: &MergeRequest) -> Vec<Given> {
    let timed = one.approvals.iter().filter_map(|approval| Some((approval.user, approval.approved_at?)));
    let told = one.notes.iter().filter(|note| note.event == Some(NoteEvent::Approved)).map(|note| (note.author, note.created_at));
    // an account that nobody is linked to is somebody of its own
    let person = |user: u64| world.person(&user.to_string()).ok_or(user);
    let mut each: BTreeMap<Result<usize, u64>, OfOnePerson> = BTreeMap::new();
    timed.for_each(|given| each.entry(person(given.0)).or_default().timed.push(given));
    told.for_each(|given| each.entry(person(given.0)).or_default().told.push(given));
    let of_one = |OfOnePerson { timed, told }| {
        let (early, since): (Vec<_>, Vec<_>) = told.into_iter().partition(|(_, at)| *at < one.created_at);
        let (early_timed, since_timed): (Vec<_>, Vec<_>) = timed.into_iter().partition(|(_, at)| *at < one.created_at);
        let first = early.into_iter().chain(early_timed).min_by_key(|(_, at)| *at);
        let since = if since.is_empty() { since_timed } else { since };
        first.into_iter().chain(since)
    };
    each.into_values().flat_map(of_one).collect()
}

/// Whether a merge request waits for somebody at `instant`: open, and no draft.
pub(super) fn waits_at(one: &MergeRequest, instant: Time) -> bool {
    open_at(one, instant) && !draft_at(one, instant)
}

/// Whether it waits, and nobody has touched it for seven days.
pub(super) fn stale_at(one: &MergeRequest, instant: Time) -> bool {
    waits_at(one, instant) && last_activity(one, instant) <= instant - chrono::Duration::days(7)
}

fn open_at(one: &MergeRequest, instant: Time) -> bool {
    let undecided = one.merged_at.is_none() && one.closed_at.is_none();
    if one.created_at >= instant || (undecided && one.state != "opened" && one.state != "locked") {
        return false;
    }
    one.merged_at.is_none_or(|at| at >= instant) && one.closed_at.is_none_or(|at| at >= instant)
}

/// When it became a draft (true) or ready.
fn marks(one: &MergeRequest) -> Vec<(Time, bool)> {
    let marked = one.notes.iter().filter_map(|note| match note.event {
        Some(NoteEvent::MarkedDraft) => Some((note.created_at, true)),
        Some(NoteEvent::MarkedReady) => Some((note.created_at, false)),
        _ => None,
    });
    let mut marks: Vec<(Time, bool)> = marked.collect();
    marks.sort_unstable();
    marks
}

fn draft_at(one: &MergeRequest, instant: Time) -> bool {
    let marks = marks(one);
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
