//! What the accounts say about each other as a crowd: how common a word is, how many people carry a login or an address.
//!
//! Counts are kept up as accounts come and go. Comparisons see them only through [`Context`], in coarse classes: as long as the contexts
//! of two accounts stay, so does the result of comparing them.

use rustc_hash::FxHashMap;

use crate::features::{Features, HandleKind, Id};

/// Counts above this are all the same.
const MOST: u8 = 8;

#[derive(Default)]
pub(crate) struct Corpus {
    /// Accounts with a full name (as sorted words).
    names: FxHashMap<Id, u32>,
    /// Distinct full names with a word.
    name_words: Vec<u32>,
    /// Accounts with a full name at an address or login.
    carried: FxHashMap<(Id, Id), u32>,
    /// Distinct full names at an address or login.
    carriers: Vec<u32>,
    /// Accounts with a full name that makes a login.
    made: FxHashMap<(u64, Id), u32>,
    /// Distinct full names that make a login, by its key.
    makers: FxHashMap<u64, u32>,
    /// The handle of a key, of all that ever were.
    handle_of: FxHashMap<u64, Id>,
    /// Accounts with an address at a domain.
    domains: Vec<u32>,
    /// Texts whose counts changed class since [`Corpus::take_changed`].
    changed: Vec<Id>,
    pub(crate) accounts: usize,
}

/// What the crowd says about a handle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HandleContext {
    /// How many full names have it as a word.
    pub(crate) words: u8,
    /// How many full names carry it as a handle.
    pub(crate) carriers: u8,
    /// How many full names would make it, as `mholt`.
    pub(crate) makers: u8,
}

/// The crowd as seen from one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Context {
    /// For each word of the name: how many full names have it.
    pub(crate) words: [u8; 6],
    pub(crate) handles: [HandleContext; 4],
    /// The address belongs to several people.
    pub(crate) is_shared_mailbox: bool,
    /// Accounts at the domain.
    pub(crate) domain: u8,
}

fn read(counts: &[u32], id: Id) -> u32 {
    counts.get(id as usize).copied().unwrap_or_default()
}

fn class(count: u32) -> u8 {
    u8::try_from(count).unwrap_or(u8::MAX).min(MOST)
}

/// The texts a context depends on, for finding those that may have changed.
pub(crate) const MOST_DEPENDENCIES: usize = 12;

impl Corpus {
    pub(crate) fn add(&mut self, features: &Features) {
        self.accounts += 1;
        self.count(features, true);
    }

    pub(crate) fn remove(&mut self, features: &Features) {
        self.accounts -= 1;
        self.count(features, false);
    }

    fn count(&mut self, features: &Features, up: bool) {
        if let Some(domain) = features.domain {
            step(&mut self.domains, domain, up, &mut self.changed);
        }
        for handle in &features.handles {
            self.handle_of.insert(handle.key, handle.id);
        }
        let Some(name) = features.name.as_ref().filter(|name| name.is_full()) else { return };
        for (key, _) in features.shapes.iter().filter(|(_, shape)| shape.is_predictable()) {
            if first_or_last(&mut self.made, (*key, name.sorted), up) {
                let makers = self.makers.entry(*key).or_default();
                let before = class(*makers);
                *makers = if up { *makers + 1 } else { makers.saturating_sub(1) };
                if class(*makers) != before {
                    self.changed.extend(self.handle_of.get(key));
                }
                if *makers == 0 {
                    self.makers.remove(key);
                }
            }
        }
        if first_or_last(&mut self.names, name.sorted, up) {
            for (index, word) in name.words.iter().enumerate().filter(|(_, word)| !word.is_initial) {
                if !name.words[..index].iter().any(|before| before.id == word.id) {
                    step(&mut self.name_words, word.id, up, &mut self.changed);
                }
            }
        }
        for carried in carried_by(features) {
            if first_or_last(&mut self.carried, (carried, name.sorted), up) {
                step(&mut self.carriers, carried, up, &mut self.changed);
            }
        }
    }

    /// Ascending, each once.
    pub(crate) fn take_changed(&mut self) -> Vec<Id> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        changed.dedup();
        changed
    }

    /// Unused places hold [`Id::MAX`].
    pub(crate) fn dependencies(features: &Features) -> [Id; MOST_DEPENDENCIES] {
        let mut dependencies = [Id::MAX; MOST_DEPENDENCIES];
        let words = features.name.iter().flat_map(|name| name.words.iter().map(|word| word.id)).take(6);
        let handles = features.handles.iter().map(|handle| handle.id).take(4);
        for (place, id) in dependencies.iter_mut().zip(handles.chain(features.email).chain(features.domain).chain(words)) {
            *place = id;
        }
        dependencies
    }

    pub(crate) fn context(&self, features: &Features) -> Context {
        let mut context = Context::default();
        if let Some(name) = &features.name {
            for (seen, word) in context.words.iter_mut().zip(&name.words) {
                *seen = class(read(&self.name_words, word.id));
            }
        }
        for (seen, handle) in context.handles.iter_mut().zip(&features.handles) {
            *seen = HandleContext {
                words: class(read(&self.name_words, handle.id)),
                carriers: class(read(&self.carriers, handle.id)),
                makers: class(self.makers.get(&handle.key).copied().unwrap_or_default()),
            };
        }
        if let Some(email) = features.email {
            context.is_shared_mailbox = read(&self.carriers, email) > features.most_names;
        }
        context.domain = features.domain.map(|domain| class(read(&self.domains, domain))).unwrap_or_default();
        context
    }
}

/// The account's address and handles, each once.
fn carried_by(features: &Features) -> impl Iterator<Item = Id> + '_ {
    let handles = features.handles.iter().filter(|handle| handle.kind != HandleKind::Domain).map(|handle| handle.id);
    handles.chain(features.email)
}

/// Counts a value up or down; whether it is the first one or none is left.
fn first_or_last<K: Eq + std::hash::Hash>(counts: &mut FxHashMap<K, u32>, key: K, up: bool) -> bool {
    if up {
        let count = counts.entry(key).or_default();
        *count += 1;
        return *count == 1;
    }
    let Some(count) = counts.get_mut(&key) else { return false };
    *count -= 1;
    let gone = *count == 0;
    if gone {
        counts.remove(&key);
    }
    gone
}

fn step(counts: &mut Vec<u32>, id: Id, up: bool, changed: &mut Vec<Id>) {
    let index = id as usize;
    if index >= counts.len() {
        counts.resize((index + 1).max(counts.len() * 2), 0);
    }
    let before = class(counts[index]);
    counts[index] = if up { counts[index] + 1 } else { counts[index].saturating_sub(1) };
    if class(counts[index]) != before {
        changed.push(id);
    }
}
