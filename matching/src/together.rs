//! Accounts seen in one place, by place.

use ovia_domain::IdentityId;
use rustc_hash::FxHashMap;

use crate::{
    compare::Together,
    types::{CoOccurrence, CoOccurrenceKind},
};

#[derive(Default, PartialEq)]
pub(crate) struct TogetherIndex {
    pairs: FxHashMap<(u32, u32), Together>,
    partners: FxHashMap<u32, Vec<u32>>,
}

/// Counts of a pair are added up over kinds. A pair is exclusive if it is, for both accounts, the one seen most often by far.
pub(crate) fn index(seen: &[CoOccurrence], places: &FxHashMap<IdentityId, u32>) -> TogetherIndex {
    let mut kinds: FxHashMap<((u32, u32), CoOccurrenceKind), u32> = FxHashMap::default();
    for one in seen {
        let (Some(a), Some(b)) = (places.get(&one.a), places.get(&one.b)) else { continue };
        if a != b && one.count > 0 {
            let count = kinds.entry(((*a.min(b), *a.max(b)), one.kind)).or_default();
            *count = count.saturating_add(one.count);
        }
    }
    let mut pairs: FxHashMap<(u32, u32), Together> = FxHashMap::default();
    for ((pair, _), count) in kinds {
        let together = pairs.entry(pair).or_default();
        together.count = together.count.saturating_add(count);
    }
    let mut partners: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for (a, b) in pairs.keys() {
        partners.entry(*a).or_default().push(*b);
        partners.entry(*b).or_default().push(*a);
    }
    partners.values_mut().for_each(|list| list.sort_unstable());
    let counts: FxHashMap<(u32, u32), u32> = pairs.iter().map(|(pair, together)| (*pair, together.count)).collect();
    let most_other = |of: u32, but: u32| {
        let others = partners.get(&of).into_iter().flatten().filter(|other| **other != but);
        others.filter_map(|other| counts.get(&(of.min(*other), of.max(*other)))).max().copied().unwrap_or_default()
    };
    for ((a, b), together) in &mut pairs {
        let rival = most_other(*a, *b).max(most_other(*b, *a));
        together.is_exclusive = together.count >= rival.saturating_mul(3).max(1);
    }
    TogetherIndex { pairs, partners }
}

impl TogetherIndex {
    pub(crate) fn of(&self, a: u32, b: u32) -> Together {
        if self.pairs.is_empty() {
            return Together::default();
        }
        self.pairs.get(&(a.min(b), a.max(b))).copied().unwrap_or_default()
    }

    pub(crate) fn partners(&self, place: u32) -> &[u32] {
        self.partners.get(&place).map(Vec::as_slice).unwrap_or_default()
    }

    /// Places whose pairs are not the same in both.
    pub(crate) fn differences(&self, other: &Self) -> Vec<u32> {
        let missing = |here: &Self, there: &Self| -> Vec<u32> {
            let pairs = here.pairs.iter().filter(|(pair, together)| there.pairs.get(pair) != Some(together));
            pairs.flat_map(|((a, b), _)| [*a, *b]).collect()
        };
        let mut places = missing(self, other);
        places.extend(missing(other, self));
        places
    }
}
