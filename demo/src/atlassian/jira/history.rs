//! What happens to an issue, and the changelog that tells of it. The fields of the issue follow from the entries.

use chrono::{Duration, SubsecRound};

use super::generate::{sprint_at, version_on};
use super::model::{ChangeItem, History, Issue, JiraFacts, Kind};
use crate::company::Span;
use crate::company::dice::Dice;
use crate::company::model::Time;

/// One issue on its way through the year.
pub(super) struct Life<'a> {
    facts: &'a JiraFacts,
    issue: Issue,
    end: Time,
    /// Entries so far, with their time.
    written: Vec<History>,
}

impl<'a> Life<'a> {
    pub(super) fn new(facts: &'a JiraFacts, issue: Issue, span: Span) -> Self {
        Self { facts, issue, end: span.end, written: Vec::new() }
    }

    /// Everything that happens to it before the company's present.
    pub(super) fn live(mut self, dice: &mut Dice, index: usize) -> Issue {
        let writers = self.facts.directory.writers.clone();
        let mut at = self.issue.created_at + dice.about_hours(2.0);
        if let Some(key) = self.issue.former_keys.first().cloned() {
            self.moved(&writers, at, &key);
            at += dice.about_hours(1.0);
        }
        if !index.is_multiple_of(4) {
            let who = dice.pick(&writers);
            self.assign(dice.pick(&writers), at, who);
        }
        at += dice.about_hours(6.0);
        if self.issue.parent.is_some() && index.is_multiple_of(3) {
            self.adopt(dice.pick(&writers), at, index);
        }
        if index % 29 == 11 {
            self.chatter(dice, &writers, 45 + dice_small(index));
        }
        self.sprinted(dice, &writers, at, index);
        // Two in three have been begun.
        let begun = dice.chance(0.72);
        let mut done_at = None;
        if begun {
            at += dice.about_hours(30.0);
            done_at = self.worked_on(dice, &writers, at);
        }
        self.released(dice, &writers, done_at, index);
        self.finish()
    }

    fn write(&mut self, author: usize, at: Time, items: Vec<ChangeItem>) -> bool {
        let at = at.trunc_subsecs(3);
        if at > self.end || items.is_empty() {
            return false;
        }
        // An import has entries nobody wrote.
        let author = (!self.written.len().is_multiple_of(37) || self.written.is_empty()).then_some(author);
        self.written.push(History { id: 0, author, at, items });
        true
    }

    fn moved(&mut self, writers: &[usize], at: Time, from: &str) {
        let project = &self.facts.projects[self.issue.project];
        let key = format!("{}-{}", project.key, self.issue.number);
        let origin = self.facts.projects.iter().find(|one| from.rsplit_once('-').is_some_and(|(name, _)| name == one.key));
        let mut items = vec![text("Key", None, Some(from), Some(&key))];
        if let Some(origin) = origin {
            items.push(ChangeItem {
                field: "project",
                field_id: Some("project".to_owned()),
                from: Some(origin.id.to_string()),
                from_text: Some(origin.name.to_owned()),
                to: Some(project.id.to_string()),
                to_text: Some(project.name.to_owned()),
            });
        }
        self.write(writers[0], at, items);
    }

    fn assign(&mut self, author: usize, at: Time, who: usize) {
        let account = &self.facts.directory.accounts[who];
        let (id, name) = (account.id.clone(), account.name.clone());
        let item = ChangeItem {
            field: "assignee",
            field_id: Some("assignee".to_owned()),
            from: None,
            from_text: None,
            to: Some(id),
            to_text: Some(name),
        };
        if self.write(author, at, vec![item]) {
            self.issue.assignee = Some(who);
        }
    }

    /// The parent was set later; older entries say so in other words.
    fn adopt(&mut self, author: usize, at: Time, index: usize) {
        let Some(parent) = self.issue.parent.and_then(|id| self.facts.issue(id)) else { return };
        let (id, key) = (parent.id.to_string(), self.facts.key(parent));
        let (field, field_id) = if index.is_multiple_of(6) {
            ("Epic Link", self.facts.field_id("Epic Link").map(str::to_owned))
        } else {
            ("IssueParentAssociation", None)
        };
        let item = ChangeItem { field, field_id, from: None, from_text: None, to: Some(id), to_text: Some(key) };
        if !self.write(author, at, vec![item]) {
            // It never came to that.
            self.issue.parent = None;
        }
    }

