//! Invented organisations of any size, for measurements and tests: the same numbers give the same accounts on every machine.

use std::collections::HashMap;

use ovia_domain::IdentityId;
use uuid::Uuid;

use crate::types::IdentityIn;

const SYLLABLES: [&str; 40] = [
    "ka", "ri", "mo", "len", "sa", "to", "vi", "na", "ber", "dal", "ju", "li", "an", "or", "mar", "tin", "es", "ha", "gru", "wen", "fi",
    "lo", "sta", "ne", "pe", "ro", "sil", "va", "hol", "ter", "im", "ke", "bra", "zu", "ol", "den", "ar", "mi", "quo", "sh",
];
const PROVIDERS: [&str; 4] = ["gmail.com", "outlook.com", "proton.me", "gmx.net"];
const COMPANIES: [&str; 6] = ["acme.test", "brightloom.test", "kitefield.test", "norsund.test", "harborline.test", "quietstone.test"];

/// The accounts of an invented organisation, and for each account the number of its person.
pub struct Organisation {
    pub identities: Vec<IdentityIn>,
    pub person_of: HashMap<IdentityId, usize>,
}

/// Who has a login on a source or an address: nobody else can have it there.
#[derive(Default)]
struct Taken(HashMap<(&'static str, String), usize>);

impl Taken {
    /// The text, or with the first number behind it that is free, as sources offer it.
    fn take(&mut self, space: &'static str, text: &str, person: usize) -> String {
        let numbered = |number: usize| if number == 1 { text.to_owned() } else { format!("{text}{number}") };
        let free = (1..).map(numbered).find(|text| self.0.get(&(space, text.clone())).is_none_or(|owner| *owner == person));
        let free = free.unwrap_or_default();
        self.0.insert((space, free.clone()), person);
        free
    }
}

/// A small generator of numbers (SplitMix64): no need for more, and nothing may change between versions.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most.max(1) as u64).unwrap_or_default()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// Few names are common and most are rare, as in life.
    fn name(&mut self, of: usize, syllables: usize) -> String {
        let mut number = self.below(of).min(self.below(of));
        let mut name = String::new();
        for _ in 0..syllables {
            name.push_str(SYLLABLES[number % SYLLABLES.len()]);
            number = number / SYLLABLES.len() + 7;
        }
        let extra = number % SYLLABLES.len();
        name.push_str(SYLLABLES[extra]);
        let mut chars = name.chars();
        chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
    }
}

/// About `accounts` accounts (two to four a person) that differ as accounts of real people do: initials, other orders, other addresses,
/// logins made of names and logins that say nothing.
pub fn organisation(accounts: usize, seed: u64) -> Organisation {
    let mut dice = Dice(seed);
    let mut made = Organisation { identities: Vec::with_capacity(accounts), person_of: HashMap::with_capacity(accounts) };
    let mut taken = Taken::default();
    let mut person = 0;
    while made.identities.len() < accounts {
        let first = dice.name(1_500, 2);
        let last = dice.name(accounts.max(1_000), 3);
        let count = (2 + dice.below(3)).min(accounts - made.identities.len());
        let company = COMPANIES[dice.below(COMPANIES.len())];
        let login = login(&mut dice, &first, &last);
        for place in 0..count {
            let number = made.identities.len();
            let mut identity = account(&mut dice, number, place, &first, &last, &login, company);
            let source = ["git", "gitlab", "jira", "git"][place % 4];
            identity.username = identity.username.map(|login| taken.take(source, &login, person));
            identity.email = identity.email.map(|email| match email.split_once('@') {
                Some((local, domain)) if !domain.ends_with("github.com") => {
                    let space = PROVIDERS.iter().chain(&COMPANIES).find(|known| **known == domain).copied().unwrap_or_default();
                    format!("{}@{domain}", taken.take(space, local, person))
                }
                _ => email,
            });
            made.person_of.insert(identity.id, person);
            made.identities.push(identity);
        }
        person += 1;
    }
    made
}

fn login(dice: &mut Dice, first: &str, last: &str) -> String {
    let (first, last) = (first.to_lowercase(), last.to_lowercase());
    match dice.below(5) {
        0 => format!("{}{last}", &first[..1]),
        1 => format!("{first}.{last}"),
        2 => format!("{first}{}", &last[..1]),
        3 => format!("{}{}{}", dice.name(40_000, 2).to_lowercase(), dice.name(40_000, 1).to_lowercase(), dice.below(100)),
        _ => format!("{first}{last}"),
    }
}

fn account(dice: &mut Dice, number: usize, place: usize, first: &str, last: &str, login: &str, company: &str) -> IdentityIn {
    let source = ["git", "gitlab", "jira", "git"][place % 4];
    let name = match dice.below(10) {
        0 => format!("{}. {last}", &first[..1]),
        1 => format!("{last}, {first}"),
        2 => login.to_owned(),
        3 => first.to_owned(),
        _ => format!("{first} {last}"),
    };
    let (lower_first, lower_last) = (first.to_lowercase(), last.to_lowercase());
    let email = match dice.below(5) {
        0 => format!("{login}@{}", PROVIDERS[dice.below(PROVIDERS.len())]),
        1 => format!("{}+{login}@users.noreply.github.com", 1_000 + number),
        _ => format!("{lower_first}.{lower_last}@{company}"),
    };
    let is_author = source == "git";
    let shows_email = is_author || dice.chance(40);
    IdentityIn {
        id: IdentityId(Uuid::from_u128(number as u128 + 1)),
        source: source.to_owned(),
        host: format!("{source}.acme.test"),
        external_id: number.to_string(),
        username: (!is_author).then(|| login.to_owned()),
        display_name: (is_author || dice.chance(90)).then_some(name),
        email: shows_email.then_some(email),
        is_bot: None,
        current_person: None,
        confirmed_person: None,
        activity: None,
        weight: Some(1 + dice.below(200) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_numbers_give_the_same_accounts() {
        let (one, again, other) = (organisation(500, 1), organisation(500, 1), organisation(500, 2));
        assert_eq!(one.identities, again.identities);
        assert_ne!(one.identities, other.identities);
        assert_eq!((one.identities.len(), one.person_of.len()), (500, 500));
    }
}
