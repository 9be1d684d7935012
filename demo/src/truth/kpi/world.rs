//! What figures are made of: the company's rows, each with where it happened, who is behind it, and what is known of it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::KpiQuestion;
use super::deliveries::{Brought, Delivery};
use super::incidents::Incident;
use super::items::Item;
use super::releases::Release;
use super::reviews::{Reviews, reviews};
use super::windows::midnight;
use crate::atlassian::mentions::keys_in;
use crate::company::Company;
use crate::company::model::{MergeRequest, Pipeline};

pub(super) type Time = DateTime<Utc>;

/// What figures are about. Projects by external id, teams and people by their place in the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Organisation,
    Project(String),
    Team(usize),
    Person(usize),
}

/// Where a row belongs: its project and the people behind it.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub project: String,
    pub people: BTreeSet<usize>,
}

pub(super) struct Mr<'a> {
    pub one: &'a MergeRequest,
    pub id: String,
    pub owner: Owner,
    pub bot: bool,
    pub mapped: bool,
    pub reviews: Reviews,
    pub first_commit: Option<Time>,
    /// The deployment that first brought it to production.
    pub brought: Option<Brought>,
    /// Work items it names.
    pub keys: Vec<String>,
}

pub(super) struct Run<'a> {
    pub one: &'a Pipeline,
    pub id: String,
    pub owner: Owner,
    pub at: Option<Time>,
    /// Started by an account of a person.
    pub mapped: bool,
}

pub(super) struct World<'a> {
    pub company: &'a Company,
    pub question: &'a KpiQuestion,
    pub merge_requests: Vec<Mr<'a>>,
    pub pipelines: Vec<Run<'a>>,
    pub deployments: Vec<Delivery<'a>>,
    pub items: Vec<Item>,
    pub releases: Vec<Release>,
    pub incidents: Vec<Incident>,
    /// By account: the place of its person in the question, or a number behind them.
    persons: BTreeMap<String, usize>,
}

impl<'a> World<'a> {
    pub(super) fn new(company: &'a Company, question: &'a KpiQuestion) -> Self {
        let mut persons: BTreeMap<String, usize> = BTreeMap::new();
        for (index, person) in question.people.iter().enumerate() {
            persons.extend(person.accounts.iter().map(|account| (account.clone(), index)));
        }
        let accounts = company.users.iter().map(|user| user.id.to_string());
        for account in accounts.chain(company.sites.directory.accounts.iter().map(|one| one.id.clone())) {
            let own = question.people.len() + persons.len();
            persons.entry(account).or_insert(own);
        }
        let mut world = Self {
            company,
            question,
            merge_requests: Vec::new(),
            pipelines: Vec::new(),
            deployments: Vec::new(),
            items: Vec::new(),
            releases: Vec::new(),
            incidents: Vec::new(),
            persons,
        };
        world.deployments = world.deliveries();
        world.merge_requests = company.merge_requests.iter().map(|one| world.merge_request(one)).collect();
        world.place_deployments();
        world.pipelines = company.pipelines.iter().map(|one| world.run(one)).collect();
        if question.jira {
            world.items = world.work_items();
            world.releases = world.planned_releases();
        }
        world.incidents = world.all_incidents();
        world
    }