    /// Many small changes, more than a page of them.
    fn chatter(&mut self, dice: &mut Dice, writers: &[usize], count: usize) {
        let rank = self.facts.field_id("Rank").map(str::to_owned);
        let room = (self.end - self.issue.created_at).num_milliseconds().max(1) / (count as i64 + 1);
        for n in 0..count {
            let at = self.issue.created_at + Duration::milliseconds(room * (n as i64 + 1));
            let item = if n % 3 == 0 {
                let toggled = if n % 2 == 0 { (None, Some("urgent")) } else { (Some("urgent"), None) };
                text("labels", Some("labels"), toggled.0, toggled.1)
            } else {
                ChangeItem { field_id: rank.clone(), ..text("Rank", None, None, Some("Ranked higher")) }
            };
            self.write(dice.pick(writers), at, vec![item]);
        }
    }

    /// Into the sprint of the day, perhaps into the next, perhaps out again.
    fn sprinted(&mut self, dice: &mut Dice, writers: &[usize], at: Time, index: usize) {
        let kind = self.facts.kind(&self.issue);
        let board = self.facts.boards.iter().position(|one| one.project == self.issue.project && one.kind != "kanban");
        let (Some(board), false) = (board, kind == Kind::Epic || kind == Kind::Subtask) else { return };
        if !dice.chance(0.7) {
            return;
        }
        let Some(first) = sprint_at(&self.facts.sprints, board, at) else { return };
        let mut sprints = vec![first];
        if !self.write(dice.pick(writers), at, vec![self.sprint_item(&[], &sprints)]) {
            return;
        }
        if dice.chance(0.3) {
            let next = self.facts.sprints.iter().position(|one| one.board == board && one.id > self.facts.sprints[first].id);
            let later = self.facts.sprints[first].ends_at.unwrap_or(at) + Duration::minutes(30);
            if let Some(next) = next {
                let both = vec![first, next];
                if self.write(dice.pick(writers), later, vec![self.sprint_item(&sprints, &both)]) {
                    sprints = both;
                }
            }
        } else if index % 17 == 5 && self.write(dice.pick(writers), at + Duration::hours(20), vec![self.sprint_item(&sprints, &[])]) {
            sprints.clear();
        }
        self.issue.sprints = sprints;
    }

    fn sprint_item(&self, from: &[usize], to: &[usize]) -> ChangeItem {
        let join = |of: &[usize], part: fn(&super::model::Sprint) -> String| {
            let parts: Vec<String> = of.iter().map(|index| part(&self.facts.sprints[*index])).collect();
            Some(parts.join(", "))
        };
        ChangeItem {
            field: "Sprint",
            field_id: self.facts.field_id("Sprint").map(str::to_owned),
            from: join(from, |one| one.id.to_string()),
            from_text: join(from, |one| one.name.clone()),
            to: join(to, |one| one.id.to_string()),
            to_text: join(to, |one| one.name.clone()),
        }
    }

    /// From in progress to done, with a detour for some; when it was done.
    fn worked_on(&mut self, dice: &mut Dice, writers: &[usize], begin: Time) -> Option<Time> {
        let statuses = self.facts.projects[self.issue.project].statuses;
        let mut at = begin;
        let mut steps = vec![1];
        if dice.chance(0.6) {
            steps.push(2);
        }
        if dice.chance(0.12) {
            steps.extend([3, 1]);
        }
        if dice.chance(0.8) {
            steps.push(3);
        }
        let mut done_at = None;
        for step in steps {
            if !self.step(dice.pick(writers), at, statuses[step], step == 3) {
                return done_at;
            }
            done_at = (step == 3).then(|| at.trunc_subsecs(3));
            at += dice.about_hours(20.0);
        }
        done_at
    }

