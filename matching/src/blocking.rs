//! Which accounts are worth comparing: those that share a key. Work grows with the number of accounts, not of pairs.

use crate::features::{Features, HandleKind, Name, key_of};
use crate::name::NameKind;

/// How large a block of a key may be before the key says nothing. In a key's two lowest bits.
const CAPS: [usize; 4] = [60, 4, 300, 16];
const USUAL: u64 = 0;
const DOMAIN: u64 = 1;
const EMAIL: u64 = 2;
const WEAK: u64 = 3;
/// In a key as an account has it: it is made of the name; two of these have nothing to do with each other.
const MADE_UP: u64 = 4;
/// In an entry's place: the same.
const MADE_UP_ENTRY: u32 = 1 << 31;

fn key(hash: u64, cap: u64) -> u64 {
    // the hash multiplies; the highest bits, which the index goes by, must depend on all
    let mut mixed = hash ^ (hash >> 32);
    mixed = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^= mixed >> 29;
    (mixed & !7) | cap
}

/// The keys of an account, ascending, each once.
pub(crate) fn keys(features: &Features) -> Box<[u64]> {
    let mut keys: Vec<u64> = Vec::with_capacity(24);
    if let Some(email) = features.email {
        keys.push(key(key_of(2, email), EMAIL));
    }
    for handle in features.handles.iter().filter(|handle| !handle.is_generic) {
        if handle.kind == HandleKind::Domain {
            keys.push(key(handle.key, USUAL) | MADE_UP);
            continue;
        }
        keys.push(key(handle.key, USUAL));
        if handle.base_key != 0 && handle.base_key != handle.key {
            keys.push(key(handle.base_key, USUAL));
        }
    }
    if let Some(domain) = features.domain.filter(|_| !features.is_free_mail) {
        keys.push(key(key_of(3, domain), DOMAIN));
    }
    if let Some(name) = features.name.as_ref().filter(|name| name.kind != NameKind::Single) {
        of_name(name, &mut keys);
    }
    keys.extend(features.shapes.iter().map(|(hash, _)| key(*hash, USUAL) | MADE_UP));
    keys.sort_unstable();
    // a login that is made of the account's own name is a login
    keys.dedup_by(|later, earlier| *later & !MADE_UP == *earlier & !MADE_UP);
    keys.into_boxed_slice()
}

fn of_name(name: &Name, keys: &mut Vec<u64>) {
    keys.push(key(key_of(4, name.sorted), USUAL));
    keys.push(key(key_of(5, name.squeezed), USUAL));
    if name.turned != name.squeezed {
        keys.push(key(key_of(5, name.turned), USUAL));
    }
    if let [first, .., last] = &*name.words {
        keys.push(key(key_of(6, (first.id.min(last.id), first.id.max(last.id))), USUAL));
        for form in first.full_forms.unwrap_or_default().iter().take(4) {
            keys.push(key(key_of(7, (*form, last.id)), USUAL));
        }
    }
    for (place, word) in name.words.iter().enumerate().filter(|(_, word)| !word.is_initial).take(4) {
        for (other_place, other) in name.words.iter().enumerate().take(4) {
            if place != other_place {
                keys.push(key(key_of(8, (other.first, word.id)), WEAK));
            }
        }
    }
}

/// All keys of all accounts.
#[derive(Default)]
pub(crate) struct Blocks {
    /// (key, place of the account), ascending.
    entries: Vec<(u64, u32)>,
    /// Where the keys of each leading part begin.
    starts: Vec<u32>,
    shift: u32,
}

impl Blocks {
    /// Takes the accounts for which `is_gone` holds out, and the new ones in.
    pub(crate) fn update<'k>(&mut self, is_gone: impl Fn(usize) -> bool, anything_gone: bool, new: impl Iterator<Item = (u32, &'k [u64])>) {
        if anything_gone {
            self.entries.retain(|(_, place)| !is_gone((place & !MADE_UP_ENTRY) as usize));
        }
        let before = self.entries.len();
        for (place, keys) in new {
            let entry = |key: &u64| (key & !MADE_UP, if key & MADE_UP == 0 { place } else { place | MADE_UP_ENTRY });
            self.entries.extend(keys.iter().map(entry));
        }
        if before == 0 {
            self.entries.sort_unstable();
        } else {
            // two sorted runs: the stable sort merges them
            self.entries[before..].sort_unstable();
            self.entries.sort();
        }
        self.index();
    }

    fn index(&mut self) {
        let bits = usize::BITS - (self.entries.len() / 8).leading_zeros();
        let bits = bits.clamp(1, 24);
        self.shift = 64 - bits;
        self.starts.clear();
        self.starts.reserve((1 << bits) + 1);
        for (place, (key, _)) in self.entries.iter().enumerate() {
            let part = (key >> self.shift) as usize;
            while self.starts.len() <= part {
                self.starts.push(u32::try_from(place).unwrap_or(u32::MAX));
            }
        }
        let end = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.starts.resize((1 << bits) + 1, end);
    }

    fn block(&self, key: u64) -> &[(u64, u32)] {
        if self.starts.is_empty() {
            return &[];
        }
        let part = (key >> self.shift) as usize;
        let range = self.starts[part] as usize..self.starts[part + 1] as usize;
        let entries = &self.entries[range];
        let begin = entries.partition_point(|(other, _)| *other < key);
        let length = entries[begin..].partition_point(|(other, _)| *other == key);
        &entries[begin..begin + length]
    }

    pub(crate) fn size(&self, key: u64) -> usize {
        self.block(key & !MADE_UP).len()
    }

    /// Whether blocks of such a key stop counting between the two sizes.
    pub(crate) fn crosses_cap(key: u64, one: usize, other: usize) -> bool {
        let cap = CAPS[(key & 3) as usize];
        (one > cap) != (other > cap)
    }

    /// Adds the places of the accounts that share a usable key with the account, itself and repetitions among them.
    pub(crate) fn neighbours(&self, keys: &[u64], found: &mut Vec<u32>) {
        for key in keys {
            let block = self.block(key & !MADE_UP);
            if block.len() < 2 || block.len() > CAPS[(key & 3) as usize] {
                continue;
            }
            let is_made_up = key & MADE_UP != 0;
            found.extend(
                block.iter().filter(|(_, place)| !is_made_up || place & MADE_UP_ENTRY == 0).map(|(_, place)| place & !MADE_UP_ENTRY),
            );
        }
    }

    pub(crate) fn members(&self, key: u64) -> impl Iterator<Item = u32> + '_ {
        self.block(key & !MADE_UP).iter().map(|(_, place)| place & !MADE_UP_ENTRY)
    }
}
