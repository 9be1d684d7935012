//! Runs that remember the one before.

use std::hash::{Hash, Hasher};

use ovia_domain::{IdentityId, PersonId};
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use crate::{
    blocking::{self, Blocks},
    bodies::Body,
    bots,
    compare::{self, Comparison, Side, Together},
    config::MatchConfig,
    corpus::{Context, Corpus, MOST_DEPENDENCIES},
    features::{self, Features, Id, Interner},
    outcome::MatchOutput,
    people, sets, table,
    together::{self, TogetherIndex},
    types::{IdentityIn, Inputs},
};

/// Matches again and again: what did not change since the last run is not computed again. The answer is the same as that of
/// [`match_identities`].
///
/// Each account has a place. What is known about the account by itself (`Features`) stays until the account changes; what the crowd
/// says about it (`Context`) stays until a count it depends on changes class. A pair is compared again when either changed, and a
/// connected set of accounts is clustered again when a pair in it, or a decision about it, did.
pub struct Matcher {
    config: MatchConfig,
    ids: Interner,
    corpus: Corpus,
    blocks: Blocks,
    pub(crate) places: Vec<Place>,
    dependencies: Vec<[Id; MOST_DEPENDENCIES]>,
    fingerprints: Vec<u64>,
    free: Vec<u32>,
    by_id: FxHashMap<IdentityId, u32>,
    pub(crate) pairs: Vec<Pair>,
    pub(crate) together: TogetherIndex,
    pub(crate) corpus_loss: f64,
    inputs: Inputs,
    pub(crate) cache: sets::Cache,
}

/// What is kept of one account.
#[derive(Default)]
pub(crate) struct Place {
    /// `None`: the account is gone and the place is free.
    pub(crate) features: Option<Features>,
    keys: Box<[u64]>,
    pub(crate) context: Context,
    pub(crate) is_bot: bool,
    /// Where the account is in this run's input.
    pub(crate) input: u32,
    confirmed: Option<PersonId>,
    weight: Option<u64>,
    /// The result, as of the run that last clustered its set.
    pub(crate) body: Option<Body>,
}

/// A pair that may be one person, by place; the account with the smaller id first.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) a: u32,
    pub(crate) b: u32,
    pub(crate) log_odds: f64,
    pub(crate) by_email: bool,
    pub(crate) are_namesakes: bool,
}

/// Which places a run has to look at again.
struct Dirty {
    /// Pairs of these are compared again.
    compare: Vec<bool>,
    /// Sets of these are clustered again.
    cluster: Vec<bool>,
}

/// Matches accounts to people. Ids in `identities` must be unique; decisions and co-occurrences that name unknown accounts are ignored.
pub fn match_identities(identities: &[IdentityIn], inputs: &Inputs, config: &MatchConfig) -> MatchOutput {
    Matcher::new(config.clone()).run(identities, inputs)
}

impl Matcher {
    pub fn new(config: MatchConfig) -> Self {
        Self {
            config,
            ids: Interner::default(),
            corpus: Corpus::default(),
            blocks: Blocks::default(),
            places: Vec::new(),
            dependencies: Vec::new(),
            fingerprints: Vec::new(),
            free: Vec::new(),
            by_id: FxHashMap::default(),
            pairs: Vec::new(),
            together: TogetherIndex::default(),
            corpus_loss: 0.0,
            inputs: Inputs::default(),
            cache: sets::Cache::default(),
        }
    }

    pub fn config(&self) -> &MatchConfig {
        &self.config
    }

    /// Matches all of `identities`, whatever earlier runs were given. Ids must be unique; decisions and co-occurrences that name unknown
    /// accounts are ignored.
    pub fn run(&mut self, identities: &[IdentityIn], inputs: &Inputs) -> MatchOutput {
        let mut order: Vec<u32> = (0..identities.len()).map(as_place).collect();
        if !identities.is_sorted_by_key(|identity| identity.id) {
            order.sort_unstable_by_key(|index| identities[*index as usize].id);
        }
        let mut dirty = self.take_in(identities, &mut order);
        self.note_decisions(inputs, &mut dirty);
        self.note_crowd(&mut dirty);
        self.note_bots(identities, inputs, &order, &mut dirty);
        let together = together::index(&inputs.co_occurrences, &self.by_id);
        for place in together.differences(&self.together) {
            mark(&mut dirty.compare, place);
        }
        self.together = together;
        let mut rank = vec![0; self.places.len()];
        order.iter().zip(0u32..).for_each(|(place, position)| rank[*place as usize] = position);
        self.compare(&rank, &mut dirty);
        let place_of = |id: &IdentityId| self.by_id.get(id).copied();
        let decisions = sets::PlacedDecisions::new(&inputs.decisions, place_of);
        sets::cluster(self, identities, &order, &decisions, &dirty.cluster);
        people::write(self, identities, &order)
    }

