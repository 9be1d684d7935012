//! The generated company: facts, and the operations that change them.
//!
//! Everything is a function of (seed, as_of, size). Each kind of fact draws from dice of its own, so that changing how jobs are
//! generated does not shift every merge request.

mod access;
pub(crate) mod changes;
pub(crate) mod deployments;
pub(crate) mod dice;
mod edits;
mod failures;
mod issues;
mod jobs;
mod merge_requests;
pub(crate) mod model;
mod names;
mod people;
mod pipelines;
pub(crate) mod projects;
mod releases;
mod removals;
mod reviews;
mod titles;

use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

use chrono::{DateTime, Duration, SubsecRound, Utc};
use serde::{Deserialize, Serialize};

use crate::atlassian::{self, Sites};
use crate::truth::Truth;
use dice::Dice;
use model::{Deployment, Environment, Group, Issue, Member, MergeRequest, Person, Pipeline, Project, Release, User};
pub(crate) use names::NAMESAKES;

/// How much of everything. People are humans; second accounts and bots come on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompanySize {
    pub people: usize,
    pub projects: usize,
    pub merge_requests: usize,
    pub pipelines: usize,
    pub deployments: usize,
}

impl CompanySize {
    /// About 60 people and 12 months of work.
    pub fn full() -> Self {
        Self { people: 60, projects: 12, merge_requests: 3000, pipelines: 8000, deployments: 900 }
    }

    /// The same in small, with the special cases kept, for tests.
    pub fn small() -> Self {
        Self { people: 12, projects: 3, merge_requests: 120, pipelines: 300, deployments: 40 }
    }
}

/// What to generate. Equal options give an equal company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompanyOptions {
    pub seed: u64,
    /// The company's present: nothing but an upcoming release is later.
    pub as_of: DateTime<Utc>,
    pub size: CompanySize,
}

/// A company with twelve months of history.
#[derive(Clone, Debug)]
pub struct Company {
    pub(crate) options: CompanyOptions,
    pub(crate) users: Vec<User>,
    pub(crate) persons: Vec<Person>,
    pub(crate) members: Vec<Member>,
    pub(crate) groups: Vec<Group>,
    pub(crate) projects: Vec<Project>,
    pub(crate) merge_requests: Vec<MergeRequest>,
    pub(crate) issues: Vec<Issue>,
    pub(crate) pipelines: Vec<Pipeline>,
    pub(crate) environments: Vec<Environment>,
    pub(crate) deployments: Vec<Deployment>,
    pub(crate) releases: Vec<Release>,
    /// The account the access token belongs to.
    pub(crate) token_user: u64,
    /// Projects the token no longer sees, and projects that are no more.
    hidden_projects: BTreeSet<u64>,
    deleted_projects: BTreeSet<u64>,
    user_index: HashMap<u64, usize>,
    /// Its Jira and Confluence.
    pub(crate) sites: Sites,
    truth: OnceLock<Box<Truth>>,
    edits: u64,
}

impl Company {
    /// Generates the company. Panics if the size names no person or no project.
    pub fn generate(options: &CompanyOptions) -> Self {
        let mut options = *options;
        options.as_of = options.as_of.trunc_subsecs(3);
        let CompanyOptions { seed, as_of, size } = options;
        assert!(size.people > 0 && size.projects > 0, "a company needs at least one person and one project");
        let dice = |part: u64| Dice::new(dice::mix(seed, part));
        let groups = projects::groups(as_of);
        let mut projects = projects::projects(size.projects, &groups, as_of);
        let people = people::generate(&mut dice(1), size.people, &groups, &projects, as_of);
        let span = Span { start: as_of - Duration::days(365), end: as_of };
        let full = size.merge_requests >= 1000;
        let sites = atlassian::generate(seed, full, &people.persons, &people.users, span);
        let mut merge_requests = merge_requests::generate(&mut dice(2), size.merge_requests, span, &people, &projects);
        let bots = people.users.iter().filter(|user| user.bot).map(|user| user.id).collect();
        atlassian::mentions::mention(seed, &mut merge_requests, &projects, &sites.jira, &bots);
        let issues = issues::generate(&mut dice(3), size.merge_requests / 3, span, &people, &projects);
        let mut pipelines = pipelines::generate(&mut dice(4), size.pipelines, span, &people, &projects, &merge_requests);
        let environments = deployments::environments(&projects);
        let mut deployments = deployments::generate(&mut dice(5), size.deployments, span, &environments, &mut pipelines, &projects);
        deployments::number(&mut deployments);
        jobs::number(&mut pipelines);
        let releases = releases::generate(&mut dice(6), span, &people, &projects);
        for merge_request in &merge_requests {
            let project = &mut projects[merge_request.project];
            project.last_activity_at = project.last_activity_at.max(merge_request.updated_at);
        }
        let user_index = people.users.iter().enumerate().map(|(index, user)| (user.id, index)).collect();
        Self {
            options,
            users: people.users,
            persons: people.persons,
            members: people.members,
            groups,
            projects,
            merge_requests,
            issues,
            pipelines,
            environments,
            deployments,
            releases,
            token_user: people.token_user,
            hidden_projects: BTreeSet::new(),
            deleted_projects: BTreeSet::new(),
            user_index,
            sites,
            truth: OnceLock::new(),
            edits: 0,
        }
    }

    /// What a complete sync of the top group has to find, computed on first use and again after an edit.
    pub fn truth(&self) -> &Truth {
        self.truth.get_or_init(|| Box::new(Truth::compute(self, self.options.as_of)))
    }

    /// The same for a later (or earlier) present: windows and metrics as of `as_of`.
    pub fn truth_at(&self, as_of: DateTime<Utc>) -> Truth {
        Truth::compute(self, as_of.trunc_subsecs(3))
    }

    pub fn options(&self) -> &CompanyOptions {
        &self.options
    }

    /// Full path of the group that holds everything: the scope to connect.
    pub fn top_group(&self) -> &str {
        &self.groups[0].full_path
    }

    /// Full paths of all projects.
    pub fn project_paths(&self) -> Vec<String> {
        self.projects.iter().map(|project| project.full_path.clone()).collect()
    }

    pub(crate) fn user(&self, id: u64) -> Option<&User> {
        self.user_index.get(&id).map(|index| &self.users[*index])
    }
}

/// The time the company's history covers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub start: DateTime<Utc>,
    pub end: DateTime<Utc>,
}
