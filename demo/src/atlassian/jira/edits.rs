//! Changes after the fact, so that later syncs have something to find. The truth follows.
//!
//! Every change takes its instant from the caller. Issues are drawn from the whole list in steps, so that an edit touches several
//! projects; only those the token finds.

use chrono::{DateTime, Duration, SubsecRound, Utc};

use super::history::relabel;
use super::model::{Category, ChangeItem, History, Issue, JiraFacts, Link, Visibility, Worklog};
use crate::company::dice::mix;
use crate::company::model::Time;

impl JiraFacts {
    fn spread(&mut self, count: usize) -> Vec<usize> {
        self.edits += 1;
        let visible: Vec<usize> = (0..self.issues.len()).filter(|index| self.is_visible(&self.issues[*index])).collect();
        let count = count.min(visible.len());
        let offset = mix(self.edits, 5) as usize % visible.len().max(1);
        (0..count).map(|n| visible[(offset + n * visible.len() / count) % visible.len()]).collect()
    }

    fn ids(&self, picked: &[usize]) -> Vec<String> {
        picked.iter().map(|index| self.issues[*index].id.to_string()).collect()
    }

    fn next_history(&self) -> u64 {
        self.issues.iter().flat_map(|one| &one.histories).map(|one| one.id).max().unwrap_or_default() + 2
    }

    /// Retitles `count` issues and moves each on to the next status of its project; `updated` becomes `at`. Returns the external ids.
    pub fn edit_issues(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        let at = at.trunc_subsecs(3);
        let picked = self.spread(count);
        let mut next = self.next_history();
        let author = self.directory.writers[0];
        for index in &picked {
            let step = self.step_of(*index, at);
            let edits = self.edits;
            let issue = &mut self.issues[*index];
            let before = issue.summary.clone();
            issue.summary = format!("{} (edited {edits})", before.split(" (edited").next().unwrap_or_default());
            let title = super::history::text("summary", Some("summary"), Some(&before), Some(&issue.summary));
            issue.histories.push(History { id: next, author: Some(author), at, items: vec![title, step] });
            issue.updated_at = at;
            next += 2;
        }
        self.ids(&picked)
    }

    /// Moves an issue on to the next status of its project, round and round; resolved exactly while done.
    fn step_of(&mut self, index: usize, at: Time) -> ChangeItem {
        let statuses = self.projects[self.issues[index].project].statuses;
        let place = statuses.iter().position(|one| *one == self.issues[index].status).map_or(0, |place| (place + 1) % statuses.len());
        let (was, next) = (self.statuses[self.issues[index].status].clone(), self.statuses[statuses[place]].clone());
        let issue = &mut self.issues[index];
        issue.status = statuses[place];
        let done = next.category == Category::Done;
        issue.resolution = done.then_some("Done");
        issue.resolved_at = done.then_some(at);
        ChangeItem {
            field: "status",
            field_id: Some("status".to_owned()),
            from: Some(was.id.to_string()),
            from_text: Some(was.name.to_owned()),
            to: Some(next.id.to_string()),
            to_text: Some(next.name.to_owned()),
        }
    }

    /// Labels `count` issues at the very same instant: all of them share one `updated`. Returns the external ids.
    pub fn bulk_label(&mut self, count: usize, at: DateTime<Utc>, label: &str) -> Vec<String> {
        let picked = self.spread(count);
        let author = self.directory.writers[0];
        let mut next = self.next_history();
        for index in &picked {
            relabel(&mut self.issues[*index], author, at.trunc_subsecs(3), label);
            if let Some(history) = self.issues[*index].histories.last_mut() {
                history.id = next;
            }
            next += 2;
        }
        self.ids(&picked)
    }

    /// Files `count` new issues at `at`: copies of older ones to which nothing has happened yet. Returns the external ids.
    pub fn add_issues(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        let at = at.trunc_subsecs(3);
        let templates = self.spread(count);
        let mut ids = Vec::new();
        for n in 0..if templates.is_empty() { 0 } else { count } {
            let template = self.issues[templates[n % templates.len()]].clone();
            let project = &mut self.projects[template.project];
            project.counter += 1;
            let id = self.issues.iter().map(|one| one.id).max().unwrap_or_default() + 3;
            ids.push(id.to_string());
            let issue = Issue {
                id,
                number: project.counter,
                former_keys: Vec::new(),
                status: project.statuses[0],
                resolution: None,
                sprints: Vec::new(),
                fix_versions: Vec::new(),
                created_at: at,
                updated_at: at,
                resolved_at: None,
                histories: Vec::new(),
                ..template
            };
            self.issues.push(issue);
        }
        ids
    }

