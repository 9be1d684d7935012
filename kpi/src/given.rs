//! What depends on every row there ever was, found once and handed in beside the rows of a stretch of time.

use crate::{
    Attribution, Facts, KpiSettings, PersonKey, ProjectKey, Scope, ScopeFilter, TeamKey, facts::Time, inputs::Inputs, scope::Micros,
    series::Firsts,
};

/// Facts that bounded rows cannot tell. With them, figures of a window need the rows of that window only.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The people whose merge requests each deployment first brought to production, ascending, in the order of [`Facts::deployments`];
    /// an author nobody is linked to is somebody too.
    pub crowds: Vec<Vec<PersonKey>>,
    /// What [`crate::attribute_incidents`] says of all rows.
    pub attributions: Vec<Attribution>,
    /// When the first merge request and the first work item of each scope were created; several of one scope: the earliest counts.
    pub firsts: Vec<First>,
}

/// Since when a scope has rows of a kind: before that it has no data, after it 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct First {
    pub of: FirstOf,
    pub scope: FirstScope,
    pub at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FirstOf {
    /// Its creation, whatever became of it.
    MergeRequest,
    /// Its creation; epics are none.
    WorkItem,
    /// The begin of one to production.
    Deployment,
}

impl FirstOf {
    /// As a key of `kpi_rollup_state.firsts`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MergeRequest => "merge_request",
            Self::WorkItem => "work_item",
            Self::Deployment => "deployment",
        }
    }
}

/// A scope by its key in the facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FirstScope {
    Organisation,
    Project(ProjectKey),
    Team(TeamKey),
    Person(PersonKey),
}

/// Since when each of `scopes` has rows, by kind; scopes without any are left out.
pub fn firsts(facts: &Facts, settings: &KpiSettings, scopes: &ScopeFilter) -> Vec<(FirstOf, Scope, Time)> {
    let inputs = Inputs::new(facts, settings, Time::default(), scopes);
    let kinds = [
        (FirstOf::MergeRequest, Firsts::of_merge_requests(&inputs)),
        (FirstOf::WorkItem, Firsts::of_work_items(&inputs)),
        (FirstOf::Deployment, Firsts::of_deployments(&inputs)),
    ];
    let mut found = Vec::new();
    for (of, firsts) in &kinds {
        for (index, scope) in inputs.scopes.wanted() {
            let at = firsts.0.get(index.0 as usize).copied().filter(|at| *at != Micros::MAX);
            found.extend(at.and_then(Time::from_timestamp_micros).map(|at| (*of, scope.clone(), at)));
        }
    }
    found
}
