//! What a complete and correct sync has to end with, computed straight from the facts.
//!
//! Nothing here is shared with the product: the arithmetic is written a second time, naively, so that an error in one place cannot
//! hide in the other. Row structs are named and typed like the product's columns; a test can compare them as JSON.

mod kpi;
mod people;
mod rows;
mod rows_build;
mod rows_ci;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::company::Company;
pub use kpi::{AttributionTruth, KpiPerson, KpiQuestion, KpiStay, KpiTeam, MetricTruth};
pub use people::{Duplicate, PeopleTruth, PersonTruth};
pub use rows::*;

/// Rows by external id.
pub type Table<T> = BTreeMap<String, T>;

/// Rows per table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub identities: usize,
    pub memberships: usize,
    pub groups: usize,
    pub projects: usize,
    pub issues: usize,
    pub merge_requests: usize,
    pub merge_request_notes: usize,
    pub merge_request_approvals: usize,
    pub merge_request_commits: usize,
    pub pipelines: usize,
    pub jobs: usize,
    pub environments: usize,
    pub deployments: usize,
    pub releases: usize,
}

/// The truth for a connection with `{"groups": [top group]}` and details on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Truth {
    pub as_of: DateTime<Utc>,
    pub counts: Counts,
    pub identities: Table<IdentityRow>,
    /// Of the top group: `group:{full path}:{account}`.
    pub memberships: Table<MembershipRow>,
    pub groups: Table<GroupRow>,
    pub projects: Table<ProjectRow>,
    pub issues: Table<IssueRow>,
    pub merge_requests: Table<MergeRequestRow>,
    pub merge_request_notes: Table<NoteRow>,
    pub merge_request_approvals: Table<ApprovalRow>,
    pub merge_request_commits: Table<CommitRow>,
    pub pipelines: Table<PipelineRow>,
    pub jobs: Table<JobRow>,
    pub environments: Table<EnvironmentRow>,
    pub deployments: Table<DeploymentRow>,
    #[serde(rename = "tag_releases")]
    pub releases: Table<ReleaseRow>,
    pub people: PeopleTruth,
}

impl Truth {
    pub(crate) fn compute(company: &Company, as_of: DateTime<Utc>) -> Self {
        let mut truth = Self {
            as_of,
            counts: Counts::default(),
            identities: rows_build::identities(company),
            memberships: company.memberships(&format!("group:{}", company.top_group())),
            groups: rows_build::groups(company),
            projects: rows_build::projects(company),
            issues: rows_build::issues(company),
            merge_requests: rows_build::merge_requests(company),
            merge_request_notes: rows_build::notes(company),
            merge_request_approvals: rows_build::approvals(company),
            merge_request_commits: rows_build::commits(company),
            pipelines: rows_ci::pipelines(company),
            jobs: rows_ci::jobs(company),
            environments: rows_ci::environments(company),
            deployments: rows_ci::deployments(company),
            releases: rows_ci::releases(company),
            people: people::compute(company),
        };
        truth.without_invisible(company);
        truth.counts = truth.count();
        truth
    }

    /// Leaves out what is in projects that the token does not see. Accounts and people stay: what was seen before counts on.
    fn without_invisible(&mut self, company: &Company) {
        let gone: BTreeSet<String> =
            company.projects.iter().map(|project| project.id).filter(|id| !company.is_visible(*id)).map(|id| id.to_string()).collect();
        if gone.is_empty() {
            return;
        }
        self.projects.retain(|id, _| !gone.contains(id));
        self.issues.retain(|_, row| !gone.contains(&row.project_external_id));
        self.merge_requests.retain(|_, row| !gone.contains(&row.project_external_id));
        self.pipelines.retain(|_, row| !gone.contains(&row.project_external_id));
        self.jobs.retain(|_, row| !gone.contains(&row.project_external_id));
        self.environments.retain(|_, row| !gone.contains(&row.project_external_id));
        self.deployments.retain(|_, row| !gone.contains(&row.project_external_id));
        self.releases.retain(|_, row| !gone.contains(&row.project_external_id));
        let merge_requests = &self.merge_requests;
        self.merge_request_notes.retain(|_, row| merge_requests.contains_key(&row.merge_request_external_id));
        self.merge_request_approvals.retain(|_, row| merge_requests.contains_key(&row.merge_request_external_id));
        self.merge_request_commits.retain(|_, row| merge_requests.contains_key(&row.merge_request_external_id));
    }

    fn count(&self) -> Counts {
        Counts {
            identities: self.identities.len(),
            memberships: self.memberships.len(),
            groups: self.groups.len(),
            projects: self.projects.len(),
            issues: self.issues.len(),
            merge_requests: self.merge_requests.len(),
            merge_request_notes: self.merge_request_notes.len(),
            merge_request_approvals: self.merge_request_approvals.len(),
            merge_request_commits: self.merge_request_commits.len(),
            pipelines: self.pipelines.len(),
            jobs: self.jobs.len(),
            environments: self.environments.len(),
            deployments: self.deployments.len(),
            releases: self.releases.len(),
        }
    }
}