    /// Adds one project's worth of work: `count` issues with `entries` changelog entries each, in the first project, all in its next
    /// release. Returns the external ids.
    pub fn add_release(&mut self, count: usize, entries: usize, at: DateTime<Utc>) -> Vec<String> {
        let ids = self.add_issues_to(0, count, at);
        let version = self.versions.iter().position(|one| one.project == 0 && !one.released);
        let rank = self.field_id("Rank").map(str::to_owned);
        let author = self.directory.writers[0];
        let mut next = self.next_history();
        let first = self.issues.len() - ids.len();
        for issue in &mut self.issues[first..] {
            issue.fix_versions = version.into_iter().collect();
            for n in 0..entries {
                let item = ChangeItem { field_id: rank.clone(), ..super::history::text("Rank", None, None, Some("Ranked lower")) };
                let at = at.trunc_subsecs(3) + Duration::milliseconds(n as i64);
                issue.histories.push(History { id: next, author: Some(author), at, items: vec![item] });
                issue.updated_at = at;
                next += 2;
            }
        }
        ids
    }

    fn add_issues_to(&mut self, project: usize, count: usize, at: DateTime<Utc>) -> Vec<String> {
        let Some(template) = self.issues.iter().find(|one| one.project == project).cloned() else { return Vec::new() };
        let mut id = self.issues.iter().map(|one| one.id).max().unwrap_or_default();
        let at = at.trunc_subsecs(3);
        let mut ids = Vec::new();
        for _ in 0..count {
            let place = &mut self.projects[project];
            place.counter += 1;
            id += 3;
            ids.push(id.to_string());
            let issue = Issue {
                id,
                number: place.counter,
                former_keys: Vec::new(),
                issue_type: place.types[1],
                status: place.statuses[0],
                resolution: None,
                resolved_at: None,
                parent: None,
                labels: Vec::new(),
                sprints: Vec::new(),
                created_at: at,
                updated_at: at,
                histories: Vec::new(),
                ..template.clone()
            };
            self.issues.push(issue);
        }
        ids
    }

    /// Moves `count` issues to another project at `at`: same id, new key, the other project's type and status. Returns the external ids.
    pub fn move_issues(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        let at = at.trunc_subsecs(3);
        let live: Vec<usize> = (0..self.projects.len()).filter(|index| self.projects[*index].is_live()).collect();
        let picked = if live.len() > 1 { self.spread(count) } else { Vec::new() };
        let mut next = self.next_history();
        let author = self.directory.writers[0];
        for index in &picked {
            let origin = self.issues[*index].project;
            let place = live.iter().position(|one| *one == origin).unwrap_or_default();
            let target = live[(place + 1) % live.len()];
            let former = self.key(&self.issues[*index]);
            let kind = self.kind(&self.issues[*index]);
            let step = self.projects[origin].statuses.iter().position(|one| *one == self.issues[*index].status).unwrap_or_default();
            self.projects[target].counter += 1;
            let number = self.projects[target].counter;
            let (issue_type, status) = (self.projects[target].types[kind as usize], self.projects[target].statuses[step]);
            let issue = &mut self.issues[*index];
            issue.project = target;
            issue.number = number;
            issue.issue_type = issue_type;
            issue.status = status;
            // Versions, components and sprints are the old project's.
            issue.fix_versions.clear();
            issue.components.clear();
            issue.sprints.clear();
            issue.former_keys.push(former.clone());
            issue.updated_at = at;
            let key = self.key(&self.issues[*index]);
            let items = vec![super::history::text("Key", None, Some(&former), Some(&key))];
            self.issues[*index].histories.push(History { id: next, author: Some(author), at, items });
            next += 2;
        }
        self.ids(&picked)
    }

    /// Deletes `count` issues without a trace, with their worklogs and links. Returns the external ids they had.
    pub fn delete_issues(&mut self, count: usize) -> Vec<String> {
        let picked = self.spread(count);
        let ids = self.ids(&picked);
        for id in &ids {
            self.delete_issue(id);
        }
        ids
    }

