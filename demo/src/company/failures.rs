//! What goes wrong in production, and releases whose scope moves: for figures that need more of both than the company has by chance.
//!
//! Additions only, and made on demand: a company without them is what it was.

use std::sync::Arc;

use chrono::Duration;

use super::Company;
use super::deployments::{finished_at, tier_by_name};
use super::model::{Issue, Time};
use crate::atlassian::jira::model::{ChangeItem, History, JiraFacts};

/// Of each way in which a tracker's incident names its cause.
const EACH: usize = 4;

impl Company {
    /// The company with incidents after deployments, in its code host and in its tracker, with merge requests that caused, cured and took
    /// back, deployments of a merge's own commit, and items that came to releases and left them late. To be called before it is served.
    #[must_use]
    pub fn with_failures(mut self) -> Self {
        self.deploy_merges();
        self.file_incidents();
        let mut jira = (*self.sites.jira).clone();
        self.name_causes(&mut jira);
        move_releases(&mut jira);
        self.sites.jira = Arc::new(jira);
        self
    }

    /// Successful deployments to production as (place, finish), the first first.
    fn production(&self) -> Vec<(usize, Time)> {
        let mut found: Vec<(usize, Time)> = self
            .deployments
            .iter()
            .enumerate()
            .filter(|(_, one)| {
                let environment = &self.environments[one.environment];
                one.status == "success" && environment.tier.unwrap_or_else(|| tier_by_name(environment.name)) == "production"
            })
            .map(|(index, one)| (index, finished_at(one, &self.pipelines).unwrap_or(one.updated_at)))
            .collect();
        found.sort_by_key(|(index, at)| (*at, *index));
        found
    }

    /// Every third deployment is of the commit that came of a merge shortly before.
    fn deploy_merges(&mut self) {
        for (index, at) in self.production().into_iter().step_by(3) {
            let project = self.deployments[index].project;
            let merged = self.merge_requests.iter().filter(|one| one.project == project && one.merged_at.is_some_and(|merged| merged < at));
            if let Some(sha) = merged.max_by_key(|one| one.merged_at).and_then(|one| one.merge_commit_sha.clone()) {
                self.deployments[index].sha = sha;
            }
        }
    }

    /// Two of three deployments break something; every fourth of these breaks two things, every fifth incident is not over.
    fn file_incidents(&mut self) {
        let author = self.persons[0].users[0];
        let mut filed: Vec<(usize, Time)> = Vec::new();
        for (n, (index, at)) in self.production().into_iter().enumerate().filter(|(n, _)| n % 3 != 1) {
            let project = self.deployments[index].project;
            filed.push((project, at + Duration::minutes(40 + 97 * n as i64 % 1300)));
            if n % 4 == 0 {
                filed.push((project, at + Duration::minutes(55)));
            }
        }
        for (n, (project, created_at)) in filed.into_iter().filter(|(_, at)| *at < self.options.as_of - Duration::hours(1)).enumerate() {
            let closed = created_at + Duration::minutes(35 + 211 * (n as i64 % 9));
            let closed_at = (n % 5 != 4 && closed < self.options.as_of).then_some(closed);
            let iid = self.issues.iter().filter(|one| one.project == project).map(|one| one.iid).max().unwrap_or_default() + 1;
            self.issues.push(Issue {
                id: self.issues.iter().map(|one| one.id).max().unwrap_or_default() + 9,
                iid,
                project,
                title: format!("Production is down ({iid})"),
                state: if closed_at.is_some() { "closed" } else { "opened" },
                issue_type: if n % 2 == 0 { "incident" } else { "issue" },
                author,
                assignees: Vec::new(),
                labels: if n % 2 == 0 { Vec::new() } else { vec!["Incident"] },
                milestone: None,
                confidential: false,
                weight: None,
                due_on: None,
                created_at,
                updated_at: closed_at.unwrap_or(created_at),
                closed_at,
                closed_by: closed_at.map(|_| author),
            });
        }
    }

