//! The company with its rows rendered.
//!
//! Lists are rendered when the world is built. What belongs to one merge request or pipeline is rendered when asked for: it is
//! small, asked for once, and there are tens of thousands of them.

use std::collections::HashMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::list::{List, ListStyle, Row, UNTIMED};
use crate::company::Company;
use crate::company::model::{Project, Scope};
use crate::wire::{self, Users};

pub(crate) struct World {
    pub company: Company,
    pub users: Users,
    /// One per project, in the order of `Company::projects`.
    pub projects: Vec<ProjectRows>,
}

pub(crate) struct ProjectRows {
    pub row: Bytes,
    pub merge_requests: List,
    pub issues: List,
    pub pipelines: List,
    pub deployments: List,
    /// (id, row), by id.
    pub environments: Vec<(u64, Bytes)>,
    pub releases: List,
    /// iid → index.
    pub by_iid: HashMap<u64, usize>,
    /// Pipeline id → index.
    pub pipeline_by_id: HashMap<u64, usize>,
    /// (job id, pipeline index, job index), by id.
    pub jobs: Vec<(u64, usize, usize)>,
}

const ISSUABLE: ListStyle = ListStyle {
    orders: &["created_at", "updated_at", "merged_at", "title", "priority"],
    sorts: &["desc", "asc"],
    ties_newest_first: true,
    windows_need_order: false,
    keyset: false,
    state_param: "state",
};
const ISSUES: ListStyle = ListStyle { orders: &["created_at", "updated_at"], keyset: true, ..ISSUABLE };
const PIPELINES: ListStyle =
    ListStyle { orders: &["id", "updated_at", "status", "ref", "user_id"], ties_newest_first: false, state_param: "status", ..ISSUABLE };
const DEPLOYMENTS: ListStyle =
    ListStyle { orders: &["id", "updated_at", "created_at", "iid"], sorts: &["asc", "desc"], windows_need_order: true, ..PIPELINES };
const RELEASES: ListStyle = ListStyle { orders: &["released_at", "created_at"], ..PIPELINES };

fn row(id: u64, iid: u64, created: DateTime<Utc>, updated: impl Into<Option<DateTime<Utc>>>, state: &str, json: Bytes) -> Row {
    Row {
        id,
        iid,
        created: created.timestamp_millis(),
        updated: updated.into().map_or(UNTIMED, |time| time.timestamp_millis()),
        state: state.to_owned(),
        json,
    }
}

impl World {
    pub(crate) fn build(company: Company) -> Self {
        let users = Users::new(&company);
        let projects = (0..company.projects.len()).map(|index| ProjectRows::build(&company, &users, index)).collect();
        Self { company, users, projects }
    }

    /// The project named by an id or a full path, if the token sees it.
    pub(crate) fn project(&self, key: &str) -> Option<usize> {
        let found = match key.parse::<u64>() {
            Ok(id) => self.company.projects.iter().position(|project| project.id == id),
            Err(_) => self.company.projects.iter().position(|project| project.full_path.eq_ignore_ascii_case(key)),
        };
        found.filter(|index| self.company.is_visible(self.company.projects[*index].id))
    }

    /// The projects the token sees, with their rows.
    pub(crate) fn visible_projects(&self) -> impl Iterator<Item = (&Project, &ProjectRows)> {
        self.company.projects.iter().zip(&self.projects).filter(|(project, _)| self.company.is_visible(project.id))
    }

    /// The group named by an id or a full path.
    pub(crate) fn group(&self, key: &str) -> Option<usize> {
        match key.parse::<u64>() {
            Ok(id) => self.company.groups.iter().position(|group| group.id == id),
            Err(_) => self.company.groups.iter().position(|group| group.full_path.eq_ignore_ascii_case(key)),
        }
    }

    pub(crate) fn member_rows(&self, scope: Scope) -> Vec<Bytes> {
        self.company.members_all(scope).into_iter().map(|member| wire::member_row(&self.company, &self.users, member)).collect()
    }

    /// One row of `members/all`. An account that has lost sight of projects is no member of the groups above them.
    pub(crate) fn member_row(&self, scope: Scope, user: &str) -> Option<Bytes> {
        let member = self.company.members_all(scope).into_iter().find(|member| member.user.to_string() == user)?;
        let is_lost = matches!(scope, Scope::Group(_)) && member.user == self.company.token_user && self.company.has_lost_sight();
        (!is_lost).then(|| wire::member_row(&self.company, &self.users, member))
    }
}

impl ProjectRows {
    fn build(company: &Company, users: &Users, project: usize) -> Self {
        let merge_requests = company.merge_requests.iter().filter(|one| one.project == project);
        let issues = company.issues.iter().filter(|one| one.project == project);
        let pipelines = || company.pipelines.iter().enumerate().filter(|(_, one)| one.project == project);
        let deployments = company.deployments.iter().filter(|one| one.project == project);
        let releases = company.releases.iter().filter(|one| one.project == project);
        let mut jobs: Vec<(u64, usize, usize)> = pipelines()
            .flat_map(|(index, one)| one.jobs.iter().enumerate().filter(|(_, job)| !job.bridge).map(move |(n, job)| (job.id, index, n)))
            .collect();
        jobs.sort_unstable();
        Self {
            row: wire::project_row(company, &company.projects[project]),
            merge_requests: List::new(
                merge_requests
                    .map(|one| {
                        row(one.id, one.iid, one.created_at, one.updated_at, &one.state, wire::merge_request_row(company, users, one))
                    })
                    .collect(),
                ISSUABLE,
            ),
            issues: List::new(
                issues
                    .map(|one| row(one.id, one.iid, one.created_at, one.updated_at, one.state, wire::issue_row(company, users, one)))
                    .collect(),
                ISSUES,
            ),
            pipelines: List::new(
                pipelines()
                    .map(|(_, one)| row(one.id, one.iid, one.created_at, one.updated_at, one.status, wire::pipeline_row(company, one)))
                    .collect(),
                PIPELINES,
            ),
            deployments: List::new(
                deployments
                    .map(|one| row(one.id, one.iid, one.created_at, one.updated_at, one.status, wire::deployment_row(company, users, one)))
                    .collect(),
                DEPLOYMENTS,
            ),
            environments: company
                .environments
                .iter()
                .filter(|one| one.project == project)
                .map(|one| (one.id, wire::environment_row(one)))
                .collect(),
            releases: List::new(
                releases
                    .enumerate()
                    .map(|(n, one)| row(n as u64, n as u64, one.created_at, one.released_at, "", wire::release_row(company, users, one)))
                    .collect(),
                RELEASES,
            ),
            by_iid: company
                .merge_requests
                .iter()
                .enumerate()
                .filter(|(_, one)| one.project == project)
                .map(|(index, one)| (one.iid, index))
                .collect(),
            pipeline_by_id: pipelines().map(|(index, one)| (one.id, index)).collect(),
            jobs,
        }
    }
}
