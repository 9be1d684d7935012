//! Matchers kept from run to run, so that a sync that brings fifty accounts does not weigh fifty thousand again.

use std::sync::{Arc, Mutex, PoisonError};

use ovia_domain::OrgId;
use ovia_matching::{MatchConfig, Matcher};

/// Organisations a worker remembers. A matcher of 50,000 accounts takes a few hundred megabytes at most.
const MOST: usize = 4;

pub(super) type SharedMatcher = Arc<Mutex<Matcher>>;

/// The last used matchers of a worker process, by organisation and version of its configuration.
#[derive(Default)]
pub struct Matchers(Mutex<Vec<(OrgId, i32, SharedMatcher)>>);

impl Matchers {
    /// The organisation's matcher for this version of its configuration.
    pub(super) fn of(&self, org: OrgId, version: i32, config: &MatchConfig) -> SharedMatcher {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // one that panicked holds half a run
        kept.retain(|(_, _, matcher)| !matcher.is_poisoned());
        let found = kept.iter().position(|(kept, at, _)| (*kept, *at) == (org, version));
        let entry = match found {
            Some(index) => kept.remove(index),
            None => {
                // the one of an older configuration is of no use any more
                kept.retain(|(kept, ..)| *kept != org);
                (org, version, Arc::new(Mutex::new(Matcher::new(config.clone()))))
            }
        };
        let matcher = entry.2.clone();
        kept.insert(0, entry);
        kept.truncate(MOST);
        matcher
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_used_and_one_per_organisation() {
        let matchers = Matchers::default();
        let config = MatchConfig::default();
        let orgs: Vec<OrgId> = (0..=MOST).map(|_| OrgId::generate()).collect();
        let first = matchers.of(orgs[0], 0, &config);
        assert!(Arc::ptr_eq(&first, &matchers.of(orgs[0], 0, &config)), "the same again");
        assert!(!Arc::ptr_eq(&first, &matchers.of(orgs[0], 1, &config)), "another configuration, another matcher");
        let second = matchers.of(orgs[0], 1, &config);
        for org in &orgs[1..] {
            matchers.of(*org, 0, &config);
        }
        assert!(!Arc::ptr_eq(&second, &matchers.of(orgs[0], 1, &config)), "the one used longest ago is gone");
    }

    #[test]
    fn one_that_panicked_is_not_given_out_again() {
        let matchers = Matchers::default();
        let (config, org) = (MatchConfig::default(), OrgId::generate());
        let first = matchers.of(org, 0, &config);
        let poisoned = first.clone();
        let panicked = std::thread::spawn(move || {
            let _held = poisoned.lock();
            panic!("in the middle of a run");
        });
        assert!(panicked.join().is_err() && first.is_poisoned());
        let second = matchers.of(org, 0, &config);
        assert!(!Arc::ptr_eq(&first, &second) && !second.is_poisoned());
        assert!(Arc::ptr_eq(&second, &matchers.of(org, 0, &config)), "the new one is kept");
    }
}
