//! Which deployment caused an incident: explicit rules, in order, each answer with its rule and how far it can be trusted.

use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::{DeploymentFact, Facts, ItemRef, KpiSettings, MergeRequestFact, ProjectKey, WorkItemFact, deployed::Deliveries, facts::Time};

/// Why an incident is put down to a deployment, in the order the rules are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributionRule {
    /// A person said so.
    Override,
    /// The incident names a merge request that the deployment brought.
    MergeRequestLink,
    /// A deployment of the same service, shortly before the incident.
    SameService,
    /// A merge request the incident names takes back one that the deployment brought.
    Revert,
    /// A hotfix the incident names, to a project deployed shortly before the incident.
    Hotfix,
}

/// An incident and the deployment held to have caused it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Attribution {
    pub item: ItemRef,
    /// `deployments.id`; `None`: a person said that no deployment caused it.
    pub deployment_id: Option<i64>,
    pub rule: AttributionRule,
    /// 0–1: 1 for a person's word, .9 for a merge request, .8 for a revert, .7 for the only deployment of the
    /// service in time, .5 for the nearest of several, .4 for a hotfix.
    pub confidence: f64,
}

/// One attribution per incident that has one, in the order of incidents. A deployment counts only if it succeeded, went to production and
/// finished before the incident was created (or at that moment): what came later may be its cure and is never its cause.
///
/// In order: a person's word; a link to a merge request that a deployment brought; the nearest deployment of the
/// same service (the incident's own project, or those of its components and labels) within the attribution window before it; a linked
/// merge request that reverts one a deployment brought; a linked hotfix to a project deployed within the attribution window before it.
pub fn attribute_incidents(facts: &Facts, settings: &KpiSettings) -> Vec<Attribution> {
    let incidents = facts.work_items.iter().filter(|row| row.is_incident);
    let mut found: Vec<Attribution> = match facts.work_items.iter().any(|row| row.is_incident) {
        true => {
            let evidence = Evidence::new(facts, settings);
            incidents.filter_map(|incident| evidence.attribute(incident)).collect()
        }
        false => Vec::new(),
    };
    found.sort_unstable_by_key(|row| row.item);
    found
}

struct Evidence<'a> {
    deliveries: Deliveries<'a>,
    merge_requests: HashMap<i64, &'a MergeRequestFact>,
    brought: HashMap<i64, &'a DeploymentFact>,
    reverted: HashMap<i64, Vec<i64>>,
    linked_merge_requests: BTreeMap<ItemRef, Vec<i64>>,
    projects: BTreeMap<ItemRef, Vec<ProjectKey>>,
    overrides: BTreeMap<ItemRef, Option<i64>>,
    within: TimeDelta,
}

fn grouped<K: Ord, V>(rows: impl Iterator<Item = (K, V)>) -> BTreeMap<K, Vec<V>> {
    let mut groups: BTreeMap<K, Vec<V>> = BTreeMap::new();
    for (key, value) in rows {
        groups.entry(key).or_default().push(value);
    }
    groups
}

impl<'a> Evidence<'a> {
    fn new(facts: &'a Facts, settings: &KpiSettings) -> Self {
        let deliveries = Deliveries::new(facts, settings);
        let by_id: HashMap<i64, &DeploymentFact> = deliveries.all().map(|row| (row.id, row)).collect();
        let contained = crate::deployment_merge_requests(facts, settings);
        let mut reverted: HashMap<i64, Vec<i64>> = HashMap::new();
        for row in &facts.reverts {
            reverted.entry(row.merge_request_id).or_default().push(row.reverted_id);
        }
        Self {
            brought: contained.iter().filter_map(|row| Some((row.merge_request_id, *by_id.get(&row.deployment_id)?))).collect(),
            deliveries,
            merge_requests: facts.merge_requests.iter().map(|row| (row.id, row)).collect(),
            reverted,
            linked_merge_requests: grouped(facts.item_merge_requests.iter().map(|row| (row.item, row.merge_request_id))),
            projects: grouped(facts.incident_projects.iter().map(|row| (row.item, row.project))),
            overrides: facts.attribution_overrides.iter().map(|row| (row.item, row.deployment_id)).collect(),
            within: settings.attribution_window(),
        }
    }

