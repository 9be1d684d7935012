//! What was decided about an account and a person, as pairs of accounts: the account is never together with any account of that person.

use std::collections::{BTreeSet, HashMap};

use ovia_store::matching::MatchingRead;
use uuid::Uuid;

/// Pairs, the smaller id first.
pub(super) type Pairs = BTreeSet<(Uuid, Uuid)>;

/// The pairs that follow from `persons`, who has which account. An account that is the person's all the same was decided to be so since.
pub(super) fn pairs(read: &MatchingRead, persons: impl Iterator<Item = (Uuid, Uuid)>) -> Pairs {
    if read.rejected.is_empty() {
        return Pairs::new();
    }
    let mut members: HashMap<Uuid, Vec<Uuid>> = read.rejected.iter().map(|(_, person)| (*person, Vec::new())).collect();
    for (identity, person) in persons {
        if let Some(members) = members.get_mut(&person) {
            members.push(identity);
        }
    }
    let of = |(account, person): &(Uuid, Uuid)| {
        let members = members.get(person).map(Vec::as_slice).unwrap_or_default();
        let members: &[Uuid] = if members.contains(account) { &[] } else { members };
        members.iter().map(|member| (*account.min(member), *account.max(member))).collect::<Vec<_>>()
    };
    read.rejected.iter().flat_map(of).collect()
}

/// As the tables have it.
pub(super) fn present(read: &MatchingRead) -> Pairs {
    pairs(read, read.identities.iter().filter_map(|row| Some((row.id, row.person_id?))))
}
