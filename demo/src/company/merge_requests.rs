//! Merge requests: who opens them, how they end, and the oddities real GitLab data has.
//!
//! Oddities are tied to the index, not to dice, so that every company of some size has each of them.

use std::collections::HashMap;

use chrono::{Duration, SubsecRound};

use super::Span;
use super::changes;
use super::dice::{Dice, sha};
use super::model::{MergeRequest, Project, Time, User, UserKind};
use super::people::People;
use super::reviews::{Ending, Timeline};
use super::titles;

const FIRST_ID: u64 = 310_000;
const FIRST_NOTE_ID: u64 = 9_000_000;
/// Merge requests touched by one bulk edit within one instant: more than a page.
const BULK_EDIT: usize = 130;

/// Who can write and review, prepared once.
pub(super) struct Cast<'a> {
    users: HashMap<u64, &'a User>,
    /// First accounts of current members: the reviewers.
    reviewers: Vec<u64>,
    /// All human accounts.
    authors: Vec<u64>,
    /// Account → first account of the same person.
    owner: HashMap<u64, u64>,
    dependency_bot: u64,
}

impl<'a> Cast<'a> {
    pub(super) fn new(people: &'a People) -> Self {
        let users: HashMap<u64, &User> = people.users.iter().map(|user| (user.id, user)).collect();
        let mut owner = HashMap::new();
        for person in &people.persons {
            owner.extend(person.users.iter().map(|user| (*user, person.users[0])));
        }
        let reviewers = people
            .persons
            .iter()
            .map(|person| person.users[0])
            .filter(|id| users[id].kind == UserKind::Human && !users[id].departed)
            .collect();
        let authors = people.users.iter().filter(|user| !user.bot).map(|user| user.id).collect();
        let dependency_bot = people.users.iter().find(|user| user.kind == UserKind::DependencyBot).map_or(0, |user| user.id);
        Self { users, reviewers, authors, owner, dependency_bot }
    }

    pub(super) fn user(&self, id: u64) -> &'a User {
        self.users[&id]
    }

    /// The bot that comments in a project: its own, or the one for dependencies.
    pub(super) fn bot(&self, project: &Project) -> u64 {
        self.users.values().find(|user| user.kind == UserKind::ProjectBot(project.id)).map_or(self.dependency_bot, |user| user.id)
    }

    fn author(&self, dice: &mut Dice, index: usize, project: &Project, created: Time, end: Time) -> u64 {
        if index % 8 == 5 && index >= self.authors.len() {
            return if dice.chance(0.3) { self.bot(project) } else { self.dependency_bot };
        }
        let mut author = *self.authors.get(index).unwrap_or(&self.authors[0]);
        if index >= self.authors.len() {
            author = dice.pick(&self.authors);
            if self.users[&author].kind == UserKind::Outsider && !dice.chance(0.5) {
                author = dice.pick(&self.authors);
            }
        }
        let late = created > end - Duration::days(100);
        if late && self.users[&author].departed { self.authors[0] } else { author }
    }

    /// Up to two people who are not the author, under whatever account.
    pub(super) fn reviewers(&self, dice: &mut Dice, author: u64) -> Vec<u64> {
        let own = self.owner.get(&author).copied().unwrap_or(author);
        let mut picked: Vec<u64> = Vec::new();
        for _ in 0..8 {
            let Some(candidate) = (!self.reviewers.is_empty()).then(|| dice.pick(&self.reviewers)) else { break };
            if candidate != own && !picked.contains(&candidate) {
                picked.push(candidate);
            }
            if picked.len() == 2 {
                break;
            }
        }
        picked
    }
}

pub(super) fn generate(dice: &mut Dice, count: usize, span: Span, people: &People, projects: &[Project]) -> Vec<MergeRequest> {
    let cast = Cast::new(people);
    let weights: Vec<u32> = projects.iter().map(|project| project.weight).collect();
    let mut starts: Vec<(Time, usize)> = (0..count).map(|_| (dice.working_time(span.start, span.end), dice.weighted(&weights))).collect();
    starts.sort_unstable();
    let mut iids = vec![0u64; projects.len()];
    let mut merge_requests = Vec::with_capacity(count);
    for (index, (created, project)) in starts.into_iter().enumerate() {
        iids[project] += 1;
        let place = Place { index, iid: iids[project], project, created };
        merge_requests.push(one(dice, &cast, place, &projects[project], span));
    }
    bulk_edit(&mut merge_requests, span);
    let mut next = FIRST_NOTE_ID;
    for note in merge_requests.iter_mut().flat_map(|merge_request| &mut merge_request.notes) {
        note.id = next;
        next += 3;
    }
    merge_requests
}

#[derive(Clone, Copy)]
struct Place {
    index: usize,
    iid: u64,
    project: usize,
    created: Time,
}