    fn attribute(&self, incident: &WorkItemFact) -> Option<Attribution> {
        let item = incident.item;
        if let Some(deployment_id) = self.overrides.get(&item) {
            return Some(Attribution { item, deployment_id: *deployment_id, rule: AttributionRule::Override, confidence: 1.0 });
        }
        let at = incident.created_at;
        let linked: Vec<&MergeRequestFact> =
            self.linked_merge_requests.get(&item).into_iter().flatten().filter_map(|id| self.merge_requests.get(id).copied()).collect();
        let by_merge_request = || {
            let causes = linked.iter().filter(|row| row.merged_at.is_some_and(|merged_at| merged_at <= at));
            let brought = causes.filter_map(|row| self.brought.get(&row.id).copied());
            latest(brought, at).map(|row| (row, AttributionRule::MergeRequestLink, 0.9))
        };
        let by_service = || {
            let mut projects: Vec<ProjectKey> = self.projects.get(&item).into_iter().flatten().copied().chain([incident.project]).collect();
            projects.sort_unstable();
            projects.dedup();
            let near: Vec<&DeploymentFact> = projects.iter().flat_map(|project| self.shortly_before(*project, at)).copied().collect();
            let confidence = if near.len() == 1 { 0.7 } else { 0.5 };
            latest(near.into_iter(), at).map(|row| (row, AttributionRule::SameService, confidence))
        };
        let by_revert = || {
            let taken_back = linked.iter().filter_map(|row| self.reverted.get(&row.id)).flatten();
            latest(taken_back.filter_map(|id| self.brought.get(id).copied()), at).map(|row| (row, AttributionRule::Revert, 0.8))
        };
        let by_hotfix = || {
            let hotfixes = linked.iter().filter(|row| row.is_hotfix);
            let near = hotfixes.flat_map(|row| self.shortly_before(row.project, at)).copied();
            latest(near, at).map(|row| (row, AttributionRule::Hotfix, 0.4))
        };
        let (deployment, rule, confidence) = by_merge_request().or_else(by_service).or_else(by_revert).or_else(by_hotfix)?;
        Some(Attribution { item, deployment_id: Some(deployment.id), rule, confidence })
    }

    /// Deployments of a project in the attribution window that ends with `at`.
    fn shortly_before(&self, project: ProjectKey, at: Time) -> &[&'a DeploymentFact] {
        let rows = self.deliveries.of(project);
        let from = rows.partition_point(|row| row.at() < at - self.within);
        let to = rows.partition_point(|row| row.at() <= at);
        rows.get(from..to).unwrap_or_default()
    }
}

/// The last of the deployments that had finished at `at`.
fn latest<'a>(rows: impl Iterator<Item = &'a DeploymentFact>, at: Time) -> Option<&'a DeploymentFact> {
    rows.filter(|row| row.at() <= at).max_by_key(|row| (row.at(), row.id))
}

#[cfg(test)]
mod tests {
    use ovia_domain::MetricKey;

    use super::*;
    use crate::{
        AttributionOverride, IncidentProject, ItemMergeRequest, RevertFact,
        testing::{Company, Mr},
    };

    fn answers(company: &mut Company) -> Vec<(Option<i64>, AttributionRule, f64)> {
        let found = attribute_incidents(company.facts(), &KpiSettings::default());
        found.into_iter().map(|row| (row.deployment_id, row.rule, row.confidence)).collect()
    }

    const AT: &str = "2024-05-08T12:00:00Z";

    #[test]
    fn the_nearest_deployment_of_the_service_but_none_however_old() {
        let mut company = Company::new();
        company.incident(AT, None);
        company.delivery(None, "2024-05-07T11:59:59Z");
        assert_eq!(answers(&mut company), [], "more than a day before is not the cause");
        let edge = company.delivery(None, "2024-05-07T12:00:00Z");
        assert_eq!(answers(&mut company), [(Some(edge), AttributionRule::SameService, 0.7)]);
        let near = company.delivery(None, AT);
        company.delivery(None, "2024-05-08T12:00:01Z");
        company.deployment("failed", Some("production"), None, "2024-05-08T11:00:00Z");
        company.deployment("success", Some("staging"), None, "2024-05-08T11:00:00Z");
        assert_eq!(answers(&mut company), [(Some(near), AttributionRule::SameService, 0.5)]);
    }

    #[test]
    fn a_link_beats_nearness_and_a_person_beats_all() {
        let mut company = Company::new();
        let item = company.incident(AT, None);
        let merged = company.merge_request(Mr::at("2024-05-01T00:00:00Z").merged("2024-05-02T00:00:00Z"));
        let old = company.delivery(None, "2024-05-03T00:00:00Z");
        company.delivery(None, "2024-05-08T11:00:00Z");
        company.facts().item_merge_requests.push(ItemMergeRequest { item, merge_request_id: merged });
        assert_eq!(answers(&mut company), [(Some(old), AttributionRule::MergeRequestLink, 0.9)]);
        company.facts().attribution_overrides.push(AttributionOverride { item, deployment_id: None });
        assert_eq!(answers(&mut company), [(None, AttributionRule::Override, 1.0)]);
        assert_eq!(company.week(MetricKey::ChangeFailureRate, "2024-05-06", "2024-06-01T00:00:00Z").value, Some(0.0));
        company.facts().attribution_overrides.push(AttributionOverride { item, deployment_id: Some(old) });
        assert_eq!(answers(&mut company), [(Some(old), AttributionRule::Override, 1.0)], "the last word counts");
    }

