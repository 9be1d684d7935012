//! From scored pairs to people: one connected set of accounts at a time, strongest pairs first, never against a constraint.
//!
//! Two rounds: first what is certain or shares an address, then everything else between the groups so made. Before each round pairs are
//! taken out that would decide by chance: an account as close to one group as to another, where the two must stay apart, belongs to
//! neither until somebody says so.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::{compare_names::NameResult, table};

/// A pair that may be one person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Edge {
    /// Places within the set, the first one smaller.
    pub(crate) a: usize,
    pub(crate) b: usize,
    pub(crate) log_odds: f64,
    pub(crate) kind: EdgeKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum EdgeKind {
    /// Confirmed to one person. Constraints don't count.
    Confirmed,
    /// Decided to be together.
    Decided,
    /// One account seen twice.
    SharedAccount,
    Email,
    Other,
    /// Two people of one name: the opposite of an edge, but worth a question.
    Namesakes,
}

/// A connected set of accounts, in the order of their ids.
pub(crate) struct Set<'a> {
    pub(crate) size: usize,
    pub(crate) edges: Vec<Edge>,
    /// Pairs that people keep apart.
    pub(crate) apart: Vec<(usize, usize)>,
    /// How the names of two accounts compare.
    pub(crate) names: &'a dyn Fn(usize, usize) -> NameResult,
    /// At and above these log-odds pairs are linked.
    pub(crate) auto: f64,
}

/// Why a pair that is strong enough was not joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// People keep the groups apart.
    Apart,
    Namesakes,
    /// As close to another group that must stay apart from this one.
    Ambiguous,
    OtherNames,
    TooMany,
}

pub(crate) struct Clustered {
    /// The cluster of each account: its smallest member.
    pub(crate) label: Vec<usize>,
    /// Pairs that were strong enough and not joined.
    pub(crate) refused: FxHashMap<(usize, usize), Refusal>,
}

/// Accounts of one person above which something is wrong, and only addresses and decisions add to them.
const MOST_MEMBERS: usize = 40;
/// Pairs looked at before clusters are joined.
const MOST_PAIRS: usize = 400;
/// Accounts around one that are compared with each other.
const MOST_NEIGHBOURS: usize = 12;
/// Log-odds within which two candidates are equally likely.
const NEAR: f64 = 1.5;

pub(crate) fn cluster(set: &mut Set<'_>) -> Clustered {
    // the strongest first; ties by id, so that the order of the input makes no difference
    set.edges.sort_unstable_by(|a, b| {
        a.kind.is_sure().cmp(&b.kind.is_sure()).reverse().then(b.log_odds.total_cmp(&a.log_odds)).then((a.a, a.b).cmp(&(b.a, b.b)))
    });
    let mut groups = Groups::new(set.size);
    for edge in set.edges.iter().filter(|edge| edge.kind == EdgeKind::Confirmed) {
        groups.join(edge.a, edge.b);
    }
    // what people said is one, whatever it is called
    let mut tied = set.edges.iter().any(|edge| matches!(edge.kind, EdgeKind::Confirmed | EdgeKind::Decided)).then(|| groups.clone());
    let mut apart: Vec<(usize, usize)> = set.apart.iter().copied().filter(|(a, b)| groups.label[*a] != groups.label[*b]).collect();
    let decided = apart.len();
    apart.extend(set.edges.iter().filter(|edge| edge.kind == EdgeKind::Namesakes).map(|edge| (edge.a, edge.b)));
    let mut refused = FxHashMap::default();
    let rounds: [&dyn Fn(EdgeKind) -> bool; 3] =
        [&|kind| matches!(kind, EdgeKind::Decided | EdgeKind::SharedAccount), &|kind| kind == EdgeKind::Email, &|kind| {
            kind == EdgeKind::Other
        }];
    for (round, is_of_round) in rounds.into_iter().enumerate() {
        let edges: Vec<Edge> =
            set.edges.iter().copied().filter(|edge| is_of_round(edge.kind) && (round == 0 || edge.log_odds >= set.auto)).collect();
        let kept_apart: FxHashSet<(usize, usize)> =
            apart[..decided].iter().map(|(a, b)| ordered(groups.label[*a], groups.label[*b])).collect();
        let mut ambiguous = ambiguous(&groups, &edges, &apart, &kept_apart);
        if round == 2 {
            torn(set, &groups, tied.as_ref(), &edges, &kept_apart, &mut ambiguous);
        }
        for edge in &edges {
            let (one, other) = (groups.label[edge.a], groups.label[edge.b]);
            if one == other {
                continue;
            }
            let refusal = if ambiguous.contains_key(&ordered(one, other)) || ambiguous.contains_key(&ordered(edge.a, edge.b)) {
                Some(Refusal::Ambiguous)
            } else {
                refusal(set, &groups, tied.as_ref(), edge, &apart, decided)
            };
            match refusal {
                Some(refusal) => drop(refused.insert((edge.a, edge.b), refusal)),
                None => {
                    groups.join(edge.a, edge.b);
                    if let Some(tied) = tied.as_mut().filter(|_| edge.kind == EdgeKind::Decided) {
                        tied.join(edge.a, edge.b);
                    }
                }
            }
        }
    }
    refused.retain(|(a, b), _| groups.label[*a] != groups.label[*b]);
    Clustered { label: groups.label, refused }
}

