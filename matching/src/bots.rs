//! Whose accounts are services', over all connections.

use rustc_hash::FxHashMap;

use crate::{
    matcher::Matcher,
    types::{Decisions, IdentityIn},
    union::Union,
};

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Account {
    flag: Option<bool>,
    is_signed: bool,
    first: Option<u32>,
}

/// For each place whether the account is a service's.
///
/// One account seen through two connections is a bot's in both or in neither: any flag of the source wins over signs, true over false. An
/// account people put together with a human's is a human's.
pub(crate) fn find(matcher: &Matcher, identities: &[IdentityIn], decisions: &Decisions, order: &[u32]) -> Vec<bool> {
    let mut accounts = vec![Account::default(); matcher.texts()];
    let mut groups: Option<Union> = None;
    let place = |index: u32| &matcher.places[index as usize];
    let identity = |index: u32| &identities[place(index).input as usize];
    let account_of = |index: u32| place(index).features.as_ref().map(|features| features.account as usize);
    for index in order {
        let Some(features) = &place(*index).features else { continue };
        let account = &mut accounts[features.account as usize];
        account.flag = account.flag.max(identity(*index).is_bot);
        account.is_signed |= features.bot_sign.is_some();
        account.first.get_or_insert(*index);
    }
    let is_bot = |account: Account| account.flag.unwrap_or(account.is_signed);
    let mut bots = vec![false; matcher.places.len()];
    for index in order {
        bots[*index as usize] = account_of(*index).is_some_and(|account| is_bot(accounts[account]));
    }
    let mut confirmed: FxHashMap<_, u32> = FxHashMap::default();
    let mut join = |a: u32, b: u32| groups.get_or_insert_with(|| Union::new(matcher.places.len())).join(a, b);
    for index in order {
        if let Some(person) = identity(*index).confirmed_person {
            let first = *confirmed.entry(person).or_insert(*index);
            join(first, *index);
        }
    }
    for (a, b) in &decisions.together {
        if let (Some(a), Some(b)) = (matcher.place_of(a), matcher.place_of(b)) {
            join(a, b);
        }
    }
    let Some(mut groups) = groups else { return bots };
    for index in order {
        if let Some(first) = account_of(*index).and_then(|account| accounts[account].first) {
            groups.join(first, *index);
        }
    }
    let mut is_human = vec![false; bots.len()];
    for index in order {
        if !bots[*index as usize] {
            is_human[groups.find(*index) as usize] = true;
        }
    }
    for index in order {
        bots[*index as usize] &= !is_human[groups.find(*index) as usize];
    }
    bots
}
