//! What every metric's function is given: the facts, the organisation's decisions, and what several metrics ask of them.

use std::{borrow::Cow, collections::HashMap, sync::OnceLock};

use chrono::{DateTime, Utc};

use crate::{
    Attribution, Calendar, DeploymentMergeRequest, Facts, IdentityKey, KeepRows, KpiSettings, MergeRequestFact, PersonKey, ProjectKey,
    ScopeFilter, attribute_incidents, deployment_merge_requests,
    history::Histories,
    releases::Releases,
    scope::{Place, Scopes, Who},
    timeline::Timelines,
};

pub struct Inputs<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) settings: &'a KpiSettings,
    pub(crate) calendar: Calendar,
    pub(crate) as_of: DateTime<Utc>,
    pub(crate) scopes: Scopes,
    /// The people whose work a deployment brought, for [`Who::Crowd`], by index of the deployment.
    pub(crate) crowds: Cow<'a, [Vec<PersonKey>]>,
    pub(crate) timelines: Timelines<'a>,
    deployed: Vec<DeploymentMergeRequest>,
    /// Is given the dated rows of each metric, in the order of time.
    keep: Option<&'a KeepRows<'a>>,
    attributions: OnceLock<Cow<'a, [Attribution]>>,
    histories: OnceLock<Histories<'a>>,
    releases: OnceLock<Releases<'a>>,
}

impl<'a> Inputs<'a> {
    pub(crate) fn new(facts: &'a Facts, settings: &'a KpiSettings, as_of: DateTime<Utc>, scopes: &ScopeFilter) -> Self {
        let deployed = deployment_merge_requests(facts, settings);
        Self {
            facts,
            settings,
            calendar: Calendar::new(settings.tz()),
            as_of,
            scopes: Scopes::new(facts, scopes),
            crowds: match &facts.given {
                Some(given) => Cow::Borrowed(&given.crowds),
                None => Cow::Owned(crowds(facts, &deployed)),
            },
            timelines: Timelines::new(facts),
            deployed,
            keep: None,
            attributions: OnceLock::new(),
            histories: OnceLock::new(),
            releases: OnceLock::new(),
        }
    }

    /// Is to give away the dated rows of its metrics as well.
    pub(crate) fn keeping(self, keep: Option<&'a KeepRows<'a>>) -> Self {
        Self { keep, ..self }
    }

    pub(crate) fn keep(&self) -> Option<&KeepRows<'a>> {
        self.keep
    }

    /// Which deployment first brought a merge request to production; at most one row each.
    pub(crate) fn deployed(&self) -> &[DeploymentMergeRequest] {
        &self.deployed
    }

    /// Which incidents are put down to which deployments.
    pub(crate) fn attributions(&self) -> &[Attribution] {
        self.attributions.get_or_init(|| match &self.facts.given {
            Some(given) => Cow::Borrowed(&given.attributions),
            None => Cow::Owned(attribute_incidents(self.facts, self.settings)),
        })
    }

    pub(crate) fn histories(&self) -> &Histories<'a> {
        self.histories.get_or_init(|| Histories::new(self.facts))
    }

    pub(crate) fn releases(&'a self) -> &'a Releases<'a> {
        self.releases.get_or_init(|| Releases::new(self))
    }

    pub(crate) fn place(&self, project: ProjectKey, who: Option<IdentityKey>) -> Place {
        Place { project, who: who.map_or(Who::Nobody, |identity| Who::One(self.facts.person_behind(identity))) }
    }

    pub(crate) fn place_of(&self, row: &MergeRequestFact) -> Place {
        self.place(row.project, row.author)
    }

    /// A deployment's place: with the people whose work it brought, else with the human who started it.
    pub(crate) fn place_of_deployment(&self, index: usize) -> Place {
        let row = &self.facts.deployments[index];
        match self.crowds.get(index) {
            Some(crowd) if !crowd.is_empty() => Place { project: row.project, who: Who::Crowd(u32::try_from(index).unwrap_or(u32::MAX)) },
            _ => self.place(row.project, row.deployed_by.filter(|_| !self.facts.is_bot(row.deployed_by, row.deployed_by_bot))),
        }
    }

    /// Whether an account is linked to a person.
    pub(crate) fn is_mapped(&self, identity: Option<IdentityKey>) -> bool {
        identity.is_some_and(|identity| self.facts.link(identity).is_some())
    }

    pub(crate) fn by_bot(&self, row: &MergeRequestFact) -> bool {
        self.facts.is_bot(row.author, row.author_is_bot)
    }
}

fn crowds(facts: &Facts, deployed: &[DeploymentMergeRequest]) -> Vec<Vec<PersonKey>> {
    let authors: HashMap<i64, IdentityKey> = facts
        .merge_requests
        .iter()
        .filter(|row| !facts.is_bot(row.author, row.author_is_bot))
        .filter_map(|row| row.author.map(|author| (row.id, author)))
        .collect();
    let deployments: HashMap<i64, usize> = facts.deployments.iter().enumerate().map(|(index, row)| (row.id, index)).collect();
    let mut crowds = vec![Vec::new(); facts.deployments.len()];
    for row in deployed {
        if let (Some(author), Some(index)) = (authors.get(&row.merge_request_id), deployments.get(&row.deployment_id)) {
            crowds[*index].push(facts.person_behind(*author));
        }
    }
    for crowd in &mut crowds {
        crowd.sort_unstable();
        crowd.dedup();
    }
    crowds
}