impl EdgeKind {
    fn is_sure(self) -> bool {
        matches!(self, Self::Confirmed | Self::Decided | Self::SharedAccount)
    }
}

fn ordered(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

/// Pairs of groups (by label) of which one is about as close to a third that must stay apart from the other. What people keep apart from one
/// of the two is not torn between them.
fn ambiguous(
    groups: &Groups,
    edges: &[Edge],
    apart: &[(usize, usize)],
    kept_apart: &FxHashSet<(usize, usize)>,
) -> FxHashMap<(usize, usize), ()> {
    let mut found = FxHashMap::default();
    if apart.is_empty() {
        return found;
    }
    let mut closest: FxHashMap<usize, FxHashMap<usize, f64>> = FxHashMap::default();
    for edge in edges {
        let (one, other) = (groups.label[edge.a], groups.label[edge.b]);
        for (from, to) in [(one, other), (other, one)] {
            let best = closest.entry(from).or_default().entry(to).or_insert(f64::NEG_INFINITY);
            *best = best.max(edge.log_odds);
        }
    }
    for (a, b) in apart {
        let (one, other) = (groups.label[*a], groups.label[*b]);
        if one == other {
            continue;
        }
        let (Some(of_one), Some(of_other)) = (closest.get(&one), closest.get(&other)) else { continue };
        for (third, log_odds) in of_one {
            if kept_apart.contains(&ordered(one, *third)) || kept_apart.contains(&ordered(other, *third)) {
                continue;
            }
            if let Some(rival) = of_other.get(third) {
                if rival - log_odds > -NEAR {
                    found.insert(ordered(one, *third), ());
                }
                if log_odds - rival > -NEAR {
                    found.insert(ordered(other, *third), ());
                }
            }
        }
    }
    found
}

/// The same for accounts that are about as close to two groups whose names exclude each other: "M. Holt" between Mina and Magnus.
fn torn(
    set: &Set<'_>,
    groups: &Groups,
    tied: Option<&Groups>,
    edges: &[Edge],
    kept_apart: &FxHashSet<(usize, usize)>,
    found: &mut FxHashMap<(usize, usize), ()>,
) {
    let mut neighbours: FxHashMap<usize, Vec<(usize, f64)>> = FxHashMap::default();
    let open = |edge: &&Edge| !kept_apart.contains(&ordered(groups.label[edge.a], groups.label[edge.b]));
    for edge in edges.iter().filter(open) {
        for (from, to) in [(edge.a, edge.b), (edge.b, edge.a)] {
            let known = neighbours.entry(groups.label[from]).or_default();
            // edges come strongest first: what is left out is weaker
            if known.len() < MOST_NEIGHBOURS {
                known.push((to, edge.log_odds));
            }
        }
    }
    for (third, known) in &neighbours {
        for (index, (one, log_odds)) in known.iter().enumerate() {
            for (other, weaker) in &known[index + 1..] {
                let labels = (groups.label[*one], groups.label[*other]);
                let is_near = log_odds - weaker < NEAR && labels.0 != labels.1;
                if is_near && have_other_names(set, tied, &groups.members[labels.0], &groups.members[labels.1]) {
                    found.insert(ordered(labels.0, *third), ());
                    found.insert(ordered(labels.1, *third), ());
                }
            }
        }
    }
}

fn refusal(
    set: &Set<'_>,
    groups: &Groups,
    tied: Option<&Groups>,
    edge: &Edge,
    apart: &[(usize, usize)],
    decided: usize,
) -> Option<Refusal> {
    let (one, other) = (groups.label[edge.a], groups.label[edge.b]);
    for (place, (a, b)) in apart.iter().enumerate() {
        if ordered(groups.label[*a], groups.label[*b]) == ordered(one, other) {
            if place < decided {
                return Some(Refusal::Apart);
            }
            if !edge.kind.is_sure() {
                return Some(Refusal::Namesakes);
            }
        }
    }
    if edge.kind.is_sure() {
        return None;
    }
    let (ones, others) = (&groups.members[one], &groups.members[other]);
    if ones.len() + others.len() > MOST_MEMBERS && edge.kind != EdgeKind::Email {
        return Some(Refusal::TooMany);
    }
    // of a pair, the pair's own score has weighed the names already
    let is_weighed = ones.len() * others.len() == 1 || (edge.kind == EdgeKind::Email && ones.len().min(others.len()) == 1);
    if !is_weighed && have_other_names(set, tied, ones, others) {
        return Some(Refusal::OtherNames);
    }
    None
}

/// Whether most pairs between two groups have names that exclude each other. Accounts that people tied together count as one, and each of their
/// names is its name: an alias that somebody was given does not speak against accounts with the other name.
fn have_other_names(set: &Set<'_>, tied: Option<&Groups>, ones: &[usize], others: &[usize]) -> bool {
    let pairs = ones.iter().flat_map(|a| others.iter().map(move |b| (*a, *b))).take(MOST_PAIRS);
    let compared = pairs.filter_map(|(a, b)| match (set.names)(a.min(b), a.max(b)) {
        NameResult::Different(log_odds) if log_odds <= table::OTHER_NAMES => Some(((a, b), false)),
        NameResult::Same(..) | NameResult::Different(_) => Some(((a, b), true)),
        NameResult::Unknown => None,
    });
    let (mut same, mut different) = (0usize, 0usize);
    let mut count = |is_same: bool| if is_same { same += 1 } else { different += 1 };
    match tied {
        None => compared.for_each(|(_, is_same)| count(is_same)),
        Some(tied) => {
            let mut people: FxHashMap<(usize, usize), bool> = FxHashMap::default();
            for ((a, b), is_same) in compared {
                *people.entry((tied.label[a], tied.label[b])).or_default() |= is_same;
            }
            people.into_values().for_each(count);
        }
    }
    different > 0 && different >= same
}

/// A partition with members at hand.
#[derive(Clone)]
struct Groups {
    label: Vec<usize>,
    members: Vec<Vec<usize>>,
}

impl Groups {
    fn new(size: usize) -> Self {
        Self { label: (0..size).collect(), members: (0..size).map(|index| vec![index]).collect() }
    }

    fn join(&mut self, a: usize, b: usize) {
        let (one, other) = ordered(self.label[a], self.label[b]);
        if one != other {
            let moved = std::mem::take(&mut self.members[other]);
            for member in &moved {
                self.label[*member] = one;
            }
            self.members[one].extend(moved);
        }
    }
}