    /// Incidents of the tracker: some that a merge request says it caused, some that one takes its cause back for, some that one is the
    /// hotfix for, some that only name their service.
    fn name_causes(&mut self, jira: &mut JiraFacts) {
        let mut first: Vec<Time> = vec![Time::MAX_UTC; self.projects.len()];
        for (index, at) in self.production() {
            let project = self.deployments[index].project;
            first[project] = first[project].min(at);
        }
        let late = self.options.as_of - Duration::days(120);
        let fit: Vec<usize> =
            (0..jira.issues.len()).filter(|n| jira.is_visible(&jira.issues[*n]) && jira.issues[*n].created_at > late).collect();
        for (n, index) in fit.into_iter().step_by(2).take(4 * EACH).enumerate() {
            jira.issues[index].labels.push("incident".to_owned());
            let (created, key) = (jira.issues[index].created_at, jira.key(&jira.issues[index]));
            let merged = |one: usize| self.merge_requests[one].merged_at;
            let all = 0..self.merge_requests.len();
            // merged in time to be deployed before the incident
            let deployed = |one: &usize| {
                let (at, project) = (merged(*one), self.merge_requests[*one].project);
                self.production().iter().any(|(index, done)| {
                    self.deployments[*index].project == project && at.is_some_and(|at| at <= *done) && *done <= created
                })
            };
            let causes: Vec<usize> = all.clone().filter(deployed).filter(|one| !self.merge_requests[*one].title.contains('"')).collect();
            let cures: Vec<usize> = all.filter(|one| merged(*one).is_some_and(|at| at > created)).collect();
            let cause = (!causes.is_empty()).then(|| causes[(n * 7) % causes.len()]);
            match (n % 4, cause) {
                (0, Some(cause)) => self.merge_requests[cause].description.push_str(&format!("\n\nBroke {key}.")),
                (1, Some(cause)) => {
                    let (project, title) = (self.merge_requests[cause].project, self.merge_requests[cause].title.clone());
                    if let Some(cure) = cures.into_iter().find(|one| self.merge_requests[*one].project == project) {
                        self.merge_requests[cure].title = format!("Revert \"{title}\"");
                        self.merge_requests[cure].description.push_str(&format!("\n\nFor {key}."));
                    }
                }
                (2, _) => {
                    let in_use = |one: &usize| first[self.merge_requests[*one].project] <= created;
                    if let Some(cure) = cures.into_iter().filter(in_use).nth(n / 4) {
                        self.merge_requests[cure].labels.push("hotfix");
                        self.merge_requests[cure].description.push_str(&format!("\n\nFor {key}."));
                    }
                }
                _ => jira.issues[index].labels.push("Payments".to_owned()),
            }
        }
    }
}

/// In every project, some items leave a release days after its start, and some come to the ones that are under way.
fn move_releases(jira: &mut JiraFacts) {
    let mut id = jira.issues.iter().flat_map(|one| &one.histories).map(|one| one.id).max().unwrap_or_default();
    let today = jira.as_of.date_naive();
    for index in 0..jira.issues.len() {
        let issue = &jira.issues[index];
        if !jira.is_visible(issue) {
            continue;
        }
        let begun = |version: usize| jira.versions[version].start_on.is_some_and(|day| day < today);
        let (from, to) = match (issue.fix_versions.as_slice(), index % 6) {
            ([version], 1) if !jira.versions[*version].released && begun(*version) => (Some(*version), None),
            ([], 2 | 4) => {
                let next = (0..jira.versions.len())
                    .find(|version| jira.versions[*version].project == issue.project && !jira.versions[*version].released);
                (None, next)
            }
            _ => continue,
        };
        if from.is_none() && to.is_none() {
            continue;
        }
        let at = issue.updated_at.max(jira.as_of - Duration::days(20)) + Duration::minutes(3);
        if at >= jira.as_of {
            continue;
        }
        id += 2;
        let value = |version: Option<usize>| version.map(|version| jira.versions[version].id.to_string());
        let name = |version: Option<usize>| version.map(|version| jira.versions[version].name.clone());
        let item = ChangeItem {
            field: "Fix Version",
            field_id: Some("fixVersions".to_owned()),
            from: value(from),
            from_text: name(from),
            to: value(to),
            to_text: name(to),
        };
        let author = Some(jira.directory.writers[0]);
        let issue = &mut jira.issues[index];
        issue.histories.push(History { id, author, at, items: vec![item] });
        issue.histories.sort_by_key(|history| history.at);
        issue.updated_at = at;
        issue.fix_versions = to.into_iter().collect();
    }
}
