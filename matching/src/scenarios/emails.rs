//! Which addresses join accounts.

use crate::{
    LinkClass, Rule,
    testing::{account, run},
};

#[test]
fn one_address_is_one_person_under_any_name() {
    let answer = run([account(1).name("Mina Holt").email("mina@acme.test"), account(2).name("Mina Berg").email(" Mina@Acme.test")]);
    assert!(answer.together(1, 2), "a marriage");
    assert_eq!(answer.link(2).rule, Rule::ExactEmail);
    assert!(answer.link(2).trace.iter().any(|evidence| evidence.rule == Rule::OtherName && evidence.log_odds < 0.0));
}

#[test]
fn the_text_none_is_no_address() {
    for missing in ["None", "none", "NULL", "", "n/a", "(none)", "undefined"] {
        let answer = run([account(1).name("Mina Holt").email(missing), account(2).name("Odd Lund").email(missing)]);
        assert!(!answer.together(1, 2), "{missing}");
        assert_eq!(answer.cluster(1).primary_email, None);
    }
}

#[test]
fn junk_addresses_join_nobody() {
    for junk in ["root@localhost", "mina@laptop.local", "dev@box.(none)", "you@example.com", "root@acme.test", "none@none"] {
        let answer = run([account(1).name("Mina Holt").email(junk), account(2).name("Odd Lund").email(junk)]);
        assert!(!answer.together(1, 2), "{junk}");
    }
}

#[test]
fn a_mailbox_of_twenty_people_joins_none_of_them() {
    let names = [
        "Aud", "Bo", "Cato", "Dag", "Eli", "Fam", "Gro", "Hal", "Ida", "Jon", "Kai", "Liv", "Mai", "Nils", "Ola", "Pia", "Rut", "Siv",
        "Tor", "Una",
    ];
    let people = (1u128..).zip(names).map(|(id, first)| account(id).name(&format!("{first} Fjell")).email("platform@acme.test"));
    let answer = run(people.chain([account(99).email("platform@acme.test")]));
    assert_eq!(answer.0.clusters.len(), 21);
    assert!(answer.0.links.iter().all(|link| link.class == LinkClass::Auto && link.rule == Rule::OnlyAccount));
    assert!(answer.0.clusters.iter().all(|cluster| cluster.primary_email.is_none()));
}

#[test]
fn three_names_on_one_address_are_still_one_person() {
    let answer = run([
        account(1).name("Mina Holt").email("mina@acme.test"),
        account(2).name("Mina Berg").email("mina@acme.test"),
        account(3).name("M. Holt").email("mina@acme.test"),
        account(4).name("mina").email("mina@acme.test"),
    ]);
    assert_eq!(answer.clusters(), [[1, 2, 3, 4]], "one word is no full name and does not count");
}

#[test]
fn a_role_address_of_two_names_is_two_people() {
    let answer = run([account(1).name("Mina Holt").email("support@acme.test"), account(2).name("Odd Lund").email("support@acme.test")]);
    assert!(!answer.together(1, 2));
    let alone = run([account(1).name("Mina Holt").email("support@acme.test"), account(2).name("mina").email("support@acme.test")]);
    assert!(alone.together(1, 2));
}

#[test]
fn an_address_in_the_name_field_is_no_name() {
    let answer = run([account(1).name("build box mina@acme.test"), account(2).name("build box mina@acme.test")]);
    assert!(!answer.together(1, 2));
}

#[test]
fn a_person_is_shown_with_an_address_that_arrives() {
    let answer = run([
        account(1).name("Mina Holt").email("88+mholt@users.noreply.github.com"),
        account(2).at("git.acme.test", "1").name("Mina Holt").email("Mina+Work@acme.test"),
        account(3).at("git.acme.test", "1").email("Mina+Work@acme.test"),
    ]);
    assert_eq!(answer.clusters(), [[1, 2, 3]]);
    assert_eq!(answer.cluster(1).primary_email.as_deref(), Some("mina+work@acme.test"));
}
