//! Issues: what they are, in which order things happen to them, and what belongs to them.

use std::sync::Arc;

use chrono::{Duration, NaiveDate};

use super::super::accounts::Directory;
use super::history::Life;
use super::model::{Issue, JiraFacts, Kind, Link, Sprint, Worklog};
use super::setup::{self, Setup};
use super::{planted, texts};
use crate::company::Span;
use crate::company::dice::Dice;
use crate::company::model::Time;

const FIRST_ID: u64 = 20_000;
const LINKS: [(u32, &str, &str, &str); 3] = [
    (10_000, "Blocks", "is blocked by", "blocks"),
    (10_002, "Duplicate", "is duplicated by", "duplicates"),
    (10_003, "Relates", "relates to", "relates to"),
];
/// Issues relabelled by one bulk edit within one minute: more than a page.
const BULK_EDIT: usize = 130;

/// `count` issues in `projects` live projects, and what is around them.
pub(crate) fn generate(seed: u64, directory: Arc<Directory>, projects: usize, count: usize, span: Span) -> JiraFacts {
    let dice = |part: u64| Dice::new(crate::company::dice::mix(seed, part));
    let Setup { projects, statuses, types, fields, versions, boards, sprints } =
        setup::generate(&mut dice(41), seed, projects, span, &directory.writers);
    let mut facts = JiraFacts {
        as_of: span.end,
        directory,
        projects,
        statuses,
        types,
        fields,
        versions,
        boards,
        sprints,
        issues: Vec::with_capacity(count),
        links: Vec::new(),
        worklogs: Vec::new(),
        deleted_worklogs: Vec::new(),
        planted: Vec::new(),
        token_epoch: 1,
        edits: 0,
    };
    issues(&mut dice(42), &mut facts, count, span);
    archived(&mut dice(43), &mut facts, span);
    planted::plant(&mut facts, span);
    links(&mut dice(44), &mut facts);
    worklogs(&mut dice(45), &mut facts, span);
    bulk_edit(&mut facts, span);
    number_histories(&mut facts);
    facts
}

fn issues(dice: &mut Dice, facts: &mut JiraFacts, count: usize, span: Span) {
    let weights: Vec<u32> = facts.projects.iter().map(|project| project.weight).collect();
    let mut starts: Vec<(Time, usize)> = (0..count).map(|_| (dice.working_time(span.start, span.end), dice.weighted(&weights))).collect();
    starts.sort_unstable();
    for (index, (created, project)) in starts.into_iter().enumerate() {
        let kind = kind(dice, facts, project);
        let issue = one(dice, facts, Place { index, project, kind, created }, span);
        facts.issues.push(issue);
    }
}

/// The first two of a project are epics; a subtask needs something to be below.
fn kind(dice: &mut Dice, facts: &JiraFacts, project: usize) -> Kind {
    if facts.projects[project].counter < 2 {
        return Kind::Epic;
    }
    let kind = [Kind::Epic, Kind::Story, Kind::Bug, Kind::Task, Kind::Subtask][dice.weighted(&[6, 42, 24, 20, 8])];
    let has_parent = || facts.issues.iter().any(|one| one.project == project && facts.kind(one).level() == 0);
    if kind == Kind::Subtask && !has_parent() { Kind::Task } else { kind }
}

#[derive(Clone, Copy)]
struct Place {
    index: usize,
    project: usize,
    kind: Kind,
    created: Time,
}

fn one(dice: &mut Dice, facts: &mut JiraFacts, place: Place, span: Span) -> Issue {
    let Place { index, project, kind, created } = place;
    let parent = parent(dice, facts, place);
    let creator = dice.pick(&facts.directory.writers);
    facts.projects[project].counter += 1;
    let number = facts.projects[project].counter;
    // Every fiftieth was filed in another project first.
    let mut former_keys = Vec::new();
    if index % 50 == 21 && facts.projects.iter().filter(|one| one.is_live()).count() > 1 {
        let origin = (project + 1) % facts.projects.iter().filter(|one| one.is_live()).count();
        facts.projects[origin].counter += 1;
        former_keys.push(format!("{}-{}", facts.projects[origin].key, facts.projects[origin].counter));
    }
    let place_in = &facts.projects[project];
    let issue = Issue {
        id: FIRST_ID + 3 * index as u64,
        project,
        number,
        former_keys,
        issue_type: place_in.types[kind as usize],
        summary: texts::summary(dice, index),
        description: (index % 5 != 3).then(|| texts::description(dice, index)),
        status: place_in.statuses[0],
        priority: dice.pick(&["Highest", "High", "Medium", "Medium", "Medium", "Low", "Lowest"]),
        resolution: None,
        parent,
        creator,
        reporter: (index % 41 != 7).then_some(creator),
        assignee: None,
        labels: texts::labels(dice),
        components: if dice.chance(0.5) { vec![dice.index(place_in.components.len())] } else { Vec::new() },
        fix_versions: Vec::new(),
        sprints: Vec::new(),
        points: (kind.level() == 0 && dice.chance(0.6)).then(|| dice.pick(&[1.0, 2.0, 3.0, 5.0, 8.0, 0.5])),
        due_on: dice.chance(0.2).then(|| (created + Duration::days(30)).date_naive()),
        created_at: created,
        updated_at: created,
        resolved_at: None,
        histories: Vec::new(),
    };
    Life::new(facts, issue, span).live(dice, index)
}

