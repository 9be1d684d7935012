//! The first review of a merge request: who counts as a reviewer, and when approvals were given.

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
/// account. System notes tell of approvals, also of those that are gone or were given again, and each stays when it was: a person's
/// approvals themselves count only where no note since the creation tells of them. Of what is dated before the creation one counts per person.
fn reviews<'a>(timeline: &Timeline<'a>) -> impl Iterator<Item = &'a ReviewEventFact> {
    let facts = timeline.facts;
    let created_at = timeline.row.created_at;
    let person = |event: &ReviewEventFact| event.by.map(|by| facts.person_behind(by));
    let author = timeline.row.author.map(|author| facts.person_behind(author));
    let events = timeline.events;
    let tells = |event: &&&ReviewEventFact| event.kind == ReviewEventKind::SystemApproved && event.at >= created_at;
    let told: HashSet<Option<PersonKey>> = events.iter().filter(tells).map(|event| person(event)).collect();
    let mut early = HashSet::new();
    events.iter().copied().filter(move |event| event.by.is_none() || person(event) != author).filter(move |event| match event.kind {
        ReviewEventKind::Note => true,
        ReviewEventKind::Approval | ReviewEventKind::SystemApproved if event.at < created_at => early.insert(person(event)),
        ReviewEventKind::Approval => !told.contains(&person(event)),
        ReviewEventKind::SystemApproved => true,
        _ => false,
    })
}
