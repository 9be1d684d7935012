//! Which names join accounts, and which only raise a question.

use crate::{
    LinkClass, Rule,
    testing::{account, identity, run},
};

#[test]
fn one_full_name_without_anything_against_it_is_one_person() {
    let answer =
        run([account(1).name("Mina Holt"), account(2).name("MINA HOLT").email("mina@acme.test"), account(3).name("Mina\u{a0}Holt")]);
    assert_eq!(answer.clusters(), [[1, 2, 3]]);
    assert_eq!(answer.link(1).rule, Rule::ExactFullName);
}

#[test]
fn an_author_who_changed_the_employer_is_one_person() {
    let answer = run([account(1).name("Mina Holt").email("mina@acme.test"), account(2).name("Mina Holt").email("mholt@norsund.test")]);
    assert!(answer.together(1, 2), "authors of commits have no user name");
}

#[test]
fn two_accounts_of_one_name_with_unrelated_addresses_are_a_question() {
    let answer = run([
        account(1).username("rook").name("Jan Berg").email("jan.berg@acme.test"),
        account(2).username("heron").name("Jan Berg").email("jberg@acme.test"),
    ]);
    assert!(!answer.together(1, 2));
    for (asked, candidate) in [(1, 2), (2, 1)] {
        let link = answer.link(asked);
        assert_eq!((link.class, link.rule), (LinkClass::Conflict, Rule::ExactFullName));
        assert!(link.confidence < 0.9);
        assert_eq!(link.candidates[0].identity, identity(candidate));
        let namesakes = link.candidates[0].trace.iter().find(|evidence| evidence.rule == Rule::Namesakes);
        let detail = namesakes.map(|evidence| evidence.detail.clone()).unwrap_or_default();
        assert!(detail.contains("jan.berg@acme.test") && detail.contains("jberg@acme.test"), "{detail}");
    }
}

#[test]
fn a_third_account_of_the_name_is_nobodys_in_particular() {
    let answer = run([
        account(1).username("rook").name("Jan Berg").email("jan.berg@acme.test"),
        account(2).username("heron").name("Jan Berg").email("jberg@acme.test"),
        account(3).source("jira").name("Jan Berg"),
    ]);
    assert_eq!(answer.clusters(), [[1], [2], [3]]);
    let link = answer.link(3);
    let candidates: Vec<_> = link.candidates.iter().map(|candidate| candidate.identity).collect();
    assert_eq!((link.class, candidates), (LinkClass::Conflict, vec![identity(1), identity(2)]));
    assert!(link.nearly.is_some());
}

#[test]
fn a_login_settles_which_of_two_namesakes_it_is() {
    let answer = run([
        account(1).username("rook").name("Jan Berg").email("jan.berg@acme.test"),
        account(2).username("heronwing").name("Jan Berg").email("jberg@acme.test"),
        account(3).source("jira").username("heronwing").name("Jan Berg"),
    ]);
    assert_eq!(answer.clusters(), [vec![1], vec![2, 3]]);
}

#[test]
fn namesakes_with_authors_of_their_own_are_still_two() {
    let answer = run([
        account(1).username("rook").name("Jan Berg").email("jan.berg@acme.test"),
        account(2).username("heron").name("Jan Berg").email("jberg@acme.test"),
        account(3).source("git").name("Jan Berg").email("jan.berg@acme.test"),
        account(4).source("git").name("Jan Berg").email("jberg@acme.test"),
    ]);
    assert_eq!(answer.clusters(), [[1, 3], [2, 4]]);
    assert!([1, 3].iter().any(|id| answer.link(*id).class == LinkClass::Conflict));
}

#[test]
fn two_namesakes_at_different_companies_are_a_question_and_private_addresses_are_not() {
    let pair = |one: &str, other: &str| {
        run([
            account(1).username("rook").name("Jan Berg").email(one),
            account(2).source("jira").username("heron").name("Jan Berg").email(other),
        ])
    };
    assert_eq!(pair("jan@acme.test", "berg@norsund.test").link(1).class, LinkClass::Conflict);
    assert!(pair("jan@acme.test", "berg77@gmail.com").together(1, 2));
}

#[test]
fn other_orders_and_spellings_are_the_same_name() {
    for (one, other) in [
        ("Mina Holt", "Holt Mina"),
        ("Mina Holt", "Holt, Mina"),
        ("José Niño", "Jose Nino"),
        ("Wang Xiaoming", "Xiaoming Wang"),
        ("Xiao-Ming Wang", "Xiaoming Wang"),
        ("Dr. Mina Holt", "Mina Holt, PhD"),
        ("Mina Holt (Acme)", "mina holt"),
        ("Zoë van der Berg", "Zoe Berg"),
        ("MinaHolt", "Mina Holt"),
        ("佐藤 美咲", "佐藤美咲"),
    ] {
        let answer = run([account(1).name(one), account(2).name(other)]);
        assert!(answer.together(1, 2), "{one} / {other}");
    }
}