    /// Deletes one issue by its external id. Answers whether there was one. Subtasks go with it, as in Jira.
    pub fn delete_issue(&mut self, id: &str) -> bool {
        let before = self.issues.len();
        let gone: Vec<u64> = self
            .issues
            .iter()
            .filter(|one| {
                one.id.to_string() == id || (self.kind(one).level() < 0 && one.parent.is_some_and(|parent| parent.to_string() == id))
            })
            .map(|one| one.id)
            .collect();
        self.issues.retain(|one| !gone.contains(&one.id));
        self.links.retain(|one| !gone.contains(&one.from) && !gone.contains(&one.to));
        self.worklogs.retain(|one| !gone.contains(&one.issue));
        for issue in self.issues.iter_mut().filter(|one| one.parent.is_some_and(|parent| gone.contains(&parent))) {
            issue.parent = None;
        }
        self.planted.retain(|one| one.table != "work_items" || !gone.iter().any(|id| one.external_id == id.to_string()));
        self.issues.len() < before
    }

    /// Logs work on `count` issues at `at`. Returns the worklogs' external ids.
    pub fn add_worklogs(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        let at = at.trunc_subsecs(3);
        let picked = self.spread(count);
        let mut ids = Vec::new();
        for index in picked {
            let id = self.worklogs.iter().map(|one| one.id).max().unwrap_or(80_000) + 3;
            let author = self.directory.writers[0];
            let issue = self.issues[index].id;
            self.issues[index].updated_at = at;
            let started_at = at - Duration::hours(1);
            self.worklogs.push(Worklog { id, issue, author, started_at, seconds: 3600, created_at: at, updated_at: at });
            ids.push(id.to_string());
        }
        ids
    }

    /// Deletes up to `count` worklogs at `at`; the list of deleted ones tells. Returns the external ids.
    pub fn delete_worklogs(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        let at = at.trunc_subsecs(3);
        let step = (self.worklogs.len() / count.max(1)).max(1);
        let picked: Vec<(u64, u64)> = self.worklogs.iter().step_by(step).take(count).map(|one| (one.id, one.issue)).collect();
        for (id, issue) in &picked {
            self.worklogs.retain(|one| one.id != *id);
            self.deleted_worklogs.push((*id, at));
            if let Some(issue) = self.issues.iter_mut().find(|one| one.id == *issue) {
                issue.updated_at = at;
            }
        }
        picked.iter().map(|(id, _)| id.to_string()).collect()
    }

    /// Takes `count` links away at `at`; both ends know. Returns the links' external ids.
    pub fn remove_links(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        let at = at.trunc_subsecs(3);
        let removed: Vec<Link> = self.links.drain(..count.min(self.links.len())).collect();
        for issue in self.issues.iter_mut().filter(|one| removed.iter().any(|link| link.from == one.id || link.to == one.id)) {
            issue.updated_at = at;
        }
        removed.iter().map(|link| link.id.to_string()).collect()
    }

    /// Renames a project's key: every issue has a new key and the old one still leads to it. Answers whether there is such a project.
    pub fn rename_project(&mut self, key: &str, to: &str) -> bool {
        let Some(project) = self.projects.iter_mut().find(|one| one.key == key) else { return false };
        project.former_keys.push(std::mem::replace(&mut project.key, to.to_owned()));
        true
    }

    /// The token loses sight of a project: it is in no list, and searches in it say that it does not exist. Answers whether there is one.
    pub fn hide_project(&mut self, key: &str) -> bool {
        self.set_visibility(key, Visibility::Hidden)
    }

    /// The token sees a project again, whatever happened to it.
    pub fn show_project(&mut self, key: &str) -> bool {
        self.set_visibility(key, Visibility::Live)
    }

    pub fn archive_project(&mut self, key: &str) -> bool {
        self.set_visibility(key, Visibility::Archived)
    }

    /// Moves a project to the trash.
    pub fn delete_project(&mut self, key: &str) -> bool {
        self.set_visibility(key, Visibility::Deleted)
    }

    fn set_visibility(&mut self, key: &str, visibility: Visibility) -> bool {
        let found = self.projects.iter_mut().find(|one| one.key == key);
        found.map(|one| one.visibility = visibility).is_some()
    }

    /// Every page token handed out so far is refused from now on, as after seven days.
    pub fn expire_page_tokens(&mut self) {
        self.token_epoch += 1;
    }
}
