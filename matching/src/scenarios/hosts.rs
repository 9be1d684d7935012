//! What other hosts bring: logins that names make, bots by other spellings, gateways, machine addresses, other scripts.

use crate::{
    LinkClass,
    testing::{account, run},
};

#[test]
fn a_login_that_several_peoples_names_make_is_a_question() {
    let pair = || [account(1).username("minah").name("Mina Holt"), account(2).source("jira").username("minah")];
    assert!(run(pair()).together(1, 2));
    let others = ["Mina Haug", "Mina Hansen", "Mina Hove"].into_iter().zip(10..);
    let answer = run(pair().into_iter().chain(others.map(|(name, id)| account(id).source("git").name(name))));
    assert!(!answer.together(1, 2));
    assert_eq!(answer.link(2).class, LinkClass::Conflict);
    // a login that says nothing about a name has no rivals
    let own = [account(1).username("snowrook").name("Mina Holt"), account(2).source("jira").username("snowrook")];
    let others = ["Mina Haug", "Mina Hansen", "Mina Hove"].into_iter().zip(10..);
    assert!(run(own.into_iter().chain(others.map(|(name, id)| account(id).source("git").name(name)))).together(1, 2));
}

#[test]
fn updaters_are_bots_under_every_spelling_and_nobodys() {
    let answer = run([
        account(1).username("dependabot[bot]").name("dependabot[bot]").email("49699333+dependabot[bot]@users.noreply.github.com"),
        account(2).source("git").name("dependabot[bot]").email("49699333+dependabot[bot]@users.noreply.github.com"),
        account(3).username("mina").name("Mina Holt").email("mina@acme.test"),
        account(4).source("git").name("Renovate Bot").email("bot@renovateapp.com"),
        account(5).source("jira").username("mina").name("Mina Holt"),
    ]);
    assert!(answer.together(1, 2) && answer.together(3, 5));
    assert!(answer.cluster(1).is_bot && answer.cluster(4).is_bot && !answer.cluster(3).is_bot);
    assert!(!answer.together(1, 3) && !answer.together(1, 4));
}

#[test]
fn a_mailing_list_gateway_is_nobodys_address() {
    let answer = run([
        account(1).source("git").name("Mina Holt via acme-devel").email("acme-devel@lists.acme.test"),
        account(2).source("git").name("Odd Lund via acme-devel").email("acme-devel@lists.acme.test"),
        account(3).source("git").name("Siv Fjell via acme-devel").email("acme-devel@lists.acme.test"),
        account(4).source("git").name("Jan Berg via acme-devel").email("acme-devel@lists.acme.test"),
        account(5).username("mholt").name("Mina Holt").email("mina@acme.test"),
    ]);
    for (one, other) in [(1, 2), (2, 3), (3, 4), (1, 4)] {
        assert!(!answer.together(one, other), "{one} {other}");
    }
}

#[test]
fn placeholders_and_machines_join_nobody() {
    for (name, email) in [
        ("Your Name", "you@example.com"),
        ("root", "root@localhost"),
        ("unknown", "unknown@unknown"),
        ("Unknown", "none@none"),
        ("ubuntu", "ubuntu@ip-10-0-0-1.ec2.internal"),
        ("admin", "admin@localhost.localdomain"),
        ("user", "user@example.org"),
    ] {
        let answer = run([
            account(1).source("git").name(name).email(email),
            account(2).source("git").name(name).email(email).at("git.other.test", "2"),
            account(3).username("mholt").name("Mina Holt").email("mina@acme.test"),
        ]);
        assert_eq!(answer.clusters(), [[1], [2], [3]], "{name} <{email}>");
    }
}

#[test]
fn an_address_of_a_function_under_several_names_joins_nobody() {
    for local in ["info", "support", "admin", "team", "webmaster"] {
        let email = format!("{local}@acme.test");
        let answer = run([
            account(1).source("git").name("Mina Holt").email(&email),
            account(2).source("git").name("Odd Lund").email(&email),
            account(3).source("jira").username("siv").name("Siv Fjell").email(&email),
        ]);
        assert_eq!(answer.clusters(), [[1], [2], [3]], "{email}");
    }
}

#[test]
fn names_in_other_scripts_link_when_they_are_the_same_and_not_when_they_are_not() {
    for (one, again, other) in [
        ("Анна Петрова", "анна  петрова", "Анна Иванова"),
        ("יעל ברגמן", "יעל ברגמן", "יעל כהן"),
        ("ليلى حداد", "ليلى حداد", "ليلى منصور"),
        ("Ελένη Νικολάου", "ΕΛΕΝΗ ΝΙΚΟΛΑΟΥ", "Ελένη Παππά"),
        ("佐藤花子", "佐藤 花子", "佐藤太郎"),
        ("김하늘", "김 하늘", "김바다"),
    ] {
        let answer = run([
            account(1).username("a-one").name(one),
            account(2).source("jira").username("b-two").name(again),
            account(3).source("jira").username("c-three").name(other),
        ]);
        assert!(answer.together(1, 2), "{one} {again}: {:?}", answer.link(1));
        assert!(!answer.together(1, 3), "{one} {other}");
    }
}

#[test]
fn a_repositorys_own_address_is_no_person() {
    let answer = run([
        account(1).source("git").name("Mina Holt").email("noreply@git.acme.test"),
        account(2).source("git").name("Odd Lund").email("noreply@git.acme.test"),
        account(3).username("mina").name("Mina Holt").email("mina@acme.test"),
    ]);
    assert!(!answer.together(1, 2) && !answer.together(2, 3));
}
