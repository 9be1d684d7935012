//! Accounts to write tests with.

use ovia_domain::{IdentityId, PersonId};
use uuid::Uuid;

use crate::{Activity, Cluster, Decisions, IdentityIn, Inputs, Link, MatchConfig, MatchOutput, match_identities};

pub(crate) fn identity(id: u128) -> IdentityId {
    IdentityId(Uuid::from_u128(id))
}

pub(crate) fn person(id: u128) -> PersonId {
    PersonId(Uuid::from_u128(id))
}

/// An account of its own at one host, by the number of its id.
pub(crate) fn account(id: u128) -> Builder {
    Builder(IdentityIn {
        id: identity(id),
        source: "gitlab".to_owned(),
        host: "git.acme.test".to_owned(),
        external_id: id.to_string(),
        username: None,
        display_name: None,
        email: None,
        is_bot: None,
        current_person: None,
        confirmed_person: None,
        activity: None,
        weight: None,
    })
}

pub(crate) struct Builder(IdentityIn);

impl Builder {
    pub(crate) fn build(self) -> IdentityIn {
        self.0
    }

    pub(crate) fn username(self, username: &str) -> Self {
        Self(IdentityIn { username: Some(username.to_owned()), ..self.0 })
    }

    pub(crate) fn name(self, name: &str) -> Self {
        Self(IdentityIn { display_name: Some(name.to_owned()), ..self.0 })
    }

    pub(crate) fn email(self, email: &str) -> Self {
        Self(IdentityIn { email: Some(email.to_owned()), ..self.0 })
    }

    pub(crate) fn source(self, source: &str) -> Self {
        Self(IdentityIn { source: source.to_owned(), ..self.0 })
    }

    pub(crate) fn weight(self, weight: u64) -> Self {
        Self(IdentityIn { weight: Some(weight), ..self.0 })
    }

    pub(crate) fn activity(self, activity: Activity) -> Self {
        Self(IdentityIn { activity: Some(activity), ..self.0 })
    }

    pub(crate) fn at(self, host: &str, external_id: &str) -> Self {
        Self(IdentityIn { host: host.to_owned(), external_id: external_id.to_owned(), ..self.0 })
    }

    pub(crate) fn bot(self, is_bot: bool) -> Self {
        Self(IdentityIn { is_bot: Some(is_bot), ..self.0 })
    }

    pub(crate) fn current(self, person_id: u128) -> Self {
        Self(IdentityIn { current_person: Some(person(person_id)), ..self.0 })
    }

    pub(crate) fn confirmed(self, person_id: u128) -> Self {
        Self(IdentityIn { confirmed_person: Some(person(person_id)), ..self.0 })
    }
}

/// A run's answer, to be asked by account number.
pub(crate) struct Answer(pub(crate) MatchOutput);

pub(crate) fn run(accounts: impl IntoIterator<Item = Builder>) -> Answer {
    run_inputs(accounts, &Inputs::default())
}

/// With pairs that are never together.
pub(crate) fn run_with(accounts: impl IntoIterator<Item = Builder>, never: &[(u128, u128)]) -> Answer {
    run_inputs(accounts, &Decisions { never_together: pairs(never), ..Decisions::default() }.into())
}

/// With pairs that are together.
pub(crate) fn run_together(accounts: impl IntoIterator<Item = Builder>, together: &[(u128, u128)]) -> Answer {
    run_inputs(accounts, &Decisions { together: pairs(together), ..Decisions::default() }.into())
}

pub(crate) fn pairs(pairs: &[(u128, u128)]) -> Vec<(IdentityId, IdentityId)> {
    pairs.iter().map(|(a, b)| (identity(*a), identity(*b))).collect()
}

pub(crate) fn run_inputs(accounts: impl IntoIterator<Item = Builder>, inputs: &Inputs) -> Answer {
    run_config(accounts, inputs, &MatchConfig::default())
}

pub(crate) fn run_config(accounts: impl IntoIterator<Item = Builder>, inputs: &Inputs, config: &MatchConfig) -> Answer {
    let identities: Vec<IdentityIn> = accounts.into_iter().map(Builder::build).collect();
    Answer(match_identities(&identities, inputs, config))
}

impl Answer {
    pub(crate) fn link(&self, id: u128) -> &Link {
        self.0.links.iter().find(|link| link.identity == identity(id)).unwrap_or_else(|| panic!("no link of {id}"))
    }

    pub(crate) fn cluster(&self, id: u128) -> &Cluster {
        &self.0.clusters[self.link(id).cluster]
    }

    pub(crate) fn together(&self, a: u128, b: u128) -> bool {
        self.link(a).cluster == self.link(b).cluster
    }

    /// Members of each cluster, as numbers.
    pub(crate) fn clusters(&self) -> Vec<Vec<u128>> {
        self.0.clusters.iter().map(|cluster| cluster.members.iter().map(|id| id.0.as_u128()).collect()).collect()
    }
}
