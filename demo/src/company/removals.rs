//! Things that vanish: rows deleted without a trace, as an owner's delete does, and projects nobody finds any more. The truth follows.

use super::Company;
use super::model::Pipeline;

impl Company {
    /// Deletes up to `count` issues, spread over the list. Returns the external ids they had.
    pub fn delete_issues(&mut self, count: usize) -> Vec<String> {
        let ids = picked(self.issues.iter().map(|one| one.id), count);
        self.truth.take();
        self.issues.retain(|one| !ids.contains(&one.id));
        texts(&ids)
    }

    /// Deletes up to `count` pipelines with their jobs; deployments they made stay, without their job. Returns the external ids.
    pub fn delete_pipelines(&mut self, count: usize) -> Vec<String> {
        let ids = picked(self.pipelines.iter().map(|one| one.id), count);
        self.truth.take();
        let is_gone = |one: &Pipeline| ids.contains(&one.id);
        let places: Vec<Option<usize>> = self
            .pipelines
            .iter()
            .scan(0, |next, one| {
                let place = *next;
                *next += usize::from(!is_gone(one));
                Some((!is_gone(one)).then_some(place))
            })
            .collect();
        for deployment in &mut self.deployments {
            deployment.job = deployment.job.and_then(|(pipeline, job)| Some((places[pipeline]?, job)));
        }
        self.pipelines.retain(|one| !is_gone(one));
        texts(&ids)
    }

    /// Deletes up to `count` deployments. Returns the external ids.
    pub fn delete_deployments(&mut self, count: usize) -> Vec<String> {
        let ids = picked(self.deployments.iter().map(|one| one.id), count);
        self.truth.take();
        self.deployments.retain(|one| !ids.contains(&one.id));
        texts(&ids)
    }

    /// Deletes up to `count` releases. Returns the external ids, as `7:v1.0`.
    pub fn delete_releases(&mut self, count: usize) -> Vec<String> {
        let ids = picked(0..self.releases.len() as u64, count);
        self.truth.take();
        let gone = ids.iter().map(|place| self.releases.remove(*place as usize));
        gone.map(|one| format!("{}:{}", self.projects[one.project].id, one.tag)).collect()
    }

    /// Deletes one merge request by its external id. Answers whether there was one.
    pub fn delete_merge_request(&mut self, id: &str) -> bool {
        self.truth.take();
        let before = self.merge_requests.len();
        self.merge_requests.retain(|one| one.id.to_string() != id);
        self.merge_requests.len() < before
    }

    /// Deletes a project, by external id or full path, with all that is in it: 404 from now on. Answers whether there was one.
    pub fn delete_project(&mut self, key: &str) -> bool {
        self.truth.take();
        let id = self.project_id(key);
        self.deleted_projects.extend(id);
        id.is_some()
    }

    /// The token loses sight of a project: 404 from now on, as if it were deleted. Asked whether it is a member of the groups, the token's
    /// account hears no; lists of members stay as they are. Answers whether there is such a project.
    pub fn hide_project(&mut self, key: &str) -> bool {
        self.truth.take();
        let id = self.project_id(key);
        self.hidden_projects.extend(id);
        id.is_some()
    }

    /// The token sees a hidden project again.
    pub fn show_project(&mut self, key: &str) -> bool {
        self.truth.take();
        self.project_id(key).is_some_and(|id| self.hidden_projects.remove(&id))
    }

    fn project_id(&self, key: &str) -> Option<u64> {
        self.projects.iter().find(|project| project.id.to_string() == key || project.full_path == key).map(|project| project.id)
    }

    /// Whether the token sees a project.
    pub(crate) fn is_visible(&self, project: u64) -> bool {
        !self.hidden_projects.contains(&project) && !self.deleted_projects.contains(&project)
    }

    /// Whether the token's account has lost its membership of the groups.
    pub(crate) fn has_lost_sight(&self) -> bool {
        !self.hidden_projects.is_empty()
    }
}

/// Up to `count` ids, spread, the last first.
fn picked(ids: impl Iterator<Item = u64>, count: usize) -> Vec<u64> {
    let ids: Vec<u64> = ids.collect();
    let length = ids.len();
    let count = count.min(length);
    (0..count).rev().map(|n| ids[n * length / count + (length / count) / 2]).collect()
}

fn texts(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}