    /// One transition; the resolution goes with it, in the same entry.
    fn step(&mut self, author: usize, at: Time, to: usize, done: bool) -> bool {
        let facts = self.facts;
        let was = &facts.statuses[self.issue.status];
        let next = &facts.statuses[to];
        let mut items = vec![ChangeItem {
            field: "status",
            field_id: Some("status".to_owned()),
            from: Some(was.id.to_string()),
            from_text: Some(was.name.to_owned()),
            to: Some(next.id.to_string()),
            to_text: Some(next.name.to_owned()),
        }];
        let resolution = done.then_some(if self.issue.number.is_multiple_of(13) { "Won't Do" } else { "Done" });
        if resolution != self.issue.resolution {
            let id = |name: Option<&str>| name.map(|name| resolution_id(name).to_string());
            items.push(ChangeItem {
                field: "resolution",
                field_id: Some("resolution".to_owned()),
                from: id(self.issue.resolution),
                from_text: self.issue.resolution.map(str::to_owned),
                to: id(resolution),
                to_text: resolution.map(str::to_owned),
            });
        }
        if !self.write(author, at, items) {
            return false;
        }
        self.issue.status = to;
        self.issue.resolution = resolution;
        self.issue.resolved_at = done.then(|| at.trunc_subsecs(3));
        true
    }

    /// The version it goes out with: most say so in the field, some with a label, some in several. Open issues often do not say.
    fn released(&mut self, dice: &mut Dice, writers: &[usize], done_at: Option<Time>, index: usize) {
        let day = done_at.unwrap_or(self.end).date_naive();
        let Some(version) = version_on(self.facts, self.issue.project, day) else { return };
        if done_at.is_none() && !dice.chance(0.5) {
            return;
        }
        let at = done_at.unwrap_or(self.issue.created_at) + Duration::minutes(1);
        let by_label = dice.chance(0.12) && self.facts.versions[version].release_on.is_some();
        if by_label {
            let label = release_label(&self.facts.versions[version].name);
            let item = text("labels", Some("labels"), Some(&self.issue.labels.join(" ")), Some(&label));
            self.write(writers[index % writers.len()], at, vec![item]);
            self.issue.labels.push(label);
            return;
        }
        let mut versions = vec![version];
        let next = version + 1;
        if dice.chance(0.04) && self.facts.versions.get(next).is_some_and(|one| one.project == self.issue.project) {
            versions.push(next);
        }
        let items = versions.iter().map(|index| {
            let version = &self.facts.versions[*index];
            ChangeItem {
                field: "Fix Version",
                field_id: Some("fixVersions".to_owned()),
                from: None,
                from_text: None,
                to: Some(version.id.to_string()),
                to_text: Some(version.name.clone()),
            }
        });
        let items: Vec<ChangeItem> = items.collect();
        self.write(writers[index % writers.len()], at, items);
        self.issue.fix_versions = versions;
    }

    /// In order, with `updated` at the last of them.
    fn finish(mut self) -> Issue {
        self.written.sort_by_key(|history| history.at);
        self.issue.updated_at = self.written.last().map_or(self.issue.created_at, |last| last.at).max(self.issue.created_at);
        self.issue.histories = self.written;
        self.issue
    }
}

fn dice_small(index: usize) -> usize {
    index / 29 % 4 * 30
}

/// The label that names a release where the field does not.
pub(super) fn release_label(version: &str) -> String {
    format!("release-{version}")
}

pub(crate) fn resolution_id(name: &str) -> u32 {
    if name == "Done" { 10_000 } else { 10_001 }
}

pub(super) fn text(field: &'static str, id: Option<&str>, from: Option<&str>, to: Option<&str>) -> ChangeItem {
    ChangeItem {
        field,
        field_id: id.map(str::to_owned),
        from: None,
        from_text: from.map(str::to_owned),
        to: None,
        to_text: to.map(str::to_owned),
    }
}

/// Adds a label, with its entry; the entry has no id yet.
pub(super) fn relabel(issue: &mut Issue, author: usize, at: Time, label: &str) {
    let before = issue.labels.join(" ");
    issue.labels.push(label.to_owned());
    let item = text("labels", Some("labels"), Some(&before), Some(&issue.labels.join(" ")));
    issue.histories.push(History { id: 0, author: Some(author), at, items: vec![item] });
    issue.updated_at = at;
}
