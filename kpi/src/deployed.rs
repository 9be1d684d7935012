//! Which deployment first brought a merge request to production, and which merge request takes back which.

use rustc_hash::FxHashMap;

use crate::{
    ContainmentRule, DeploymentFact, DeploymentMergeRequest, Facts, KpiSettings, MergeRequestFact, ProjectKey, RevertFact, Sha, facts::Time,
};

/// The successful production deployments of each project, ascending.
pub(crate) struct Deliveries<'a>(FxHashMap<ProjectKey, Vec<&'a DeploymentFact>>);

impl<'a> Deliveries<'a> {
    pub(crate) fn new(facts: &'a Facts, settings: &KpiSettings) -> Self {
        let mut projects: FxHashMap<ProjectKey, Vec<&DeploymentFact>> = FxHashMap::default();
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

/// A merged merge request, as far as it says what deployment brought it.
#[derive(Clone, Copy, Debug)]
pub struct MergedRow {
    /// `merge_requests.id`.
    pub id: i64,
    pub project: ProjectKey,
    pub merged_at: Time,
    pub head_sha: Option<Sha>,
    pub merge_sha: Option<Sha>,
    pub squash_sha: Option<Sha>,
}

impl MergedRow {
    fn of(row: &MergeRequestFact) -> Option<Self> {
        let &MergeRequestFact { id, project, head_sha, merge_sha, squash_sha, .. } = row;
        Some(Self { id, project, merged_at: row.merged_at?, head_sha, merge_sha, squash_sha })
    }

    fn commits(&self) -> [Option<Sha>; 2] {
        match (self.merge_sha, self.squash_sha) {
            (None, None) => [self.head_sha, None],
            (merge, squash) => [merge, squash],
        }
    }
}

/// Tells of any merge request which deployment first brought it to production.
///
/// The rules, in order: the deployment's commit is the merge commit, the squash commit or, where a merge request has
/// neither (fast-forward), its head; else the first deployment that finished at or after the merge.
pub struct Containment<'a> {
    deliveries: Deliveries<'a>,
    by_commit: FxHashMap<(ProjectKey, Sha), &'a DeploymentFact>,
}

impl<'a> Containment<'a> {
    /// Reads the deployments.
    pub fn new(facts: &'a Facts, settings: &KpiSettings) -> Self {
        let deliveries = Deliveries::new(facts, settings);
        let mut by_commit: FxHashMap<(ProjectKey, Sha), &DeploymentFact> = FxHashMap::default();
        for row in deliveries.all() {
            let Some(sha) = row.sha else { continue };
            let first = by_commit.entry((row.project, sha)).or_insert(row);
            if (row.at(), row.id) < (first.at(), first.id) {
                *first = row;
            }
        }
        Self { deliveries, by_commit }
    }

    /// The first successful production deployment of its project that contains it, with the rule that says so; `None` where there is no
    /// such deployment yet.
    pub fn first(&self, row: &MergedRow) -> Option<(&'a DeploymentFact, ContainmentRule)> {
        let of_commit = || {
            let commits = row.commits().into_iter().flatten();
            commits.filter_map(|sha| self.by_commit.get(&(row.project, sha)).copied()).min_by_key(|row| (row.at(), row.id))
        };
        of_commit()
            .map(|deployment| (deployment, ContainmentRule::SameCommit))
            .or_else(|| self.deliveries.first_since(row.project, row.merged_at).map(|row| (row, ContainmentRule::FirstAfterMerge)))
    }

    /// The successful production deployments of each project, ascending.
    pub fn deliveries(&self) -> impl Iterator<Item = (ProjectKey, &[&'a DeploymentFact])> {
        self.deliveries.0.iter().map(|(project, rows)| (*project, rows.as_slice()))
    }
}

/// For each merged merge request the first successful production deployment of its project that contains it, as [`Containment`] says;
/// none where there is no such deployment yet. Ordered by merge request.
pub fn deployment_merge_requests(facts: &Facts, settings: &KpiSettings) -> Vec<DeploymentMergeRequest> {
    let containment = Containment::new(facts, settings);
    let merged = facts.merge_requests.iter().filter_map(MergedRow::of);
    let mut found: Vec<DeploymentMergeRequest> = merged
        .filter_map(|row| {
            let (deployment, rule) = containment.first(&row)?;
            Some(DeploymentMergeRequest { deployment_id: deployment.id, merge_request_id: row.id, rule })
        })
        .collect();
    found.sort_unstable_by_key(|row| (row.merge_request_id, row.deployment_id));
    found
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
    let mut by_commit: FxHashMap<(ProjectKey, u32), i64> = FxHashMap::default();
    let mut by_title: FxHashMap<(ProjectKey, &str), Vec<(Time, i64)>> = FxHashMap::default();
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
