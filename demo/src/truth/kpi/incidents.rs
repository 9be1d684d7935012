//! Incidents, and which deployment each is put down to.

use std::collections::BTreeSet;

use chrono::Duration;

use super::AttributionTruth;
use super::deliveries::Delivery;
use super::world::{Mr, Time, World};

/// An issue or work item whose type or one of whose labels is `incident`.
pub(super) struct Incident {
    /// External id.
    pub id: String,
    pub project: String,
    pub created: Time,
    pub resolved: Option<Time>,
    /// How merge requests name it.
    name: Name,
    /// Components and labels.
    names: Vec<String>,
    /// Place among the deployments, rule and confidence.
    pub caused_by: Option<(usize, &'static str, f64)>,
}

enum Name {
    /// Of a work item: in any text.
    Key(String),
    /// Of an issue, to merge requests of its project (a place among the company's): `#12` in the title, or a branch that begins with `12-`.
    Number { project: usize, number: u64 },
}

impl Name {
    fn is_told_by(&self, one: &Mr<'_>) -> bool {
        match self {
            Self::Key(key) => one.keys.contains(key),
            Self::Number { project, number } => {
                let branch = one.one.source_branch.split_once('-').is_some_and(|(first, _)| first == number.to_string());
                one.one.project == *project && (branch || numbers_in(&one.one.title).contains(number))
            }
        }
    }
}

/// The numbers that stand behind `#` in a text, where no letter, digit or slash is before it: `group/project#12` is another project's.
fn numbers_in(text: &str) -> BTreeSet<u64> {
    let own = |before: &str| !before.ends_with(|c: char| c.is_alphanumeric() || c == '/');
    let hashes = text.match_indices('#').filter(|(at, _)| own(&text[..*at]));
    hashes.filter_map(|(at, _)| text[at + 1..].split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()).collect()
}

fn is_incident(kind: &str, labels: &[String]) -> bool {
    let named = |name: &str| name.to_lowercase() == "incident";
    named(kind) || labels.iter().any(|label| named(label))
}

impl World<'_> {
    pub(super) fn all_incidents(&self) -> Vec<Incident> {
        let mut incidents = Vec::new();
        for one in &self.company.issues {
            let labels: Vec<String> = one.labels.iter().map(|label| (*label).to_owned()).collect();
            if is_incident(one.issue_type, &labels) {
                let project = self.company.projects[one.project].id.to_string();
                let (id, created, resolved) = (one.id.to_string(), one.created_at, one.closed_at);
                let name = Name::Number { project: one.project, number: one.iid };
                incidents.push(Incident { id, project, created, resolved, name, names: labels, caused_by: None });
            }
        }
        let jira = &self.company.sites.jira;
        for one in jira.issues.iter().filter(|one| self.question.jira && jira.is_visible(one)) {
            if is_incident(jira.types[one.issue_type].name, &one.labels) {
                let project = &jira.projects[one.project];
                let components = one.components.iter().map(|index| project.components[*index].to_owned());
                incidents.push(Incident {
                    id: one.id.to_string(),
                    project: project.id.to_string(),
                    created: one.created_at,
                    resolved: one.resolved_at,
                    name: Name::Key(jira.key(one)),
                    names: components.chain(one.labels.iter().cloned()).collect(),
                    caused_by: None,
                });
            }
        }
        for incident in &mut incidents {
            incident.caused_by = self.cause(incident);
        }
        incidents
    }

    pub(super) fn attributions(&self) -> Vec<AttributionTruth> {
        let told = self.incidents.iter().filter_map(|one| one.caused_by.map(|(index, rule, confidence)| (one, index, rule, confidence)));
        told.map(|(one, index, rule, confidence)| AttributionTruth {
            incident: one.id.clone(),
            deployment: self.deployments[index].id.clone(),
            rule,
            confidence,
        })
        .collect()
    }