#[test]
fn names_that_only_resemble_each_other_are_not_linked() {
    for (one, other) in [
        ("Mina Holt", "M. Holt"),
        ("Mina Chan", "Mina Chang"),
        ("Mina Holt", "Mona Holt"),
        ("Mina", "Mina"),
        ("Mina", "Mina Holt"),
        ("Robert Fjell", "Bob Fjell"),
        ("Mina Karin Holt", "Mina Sofie Holt"),
        ("Mina Holt", "Mina Holt 2"),
        ("Mina Holt", "Mina Lund"),
        ("王小明", "王大明"),
    ] {
        let answer = run([account(1).name(one), account(2).name(other)]);
        assert!(!answer.together(1, 2), "{one} / {other}");
    }
}

#[test]
fn a_short_form_is_a_question_and_with_a_second_signal_a_link() {
    let answer = run([account(1).name("Robert Fjellheim"), account(2).name("Bob Fjellheim")]);
    assert_eq!((answer.link(1).class, answer.link(1).rule), (LinkClass::Conflict, Rule::Nickname));
    let answer = run([
        account(1).name("Robert Fjellheim").email("fjellrob@acme.test"),
        account(2).source("jira").username("fjellrob").name("Bob Fjellheim"),
    ]);
    assert!(answer.together(1, 2));
}

#[test]
fn siblings_with_an_initial_in_common_stay_apart() {
    let answer = run([
        account(1).username("mholt1").name("Mina Holt").email("mina.holt@acme.test"),
        account(2).username("mholt2").name("Magnus Holt").email("magnus.holt@acme.test"),
        account(3).source("jira").name("M. Holt"),
    ]);
    assert!(!answer.together(1, 2));
    assert!(!answer.together(1, 3) && !answer.together(2, 3), "either is possible");
}

#[test]
fn a_marriage_is_linked_by_what_stayed() {
    let by_login = run([
        account(1).username("minaskog").name("Mina Holt"),
        account(2).source("jira").username("minaskog").name("Mina Berg"),
        account(3).name("Mina Holt"),
    ]);
    assert!(by_login.together(1, 3));
    let link = by_login.link(2);
    assert!(by_login.together(1, 2) || link.class == LinkClass::Conflict, "never overlooked: {link:?}");
}

#[test]
fn east_asian_names_are_not_squeezed_to_nothing() {
    let names = ["王小明", "李大伟", "김민준", "이서연", "佐藤花子", "やまだ", "スズキ", "かき", "がき"];
    let answer = run((1u128..).zip(names).map(|(id, name)| account(id).name(name)));
    assert_eq!(answer.0.clusters.len(), names.len());
    let same = run([account(1).name("王小明"), account(2).name(" 王小明 ")]);
    assert!(same.together(1, 2));
    let single = run([account(1).name("王"), account(2).name("王")]);
    assert!(!single.together(1, 2));
}

#[test]
fn names_in_two_scripts_say_nothing_about_each_other() {
    let answer = run([account(1).name("Дарья Кузнецова").email("dk@acme.test"), account(2).name("Darya Kuznetsova").email("dk@acme.test")]);
    assert!(answer.together(1, 2), "the address links, and the names are no objection");
    assert!(answer.link(1).trace.iter().all(|evidence| evidence.rule != Rule::OtherName));
}

#[test]
fn placeholder_names_join_nobody() {
    for name in ["unknown", "root", "Test User", "Administrator", "Ghost User", "Your Name", "None", "管理员", "Mina Holt via Forum"] {
        let answer = run([account(1).name(name).username("rook"), account(2).name(name).username("heron")]);
        assert!(!answer.together(1, 2), "{name}");
        assert_eq!(answer.link(1).class, LinkClass::Auto, "{name}");
    }
}

#[test]
fn a_common_name_weighs_less_than_a_rare_one() {
    let crowd = |id: u128| {
        account(id).name(["Jan Holt", "Jan Lund", "Jan Moe", "Jan Vik", "Siv Berg", "Liv Berg", "Odd Berg", "Tor Berg"][id as usize % 8])
    };
    let rare = run([account(1).name("Jan Berg"), account(2).name("Jan Berg")]);
    let common = run([account(1).name("Jan Berg"), account(2).name("Jan Berg")].into_iter().chain((10..18).map(crowd)));
    assert!(common.link(1).confidence < rare.link(1).confidence);
}

#[test]
fn the_best_name_is_shown() {
    let answer = run([
        account(1).at("git.acme.test", "7").name("mholt"),
        account(2).at("git.acme.test", "7").name("Mina  Holt"),
        account(3).at("git.acme.test", "7").name("None").username("mholt"),
    ]);
    assert_eq!(answer.cluster(1).display_name, "Mina Holt");
    assert_eq!(run([account(1).name("null").username("mholt")]).cluster(1).display_name, "mholt");
    let heavy =
        run([account(1).at("git.acme.test", "7").name("Mina Berg").weight(90), account(2).at("git.acme.test", "7").name("Mina Holt-Berg")]);
    assert_eq!(heavy.cluster(1).display_name, "Mina Berg", "the name most commits carry");
}