    /// Brings places up to date with the input; `order` (of the input, by id) becomes the places in that order.
    fn take_in(&mut self, identities: &[IdentityIn], order: &mut [u32]) -> Dirty {
        let mut seen = vec![false; self.places.len()];
        let (mut gone, mut new): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        let mut regrouped = Vec::new();
        for index in order.iter_mut() {
            let (input, identity) = (*index, &identities[*index as usize]);
            let fingerprint = fingerprint(identity);
            let place = match self.by_id.get(&identity.id) {
                Some(place) => {
                    seen[*place as usize] = true;
                    if self.fingerprints[*place as usize] != fingerprint {
                        gone.push(*place);
                        new.push(*place);
                    }
                    *place
                }
                None => {
                    let place = self.free.pop().unwrap_or_else(|| {
                        self.places.push(Place::default());
                        self.fingerprints.push(0);
                        self.dependencies.push([Id::MAX; MOST_DEPENDENCIES]);
                        as_place(self.places.len() - 1)
                    });
                    self.by_id.insert(identity.id, place);
                    new.push(place);
                    if (place as usize) < seen.len() {
                        seen[place as usize] = true;
                    }
                    place
                }
            };
            self.fingerprints[place as usize] = fingerprint;
            let known = &mut self.places[place as usize];
            known.input = input;
            if (known.confirmed, known.weight) != (identity.confirmed_person, identity.weight) {
                (known.confirmed, known.weight) = (identity.confirmed_person, identity.weight);
                regrouped.push(place);
            }
            *index = place;
        }
        let mut dirty = Dirty { compare: vec![false; self.places.len()], cluster: vec![false; self.places.len()] };
        for place in regrouped {
            mark(&mut dirty.cluster, place);
        }
        let before = seen.len();
        let lost: Vec<u32> = (0..before).filter(|place| !seen[*place] && self.places[*place].features.is_some()).map(as_place).collect();
        if !lost.is_empty() {
            let lost: FxHashSet<u32> = lost.iter().copied().collect();
            self.by_id.retain(|_, place| !lost.contains(place));
        }
        gone.extend(&lost);
        self.replace(identities, &gone, &new, &mut dirty);
        for place in lost {
            self.places[place as usize] = Place::default();
            self.free.push(place);
        }
        dirty
    }

    /// Takes features, counts and keys of the `gone` out and those of the `new` in.
    fn replace(&mut self, identities: &[IdentityIn], gone: &[u32], new: &[u32], dirty: &mut Dirty) {
        let mut keys: FxHashMap<u64, usize> = FxHashMap::default();
        let mut is_gone = FxHashSet::default();
        let is_first = self.pairs.is_empty() && self.corpus.accounts == 0;
        for place in gone {
            is_gone.insert(*place as usize);
            mark(&mut dirty.compare, *place);
            let place = &mut self.places[*place as usize];
            if let Some(features) = place.features.take() {
                self.corpus.remove(&features);
            }
            keys.extend(place.keys.iter().map(|key| (*key, self.blocks.size(*key))));
            place.keys = Box::default();
        }
        for place in new {
            mark(&mut dirty.compare, *place);
            let identity = &identities[self.places[*place as usize].input as usize];
            let features = features::of(identity, &self.config, &mut self.ids);
            self.corpus.add(&features);
            let place_keys = blocking::keys(&features);
            self.dependencies[*place as usize] = Corpus::dependencies(&features);
            if !is_first {
                keys.extend(place_keys.iter().map(|key| (*key, self.blocks.size(*key))).collect::<Vec<_>>());
            }
            let place = &mut self.places[*place as usize];
            place.features = Some(features);
            place.keys = place_keys;
        }
        if gone.is_empty() && new.is_empty() {
            return;
        }
        let places = &self.places;
        let added = new.iter().map(|place| (*place, &*places[*place as usize].keys));
        self.blocks.update(|place| is_gone.contains(&place), !gone.is_empty(), added);
        for (key, before) in keys {
            if Blocks::crosses_cap(key, before, self.blocks.size(key)) {
                self.blocks.members(key).for_each(|member| mark(&mut dirty.compare, member));
            }
        }
    }

    fn note_decisions(&mut self, inputs: &Inputs, dirty: &mut Dirty) {
        let (old, new) = (&self.inputs.decisions, &inputs.decisions);
        for (old, new) in [(&old.never_together, &new.never_together), (&old.together, &new.together)] {
            if old != new {
                let (before, now): (FxHashSet<_>, FxHashSet<_>) = (old.iter().collect(), new.iter().collect());
                for (a, b) in before.symmetric_difference(&now) {
                    [a, b].into_iter().filter_map(|id| self.by_id.get(id)).for_each(|place| mark(&mut dirty.cluster, *place));
                }
            }
        }
        if self.inputs.decisions != inputs.decisions {
            self.inputs.decisions = inputs.decisions.clone();
        }
    }

