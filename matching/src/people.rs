//! Clusters and links as they go out: which cluster keeps which person, what it is called.
//!
//! Person ids stay where most of the accounts stay, so that links, reports and decisions that name a person outlive reruns, merges and
//! splits.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use ovia_domain::PersonId;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    email,
    matcher::Matcher,
    name::{self, NameKind},
    outcome::{Cluster, Link, MatchOutput},
    text::{collapse, known},
    types::IdentityIn,
};

pub(crate) fn write(matcher: &mut Matcher, identities: &[IdentityIn], order: &[u32]) -> MatchOutput {
    let mut index_of: Vec<u32> = vec![u32::MAX; matcher.places.len()];
    let mut heads: Vec<u32> = Vec::new();
    let mut links = Vec::with_capacity(order.len());
    let mut members: Vec<(u32, &IdentityIn)> = Vec::with_capacity(order.len());
    for place in order {
        let known = &matcher.places[*place as usize];
        let Some(body) = &known.body else { continue };
        // the head is the first of its cluster in this order
        let cluster = &mut index_of[body.head as usize];
        if *cluster == u32::MAX {
            *cluster = u32::try_from(heads.len()).unwrap_or(u32::MAX);
            heads.push(body.head);
        }
        let identity = &identities[known.input as usize];
        members.push((*cluster, identity));
        links.push(Link {
            identity: identity.id,
            cluster: *cluster as usize,
            class: body.class,
            confidence: body.confidence,
            rule: body.rule,
            trace: body.trace.clone(),
            candidates: body.candidates.clone(),
            nearly: body.nearly.clone(),
            contradicts: body.contradicts.clone(),
        });
    }
    let persons = keep(heads.len(), &members);
    let missing: Vec<bool> = heads.iter().map(|head| !matcher.cache.clusters.contains_key(head)).collect();
    let mut groups: FxHashMap<u32, Vec<Member<'_>>> = FxHashMap::default();
    for ((cluster, identity), place) in members.iter().zip(order).filter(|((cluster, _), _)| missing[*cluster as usize]) {
        let has_shared_address = matcher.places[*place as usize].context.is_shared_mailbox;
        groups.entry(*cluster).or_default().push(Member { identity, has_shared_address });
    }
    let mut clusters = Vec::with_capacity(heads.len());
    for (index, (head, person)) in (0u32..).zip(heads.iter().zip(persons)) {
        let cached = matcher.cache.clusters.get(head).cloned();
        let cluster = match cached {
            Some(cluster) if cluster.person == person => cluster,
            Some(cluster) => Arc::new(Cluster { person, ..(*cluster).clone() }),
            None => {
                let group = groups.get(&index).map(Vec::as_slice).unwrap_or_default();
                Arc::new(cluster(person, matcher.places[*head as usize].is_bot, group))
            }
        };
        matcher.cache.clusters.insert(*head, Arc::clone(&cluster));
        clusters.push(cluster);
    }
    if matcher.cache.clusters.len() > 2 * heads.len() + 100 {
        let heads: FxHashSet<u32> = heads.iter().copied().collect();
        matcher.cache.clusters.retain(|head, _| heads.contains(head));
    }
    MatchOutput { clusters, links }
}

/// For each cluster the person it keeps. A confirmed person stays with the accounts confirmed; other persons go to the cluster that holds
/// most of their accounts (ties: the smallest person, then the first cluster), each to one at most.
fn keep(clusters: usize, members: &[(u32, &IdentityIn)]) -> Vec<Option<PersonId>> {
    let mut kept: Vec<Option<PersonId>> = vec![None; clusters];
    let mut counts: FxHashMap<(u32, PersonId), usize> = FxHashMap::default();
    for (cluster, identity) in members {
        if let Some(person) = identity.confirmed_person {
            let kept = &mut kept[*cluster as usize];
            *kept = Some(kept.map_or(person, |kept| kept.min(person)));
        }
        if let Some(person) = identity.current_person {
            *counts.entry((*cluster, person)).or_default() += 1;
        }
    }
    let mut taken: FxHashSet<PersonId> = kept.iter().flatten().copied().collect();
    let mut claims: Vec<(Reverse<usize>, PersonId, u32)> =
        counts.into_iter().map(|((cluster, person), count)| (Reverse(count), person, cluster)).collect();
    claims.sort_unstable();
    for (_, person, cluster) in claims {
        let kept = &mut kept[cluster as usize];
        if kept.is_none() && taken.insert(person) {
            *kept = Some(person);
        }
    }
    kept
}

/// An account of a cluster.
struct Member<'a> {
    identity: &'a IdentityIn,
    /// Its address is a mailbox of several people.
    has_shared_address: bool,
}

fn cluster(person: Option<PersonId>, is_bot: bool, group: &[Member<'_>]) -> Cluster {
    Cluster {
        person,
        is_bot,
        display_name: display_name(group),
        primary_email: primary_email(group),
        members: group.iter().map(|member| member.identity.id).collect(),
    }
}

fn weight(identity: &IdentityIn) -> u64 {
    identity.weight.unwrap_or(1).max(1)
}

/// The commonest display name that is a full name, else the commonest of any; of equally common ones the longest.
fn display_name(group: &[Member<'_>]) -> String {
    let named = group.iter().map(|member| member.identity).filter_map(|identity| {
        let text = known(identity.display_name.as_deref())?;
        let is_full = name::parse(Some(text)).is_some_and(|name| name.kind == NameKind::Full);
        Some((is_full, collapse(text), weight(identity)))
    });
    let fallback = || {
        let texts = |field: fn(&IdentityIn) -> Option<&str>| group.iter().filter_map(|member| known(field(member.identity))).min();
        let username = texts(|identity| identity.username.as_deref());
        let email = || texts(|identity| identity.email.as_deref());
        let external_id = || texts(|identity| Some(&identity.external_id));
        username.or_else(email).or_else(external_id).unwrap_or_default().to_owned()
    };
    commonest(named).map_or_else(fallback, |(_, name)| name)
}

/// As written, not as compared: a stripped tag may be what makes the address arrive. Private relays only where there is nothing else.
fn primary_email(group: &[Member<'_>]) -> Option<String> {
    let own = group.iter().filter(|member| !member.has_shared_address).map(|member| member.identity);
    let written = own.filter_map(|identity| {
        let text = known(identity.email.as_deref())?;
        email::parse(Some(text))?.key()?;
        let email = text.to_lowercase();
        Some((!email.contains("@users.noreply."), email, weight(identity)))
    });
    commonest(written).map(|(_, email)| email)
}

/// The best (flag, text): flagged first, then the commonest, the longest, and the first in the alphabet.
fn commonest(texts: impl Iterator<Item = (bool, String, u64)>) -> Option<(bool, String)> {
    let mut counts: BTreeMap<(bool, String), u64> = BTreeMap::new();
    for (flag, text, weight) in texts {
        let count = counts.entry((flag, text)).or_default();
        *count = count.saturating_add(weight);
    }
    counts
        .into_iter()
        .max_by_key(|((flag, text), count)| (*flag, *count, text.chars().count(), Reverse(text.clone())))
        .map(|(text, _)| text)
}