fn parent(dice: &mut Dice, facts: &JiraFacts, place: Place) -> Option<u64> {
    let wanted = match place.kind {
        Kind::Epic => return None,
        Kind::Subtask => 0,
        _ if !dice.chance(0.75) => return None,
        _ => 1,
    };
    let fits = |one: &&Issue| one.project == place.project && facts.kind(one).level() == wanted;
    let candidates: Vec<u64> = facts.issues.iter().rev().filter(fits).take(6).map(|one| one.id).collect();
    (!candidates.is_empty()).then(|| dice.pick(&candidates))
}

/// A few in the archived project, which no search finds.
fn archived(dice: &mut Dice, facts: &mut JiraFacts, span: Span) {
    let Some(project) = facts.projects.iter().position(|one| one.key == "OLD") else { return };
    for n in 0..4 {
        let created = span.start + Duration::days(n);
        let index = facts.issues.len() + 1000;
        let issue = one(dice, facts, Place { index, project, kind: Kind::Epic, created }, span);
        facts.issues.push(issue);
    }
}

fn links(dice: &mut Dice, facts: &mut JiraFacts) {
    let ids: Vec<u64> = facts.issues.iter().map(|one| one.id).collect();
    for (index, id) in ids.iter().enumerate().skip(1).filter(|(index, _)| index % 6 == 2) {
        let other = ids[dice.index(index)];
        let kind = LINKS[dice.index(LINKS.len())];
        let (from, to) = if dice.chance(0.5) { (*id, other) } else { (other, *id) };
        facts.links.push(Link { id: 60_000 + 2 * index as u64, from, to, kind });
    }
}

fn worklogs(dice: &mut Dice, facts: &mut JiraFacts, span: Span) {
    for index in (0..facts.issues.len()).filter(|index| index % 4 == 1) {
        // More than an issue shows of itself.
        let count = if index % 300 == 41 { 25 } else { dice.between(1, 4) };
        for _ in 0..count {
            let issue = &mut facts.issues[index];
            let started_at = issue.created_at + dice.about_hours(40.0);
            let created_at = started_at + dice.about_hours(3.0);
            let updated_at = if dice.chance(0.1) { created_at + dice.about_hours(5.0) } else { created_at };
            if updated_at > span.end {
                continue;
            }
            issue.updated_at = issue.updated_at.max(updated_at);
            let issue = issue.id;
            let author = dice.pick(&facts.directory.writers);
            let id = 80_000 + 3 * facts.worklogs.len() as u64;
            let seconds = 60 * dice.between(5, 480);
            facts.worklogs.push(Worklog { id, issue, author, started_at, seconds, created_at, updated_at });
        }
    }
}

/// Somebody relabels the oldest issues of the first project at once: all within one minute, some within one millisecond.
fn bulk_edit(facts: &mut JiraFacts, span: Span) {
    let minute = (span.end - Duration::days(25)).timestamp() / 60 * 60;
    let Some(minute) = chrono::DateTime::from_timestamp(minute, 0) else { return };
    let author = facts.directory.writers[0];
    let older = facts.issues.iter_mut().filter(|one| one.project == 0 && one.updated_at < minute);
    for (touched, issue) in older.take(BULK_EDIT).enumerate() {
        let at = minute + Duration::milliseconds(1_100 * (touched as i64 / 3 % 53) + 17);
        super::history::relabel(issue, author, at, "q4-clean-up");
    }
}

fn number_histories(facts: &mut JiraFacts) {
    let mut next = 400_000;
    for history in facts.issues.iter_mut().flat_map(|issue| &mut issue.histories) {
        history.id = next;
        next += 2;
    }
}

/// The sprint of a board that runs at an instant.
pub(super) fn sprint_at(sprints: &[Sprint], board: usize, at: Time) -> Option<usize> {
    let runs =
        |one: &Sprint| one.board == board && one.starts_at.is_some_and(|start| start <= at) && one.ends_at.is_some_and(|end| at < end);
    sprints.iter().position(runs)
}

/// The first version of a project that comes out on a day or later.
pub(super) fn version_on(facts: &JiraFacts, project: usize, day: NaiveDate) -> Option<usize> {
    let mut versions = facts.versions.iter().enumerate().filter(|(_, one)| one.project == project);
    versions.find(|(_, one)| one.release_on.is_none_or(|release| release >= day)).map(|(index, _)| index)
}