    fn merge_request(&self, one: &'a MergeRequest) -> Mr<'a> {
        let commits: Vec<&str> = one.commits.iter().map(|commit| commit.title.as_str()).collect();
        let texts = [one.title.as_str(), &one.source_branch, &one.description, &commits.join("\n")].join("\n");
        Mr {
            one,
            id: one.id.to_string(),
            owner: self.owner(self.company.projects[one.project].id, Some(&one.author.to_string())),
            bot: self.is_bot(&one.author.to_string()),
            mapped: self.is_mapped(Some(&one.author.to_string())),
            reviews: reviews(self, one),
            first_commit: one.commits.iter().map(|commit| commit.authored_at).min(),
            brought: self.brought(one),
            keys: keys_in(&texts),
        }
    }

    /// A pipeline counts when it finished, else when it was last updated.
    fn run(&self, one: &'a Pipeline) -> Run<'a> {
        let account = one.user.to_string();
        let owner = self.owner(self.company.projects[one.project].id, Some(&account));
        let mapped = self.is_mapped(Some(&account));
        Run { one, id: one.id.to_string(), owner, at: one.finished_at.or(one.updated_at), mapped }
    }

    pub(super) fn owner(&self, project: u64, account: Option<&str>) -> Owner {
        Owner { project: project.to_string(), people: account.and_then(|account| self.person(account)).into_iter().collect() }
    }

    pub(super) fn person(&self, account: &str) -> Option<usize> {
        self.persons.get(account).copied()
    }

    /// By the account, or by whom it belongs to.
    pub(super) fn is_bot(&self, account: &str) -> bool {
        let own = || account.parse().ok().and_then(|id| self.company.user(id)).is_some_and(|user| user.bot);
        let app = || self.company.sites.directory.accounts.iter().any(|one| one.id == account && one.is_app());
        let person = self.person(account).and_then(|index| self.question.people.get(index));
        person.is_some_and(|person| person.is_bot) || own() || app()
    }

    pub(super) fn is_mapped(&self, account: Option<&str>) -> bool {
        account.and_then(|account| self.person(account)).is_some_and(|index| index < self.question.people.len())
    }

    /// The organisation, the projects that are known, the teams, and the people who are no bots.
    pub(super) fn scopes(&self) -> Vec<Scope> {
        let jira = self.company.sites.jira.projects.iter().filter(|one| self.question.jira && one.is_live()).map(|one| one.id);
        let projects = self.company.projects.iter().map(|one| one.id).chain(jira).map(|id| Scope::Project(id.to_string()));
        let people = self.question.people.iter().enumerate().filter(|(_, person)| !person.is_bot).map(|(index, _)| Scope::Person(index));
        std::iter::once(Scope::Organisation).chain(projects).chain((0..self.question.teams.len()).map(Scope::Team)).chain(people).collect()
    }

    pub(super) fn scope_id(&self, scope: &Scope) -> (&'static str, String) {
        match scope {
            Scope::Organisation => ("organisation", String::new()),
            Scope::Project(id) => ("project", id.clone()),
            Scope::Team(index) => ("team", self.question.teams[*index].id.clone()),
            Scope::Person(index) => ("person", self.question.people[*index].id.clone()),
        }
    }

    /// Whether what happened at a moment belongs to the scope: to a team, by who was in it then.
    pub(super) fn holds(&self, scope: &Scope, owner: &Owner, at: Time) -> bool {
        self.belongs(scope, owner, |from, until| from <= at && until.is_none_or(|until| at < until))
    }

    /// Whether a state just before a moment belongs to the scope.
    pub(super) fn holds_before(&self, scope: &Scope, owner: &Owner, moment: Time) -> bool {
        self.belongs(scope, owner, |from, until| from < moment && until.is_none_or(|until| moment <= until))
    }

    fn belongs(&self, scope: &Scope, owner: &Owner, stayed: impl Fn(Time, Option<Time>) -> bool) -> bool {
        match scope {
            Scope::Organisation => true,
            Scope::Project(id) => owner.project == *id,
            Scope::Person(index) => owner.people.contains(index),
            Scope::Team(index) => self.question.teams[*index].stays.iter().any(|stay| {
                let of = |person: &usize| self.question.people.get(*person).is_some_and(|person| person.id == stay.person);
                let day = |day| midnight(day, self.question.time_zone);
                owner.people.iter().any(of) && stayed(day(stay.from), stay.until.map(day))
            }),
        }
    }

    /// The first time anything is dated at.
    pub(super) fn earliest(&self) -> Time {
        let merge_requests = self.company.merge_requests.iter().flat_map(|one| [Some(one.created_at), one.merged_at]).flatten();
        let runs = self.company.pipelines.iter().map(|one| one.created_at);
        let deployments = self.company.deployments.iter().map(|one| one.created_at);
        let items = self.items.iter().map(|item| item.created);
        let all = merge_requests.chain(runs).chain(deployments).chain(items).chain(self.incidents.iter().map(|one| one.created));
        all.min().unwrap_or(self.question.as_of)
    }
}
