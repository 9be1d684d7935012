//! Deployments to production, and which of them first brought a merge request there.

use std::collections::BTreeSet;

use super::world::{Owner, Time, World};
use crate::company::deployments::{finished_at, tier_by_name};
use crate::company::model::{Deployment, MergeRequest};

pub(super) struct Delivery<'a> {
    pub one: &'a Deployment,
    pub id: String,
    pub owner: Owner,
    /// When it finished, else when it was last updated.
    pub at: Time,
    /// To production, whatever became of it.
    pub production: bool,
    pub success: bool,
}

/// A deployment brought a merge request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Brought {
    /// Place among the deployments.
    pub deployment: usize,
    pub at: Time,
    /// Its commit says so, not the order of time.
    pub by_commit: bool,
}

impl<'a> World<'a> {
    pub(super) fn deliveries(&self) -> Vec<Delivery<'a>> {
        let delivery = |one: &'a Deployment| {
            let environment = &self.company.environments[one.environment];
            Delivery {
                one,
                id: one.id.to_string(),
                owner: self.owner(self.company.projects[one.project].id, None),
                at: finished_at(one, &self.company.pipelines).unwrap_or(one.updated_at),
                production: environment.tier.unwrap_or_else(|| tier_by_name(environment.name)) == "production",
                success: one.status == "success",
            }
        };
        self.company.deployments.iter().map(delivery).collect()
    }

    /// The first successful one to production whose commit is the one that came of the merge, else the first that finished since.
    pub(super) fn brought(&self, one: &MergeRequest) -> Option<Brought> {
        let merged_at = one.merged_at?;
        let mut own: Vec<usize> = (0..self.deployments.len()).collect();
        own.retain(|index| {
            let delivery = &self.deployments[*index];
            delivery.success && delivery.production && delivery.one.project == one.project
        });
        own.sort_by_key(|index| (self.deployments[*index].at, *index));
        let commits: Vec<&String> = match (&one.merge_commit_sha, &one.squash_commit_sha) {
            (None, None) => vec![&one.sha],
            (merge, squash) => merge.iter().chain(squash).collect(),
        };
        let by_commit = own.iter().find(|index| commits.contains(&&self.deployments[**index].one.sha));
        let by_time = own.iter().find(|index| self.deployments[**index].at >= merged_at);
        let deployment = *by_commit.or(by_time)?;
        Some(Brought { deployment, at: self.deployments[deployment].at, by_commit: by_commit.is_some() })
    }

    /// A deployment counts for the people whose merge requests it brought, else for the human who started it.
    pub(super) fn place_deployments(&mut self) {
        for index in 0..self.deployments.len() {
            let own = self.merge_requests.iter().filter(|one| !one.bot && one.brought.is_some_and(|by| by.deployment == index));
            let mut people: BTreeSet<usize> = own.flat_map(|one| one.owner.people.iter().copied()).collect();
            let account = self.deployments[index].one.user.to_string();
            if people.is_empty() && !self.is_bot(&account) {
                people.extend(self.person(&account));
            }
            self.deployments[index].owner.people = people;
        }
    }
}
