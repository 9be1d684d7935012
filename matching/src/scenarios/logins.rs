//! Logins, local parts, and domains.

use crate::{
    LinkClass, Rule,
    testing::{account, run},
};

#[test]
fn a_login_that_is_the_local_part_links() {
    let answer = run([account(1).source("git").name("Mina Holt").email("snowrook@acme.test"), account(2).username("snowrook")]);
    assert!(answer.together(1, 2));
    assert_eq!(answer.link(2).rule, Rule::SameLogin);
}

#[test]
fn a_login_that_is_other_peoples_name_does_not() {
    let answer = run([
        account(1).source("git").name("Odd Lund").email("martin@acme.test"),
        account(2).username("martin"),
        account(3).name("Martin Vik"),
        account(4).name("Siv Martin"),
    ]);
    assert!(!answer.together(1, 2));
}

#[test]
fn logins_made_of_names_link_accounts_without_a_name() {
    for (login, rule) in [
        ("minaholtgren", "first and last"),
        ("mholtgren", "initial and last"),
        ("mina.holtgren", "dotted"),
        ("holtgrenmina", "family name first"),
    ] {
        let answer = run([account(1).name("Mina Holtgren").email("m.h@acme.test"), account(2).source("jira").username(login)]);
        assert!(answer.together(1, 2), "{login}: {rule}");
        assert_eq!(answer.link(2).rule, Rule::LoginFromName);
    }
}

#[test]
fn a_first_name_or_last_name_alone_is_too_little() {
    let crowd = || {
        [
            account(11).name("Mina Lund"),
            account(12).name("Mina Vik"),
            account(13).name("Siv Holt"),
            account(14).name("Odd Holt"),
            account(15).name("Mina Moe"),
            account(16).name("Tor Holt"),
            account(17).name("Liv Holt"),
            account(18).name("Mina Berg"),
        ]
    };
    for login in ["mina", "holt"] {
        let answer = run([account(1).name("Mina Holt"), account(2).username(login)].into_iter().chain(crowd()));
        assert!(!answer.together(1, 2), "{login}");
    }
}

#[test]
fn umlauts_are_spelt_out_in_logins() {
    let answer = run([account(1).name("Jürgen Weißenborn"), account(2).source("jira").username("juergen.weissenborn")]);
    assert!(answer.together(1, 2));
}

#[test]
fn pinyin_logins_in_either_order_link() {
    for login in ["xiaomingwang", "wangxiaoming"] {
        let answer = run([account(1).name("Xiaoming Wang"), account(2).source("jira").username(login)]);
        assert!(answer.together(1, 2), "{login}");
    }
    let initials = run([account(1).name("Xiaoming Wang"), account(2).source("jira").username("xw")]);
    assert!(!initials.together(1, 2), "two initials are anybody");
}

#[test]
fn digits_at_the_end_are_a_weaker_sign() {
    let answer = run([account(1).source("git").name("Mina Holt").email("snowrook@acme.test"), account(2).username("snowrook88")]);
    assert!(!answer.together(1, 2));
    assert_eq!(answer.link(2).class, LinkClass::Conflict);
    assert_eq!(answer.link(2).rule, Rule::LoginDigits);
}

#[test]
fn generic_logins_and_local_parts_say_nothing() {
    for handle in ["dev", "hello", "github", "mail", "admin", "me"] {
        let answer = run([
            account(1).source("git").name("Mina Holt").email(&format!("{handle}@holt.test")),
            account(2).source("git").name("Odd Lund").email(&format!("{handle}@lund.test")),
            account(3).username(handle),
        ]);
        assert_eq!(answer.0.clusters.len(), 3, "{handle}");
    }
}

#[test]
fn the_number_in_a_relay_address_survives_a_rename() {
    let answer = run([
        account(1).source("git").name("mholt").email("1234567+mholt@users.noreply.github.com"),
        account(2).source("git").name("snowrook").email("1234567+snowrook@users.noreply.github.com"),
        account(3).source("git").name("mholt").email("7654321+mholt@users.noreply.github.com"),
    ]);
    assert!(answer.together(1, 2));
    assert_eq!(answer.link(1).rule, Rule::RelayAccount);
}

#[test]
fn a_relay_address_is_its_login() {
    let answer =
        run([account(1).source("git").name("M").email("1234567+snowrook@users.noreply.github.com"), account(2).username("snowrook")]);
    assert!(answer.together(1, 2));
}

#[test]
fn one_local_part_under_two_different_names_is_not_linked() {
    let answer = run([
        account(1).source("git").name("Mina Holt").email("snowrook@acme.test"),
        account(2).source("git").name("Odd Lund").email("snowrook@norsund.test"),
    ]);
    assert!(!answer.together(1, 2));
}

#[test]
fn a_company_domain_is_no_evidence() {
    let answer = run((1..9u128).map(|id| {
        let name = ["Mina Holt", "Odd Lund", "Siv Fjell", "Jan Berg", "Liv Vik", "Tor Moe", "Eli Dahl", "Kai Strand"][id as usize - 1];
        account(id).name(name).email(&format!("u{id}@acme.test"))
    }));
    assert_eq!(answer.0.clusters.len(), 8);
    assert!(answer.0.links.iter().all(|link| link.class == LinkClass::Auto));
}

#[test]
fn a_domain_of_ones_own_helps() {
    let answer =
        run([account(1).source("git").name("Mina").email("hi@minaholtgren.test"), account(2).source("jira").name("Mina Holtgren")]);
    assert!(answer.together(1, 2));
    assert_eq!(answer.link(1).rule, Rule::DomainFromName);
}

#[test]
fn a_repository_id_in_the_domain_joins_nobody() {
    let answer = run([
        account(1).source("git").name("mina").email("mina@2a4f1c5e-7d1c-0410-bb2e-ed8a4b9c0011"),
        account(2).source("git").name("odd").email("odd@2a4f1c5e-7d1c-0410-bb2e-ed8a4b9c0011"),
    ]);
    assert!(!answer.together(1, 2));
}

#[test]
fn two_logins_of_one_source_speak_against() {
    let same_source = run([account(1).username("rook").name("Mina Holt"), account(2).username("heron").name("Mina Holt")]);
    let two_sources = run([account(1).username("rook").name("Mina Holt"), account(2).source("jira").username("heron").name("Mina Holt")]);
    assert!(same_source.together(1, 2), "no veto");
    assert!(same_source.link(1).confidence < two_sources.link(1).confidence);
    assert!(same_source.link(1).trace.iter().any(|evidence| evidence.rule == Rule::OtherAccount));
}
