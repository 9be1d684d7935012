//! Connected sets of accounts: which they are, and clustering those in which something changed.

use ovia_domain::IdentityId;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    bodies,
    cluster::{self, Edge, EdgeKind, Set},
    compare_names::{self, NameResult},
    matcher::Matcher,
    outcome::Cluster,
    table,
    types::{Decisions, IdentityIn},
    union::Union,
};

/// What the last run left.
#[derive(Default)]
pub(crate) struct Cache {
    /// Pairs that are together without being weighed.
    sure: Vec<(u32, u32, EdgeKind)>,
    /// Clusters as written last, by the place of the first member.
    pub(crate) clusters: FxHashMap<u32, std::sync::Arc<Cluster>>,
}

/// Decisions about accounts that are there.
pub(crate) struct PlacedDecisions {
    pub(crate) never: Vec<(u32, u32)>,
    pub(crate) together: Vec<(u32, u32)>,
}

impl PlacedDecisions {
    pub(crate) fn new(decisions: &Decisions, place_of: impl Fn(&IdentityId) -> Option<u32>) -> Self {
        let placed = |pairs: &[(IdentityId, IdentityId)]| {
            let pairs = pairs.iter().filter_map(|(a, b)| Some((place_of(a)?, place_of(b)?)));
            pairs.filter(|(a, b)| a != b).collect()
        };
        Self { never: placed(&decisions.never_together), together: placed(&decisions.together) }
    }
}

/// A set on its way: its members in the order of their ids, and what connects them.
#[derive(Default)]
struct Draft {
    members: Vec<u32>,
    edges: Vec<Edge>,
    apart: Vec<(usize, usize)>,
}

/// Clusters the sets that have a member in `touched` and writes the results to the places.
pub(crate) fn cluster(matcher: &mut Matcher, identities: &[IdentityIn], order: &[u32], decisions: &PlacedDecisions, touched: &[bool]) {
    let mut sure: Vec<(u32, u32, EdgeKind)> = sure_pairs(matcher, identities, order);
    sure.extend(decisions.together.iter().map(|(a, b)| (*a, *b, EdgeKind::Decided)));
    // a pair that is gone leaves two accounts behind that nothing else may connect
    let mut touched = touched.to_vec();
    if sure != matcher.cache.sure {
        let (before, now): (FxHashSet<_>, FxHashSet<_>) = (matcher.cache.sure.iter().collect(), sure.iter().collect());
        for (a, b, _) in before.symmetric_difference(&now) {
            touched[*a as usize] = true;
            touched[*b as usize] = true;
        }
    }
    let mut union = Union::new(matcher.places.len());
    matcher.pairs.iter().for_each(|pair| union.join(pair.a, pair.b));
    sure.iter().for_each(|(a, b, _)| union.join(*a, *b));
    let roots: Vec<u32> = (0..touched.len()).map(|place| union.find(u32::try_from(place).unwrap_or(u32::MAX))).collect();
    let mut is_touched = vec![false; roots.len()];
    for (root, _) in roots.iter().zip(&touched).filter(|(_, touched)| **touched) {
        is_touched[*root as usize] = true;
    }

    let (mut drafts, mut draft_of): (Vec<Draft>, Vec<u32>) = (Vec::new(), vec![u32::MAX; roots.len()]);
    let mut position = vec![0usize; roots.len()];
    for place in order.iter().filter(|place| is_touched[roots[**place as usize] as usize]) {
        let draft = &mut draft_of[roots[*place as usize] as usize];
        if *draft == u32::MAX {
            *draft = u32::try_from(drafts.len()).unwrap_or(u32::MAX);
            drafts.push(Draft::default());
        }
        let members = &mut drafts[*draft as usize].members;
        position[*place as usize] = members.len();
        members.push(*place);
    }
    let local = |a: u32, b: u32| {
        let (a, b) = (position[a as usize], position[b as usize]);
        (a.min(b), a.max(b))
    };
    let draft = |place: u32| draft_of[roots[place as usize] as usize] as usize;
    for pair in matcher.pairs.iter().filter(|pair| is_touched[roots[pair.a as usize] as usize]) {
        let (a, b) = local(pair.a, pair.b);
        let kind = match (pair.are_namesakes, pair.by_email) {
            (true, _) => EdgeKind::Namesakes,
            (_, true) => EdgeKind::Email,
            _ => EdgeKind::Other,
        };
        drafts[draft(pair.a)].edges.push(Edge { a, b, log_odds: pair.log_odds, kind });
    }
    for (a, b, kind) in sure.iter().filter(|(a, _, _)| is_touched[roots[*a as usize] as usize]) {
        let (one, other) = local(*a, *b);
        drafts[draft(*a)].edges.push(Edge { a: one, b: other, log_odds: f64::INFINITY, kind: *kind });
    }
    for (a, b) in
        decisions.never.iter().filter(|(a, b)| roots[*a as usize] == roots[*b as usize] && is_touched[roots[*a as usize] as usize])
    {
        drafts[draft(*a)].apart.push(local(*a, *b));
    }
    for draft in drafts {
        settle(matcher, identities, draft);
    }
    matcher.cache.sure = sure;
}