    /// Accounts about which the crowd now says something else.
    fn note_crowd(&mut self, dirty: &mut Dirty) {
        let mut changed = vec![false; self.ids.len()];
        self.corpus.take_changed().into_iter().for_each(|id| changed[id as usize] = true);
        for (index, (place, dependencies)) in self.places.iter_mut().zip(&self.dependencies).enumerate() {
            let is_new = dirty.compare[index];
            if is_new || dependencies.iter().any(|id| *id != Id::MAX && changed[*id as usize]) {
                let Some(features) = &place.features else { continue };
                let context = self.corpus.context(features);
                if context != place.context {
                    place.context = context;
                    dirty.compare[index] = true;
                }
            }
        }
        let loss = table::size_loss(self.corpus.accounts);
        if loss != self.corpus_loss {
            self.corpus_loss = loss;
            dirty.compare.fill(true);
        }
    }

    fn note_bots(&mut self, identities: &[IdentityIn], inputs: &Inputs, order: &[u32], dirty: &mut Dirty) {
        let bots = bots::find(self, identities, &inputs.decisions, order);
        for (index, (place, is_bot)) in self.places.iter_mut().zip(bots).enumerate() {
            if place.is_bot != is_bot {
                place.is_bot = is_bot;
                dirty.compare[index] = true;
            }
        }
    }

    pub(crate) fn place_of(&self, id: &IdentityId) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    pub(crate) fn texts(&self) -> usize {
        self.ids.len()
    }

    /// Scores the pairs of dirty places anew. `rank`: the place's position among all by id.
    fn compare(&mut self, rank: &[u32], dirty: &mut Dirty) {
        self.pairs.retain(|pair| {
            let keep = !dirty.compare[pair.a as usize] && !dirty.compare[pair.b as usize];
            if !keep {
                mark(&mut dirty.cluster, pair.a);
                mark(&mut dirty.cluster, pair.b);
            }
            keep
        });
        let least = table::logit(self.config.thresholds.conflict);
        let mut found: Vec<u32> = Vec::new();
        let mut scored: Vec<Pair> = Vec::new();
        for (index, place) in self.places.iter().enumerate().filter(|(index, _)| dirty.compare[*index]) {
            dirty.cluster[index] = true;
            if place.features.is_none() {
                continue;
            }
            found.clear();
            self.blocks.neighbours(&place.keys, &mut found);
            found.extend(self.together.partners(as_place(index)));
            found.sort_unstable();
            found.dedup();
            for other in found.iter().copied().filter(|other| *other as usize != index) {
                // of two dirty ones the larger place does the work
                if dirty.compare[other as usize] && other as usize > index {
                    continue;
                }
                let one = as_place(index);
                let (a, b) = if rank[index] < rank[other as usize] { (one, other) } else { (other, one) };
                let Some(comparison) = self.comparison(a, b) else { continue };
                if comparison.total >= least || comparison.are_namesakes {
                    let Comparison { total, by_email, are_namesakes, .. } = comparison;
                    scored.push(Pair { a, b, log_odds: total, by_email, are_namesakes });
                }
            }
        }
        for pair in &scored {
            mark(&mut dirty.cluster, pair.a);
            mark(&mut dirty.cluster, pair.b);
        }
        self.pairs.extend(scored);
    }

    /// The evidence of two places, the account with the smaller id first; `None` if they must not be compared.
    pub(crate) fn comparison(&self, a: u32, b: u32) -> Option<Comparison> {
        let (one, other) = (&self.places[a as usize], &self.places[b as usize]);
        if one.is_bot != other.is_bot {
            return None;
        }
        let sides = [one, other]
            .map(|place| place.features.as_ref().map(|features| Side { features, context: &place.context, is_bot: place.is_bot }));
        let [Some(a_side), Some(b_side)] = sides else { return None };
        let together: Together = self.together.of(a, b);
        Some(compare::compare(a_side, b_side, together, self.corpus_loss, &self.config))
    }
}

fn as_place(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn mark(flags: &mut [bool], place: u32) {
    if let Some(flag) = flags.get_mut(place as usize) {
        *flag = true;
    }
}

/// Of everything features are made of.
fn fingerprint(identity: &IdentityIn) -> u64 {
    let mut hasher = FxHasher::default();
    (&identity.source, &identity.host, &identity.external_id).hash(&mut hasher);
    (&identity.username, &identity.display_name, &identity.email, identity.is_bot).hash(&mut hasher);
    identity.activity.hash(&mut hasher);
    hasher.finish()
}
