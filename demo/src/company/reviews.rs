//! One merge request's timeline: drafts, comments, approvals and how it ends.
//!
//! Events are written as if the future were known and then cut at the company's present; what a cut changes (draft or not, merged
//! or still open) is derived afterwards.

use chrono::Duration;

use super::dice::{Dice, sha};
use super::model::{Approval, Note, NoteEvent, Time};
use super::titles;

pub(super) struct Timeline {
    legacy: bool,
    author: u64,
    created: Time,
    end: Time,
    began_as_draft: bool,
    pub(super) notes: Vec<Note>,
    pub(super) approvals: Vec<Approval>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    Open,
    Merged { at: Time, by: u64 },
    Closed { at: Time, by: u64 },
}

impl Timeline {
    pub(super) fn new(legacy: bool, author: u64, created: Time, end: Time) -> Self {
        Self { legacy, author, created, end, began_as_draft: false, notes: Vec::new(), approvals: Vec::new() }
    }

    fn note(&mut self, author: u64, at: Time, body: String, event: Option<NoteEvent>, system: bool) {
        let note_type = if system { None } else { [None, Some("DiscussionNote"), Some("DiffNote")][self.notes.len() % 3] };
        let updated_at = at + Duration::milliseconds(4);
        self.notes.push(Note { id: 0, author, body, system, event, note_type, created_at: at, updated_at });
    }

    fn system(&mut self, author: u64, at: Time, body: impl Into<String>, event: Option<NoteEvent>) {
        self.note(author, at, body.into(), event, true);
    }

    fn mark(&mut self, at: Time, draft: bool) {
        let body = match (self.legacy, draft) {
            (true, true) => "marked as a **Work In Progress**",
            (true, false) => "unmarked as a **Work In Progress**",
            (false, true) => "marked this merge request as **draft**",
            (false, false) => "marked this merge request as **ready**",
        };
        let event = if draft { NoteEvent::MarkedDraft } else { NoteEvent::MarkedReady };
        self.system(self.author, at, body, Some(event));
    }

    /// When it is ready for good; `None` for a draft that stays one.
    pub(super) fn drafts(&mut self, dice: &mut Dice, bot: bool, reviewers: &[u64]) -> Option<Time> {
        let mut clock = self.created;
        if !bot && dice.chance(0.2) {
            self.began_as_draft = true;
            if let Some(reviewer) = reviewers.first().filter(|_| dice.chance(0.25)) {
                let body = titles::comment(dice);
                self.note(*reviewer, clock + Duration::minutes(9), body, None, false);
            }
            if dice.chance(0.12) {
                return None;
            }
            clock += dice.about_hours(9.0) + Duration::minutes(10);
            self.mark(clock, false);
            if dice.chance(0.1) {
                self.mark(clock + Duration::minutes(50), true);
                clock += Duration::hours(4);
                self.mark(clock, false);
            }
        } else if !bot && dice.chance(0.03) {
            clock += dice.about_hours(2.0);
            self.mark(clock, true);
            if dice.chance(0.3) {
                return None;
            }
            clock += dice.about_hours(5.0);
            self.mark(clock, false);
        }
        Some(clock)
    }

    /// Comments, pushes and approvals from `ready` on; returns when the last of them happened.
    pub(super) fn review(&mut self, dice: &mut Dice, ready: Time, reviewers: &[u64], bot: u64, index: usize) -> Time {
        if dice.chance(0.25) {
            self.note(
                bot,
                ready + Duration::minutes(4),
                format!("Coverage: {}.{}%", dice.between(60, 99), dice.between(0, 9)),
                None,
                false,
            );
        }
        if dice.chance(0.15) {
            self.note(
                self.author,
                ready + Duration::minutes(2),
                "Self-review done, screenshots are in the description.".to_owned(),
                None,
                false,
            );
        }
        let mut clock = ready + Duration::minutes(5);
        let Some(reviewer) = reviewers.first().copied() else { return clock };
        self.system(self.author, ready + Duration::seconds(40), format!("requested review from @user{reviewer}"), None);
        if dice.chance(0.85) {
            clock += dice.about_hours(5.0);
            let body = titles::comment(dice);
            self.note(reviewer, clock, body, None, false);
            for _ in 0..dice.between(0, 5) {
                clock += dice.about_hours(0.6);
                let who = if dice.chance(0.5) { self.author } else { dice.pick(reviewers) };
                let body = titles::comment(dice);
                self.note(who, clock, body, None, false);
            }
            if dice.chance(0.3) {
                clock += dice.about_hours(1.0);
                let commits = dice.between(1, 4);
                let plural = if commits == 1 { "" } else { "s" };
                let body = format!(
                    "added {commits} commit{plural}\n\n<ul><li>{} - address review</li></ul>\n\n[Compare with previous version](/diffs)",
                    &sha(9, index as u64)[..8]
                );
                self.system(self.author, clock, body, Some(NoteEvent::CommitsAdded));
            }
        }
        if dice.chance(0.65) {
            clock += dice.about_hours(1.2);
            let approver = dice.pick(reviewers);
            self.approve(dice, approver, clock, index);
        }
        if dice.chance(0.02) {
            self.approve(dice, self.author, clock + Duration::minutes(1), index);
        }
        if dice.chance(0.03) {
            self.approve(dice, bot, ready + Duration::minutes(6), index);
        }
        clock
    }