fn one(dice: &mut Dice, cast: &Cast<'_>, place: Place, project: &Project, span: Span) -> MergeRequest {
    let Place { index, iid, created, .. } = place;
    let author = cast.author(dice, index, project, created, span.end);
    let user = cast.user(author);
    let title = if user.bot { titles::dependency_title(dice) } else { titles::title(dice, index) };
    let reviewers = cast.reviewers(dice, author);
    let mut timeline = Timeline::new(project.legacy, author, created, span.end);
    let ready = timeline.drafts(dice, user.bot, &reviewers);
    let last = match ready {
        Some(ready) => timeline.review(dice, ready, &reviewers, cast.bot(project), index),
        None => created + dice.about_hours(3.0),
    };
    if index % 211 == 50 {
        timeline.approve_before_creation(&reviewers);
    }
    let ending = timeline.end(dice, last, ready.is_some(), user.bot, &reviewers);
    let changes = changes::generate(dice, index, created, last.min(span.end), author, span.end);
    let draft = timeline.finish();
    let mut merge_request = MergeRequest {
        id: FIRST_ID + 7 * index as u64,
        iid,
        project: place.project,
        title: if draft { format!("Draft: {title}") } else { title.clone() },
        description: if user.bot {
            format!("{title}\n\n| package | change |\n|---|---|\n")
        } else {
            format!("What and why: {title}.\n\nCloses #{}", 1 + index % 40)
        },
        state: "opened".to_owned(),
        draft,
        author,
        merged_by: None,
        closed_by: None,
        assignees: if dice.chance(0.7) { vec![author] } else { Vec::new() },
        reviewers: reviewers.iter().copied().take(dice.between(0, 3) as usize).collect(),
        labels: titles::labels(dice),
        milestone: dice.chance(0.4).then_some((index % 4) as u32),
        source_branch: titles::branch(&title, index),
        source_project_id: Some(project.id),
        sha: changes.commits.first().map_or_else(|| sha(1, index as u64), |commit| commit.sha.clone()),
        merge_commit_sha: None,
        squash_commit_sha: None,
        created_at: created,
        updated_at: created,
        prepared_at: Some(created + dice.millis(900, 9_000)),
        merged_at: None,
        closed_at: None,
        discussion_locked: index % 61 == 0,
        unknown_fields: index.is_multiple_of(10),
        notes: timeline.notes,
        approvals: timeline.approvals,
        commits: changes.commits,
        files: changes.files,
    };
    conclude(&mut merge_request, ending, index);
    if user.kind == UserKind::Outsider {
        // The fork of every other outsider's merge request is gone.
        merge_request.source_project_id = (index % 2 == 1).then_some(88_000 + project.id);
    }
    merge_request.updated_at = last_event(&merge_request).min(span.end);
    oddities(&mut merge_request, index);
    merge_request
}

fn conclude(merge_request: &mut MergeRequest, ending: Ending, index: usize) {
    match ending {
        Ending::Open => {}
        Ending::Merged { at, by } => {
            merge_request.state = "merged".to_owned();
            merge_request.merged_at = Some(at);
            merge_request.merged_by = Some(by);
            merge_request.merge_commit_sha = Some(sha(2, index as u64));
            merge_request.squash_commit_sha = index.is_multiple_of(3).then(|| sha(3, index as u64));
        }
        Ending::Closed { at, by } => {
            merge_request.state = "closed".to_owned();
            merge_request.closed_at = Some(at);
            merge_request.closed_by = Some(by);
        }
    }
}

fn last_event(merge_request: &MergeRequest) -> Time {
    let notes = merge_request.notes.iter().map(|note| note.created_at);
    let approvals = merge_request.approvals.iter().filter_map(|approval| approval.approved_at);
    let last = notes.chain(approvals).chain(merge_request.merged_at).chain(merge_request.closed_at).chain([merge_request.created_at]).max();
    last.unwrap_or(merge_request.created_at) + Duration::milliseconds(i64::from(merge_request.iid as u32 % 900))
}

fn oddities(merge_request: &mut MergeRequest, index: usize) {
    // Moved between instances: merged before it was created.
    if index % 97 == 13 && merge_request.merged_at.is_some() {
        merge_request.merged_at = Some(merge_request.created_at - Duration::hours(2));
    }
    if merge_request.state == "opened" {
        match index % 40 {
            3 => merge_request.state = "locked".to_owned(),
            // A state no document knows.
            17 => merge_request.state = "quarantined".to_owned(),
            _ => {}
        }
    }
}

/// Somebody relabels the oldest merge requests of the first project at once: they share one `updated_at`.
fn bulk_edit(merge_requests: &mut [MergeRequest], span: Span) {
    let instant = (span.end - Duration::days(25)).trunc_subsecs(0) + Duration::milliseconds(417);
    for merge_request in merge_requests.iter_mut().filter(|one| one.project == 0 && one.updated_at < instant).take(BULK_EDIT) {
        merge_request.updated_at = instant;
        merge_request.labels.push("Q4 clean-up");
    }
}
