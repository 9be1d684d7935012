//! Which deployment first brought a merge request to production, and which merge request takes back which.

use std::collections::HashMap;

use crate::{
    ContainmentRule, DeploymentFact, DeploymentMergeRequest, Facts, KpiSettings, MergeRequestFact, ProjectKey, RevertFact, Sha, facts::Time,
};

/// The successful production deployments of each project, ascending.
pub(crate) struct Deliveries<'a>(HashMap<ProjectKey, Vec<&'a DeploymentFact>>);

impl<'a> Deliveries<'a> {
    pub(crate) fn new(facts: &'a Facts, settings: &KpiSettings) -> Self {
        let mut projects: HashMap<ProjectKey, Vec<&DeploymentFact>> = HashMap::new();
        for row in facts.deployments.iter().filter(|row| row.is_delivery(settings)) {
            projects.entry(row.project).or_default().push(row);
        }
        for rows in projects.values_mut() {
            rows.sort_unstable_by_key(|row| (row.at(), row.id));
        }
        Self(projects)
    }

    pub(crate) fn of(&self, project: ProjectKey) -> &[&'a DeploymentFact] {
        self.0.get(&project).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &'a DeploymentFact> {
        self.0.values().flatten().copied()
    }

    /// The first one of a project that finished at or after `moment`.
    fn first_since(&self, project: ProjectKey, moment: Time) -> Option<&'a DeploymentFact> {
        let rows = self.of(project);
        rows.get(rows.partition_point(|row| row.at() < moment)).copied()
    }
}

/// For each merged merge request the first successful production deployment of its project that contains it, with the rule that says so;
/// none where there is no such deployment yet.
///
/// The rules, in order: the deployment's commit is the merge commit, the squash commit or, where a merge request has
/// neither (fast-forward), its head; else the first deployment that finished at or after the merge. Ordered by merge request.
pub fn deployment_merge_requests(facts: &Facts, settings: &KpiSettings) -> Vec<DeploymentMergeRequest> {
    let deliveries = Deliveries::new(facts, settings);
    let mut by_commit: HashMap<(ProjectKey, Sha), &DeploymentFact> = HashMap::new();
    for row in deliveries.all() {
        let Some(sha) = row.sha else { continue };
        let first = by_commit.entry((row.project, sha)).or_insert(row);
        if (row.at(), row.id) < (first.at(), first.id) {
            *first = row;
        }
    }
    let mut found: Vec<DeploymentMergeRequest> = facts
        .merge_requests
        .iter()
        .filter_map(|row| {
            let merged_at = row.merged_at?;
            let of_commit = || commits(row).into_iter().flatten().filter_map(|sha| by_commit.get(&(row.project, sha)).copied());
            let link =
                |rule, deployment: &DeploymentFact| DeploymentMergeRequest { deployment_id: deployment.id, merge_request_id: row.id, rule };
            of_commit()
                .min_by_key(|row| (row.at(), row.id))
                .map(|row| link(ContainmentRule::SameCommit, row))
                .or_else(|| deliveries.first_since(row.project, merged_at).map(|row| link(ContainmentRule::FirstAfterMerge, row)))
        })
        .collect();
    found.sort_unstable_by_key(|row| (row.merge_request_id, row.deployment_id));
    found
}

fn commits(row: &MergeRequestFact) -> [Option<Sha>; 2] {
    match (row.merge_sha, row.squash_sha) {
        (None, None) => [row.head_sha, None],
        (merge, squash) => [merge, squash],
    }
}

/// What tells whether a merge request takes back another one.
#[derive(Clone, Copy, Debug)]
pub struct RevertCandidate<'a> {
    /// `merge_requests.id`.
    pub id: i64,
    pub project: ProjectKey,
    pub title: &'a str,
    pub source_branch: Option<&'a str>,
    pub merge_sha: Option<Sha>,
    pub squash_sha: Option<Sha>,
    pub created_at: Time,
    pub merged_at: Option<Time>,
}

/// Reverts among merge requests: the source branch names the merge or squash commit taken back (`revert-<8 digits>…`), or the title is
/// `Revert "<title>"` of one merged before it in the same project; of several, the one merged last. Ordered.
pub fn find_reverts(rows: &[RevertCandidate<'_>]) -> Vec<RevertFact> {
    let mut by_commit: HashMap<(ProjectKey, u32), i64> = HashMap::new();
    let mut by_title: HashMap<(ProjectKey, &str), Vec<(Time, i64)>> = HashMap::new();
    for row in rows {
        let Some(merged_at) = row.merged_at else { continue };
        by_commit.extend([row.merge_sha, row.squash_sha].into_iter().flatten().map(|sha| ((row.project, sha.short()), row.id)));
        by_title.entry((row.project, row.title)).or_default().push((merged_at, row.id));
    }
    let mut found: Vec<RevertFact> = rows
        .iter()
        .filter_map(|row| {
            let of_branch = row.source_branch.and_then(reverted_commit).and_then(|short| by_commit.get(&(row.project, short))).copied();
            let of_title = || {
                let title = row.title.strip_prefix("Revert \"")?.strip_suffix('"')?;
                let before = by_title.get(&(row.project, title))?.iter().filter(|(merged_at, _)| *merged_at <= row.created_at);
                before.max().map(|(_, id)| *id)
            };
            let reverted_id = of_branch.or_else(of_title).filter(|id| *id != row.id)?;
            Some(RevertFact { merge_request_id: row.id, reverted_id })
        })
        .collect();
    found.sort_unstable();
    found
}

fn reverted_commit(branch: &str) -> Option<u32> {
    let digits = branch.strip_prefix("revert-")?.get(..8)?;
    u32::from_str_radix(digits, 16).ok()
}