    fn approve(&mut self, dice: &mut Dice, user: u64, at: Time, index: usize) {
        if self.approvals.iter().any(|approval| approval.user == user) {
            return;
        }
        self.system(user, at, "approved this merge request", Some(NoteEvent::Approved));
        if dice.chance(0.06) {
            self.system(
                self.author,
                at + Duration::minutes(30),
                format!("reset approvals from @user{user} by pushing to the branch"),
                None,
            );
            // some give theirs again, and the source then knows the second only
            if index.is_multiple_of(3) {
                let again = at + Duration::minutes(40);
                self.system(user, again, "approved this merge request", Some(NoteEvent::Approved));
                if !self.legacy {
                    self.approvals.push(Approval { user, approved_at: Some(again) });
                }
            }
        } else if dice.chance(0.04) {
            self.system(user, at + Duration::minutes(20), "unapproved this merge request", Some(NoteEvent::Unapproved));
        } else if !self.legacy {
            self.approvals.push(Approval { user, approved_at: Some(at) });
        } else if !index.is_multiple_of(2) {
            self.approvals.push(Approval { user, approved_at: None });
        }
    }

    /// An import gave this approval a date before the merge request existed.
    pub(super) fn approve_before_creation(&mut self, reviewers: &[u64]) {
        let Some(user) = reviewers.last().copied() else { return };
        let at = self.created - Duration::days(3);
        self.approvals.retain(|approval| approval.user != user);
        self.approvals.push(Approval { user, approved_at: (!self.legacy).then_some(at) });
        self.system(user, at, "approved this merge request", Some(NoteEvent::Approved));
    }

    pub(super) fn end(&mut self, dice: &mut Dice, last: Time, ready: bool, bot: bool, reviewers: &[u64]) -> Ending {
        let at = last + dice.about_hours(if bot { 20.0 } else { 6.0 }) + Duration::minutes(3);
        let by = if dice.chance(0.5) { reviewers.first().copied().unwrap_or(self.author) } else { self.author };
        let fate = dice.unit();
        if at > self.end || fate > 0.96 {
            return Ending::Open;
        }
        let closes = if ready { 0.1 } else { 0.8 };
        if fate < closes {
            if self.legacy {
                self.system(by, at, "closed", Some(NoteEvent::Closed));
            }
            return Ending::Closed { at, by };
        }
        if !ready {
            return Ending::Open;
        }
        if dice.chance(0.03) && at - last > Duration::minutes(2) {
            self.system(by, last + Duration::minutes(1), "closed", Some(NoteEvent::Closed));
            self.system(self.author, last + Duration::minutes(2), "reopened", Some(NoteEvent::Reopened));
        }
        if self.legacy {
            self.system(by, at, "merged", Some(NoteEvent::Merged));
        } else if dice.chance(0.1) {
            self.system(by, at - Duration::minutes(1), "enabled an automatic merge when all merge checks for this commit pass", None);
        }
        Ending::Merged { at, by }
    }

    /// Cuts what is in the future, sorts, and says whether the merge request is a draft now.
    pub(super) fn finish(&mut self) -> bool {
        let end = self.end;
        self.notes.retain(|note| note.updated_at <= end);
        self.notes.sort_by_key(|note| note.created_at);
        self.approvals.retain(|approval| approval.approved_at.is_none_or(|at| at <= end));
        // Approvals without a time live by their system note.
        let notes = &self.notes;
        self.approvals.retain(|approval| {
            approval.approved_at.is_some()
                || notes.iter().any(|note| note.event == Some(NoteEvent::Approved) && note.author == approval.user)
        });
        let last = self.notes.iter().rev().find_map(|note| match note.event {
            Some(NoteEvent::MarkedDraft) => Some(true),
            Some(NoteEvent::MarkedReady) => Some(false),
            _ => None,
        });
        last.unwrap_or(self.began_as_draft)
    }
}
