//! Which names join accounts, and which only raise a question.

use crate::{
    LinkClass, Rule,
    testing::{account, identity, run},
};

#[test]
fn one_full_name_without_addresses_against_it_is_one_person() {
    let answer =
        run([account(1).name("Mina Holt"), account(2).name("MINA HOLT").email("mina@acme.test"), account(3).name("Mina\u{a0}Holt")]);
    assert_eq!(answer.clusters(), [[1, 2, 3]]);
    assert_eq!(answer.link(1).rule, Rule::ExactFullName);
}

#[test]
fn two_people_with_one_name_are_a_question() {
    let answer = run([account(1).name("Jan Berg").email("jan.berg@acme.test"), account(2).name("Jan Berg").email("jberg@acme.test")]);
    assert!(!answer.together(1, 2));
    for (asked, candidate) in [(1, 2), (2, 1)] {
        let link = answer.link(asked);
        assert_eq!((link.class, link.rule), (LinkClass::Conflict, Rule::ExactFullName));
        assert!(link.confidence < 0.9);
        assert_eq!(link.trace[0].with, Some(identity(candidate)));
        assert!(
            link.trace[0].detail.contains("jan.berg@acme.test") && link.trace[0].detail.contains("jberg@acme.test"),
            "{}",
            link.trace[0].detail
        );
    }
}

#[test]
fn a_third_account_of_the_name_is_nobodys_in_particular() {
    let answer = run([
        account(1).name("Jan Berg").email("jan.berg@acme.test"),
        account(2).name("Jan Berg").email("jberg@acme.test"),
        account(3).name("Jan Berg"),
    ]);
    assert_eq!(answer.clusters(), [[1], [2], [3]]);
    let link = answer.link(3);
    let candidates: Vec<_> = link.trace.iter().filter_map(|evidence| evidence.with).collect();
    assert_eq!((link.class, candidates), (LinkClass::Conflict, vec![identity(1), identity(2)]));
}

#[test]
fn the_question_is_put_to_the_lone_account() {
    let answer = run([
        account(1).name("Jan Berg").email("jan.berg@acme.test"),
        account(2).name("J. Berg").email("jan.berg@acme.test"),
        account(3).name("Jan Berg").email("jberg@acme.test"),
    ]);
    assert_eq!(answer.clusters(), [vec![1, 2], vec![3]]);
    let classes = [1, 2, 3].map(|id| answer.link(id).class);
    assert_eq!(classes, [LinkClass::Auto, LinkClass::Auto, LinkClass::Conflict]);
    assert!(answer.link(1).trace.iter().any(|evidence| evidence.with == Some(identity(3))), "the sure one notes the candidate");
}

#[test]
fn two_sure_groups_of_one_name_are_a_question_too() {
    let answer = run([
        account(1).name("Jan Berg").email("jan.berg@acme.test"),
        account(2).name("Jan Berg").email("jan.berg@acme.test"),
        account(3).name("Jan Berg").email("jberg@acme.test"),
        account(4).name("Jan Berg").email("jberg@acme.test"),
    ]);
    assert_eq!(answer.clusters(), [[1, 2], [3, 4]]);
    let classes = [1, 2, 3, 4].map(|id| answer.link(id).class);
    assert_eq!(classes, [LinkClass::Conflict, LinkClass::Auto, LinkClass::Conflict, LinkClass::Auto], "asked once a group");
}

#[test]
fn a_chain_of_names_does_not_join_two_addresses() {
    // 2 is Mina Holt in one connection and Mina Berg in another; each name alone would join it with somebody else
    let answer = run([
        account(1).name("Mina Holt").email("mina@acme.test"),
        account(2).at("git.acme.test", "7").name("Mina Holt"),
        account(3).at("git.acme.test", "7").name("Mina Berg"),
        account(4).name("Mina Berg").email("mberg@acme.test"),
    ]);
    assert_eq!(answer.clusters(), [vec![1], vec![2, 3], vec![4]]);
    assert_eq!([1, 4].map(|id| answer.link(id).class), [LinkClass::Conflict; 2]);
}

#[test]
fn east_asian_names_are_not_squeezed_to_nothing() {
    let names = ["王小明", "李大伟", "김민준", "이서연", "佐藤花子", "やまだ", "スズキ"];
    let answer = run((1u128..).zip(names).map(|(id, name)| account(id).name(name)));
    assert_eq!(answer.0.clusters.len(), names.len());
    let same = run([account(1).name("王小明"), account(2).name(" 王小明 ")]);
    assert!(same.together(1, 2));
    let single = run([account(1).name("王"), account(2).name("王")]);
    assert!(!single.together(1, 2));
}

#[test]
fn what_this_rule_set_does_not_match() {
    for (one, other) in [
        ("Mina Holt", "Holt Mina"),
        ("Mina Holt", "Holt, Mina"),
        ("Mina Holt", "Mina K. Holt"),
        ("Mina Holt", "M. Holt"),
        ("Mina Chan", "Mina Chang"),
        ("Mina Holt", "Mona Holt"),
        ("Mina", "Mina"),
        ("Mina", "Mina Holt"),
        ("José Niño", "Jose Nino"),
    ] {
        let answer = run([account(1).name(one), account(2).name(other)]);
        assert!(!answer.together(1, 2), "{one} / {other}");
        assert_eq!(answer.link(1).class, LinkClass::Auto);
    }
}

#[test]
fn placeholder_names_join_nobody() {
    for name in ["unknown", "root", "Test User", "Administrator", "Ghost User", "Your Name", "None", "管理员", "Mina Holt via Forum"] {
        let answer = run([account(1).name(name).username("a"), account(2).name(name).username("b")]);
        assert!(!answer.together(1, 2), "{name}");
        assert_eq!(answer.link(1).class, LinkClass::Auto, "{name}");
    }
}

#[test]
fn a_login_is_no_evidence_yet() {
    let answer = run([account(1).username("mholt").name("Mina Holt"), account(2).username("mholt"), account(3).email("mholt@acme.test")]);
    assert_eq!(answer.clusters(), [[1], [2], [3]]);
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
}