    /// The rules in their order; the first that finds a deployment wins.
    fn cause(&self, incident: &Incident) -> Option<(usize, &'static str, f64)> {
        let before = |index: &usize| {
            let delivery = &self.deployments[*index];
            delivery.success && delivery.production && delivery.at <= incident.created
        };
        let nearest = |found: Vec<usize>| found.into_iter().max_by_key(|index| (self.deployments[*index].at, *index));
        let linked: Vec<&Mr<'_>> = self.merge_requests.iter().filter(|one| incident.name.is_told_by(one)).collect();
        let brought = |one: &Mr<'_>| one.brought.map(|by| by.deployment).filter(before);
        let shortly_before = |project: &str| -> Vec<usize> {
            let since = incident.created - Duration::hours(self.question.attribution_window_hours);
            let near = |delivery: &Delivery<'_>| delivery.owner.project == project && delivery.at >= since;
            (0..self.deployments.len()).filter(before).filter(|index| near(&self.deployments[*index])).collect()
        };

        let merged_before = linked.iter().filter(|one| one.one.merged_at.is_some_and(|at| at <= incident.created));
        if let Some(index) = nearest(merged_before.filter_map(|one| brought(one)).collect()) {
            return Some((index, "merge_request_link", 0.9));
        }
        let near: Vec<usize> = self.projects_of(incident).iter().flat_map(|project| shortly_before(project)).collect();
        let sure = if near.len() == 1 { 0.7 } else { 0.5 };
        if let Some(index) = nearest(near) {
            return Some((index, "same_service", sure));
        }
        let taken_back = linked.iter().filter_map(|one| self.taken_back_by(one)).filter_map(brought).collect();
        if let Some(index) = nearest(taken_back) {
            return Some((index, "revert", 0.8));
        }
        let hotfixes = linked.iter().filter(|one| is_hotfix(one));
        nearest(hotfixes.flat_map(|one| shortly_before(&one.owner.project)).collect()).map(|index| (index, "hotfix", 0.4))
    }

    /// Its own, and those of the services it names.
    fn projects_of(&self, incident: &Incident) -> BTreeSet<String> {
        let mut projects = BTreeSet::from([incident.project.clone()]);
        for (service, paths) in &self.question.services {
            if incident.names.iter().any(|name| name.to_lowercase() == service.to_lowercase()) {
                let known = self.company.projects.iter().filter(|project| paths.contains(&project.full_path));
                projects.extend(known.map(|project| project.id.to_string()));
            }
        }
        projects
    }

    /// The merge request that another one takes back, by its branch or its title.
    fn taken_back_by(&self, one: &Mr<'_>) -> Option<&Mr<'_>> {
        let others = || self.merge_requests.iter().filter(|other| other.one.project == one.one.project && other.id != one.id);
        let merged = || others().filter(|other| other.one.merged_at.is_some());
        let short = one.one.source_branch.strip_prefix("revert-").and_then(|rest| rest.get(..8));
        let is_commit = |other: &&Mr<'_>| {
            let shas = other.one.merge_commit_sha.iter().chain(&other.one.squash_commit_sha);
            short.is_some_and(|short| shas.into_iter().any(|sha| sha.starts_with(short)))
        };
        let title = one.one.title.strip_prefix("Revert \"").and_then(|rest| rest.strip_suffix('"'));
        let is_titled =
            |other: &&Mr<'_>| title == Some(other.one.title.as_str()) && other.one.merged_at.is_some_and(|at| at <= one.one.created_at);
        merged().find(is_commit).or_else(|| merged().filter(is_titled).max_by_key(|other| (other.one.merged_at, other.one.id)))
    }
}

fn is_hotfix(one: &Mr<'_>) -> bool {
    let branch = one.one.source_branch.to_lowercase();
    branch.starts_with("hotfix/") || branch.starts_with("hotfix-") || one.one.labels.iter().any(|label| label.to_lowercase() == "hotfix")
}
