//! The first review of a merge request: who counts as a reviewer, and which approvals are counted once.

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use crate::{PersonKey, ReviewEventFact, ReviewEventKind, timeline::Timeline};

/// What is known about the review of one merge request.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Review {
    pub(crate) ready_at: Option<DateTime<Utc>>,
    /// The first review by a human other than the author, once it was ready.
    pub(crate) first: Option<DateTime<Utc>>,
    /// Reviews dated before the merge request itself.
    pub(crate) before_creation: u64,
    /// When bots reviewed it.
    pub(crate) by_bots: Vec<DateTime<Utc>>,
}

impl Review {
    pub(crate) fn of(timeline: &Timeline<'_>) -> Self {
        let created_at = timeline.row.created_at;
        let mut review = Self { ready_at: timeline.ready_at(), ..Self::default() };
        for event in reviews(timeline) {
            let by_bot = timeline.facts.is_bot(event.by, event.by_is_bot);
            if event.at < created_at {
                review.before_creation += u64::from(!by_bot);
            } else if by_bot {
                review.by_bots.push(event.at);
            } else if review.first.is_none() && review.ready_at.is_some_and(|ready_at| ready_at <= event.at) {
                review.first = Some(event.at);
            }
        }
        review
    }
}

/// Notes and approvals by others than the author, ascending. Accounts of one person are one: nobody reviews their own work with a second
/// account. Of a person whose approval has no time (or an impossible one, or is gone since), the first system note that tells of it
/// stands for it.
fn reviews<'a>(timeline: &Timeline<'a>) -> impl Iterator<Item = &'a ReviewEventFact> {
    let facts = timeline.facts;
    let person = |event: &ReviewEventFact| event.by.map(|by| facts.person_behind(by));
    let author = timeline.row.author.map(|author| facts.person_behind(author));
    let events = timeline.events;
    // one dated before the merge request says nothing about when it was reviewed
    let dated = |event: &&&ReviewEventFact| event.kind == ReviewEventKind::Approval && event.at >= timeline.row.created_at;
    let mut approved: HashSet<Option<PersonKey>> = events.iter().filter(|event| dated(event)).map(|event| person(event)).collect();
    events.iter().copied().filter(move |event| event.by.is_none() || person(event) != author).filter(move |event| match event.kind {
        ReviewEventKind::Note | ReviewEventKind::Approval => true,
        ReviewEventKind::SystemApproved => approved.insert(person(event)),
        _ => false,
    })
}
