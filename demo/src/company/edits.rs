//! Changes after the fact, so that later syncs have something to find. The truth follows.
//!
//! Every change takes its instant from the caller: rows change as they would have on a real server at that moment.

use chrono::{DateTime, Duration, SubsecRound, Utc};

use super::dice::{mix, sha};
use super::model::{Commit, MergeRequest, Note, Time};
use super::{Company, deployments};

/// Merge requests are drawn from the whole list in steps, so that an edit touches several projects.
fn spread(len: usize, count: usize, turn: u64) -> Vec<usize> {
    let count = count.min(len);
    let offset = mix(turn, 5) as usize % len.max(1);
    (0..count).map(|n| (offset + n * len / count) % len).collect()
}

impl Company {
    /// Retitles `count` merge requests, closes every third open one and adds a comment to each; their `updated_at` becomes `at`.
    /// Returns the external ids.
    pub fn edit_merge_requests(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        let at = at.trunc_subsecs(3);
        let picked = self.begin(count);
        let mut next_note = self.next_note_id();
        for (n, index) in picked.iter().enumerate() {
            let reviewer = self.users[n % self.users.len()].id;
            let merge_request = &mut self.merge_requests[*index];
            merge_request.title = format!("{} (edited {})", merge_request.title.split(" (edited").next().unwrap_or_default(), self.edits);
            if merge_request.state == "opened" && n % 3 == 0 {
                merge_request.state = "closed".to_owned();
                merge_request.closed_at = Some(at);
                merge_request.closed_by = Some(merge_request.author);
            }
            merge_request.notes.push(comment(next_note, reviewer, at));
            next_note += 3;
            merge_request.updated_at = at;
        }
        self.ids_of(&picked)
    }

    /// Pushes a commit to up to `count` open merge requests: `sha` and commits change, `updated_at` does not, as on GitLab.
    /// Returns the external ids.
    pub fn push_merge_requests(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        let at = at.trunc_subsecs(0);
        self.begin(0);
        let open: Vec<usize> = (0..self.merge_requests.len()).filter(|index| self.merge_requests[*index].state == "opened").collect();
        let picked: Vec<usize> = spread(open.len(), count, self.edits).into_iter().map(|n| open[n]).collect();
        for index in &picked {
            let merge_request = &mut self.merge_requests[*index];
            let new = sha(4000 + self.edits, merge_request.id);
            merge_request.sha.clone_from(&new);
            let title = "Pushed later".to_owned();
            merge_request.commits.insert(0, Commit { sha: new, title, author: merge_request.author, authored_at: at, committed_at: at });
        }
        self.ids_of(&picked)
    }

    /// Removes `count` merge requests without a trace, as an owner's delete does. Returns the external ids they had.
    pub fn delete_merge_requests(&mut self, count: usize) -> Vec<String> {
        let mut picked = self.begin(count);
        let ids = self.ids_of(&picked);
        picked.sort_unstable();
        for index in picked.into_iter().rev() {
            self.merge_requests.remove(index);
        }
        ids
    }

    /// Opens `count` new merge requests at `at`, copies of older ones with nothing done yet. Returns the external ids.
    pub fn add_merge_requests(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        let at = at.trunc_subsecs(3);
        let templates: Vec<usize> = self.begin(self.merge_requests.len().min(count));
        let mut ids = Vec::new();
        for n in 0..if templates.is_empty() { 0 } else { count } {
            let template = self.merge_requests[templates[n % templates.len()]].clone();
            let id = self.merge_requests.iter().map(|one| one.id).max().unwrap_or_default() + 7;
            let iid =
                self.merge_requests.iter().filter(|one| one.project == template.project).map(|one| one.iid).max().unwrap_or_default() + 1;
            ids.push(id.to_string());
            self.merge_requests.push(reopened(template, id, iid, at));
        }
        ids
    }

