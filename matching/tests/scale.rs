//! A large organisation in one go. Prints how long it took; what is asserted is that every person was found again.

use std::time::Instant;

use ovia_domain::IdentityId;
use ovia_matching::{IdentityIn, Inputs, MatchConfig, match_identities};
use uuid::Uuid;

const PEOPLE: usize = 12_500;

/// Four accounts of each person: two with one address, one seen through a second connection, one with the name only.
fn organisation() -> Vec<IdentityIn> {
    let account = |person: usize, place: usize, email: bool, external_id: String| IdentityIn {
        id: IdentityId(Uuid::from_u128((place * PEOPLE + person) as u128)),
        source: "gitlab".to_owned(),
        host: "git.acme.test".to_owned(),
        external_id,
        username: Some(format!("user{person}")),
        display_name: Some(format!("First{} Last{person}", person % 400)),
        email: email.then(|| format!("user{person}+{place}@acme.test")),
        is_bot: None,
        current_person: None,
        confirmed_person: None,
        activity: None,
        weight: None,
    };
    let four = |person: usize| {
        [
            account(person, 0, true, format!("{person}")),
            account(person, 1, true, format!("mail-{person}")),
            account(person, 2, false, format!("{person}")),
            account(person, 3, false, format!("name-{person}")),
        ]
    };
    (0..PEOPLE).flat_map(four).collect()
}

#[test]
fn fifty_thousand_accounts() {
    let identities = organisation();
    let begun = Instant::now();
    let output = match_identities(&identities, &Inputs::default(), &MatchConfig::default());
    eprintln!("{} accounts in {:?}", identities.len(), begun.elapsed());
    assert_eq!(output.clusters.len(), PEOPLE);
    assert!(output.clusters.iter().all(|cluster| cluster.members.len() == 4));
}

/// One name or one address of everybody must not cost pairs.
#[test]
fn a_name_everybody_has_costs_no_pairs() {
    let mut identities = organisation();
    for (index, identity) in identities.iter_mut().enumerate() {
        identity.external_id = index.to_string();
        identity.username = Some(format!("u{index}"));
        identity.display_name = Some("Jan Berg".to_owned());
        identity.email = Some(format!("jan{index}@acme.test"));
    }
    let begun = Instant::now();
    let output = match_identities(&identities, &Inputs::default(), &MatchConfig::default());
    eprintln!("{} accounts of one name in {:?}", identities.len(), begun.elapsed());
    assert_eq!(output.clusters.len(), identities.len());
}