/// Accounts confirmed to one person, and accounts of one id: each with the next one.
fn sure_pairs(matcher: &Matcher, identities: &[IdentityIn], order: &[u32]) -> Vec<(u32, u32, EdgeKind)> {
    let mut sure = Vec::new();
    let mut persons: FxHashMap<_, u32> = FxHashMap::default();
    let mut accounts: Vec<Vec<u32>> = Vec::new();
    let mut first_of: Vec<u32> = vec![u32::MAX; matcher.texts()];
    let mut list_of: FxHashMap<usize, usize> = FxHashMap::default();
    for place in order {
        let known = &matcher.places[*place as usize];
        let person = identities[known.input as usize].confirmed_person;
        if let Some(before) = person.and_then(|person| persons.insert(person, *place)) {
            sure.push((before, *place, EdgeKind::Confirmed));
        }
        let Some(account) = known.features.as_ref().map(|features| features.account as usize) else { continue };
        if first_of[account] == u32::MAX {
            first_of[account] = *place;
            continue;
        }
        let list = *list_of.entry(account).or_insert_with(|| {
            accounts.push(vec![first_of[account]]);
            accounts.len() - 1
        });
        accounts[list].push(*place);
    }
    for places in accounts {
        // every pair, so that one that must stay apart leaves the others joined; of very many only neighbours
        let reach = if places.len() <= 20 { places.len() } else { 1 };
        for (index, a) in places.iter().enumerate() {
            sure.extend(places[index + 1..].iter().take(reach).map(|b| (*a, *b, EdgeKind::SharedAccount)));
        }
    }
    sure
}

fn settle(matcher: &mut Matcher, identities: &[IdentityIn], mut draft: Draft) {
    // each pair once, in a fixed order
    draft.apart.sort_unstable();
    draft.apart.dedup();
    let bodies = {
        let persons = draft.members.iter().map(|place| identities[matcher.places[*place as usize].input as usize].confirmed_person);
        let mut firsts: Vec<(usize, ovia_domain::PersonId)> = Vec::new();
        for (index, person) in persons.enumerate().filter_map(|(index, person)| Some((index, person?))) {
            if !firsts.iter().any(|(_, known)| *known == person) {
                draft.apart.extend(firsts.iter().map(|(other, _)| (*other, index)));
                firsts.push((index, person));
            }
        }
        let names = |a: usize, b: usize| names(matcher, draft.members[a], draft.members[b]);
        let auto = table::logit(matcher.config().thresholds.auto);
        let mut set =
            Set { size: draft.members.len(), edges: std::mem::take(&mut draft.edges), apart: draft.apart.clone(), names: &names, auto };
        let clustered = cluster::cluster(&mut set);
        bodies::write(matcher, identities, &draft.members, &set.edges, &set.apart, &clustered)
    };
    for (place, body) in draft.members.iter().zip(bodies) {
        matcher.cache.clusters.remove(place);
        matcher.places[*place as usize].body = Some(body);
    }
}

fn names(matcher: &Matcher, a: u32, b: u32) -> NameResult {
    let [one, other] = [a, b].map(|place| &matcher.places[place as usize]);
    match (
        one.features.as_ref().and_then(|features| features.name.as_ref()),
        other.features.as_ref().and_then(|features| features.name.as_ref()),
    ) {
        (Some(a), Some(b)) if !one.is_bot && !other.is_bot => compare_names::compare(a, b, &one.context.words, &other.context.words),
        _ => NameResult::Unknown,
    }
}
