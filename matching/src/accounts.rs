//! Accounts with everything the rules compare worked out once.

use std::collections::{HashMap, HashSet};

use crate::{bot, email, full_name, types::IdentityIn};

pub(crate) struct Account<'a> {
    pub(crate) identity: &'a IdentityIn,
    /// What identifies the account itself: its id within the id space of its source and host.
    pub(crate) key: (&'a str, &'a str, &'a str),
    /// `None` if the address identifies nobody.
    pub(crate) email: Option<String>,
    /// `None` if the name is no full name.
    pub(crate) full_name: Option<String>,
    /// Why it is a bot's; `None` for a human's.
    pub(crate) bot: Option<String>,
}

/// The accounts, ordered by id.
pub(crate) fn prepare(identities: &[IdentityIn]) -> Vec<Account<'_>> {
    let mut accounts: Vec<Account<'_>> = identities.iter().map(account).collect();
    accounts.sort_unstable_by_key(|account| account.identity.id);
    forget_shared_addresses(&mut accounts);
    agree_on_bots(&mut accounts);
    accounts
}

fn account(identity: &IdentityIn) -> Account<'_> {
    Account {
        identity,
        key: (&identity.source, &identity.host, &identity.external_id),
        email: email::key(identity.email.as_deref()),
        full_name: full_name::key(identity.display_name.as_deref()),
        bot: None,
    }
}

/// An address carried by many names is a mailbox of many people.
fn forget_shared_addresses(accounts: &mut [Account<'_>]) {
    let mut names: HashMap<&str, HashSet<&str>> = HashMap::new();
    for account in accounts.iter() {
        if let (Some(email), Some(name)) = (&account.email, &account.full_name) {
            names.entry(email).or_default().insert(name);
        }
    }
    let is_shared = |email: &str| names.get(email).is_some_and(|names| names.len() > email::most_names(email));
    let shared: Vec<bool> = accounts.iter().map(|account| account.email.as_deref().is_some_and(is_shared)).collect();
    for (account, shared) in accounts.iter_mut().zip(shared) {
        account.email = account.email.take().filter(|_| !shared);
    }
}

/// One account seen through two connections is a bot's in both or in neither: any flag of the source wins over signs, true over false.
fn agree_on_bots(accounts: &mut [Account<'_>]) {
    let mut flags: HashMap<(&str, &str, &str), Option<bool>> = HashMap::new();
    for account in accounts.iter() {
        let flag = flags.entry(account.key).or_default();
        *flag = (*flag).max(account.identity.is_bot);
    }
    let mut signs: HashMap<(&str, &str, &str), String> = HashMap::new();
    for account in accounts.iter() {
        match flags.get(&account.key).copied().flatten() {
            Some(true) => drop(signs.insert(account.key, "the source says so".to_owned())),
            Some(false) => {}
            None => {
                if let Some(sign) = bot::sign(account.identity) {
                    signs.entry(account.key).or_insert(sign);
                }
            }
        }
    }
    for account in accounts.iter_mut() {
        account.bot = signs.get(&account.key).cloned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::account;

    #[test]
    fn the_sources_flag_wins_both_ways() {
        let identities = [
            account(1).username("acme-ci").bot(false).build(),
            account(2).username("mina").bot(true).build(),
            account(3).username("acme-ci").build(),
        ];
        let bots: Vec<bool> = prepare(&identities).iter().map(|account| account.bot.is_some()).collect();
        assert_eq!(bots, [false, true, true]);
    }

    #[test]
    fn one_account_is_a_bot_in_every_connection() {
        let identities = [
            account(1).at("git.acme.test", "7").bot(true).build(),
            account(2).at("git.acme.test", "7").build(),
            account(3).at("git.acme.test", "8").build(),
        ];
        let bots: Vec<bool> = prepare(&identities).iter().map(|account| account.bot.is_some()).collect();
        assert_eq!(bots, [true, true, false]);
    }
}