    #[test]
    fn the_cure_is_no_cause_but_tells_of_it() {
        let mut company = Company::new();
        let item = company.incident(AT, None);
        let cause = company.merge_request(Mr::at("2024-05-01T00:00:00Z").merged("2024-05-02T00:00:00Z"));
        let cure = company.merge_request(Mr::at("2024-05-08T13:00:00Z").merged("2024-05-08T14:00:00Z"));
        let brought = company.delivery(None, "2024-05-03T00:00:00Z");
        company.delivery(None, "2024-05-08T15:00:00Z");
        company.facts().item_merge_requests.push(ItemMergeRequest { item, merge_request_id: cure });
        assert_eq!(answers(&mut company), []);
        company.facts().reverts.push(RevertFact { merge_request_id: cure, reverted_id: cause });
        assert_eq!(answers(&mut company), [(Some(brought), AttributionRule::Revert, 0.8)]);
    }

    #[test]
    fn a_trackers_incident_concerns_the_projects_of_its_service() {
        let mut company = Company::new();
        let code = company.project();
        let item = company.incident(AT, None);
        let elsewhere = company.facts().project(ovia_domain::ConnectionId(uuid::Uuid::from_u128(2)), "OPS");
        company.facts().work_items[0].project = elsewhere;
        let near = company.delivery(None, "2024-05-08T11:00:00Z");
        assert_eq!(answers(&mut company), []);
        let merge_request_id = company.merge_request(Mr::at("2024-05-08T13:00:00Z"));
        company.facts().item_merge_requests.push(ItemMergeRequest { item, merge_request_id });
        company.change(merge_request_id, |row| row.is_hotfix = true);
        assert_eq!(answers(&mut company), [(Some(near), AttributionRule::Hotfix, 0.4)]);
        company.facts().incident_projects.push(IncidentProject { item, project: code });
        assert_eq!(answers(&mut company), [(Some(near), AttributionRule::SameService, 0.7)]);
    }

    #[test]
    fn failures_and_recovery_follow_the_attribution() {
        let mut company = Company::new();
        let failed = company.delivery(None, "2024-05-07T00:00:00Z");
        let week = |company: &Company, metric| company.week(metric, "2024-05-06", "2024-06-01T00:00:00Z");
        assert_eq!(week(&company, MetricKey::ChangeFailureRate).value, None, "no incident is known at all: not 0");
        company.incident("2024-05-07T01:00:00Z", Some("2024-05-07T04:00:00Z"));
        let open = company.incident("2024-05-07T02:00:00Z", None);
        company.delivery(None, "2024-05-09T00:00:00Z");
        company.deployment("failed", Some("production"), None, "2024-05-09T00:00:00Z");
        let rate = week(&company, MetricKey::ChangeFailureRate);
        assert_eq!((rate.value, rate.row_values.clone()), (Some(0.5), vec![1.0, 0.0]));
        let recovery = week(&company, MetricKey::FailedDeploymentRecoveryTime);
        assert_eq!((recovery.value, &recovery.coverage["excluded_unresolved"]), (None, &1.into()));
        let resolved = crate::testing::utc("2024-05-07T10:00:00Z");
        company.facts().work_items.iter_mut().filter(|row| row.item == open).for_each(|row| row.resolved_at = Some(resolved));
        let recovery = week(&company, MetricKey::FailedDeploymentRecoveryTime);
        assert_eq!((recovery.value, recovery.row_ids), (Some(10.0), vec![failed]), "until its last incident is resolved");
    }

    #[test]
    fn reverts_are_told_by_branch_and_title() {
        let project = ProjectKey(0);
        let at = |text: &str| crate::testing::utc(text);
        let row = |id, title, merged: Option<&str>| crate::RevertCandidate {
            id,
            project,
            title,
            source_branch: None,
            merge_sha: crate::Sha::parse(&format!("{id:08x}00000000")),
            squash_sha: None,
            created_at: at("2024-05-03T00:00:00Z"),
            merged_at: merged.map(at),
        };
        let rows = [
            row(1, "Add tax", Some("2024-05-01T00:00:00Z")),
            row(2, "Add tax", Some("2024-05-02T00:00:00Z")),
            row(3, "Revert \"Add tax\"", None),
            crate::RevertCandidate { source_branch: Some("revert-00000001"), ..row(4, "Revert \"Add tax\"", None) },
            row(5, "Revert \"Add toll\"", None),
            crate::RevertCandidate { created_at: at("2024-05-01T12:00:00Z"), ..row(6, "Revert \"Add tax\"", None) },
        ];
        let found: Vec<(i64, i64)> = crate::find_reverts(&rows).iter().map(|row| (row.merge_request_id, row.reverted_id)).collect();
        assert_eq!(found, [(3, 2), (4, 1), (6, 1)]);
    }
}
