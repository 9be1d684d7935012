//! Accounts joined so far, and what must stay apart.

use std::collections::{HashMap, HashSet};

use ovia_domain::PersonId;
use petgraph::unionfind::UnionFind;

use crate::{accounts::Account, blocks::Block, outcome::Rule, types::Decisions};

/// A partition of the accounts, as a label per account: the smallest index of its group.
pub(crate) type Labels = Vec<usize>;

/// Joins the members of each block.
pub(crate) fn join<'b>(groups: &mut UnionFind<usize>, blocks: impl IntoIterator<Item = &'b Block>) {
    for block in blocks {
        for pair in block.members.windows(2) {
            groups.union(pair[0], pair[1]);
        }
    }
}

pub(crate) fn labels(groups: &UnionFind<usize>) -> Labels {
    let mut smallest: Vec<Option<usize>> = vec![None; groups.len()];
    (0..groups.len()).map(|index| *smallest[groups.find(index)].get_or_insert(index)).collect()
}

/// Members of each group, by its label.
pub(crate) fn sizes(labels: &Labels) -> Vec<usize> {
    let mut sizes = vec![0; labels.len()];
    for label in labels {
        sizes[*label] += 1;
    }
    sizes
}

/// What decisions say about groups.
pub(crate) struct Apart {
    person_of: HashMap<usize, PersonId>,
    never: HashSet<(usize, usize)>,
}

impl Apart {
    /// A pair that is together already (by confirmation) is no longer kept apart.
    pub(crate) fn new(accounts: &[Account<'_>], decisions: &Decisions, labels: &Labels) -> Self {
        let confirmed = accounts.iter().zip(labels).filter_map(|(account, label)| Some((*label, account.identity.confirmed_person?)));
        let index_of = |id| accounts.binary_search_by_key(&id, |account| account.identity.id).ok();
        let pairs = decisions.never_together.iter().filter_map(|(a, b)| Some((labels[index_of(*a)?], labels[index_of(*b)?])));
        Self { person_of: confirmed.collect(), never: pairs.filter(|(a, b)| a != b).flat_map(|(a, b)| [(a, b), (b, a)]).collect() }
    }

    /// Whether somebody decided that two groups are different people.
    pub(crate) fn decided(&self, a: usize, b: usize) -> bool {
        let confirmed = self.person_of.get(&a).zip(self.person_of.get(&b));
        self.never.contains(&(a, b)) || confirmed.is_some_and(|(a, b)| a != b)
    }

    /// Labels of the components (groups joined by a rule's blocks) that must not be joined: they hold groups that were decided to be
    /// different people or, for names, that have e-mails of their own.
    pub(crate) fn barred(&self, rule: Rule, accounts: &[Account<'_>], labels: &Labels, components: &Labels) -> HashSet<usize> {
        let mut barred: HashSet<usize> = HashSet::new();
        let mut persons: HashMap<usize, PersonId> = HashMap::new();
        for (label, person) in &self.person_of {
            let component = components[*label];
            if *persons.entry(component).or_insert(*person) != *person {
                barred.insert(component);
            }
        }
        barred.extend(self.never.iter().filter(|(a, b)| components[*a] == components[*b]).map(|(a, _)| components[*a]));
        if rule == Rule::ExactFullName {
            let mut with_email: HashMap<usize, usize> = HashMap::new();
            for (index, _) in accounts.iter().enumerate().filter(|(_, account)| account.email.is_some()) {
                if *with_email.entry(components[index]).or_insert(labels[index]) != labels[index] {
                    barred.insert(components[index]);
                }
            }
        }
        barred
    }
}
