//! Which cluster keeps which person. Ids stay where most of the accounts stay, so that links, reports and decisions that name a person
//! outlive reruns, merges and splits.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use ovia_domain::PersonId;

use crate::types::IdentityIn;

/// For each cluster (its members ascending, clusters by their first member) the person it keeps. A confirmed person stays with the
/// accounts confirmed; other persons go to the cluster that holds most of their accounts (ties: the smallest person, then the first
/// cluster), each to one at most.
pub(crate) fn keep(clusters: &[Vec<&IdentityIn>]) -> Vec<Option<PersonId>> {
    let mut kept: Vec<Option<PersonId>> =
        clusters.iter().map(|members| members.iter().filter_map(|identity| identity.confirmed_person).min()).collect();
    let mut taken: HashSet<PersonId> = kept.iter().flatten().copied().collect();
    for (_, person, cluster) in claims(clusters) {
        if kept[cluster].is_none() && taken.insert(person) {
            kept[cluster] = Some(person);
        }
    }
    kept
}

/// (members that have the person, person, cluster), strongest first.
fn claims(clusters: &[Vec<&IdentityIn>]) -> Vec<(Reverse<usize>, PersonId, usize)> {
    let mut claims = Vec::new();
    for (cluster, members) in clusters.iter().enumerate() {
        let mut counts: HashMap<PersonId, usize> = HashMap::new();
        for person in members.iter().filter_map(|identity| identity.current_person) {
            *counts.entry(person).or_default() += 1;
        }
        claims.extend(counts.into_iter().map(|(person, count)| (Reverse(count), person, cluster)));
    }
    claims.sort_unstable();
    claims
}