    /// Adds `count` pipelines that succeeded at `at`. Returns the external ids.
    pub fn add_pipelines(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        let at = at.trunc_subsecs(3);
        self.begin(0);
        let mut ids = Vec::new();
        for n in 0..if self.pipelines.is_empty() { 0 } else { count } {
            let mut pipeline = self.pipelines[n % self.pipelines.len()].clone();
            let newest = |ids: &mut dyn Iterator<Item = u64>| ids.max().unwrap_or_default();
            pipeline.id = newest(&mut self.pipelines.iter().map(|one| one.id)) + 5;
            pipeline.iid = newest(&mut self.pipelines.iter().filter(|one| one.project == pipeline.project).map(|one| one.iid)) + 1;
            pipeline.status = "success";
            pipeline.created_at = at - Duration::minutes(5);
            pipeline.started_at = Some(at - Duration::minutes(4));
            pipeline.finished_at = Some(at);
            pipeline.duration = Some(240);
            pipeline.queued = Some(60);
            pipeline.updated_at = Some(at);
            pipeline.jobs.clear();
            ids.push(pipeline.id.to_string());
            self.pipelines.push(pipeline);
        }
        ids
    }

    /// Adds `count` successful deployments made through the API at `at`. Returns the external ids.
    pub fn add_deployments(&mut self, count: usize, at: DateTime<Utc>) -> Vec<String> {
        let at = at.trunc_subsecs(3);
        self.begin(0);
        let before = self.deployments.len();
        for n in 0..if before == 0 { 0 } else { count } {
            let mut deployment = self.deployments[n % before].clone();
            let last = self.deployments.iter().map(|one| one.id).max().unwrap_or_default();
            deployment.iid =
                self.deployments.iter().filter(|one| one.project == deployment.project).map(|one| one.iid).max().unwrap_or_default() + 1;
            deployment.id = last + 3;
            deployment.status = "success";
            deployment.job = None;
            deployment.created_at = at;
            deployment.updated_at = at;
            self.deployments.push(deployment);
        }
        debug_assert!(self.deployments[before..].iter().all(|one| deployments::finished_at(one, &self.pipelines).is_none()));
        self.deployments[before..].iter().map(|one| one.id.to_string()).collect()
    }

    /// Forgets the computed truth and picks merge requests.
    fn begin(&mut self, count: usize) -> Vec<usize> {
        self.truth.take();
        self.edits += 1;
        spread(self.merge_requests.len(), count, self.edits)
    }

    fn ids_of(&self, picked: &[usize]) -> Vec<String> {
        picked.iter().map(|index| self.merge_requests[*index].id.to_string()).collect()
    }

    fn next_note_id(&self) -> u64 {
        self.merge_requests.iter().flat_map(|one| &one.notes).map(|note| note.id).max().unwrap_or_default() + 3
    }
}

fn comment(id: u64, author: u64, at: Time) -> Note {
    Note {
        id,
        author,
        body: "Looking at this again.".to_owned(),
        system: false,
        event: None,
        note_type: None,
        created_at: at,
        updated_at: at,
    }
}

fn reopened(template: MergeRequest, id: u64, iid: u64, at: Time) -> MergeRequest {
    let new = sha(5000, id);
    MergeRequest {
        id,
        iid,
        title: template.title.trim_start_matches("Draft: ").to_owned(),
        state: "opened".to_owned(),
        draft: false,
        merged_by: None,
        closed_by: None,
        source_branch: format!("{iid}-again"),
        sha: new.clone(),
        merge_commit_sha: None,
        squash_commit_sha: None,
        created_at: at,
        updated_at: at,
        prepared_at: Some(at),
        merged_at: None,
        closed_at: None,
        notes: Vec::new(),
        approvals: Vec::new(),
        commits: vec![Commit {
            sha: new,
            title: "Once more".to_owned(),
            author: template.author,
            authored_at: at.trunc_subsecs(0),
            committed_at: at.trunc_subsecs(0),
        }],
        ..template
    }
}
