//! Work items and their way through statuses, by category and never by name.

use super::world::{Owner, Time, World};
use crate::atlassian::jira::model::{Category, Issue, Kind};

pub(super) struct Item {
    pub id: String,
    pub key: String,
    pub owner: Owner,
    pub epic: bool,
    pub bug: bool,
    /// Assigned to a bot.
    pub bot: bool,
    pub mapped: bool,
    pub created: Time,
    pub resolved: Option<Time>,
    pub category: Category,
    pub steps: Vec<Step>,
}

/// A change of status.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub at: Time,
    pub from: Option<Category>,
    pub to: Option<Category>,
}

impl World<'_> {
    /// What the site shows, epics too.
    pub(super) fn work_items(&self) -> Vec<Item> {
        let jira = &self.company.sites.jira;
        jira.issues.iter().filter(|one| jira.is_visible(one)).map(|one| self.item(one)).collect()
    }

    fn item(&self, one: &Issue) -> Item {
        let jira = &self.company.sites.jira;
        let category = |id: &Option<String>| {
            let id = id.as_deref()?;
            jira.statuses.iter().find(|status| status.id.to_string() == id).map(|status| status.category)
        };
        let changes = one.histories.iter().flat_map(|history| history.items.iter().map(|item| (history.at, item)));
        let steps = changes.filter(|(_, item)| item.field == "status");
        let assignee = one.assignee.map(|index| jira.directory.accounts[index].id.clone());
        Item {
            id: one.id.to_string(),
            key: jira.key(one),
            owner: self.owner(jira.projects[one.project].id, assignee.as_deref()),
            epic: jira.kind(one) == Kind::Epic,
            bug: jira.kind(one) == Kind::Bug,
            bot: assignee.as_deref().is_some_and(|account| self.is_bot(account)),
            mapped: self.is_mapped(assignee.as_deref()),
            created: one.created_at,
            resolved: one.resolved_at,
            category: jira.category(one),
            steps: steps.map(|(at, item)| Step { at, from: category(&item.from), to: category(&item.to) }).collect(),
        }
    }
}

impl Item {
    fn initial(&self) -> Option<Category> {
        self.steps.first().map_or(Some(self.category), |first| first.from)
    }

    /// When it first was in progress, as far as a transition tells.
    pub(super) fn started(&self) -> Option<Time> {
        let first = self.steps.first()?;
        if first.from == Some(Category::InProgress) {
            return Some(self.created);
        }
        self.steps.iter().find(|step| step.to == Some(Category::InProgress)).map(|step| step.at)
    }

    /// When it was done for the last time, if it still is: the first of the steps to done at the end of its way.
    pub(super) fn finished(&self) -> Option<Time> {
        if self.steps.is_empty() {
            return self.resolved.filter(|_| self.category == Category::Done);
        }
        let done_since: Vec<&Step> = self.steps.iter().rev().take_while(|step| step.to == Some(Category::Done)).collect();
        done_since.last().map(|step| step.at)
    }

    /// What it was just before a moment; nothing before it was created.
    pub(super) fn category_before(&self, moment: Time) -> Option<Category> {
        if self.created >= moment {
            return None;
        }
        if self.steps.is_empty() && self.category == Category::Done {
            return self.resolved.is_none_or(|at| at < moment).then_some(Category::Done);
        }
        self.steps.iter().rfind(|step| step.at < moment).map_or_else(|| self.initial(), |step| step.to)
    }

    pub(super) fn in_progress_before(&self, moment: Time) -> bool {
        self.category_before(moment) == Some(Category::InProgress)
    }

    /// Whether its changes lead from one to the next and to what it is.
    pub(super) fn is_whole(&self) -> bool {
        let Some(last) = self.steps.last() else { return self.category == Category::Todo };
        let named = self.steps.iter().all(|step| step.from.is_some() && step.to.is_some());
        named && self.steps.windows(2).all(|pair| pair[0].to == pair[1].from) && last.to == Some(self.category)
    }
}
