//! Short forms of English first names.
//!
//! The list is that of the Python package `nicknames` 1.0.1 (Apache-2.0, by Carlton Northern and Nick Crews), as pairs of the full and
//! the short form.

use std::sync::OnceLock;

use rustc_hash::FxHashMap;

static LIST: &str = include_str!("../data/nicknames.csv");

/// The full forms a name can stand for, as numbers in ascending order; itself among them if it is one. `None`: not in the list.
pub(crate) fn full_forms(name: &str) -> Option<&'static [u16]> {
    static FORMS: OnceLock<FxHashMap<&'static str, Vec<u16>>> = OnceLock::new();
    FORMS.get_or_init(read).get(name).map(Vec::as_slice)
}

fn read() -> FxHashMap<&'static str, Vec<u16>> {
    let mut numbers: FxHashMap<&str, u16> = FxHashMap::default();
    let mut forms: FxHashMap<&str, Vec<u16>> = FxHashMap::default();
    for (full, short) in LIST.lines().filter_map(|line| line.split_once(',')) {
        let next = u16::try_from(numbers.len()).unwrap_or(u16::MAX);
        let number = *numbers.entry(full).or_insert(next);
        for name in [full, short] {
            forms.entry(name).or_default().push(number);
        }
    }
    for numbers in forms.values_mut() {
        numbers.sort_unstable();
        numbers.dedup();
    }
    forms
}

/// Whether one of two names is the short form of the other, or both are of a third.
pub(crate) fn are_related(a: Option<&[u16]>, b: Option<&[u16]>) -> bool {
    a.zip(b).is_some_and(|(a, b)| a.iter().any(|number| b.binary_search(number).is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn related(a: &str, b: &str) -> bool {
        are_related(full_forms(a), full_forms(b))
    }

    #[test]
    fn short_forms_are_found_both_ways() {
        for (a, b) in [("robert", "bob"), ("bob", "robert"), ("bob", "rob"), ("elizabeth", "liz"), ("michael", "mike")] {
            assert!(related(a, b), "{a} {b}");
        }
        for (a, b) in [("robert", "michael"), ("mina", "minna"), ("bob", "mike")] {
            assert!(!related(a, b), "{a} {b}");
        }
    }
}
