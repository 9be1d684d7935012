//! Accounts that share a piece of evidence, found by hashing: work grows with the number of accounts, not of pairs.

use std::{collections::HashMap, hash::Hash};

use crate::{accounts::Account, outcome::Rule};

/// Accounts (as ascending indices, at least two) that agree on one value.
pub(crate) struct Block {
    pub(crate) members: Vec<usize>,
    /// What they agree on, as a clause for people.
    pub(crate) detail: String,
}

/// The blocks of a rule, ordered by their first members. Accounts for which `skip` is true take no part.
pub(crate) fn of(rule: Rule, accounts: &[Account<'_>], skip: impl Fn(usize) -> bool) -> Vec<Block> {
    let places = || accounts.iter().enumerate().filter(|(index, _)| !skip(*index));
    match rule {
        Rule::SharedAccountId => group(places().map(|(index, account)| (index, account.key)), |(source, host, id)| {
            format!("account `{id}` of {source} at {host} in several connections")
        }),
        Rule::ExactEmail => group(
            places().filter_map(|(index, account)| Some((index, (account.email.as_deref()?, account.bot.is_some())))),
            |(email, _)| format!("same e-mail `{email}`"),
        ),
        // names of bots are words like "deploy bot": they say nothing about which one
        Rule::ExactFullName => group(
            places()
                .filter(|(_, account)| account.bot.is_none())
                .filter_map(|(index, account)| Some((index, account.full_name.as_deref()?))),
            |name| format!("same full name `{name}`"),
        ),
        Rule::HumanDecision => group(places().filter_map(|(index, account)| Some((index, account.identity.confirmed_person?))), |person| {
            format!("confirmed to be person {person}")
        }),
        _ => Vec::new(),
    }
}

fn group<K: Eq + Hash + Copy>(keyed: impl Iterator<Item = (usize, K)>, detail: impl Fn(K) -> String) -> Vec<Block> {
    let mut members: HashMap<K, Vec<usize>> = HashMap::new();
    for (index, key) in keyed {
        members.entry(key).or_default().push(index);
    }
    let mut blocks: Vec<Block> =
        members.into_iter().filter(|(_, members)| members.len() > 1).map(|(key, members)| Block { members, detail: detail(key) }).collect();
    blocks.sort_unstable_by_key(|block| block.members.first().copied());
    blocks
}
