//! Who is who: which accounts belong to one human, which are bots, which pair only looks like one human.

use serde::Serialize;

use crate::company::{Company, NAMESAKES};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonTruth {
    pub display_name: String,
    /// External ids of all accounts of this human, first account first.
    pub identities: Vec<String>,
}

/// Two accounts of one human.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Duplicate {
    pub identities: [String; 2],
    /// What the accounts have in common exactly: `email`, `name`, or `nothing`.
    pub shares: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeopleTruth {
    pub humans: Vec<PersonTruth>,
    pub bots: Vec<String>,
    pub duplicates: Vec<Duplicate>,
    /// Accounts of two different humans with one full name and different e-mails: a person has to decide.
    pub conflict_pairs: Vec<[String; 2]>,
}

pub(super) fn compute(company: &Company) -> PeopleTruth {
    let name = |id: u64| company.user(id).map(|user| user.name.clone()).unwrap_or_default();
    let persons = company.persons.iter();
    let humans = persons
        .map(|person| PersonTruth { display_name: name(person.users[0]), identities: person.users.iter().map(u64::to_string).collect() });
    let duplicate = |person: &crate::company::model::Person| {
        let [first, second] = person.users.first_chunk::<2>()?;
        Some(Duplicate { identities: [first.to_string(), second.to_string()], shares: person.shares?.to_owned() })
    };
    let namesake = |index: usize| company.persons.get(index).map(|person| person.users[0].to_string());
    PeopleTruth {
        humans: humans.collect(),
        bots: company.users.iter().filter(|user| user.bot).map(|user| user.id.to_string()).collect(),
        duplicates: company.persons.iter().filter_map(duplicate).collect(),
        conflict_pairs: namesake(NAMESAKES[0]).zip(namesake(NAMESAKES[1])).map(|(one, other)| [one, other]).into_iter().collect(),
    }
}
