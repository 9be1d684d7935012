//! Bots apart.

use crate::{
    LinkClass, Rule,
    testing::{account, run},
};

#[test]
fn a_bot_named_after_a_person_is_not_the_person() {
    let answer = run([
        account(1).username("mholt").name("Mina Holt").email("mina@acme.test"),
        account(2).username("mholt-bot").name("Mina Holt").email("mina@acme.test"),
        account(3).username("release").name("Mina Holt").bot(true),
    ]);
    assert_eq!(answer.clusters(), [[1], [2], [3]]);
    assert_eq!([1, 2, 3].map(|id| answer.cluster(id).is_bot), [false, true, true]);
    assert!(answer.0.links.iter().all(|link| link.class == LinkClass::Auto), "it is no question either");
    assert!(answer.link(2).trace.iter().any(|evidence| evidence.rule == Rule::ServiceAccount && evidence.detail.contains("`bot`")));
}

#[test]
fn bots_of_one_name_are_different_bots() {
    let answer = run([account(1).name("Deploy Robot").bot(true), account(2).name("Deploy Robot").bot(true)]);
    assert!(!answer.together(1, 2));
}

#[test]
fn one_bot_is_one_bot() {
    let answer = run([
        account(1).at("git.acme.test", "7").bot(true),
        account(2).at("git.acme.test", "7"),
        account(3).username("acme-ci").email("pipeline@acme.test"),
        account(4).username("ci").email("pipeline@acme.test"),
    ]);
    assert_eq!(answer.clusters(), [[1, 2], [3, 4]]);
    assert!(answer.0.clusters.iter().all(|cluster| cluster.is_bot));
}

#[test]
fn a_human_the_source_vouches_for_is_joined() {
    let answer = run([account(1).username("ci").name("Ciara Iversen").bot(false), account(2).username("ciara").name("Ciara Iversen")]);
    assert!(answer.together(1, 2));
    assert!(!answer.cluster(1).is_bot);
}

#[test]
fn names_that_only_contain_the_words_are_humans() {
    let answer = run([account(1).username("abbott").name("Cicely Abbott"), account(2).username("cicely").name("Cicely Abbott")]);
    assert!(answer.together(1, 2));
}

#[test]
fn a_persons_word_makes_a_human_of_a_bot() {
    let answer = run([
        account(1).username("mholt").name("Mina Holt").confirmed(100),
        account(2).at("git.acme.test", "7").username("mina.bot").email("mina@acme.test").confirmed(100),
        account(3).at("git.acme.test", "7").username("mina.bot"),
        account(4).username("notes-bot").email("mina@acme.test"),
        account(5).username("mh").email("mina@acme.test"),
    ]);
    assert_eq!(answer.clusters(), [vec![1, 2, 3, 5], vec![4]]);
    assert_eq!([1, 4].map(|id| answer.cluster(id).is_bot), [false, true]);
}
