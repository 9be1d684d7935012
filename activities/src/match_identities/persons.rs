//! Which person a cluster of accounts is, beyond what its accounts say: people who were imported or are in teams keep being who they are.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ovia_domain::PersonId;
use ovia_matching::{LinkClass, MatchOutput};
use ovia_store::matching::{MatchingRead, RootedPerson};
use uuid::Uuid;

/// A person for each cluster, none twice. The engine's choice holds where somebody confirmed it, or where it is such a person already.
/// Otherwise one of the cluster's present persons goes first that was imported or is in a team, and then the one person without accounts
/// whose imported address is one of the cluster's. Clusters that have nobody get somebody new.
pub(super) fn persons(output: &MatchOutput, read: &MatchingRead) -> Vec<Uuid> {
    let mut persons: Vec<Option<Uuid>> = output.clusters.iter().map(|cluster| cluster.person.map(|person| person.0)).collect();
    if !read.rooted.is_empty() {
        let rooted: HashMap<Uuid, &RootedPerson> = read.rooted.iter().map(|person| (person.id, person)).collect();
        let mut is_open = open(output, &persons, &rooted);
        stay(output, read, &rooted, &mut persons, &mut is_open);
        arrive(output, read, &mut persons, &is_open);
    }
    persons.into_iter().map(|person| person.unwrap_or_else(|| PersonId::generate().0)).collect()
}

/// Clusters whose person may be another one.
fn open(output: &MatchOutput, persons: &[Option<Uuid>], rooted: &HashMap<Uuid, &RootedPerson>) -> Vec<bool> {
    let is_rooted = |person: &Option<Uuid>| person.is_some_and(|person| rooted.contains_key(&person));
    let mut is_open: Vec<bool> =
        output.clusters.iter().zip(persons).map(|(cluster, person)| !cluster.is_bot && !is_rooted(person)).collect();
    for link in output.links.iter().filter(|link| link.class == LinkClass::Confirmed) {
        is_open[link.cluster] = false;
    }
    is_open
}

/// Present persons of a cluster's accounts: imported ones first, then those with most of its accounts, then the smallest id.
fn stay(
    output: &MatchOutput,
    read: &MatchingRead,
    rooted: &HashMap<Uuid, &RootedPerson>,
    persons: &mut [Option<Uuid>],
    is_open: &mut [bool],
) {
    let taken: HashSet<Uuid> = persons.iter().flatten().copied().collect();
    let mut counts: BTreeMap<(usize, Uuid), usize> = BTreeMap::new();
    for (link, row) in output.links.iter().zip(&read.identities).filter(|(link, _)| is_open[link.cluster]) {
        if let Some(person) = row.person_id.filter(|person| rooted.contains_key(person) && !taken.contains(person)) {
            *counts.entry((link.cluster, person)).or_default() += 1;
        }
    }
    let mut claims: Vec<_> = counts
        .into_iter()
        .map(|((cluster, person), count)| {
            let is_imported = rooted.get(&person).is_some_and(|person| person.is_imported);
            (std::cmp::Reverse((is_imported, count)), person, cluster)
        })
        .collect();
    claims.sort_unstable();
    let mut given = HashSet::new();
    for (_, person, cluster) in claims {
        if is_open[cluster] && given.insert(person) {
            persons[cluster] = Some(person);
            is_open[cluster] = false;
        }
    }
}

/// People who were imported before there were accounts: who is the only one with an address of the cluster, and of no other cluster.
fn arrive(output: &MatchOutput, read: &MatchingRead, persons: &mut [Option<Uuid>], is_open: &[bool]) {
    let mut waiting: HashMap<String, Vec<Uuid>> = HashMap::new();
    let is_waiting = |person: &&RootedPerson| person.is_imported && !person.has_accounts;
    for person in read.rooted.iter().filter(is_waiting) {
        if let Some(email) = &person.primary_email {
            waiting.entry(email.trim().to_lowercase()).or_default().push(person.id);
        }
    }
    if waiting.is_empty() {
        return;
    }
    // addresses of whole clusters, closed ones too: what two of them have says nothing
    let mut found: BTreeMap<Uuid, BTreeSet<usize>> = BTreeMap::new();
    for (link, row) in output.links.iter().zip(&read.identities) {
        let people = row.email.as_ref().and_then(|email| waiting.get(&email.trim().to_lowercase()));
        if let Some([person]) = people.map(Vec::as_slice) {
            found.entry(*person).or_default().insert(link.cluster);
        }
    }
    let mut of: BTreeMap<usize, Vec<Uuid>> = BTreeMap::new();
    for (person, clusters) in found {
        if let (1, Some(cluster)) = (clusters.len(), clusters.first()) {
            of.entry(*cluster).or_default().push(person);
        }
    }
    for (cluster, people) in of {
        if let ([person], true) = (people.as_slice(), is_open[cluster]) {
            persons[cluster] = Some(*person);
        }
    }
}
