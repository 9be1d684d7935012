//! The company's people as Atlassian knows them: other names, other addresses, mostly hidden.
//!
//! One account serves Jira and Confluence alike. What a profile shows of itself differs from what GitLab shows, so that matching has
//! to work with names and with what little else there is.

use crate::company::dice::{Dice, mix};
use crate::company::model::{Person, User, UserKind};

#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub id: String,
    pub name: String,
    /// As the profile shows it to the token's account.
    pub email: Option<String>,
    pub active: bool,
    /// `atlassian`, `app`, `customer`.
    pub kind: &'static str,
    pub time_zone: &'static str,
    /// Index into `Company::persons`; `None` for apps and customers.
    pub person: Option<usize>,
}

impl Account {
    pub(crate) fn is_app(&self) -> bool {
        self.kind == "app"
    }
}

/// A group of accounts, by index.
#[derive(Clone, Debug)]
pub(crate) struct AccountGroup {
    pub id: String,
    pub name: &'static str,
    pub members: Vec<usize>,
}

/// Everybody, and who is in which group.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub accounts: Vec<Account>,
    pub groups: Vec<AccountGroup>,
    /// The account the credentials belong to.
    pub token_account: usize,
    /// Humans who can still write.
    pub writers: Vec<usize>,
}

const APPS: [&str; 3] = ["Automation for Jira", "Release Notes Bot", "Chat Notifications"];
const ZONES: [&str; 6] = ["Europe/Berlin", "Asia/Tokyo", "America/New_York", "Asia/Kolkata", "Europe/London", "America/Sao_Paulo"];

/// Every person has one account; every sixth profile shows an address, and every other of these is not the one GitLab shows.
pub(crate) fn generate(dice: &mut Dice, seed: u64, persons: &[Person], users: &[User]) -> Directory {
    let first = |person: &Person| users.iter().find(|user| Some(&user.id) == person.users.first());
    let mut accounts: Vec<Account> = Vec::new();
    for (index, person) in persons.iter().enumerate() {
        let Some(user) = first(person) else { continue };
        let shown = index % 6 == 0;
        let local = user.username.replace('_', ".").to_lowercase();
        let other = Some(format!("{local}@brightloom-labs.example"));
        let email = match (shown, index % 12) {
            (true, 0) => user.public_email.clone().or(other),
            (true, _) => other,
            _ => None,
        };
        accounts.push(Account {
            id: account_id(seed, index, user.kind == UserKind::Outsider),
            name: name_of(&user.name, index),
            email,
            active: !user.departed,
            kind: "atlassian",
            time_zone: dice.pick(&ZONES),
            person: Some(index),
        });
    }
    for (index, name) in APPS.iter().enumerate() {
        let account = Account { id: account_id(seed, 900 + index, true), ..extra(name, "app") };
        accounts.push(account);
    }
    // Somebody who only writes to the service desk, and one who deleted their account: the name is all that is left.
    let customer = Account { id: account_id(seed, 950, true), ..extra("Customer of the help desk", "customer") };
    accounts.push(customer);
    let former = Account { id: account_id(seed, 951, false), active: false, ..extra("Former user", "atlassian") };
    accounts.push(former);
    let writers: Vec<usize> = accounts.iter().enumerate().filter(|(_, one)| one.person.is_some() && one.active).map(|(n, _)| n).collect();
    let everybody: Vec<usize> = (0..accounts.len()).filter(|n| accounts[*n].kind == "atlassian").collect();
    let apps: Vec<usize> = (0..accounts.len()).filter(|n| accounts[*n].is_app()).collect();
    let some = |step: usize| everybody.iter().copied().step_by(step).collect::<Vec<_>>();
    let group = |n: u64, name, members| AccountGroup { id: uuid(mix(seed, 70 + n), n), name, members };
    let groups = vec![
        group(0, "jira-users-brightloom", everybody.clone()),
        group(1, "confluence-users-brightloom", everybody.clone()),
        group(2, "site-admins", some(9)),
        // A name that has to be encoded wherever it is part of an address; by id it is harmless.
        group(3, "Équipe R&D / données", some(4)),
        group(4, "system-administrators", apps),
    ];
    let token_account = everybody.iter().copied().find(|n| accounts[*n].active).unwrap_or_default();
    let writers = if writers.is_empty() { vec![token_account] } else { writers };
    Directory { accounts, groups, token_account, writers }
}

fn extra(name: &str, kind: &'static str) -> Account {
    Account { id: String::new(), name: name.to_owned(), email: None, active: true, kind, time_zone: "Etc/GMT", person: None }
}

/// As the site shows a person: some turned round, some shortened, some with a role behind, the rest as everywhere.
fn name_of(name: &str, index: usize) -> String {
    let parts: Vec<&str> = name.split(' ').collect();
    match (index % 9, parts.as_slice()) {
        (2, [first, .., last]) => format!("{last}, {first}"),
        (4, [first, .., last]) => format!("{}. {last}", first.chars().next().unwrap_or('X')),
        (6, _) => format!("{name} (Brightloom)"),
        (8, _) => name.to_lowercase(),
        _ => name.to_owned(),
    }
}

/// Both forms Atlassian has used: 24 hex digits, or a number and a UUID.
fn account_id(seed: u64, index: usize, new_form: bool) -> String {
    let (high, low) = (mix(seed, 31 + index as u64), mix(seed ^ 0x5a5a, index as u64));
    if new_form || index % 3 == 1 { format!("712020:{}", uuid(high, low)) } else { format!("5{:015x}{:08x}", high >> 4, low as u32) }
}

/// 36 characters that look like a UUID.
pub(crate) fn uuid(high: u64, low: u64) -> String {
    let (high, low) = (mix(high, low), mix(low, high));
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        (low >> 48) & 0xfff,
        low & 0xffff_ffff_ffff
    )
}
