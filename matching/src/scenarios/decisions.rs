//! People's decisions win over rules.

use crate::{
    LinkClass, Rule,
    testing::{account, identity, person, run, run_together, run_with},
};

#[test]
fn what_was_confirmed_stays_as_it_is() {
    let answer = run([
        account(1).name("Mina Holt").email("mina@acme.test").confirmed(100),
        account(2).name("Odd Lund").email("odd@acme.test").confirmed(100),
        account(3).email("odd@acme.test"),
    ]);
    assert_eq!(answer.clusters(), [[1, 2, 3]], "together against all evidence, and evidence adds to it");
    assert_eq!(answer.cluster(1).person, Some(person(100)));
    let link = answer.link(1);
    assert_eq!((link.class, link.rule, link.confidence), (LinkClass::Confirmed, Rule::HumanDecision, 1.0));
    assert_eq!((answer.link(3).class, answer.link(3).rule), (LinkClass::Auto, Rule::ExactEmail));
}

#[test]
fn what_was_confirmed_to_be_two_people_is_never_joined() {
    let answer = run([account(1).name("Jan Berg").confirmed(100), account(2).name("Jan Berg").confirmed(200)]);
    assert_eq!(answer.clusters(), [[1], [2]]);
    assert_eq!([1, 2].map(|id| answer.cluster(id).person), [Some(person(100)), Some(person(200))]);
    assert_eq!([1, 2].map(|id| answer.link(id).class), [LinkClass::Confirmed; 2]);
}

#[test]
fn an_account_that_could_be_either_of_two_confirmed_people_is_a_question() {
    let answer = run([
        account(1).email("jan@acme.test").confirmed(100),
        account(2).email("jan@acme.test").confirmed(200),
        account(3).email("jan@acme.test").name("Jan Berg"),
        account(4).name("Jan Berg"),
    ]);
    assert_eq!(answer.clusters(), [vec![1], vec![2], vec![3, 4]]);
    assert_eq!((answer.link(3).class, answer.link(3).rule), (LinkClass::Conflict, Rule::ExactEmail));
    let candidates: Vec<_> = answer.link(3).candidates.iter().map(|candidate| candidate.identity).collect();
    assert_eq!(candidates, [identity(1), identity(2)]);
    assert!(answer.link(3).confidence <= 0.5, "either is as likely");
}

#[test]
fn never_together_is_never_and_no_question() {
    let answer =
        run_with([account(1).name("Jan Berg").email("jan@acme.test"), account(2).name("Jan Berg").email("jan@acme.test")], &[(2, 1)]);
    assert!(!answer.together(1, 2));
    assert_eq!([1, 2].map(|id| answer.link(id).class), [LinkClass::Auto; 2]);
    assert!(answer.link(1).contradicts.iter().any(|evidence| evidence.rule == Rule::ExactEmail && evidence.with == Some(identity(2))));
    assert!(answer.link(1).trace.iter().any(|evidence| evidence.rule == Rule::HumanDecision), "the trace says why");
}

#[test]
fn never_holds_even_for_one_account_id() {
    let answer = run_with([account(1).at("git.acme.test", "7"), account(2).at("git.acme.test", "7")], &[(1, 2)]);
    assert!(!answer.together(1, 2));
}

#[test]
fn a_decided_pair_leaves_the_third_in_question() {
    let answer = run_with([account(1).name("Jan Berg"), account(2).name("Jan Berg"), account(3).name("Jan Berg")], &[(1, 2)]);
    assert_eq!(answer.clusters(), [[1], [2], [3]]);
    assert_eq!(answer.link(3).class, LinkClass::Conflict);
}

/// An alias that was given to somebody does not tear the rest of them apart.
#[test]
fn an_account_of_another_name_takes_nothing_away_from_who_it_is_confirmed_to_be() {
    let mina = || {
        [
            account(1).username("mholt").name("Mina Holt").email("mina.holt@acme.test"),
            account(2).at("jira.acme.test", "a").name("Mina Holt"),
            account(3).at("wiki.acme.test", "b").name("Mina Holt"),
        ]
    };
    assert_eq!(run(mina()).clusters(), [[1, 2, 3]]);
    let [one, two, three] = mina();
    let alias = || account(4).username("oddlund").name("Odd Lund");
    let answer = run([one, two.confirmed(100), three, alias().confirmed(100)]);
    assert_eq!(answer.clusters(), [[1, 2, 3, 4]]);
    assert!([1, 3].iter().all(|id| answer.link(*id).class == LinkClass::Auto));
    // also where it was taken away from others of its name
    let [one, two, three] = mina();
    let other = account(5).at("jira.acme.test", "c").name("Odd Lund");
    let answer = run_with([one, two.confirmed(100), three, alias().confirmed(100), other], &[(4, 5)]);
    assert_eq!(answer.clusters(), [vec![1, 2, 3, 4], vec![5]]);
}

#[test]
fn what_stays_after_somebody_was_split_off_stays_together() {
    let jan = || [account(1).username("rook").name("Jan Berg"), account(2).at("jira.acme.test", "a").name("Jan Berg")];
    let third = || account(3).at("wiki.acme.test", "b").name("Jan Berg");
    let [one, two] = jan();
    assert_eq!(run([one, two, third()]).clusters(), [[1, 2, 3]]);
    let [one, two] = jan();
    let answer = run_with([one, two, third()], &[(1, 2), (1, 3)]);
    assert_eq!(answer.clusters(), [vec![1], vec![2, 3]], "both are decided to be none of the first one's");
    assert!([2, 3].iter().all(|id| answer.link(*id).class == LinkClass::Auto));
}

#[test]
fn confirming_settles_a_question() {
    let conflict = || {
        [
            account(1).username("rook").name("Jan Berg").email("jan.berg@acme.test"),
            account(2).username("heron").name("Jan Berg").email("jberg@acme.test"),
            account(3).name("Jan Berg"),
        ]
    };
    assert_eq!(run(conflict()).link(3).class, LinkClass::Conflict);
    let [one, two, three] = conflict();
    let answer = run([one.confirmed(100), two.confirmed(100), three]);
    assert_eq!(answer.clusters(), [[1, 2, 3]]);
    assert_eq!((answer.link(3).class, answer.cluster(3).person), (LinkClass::Auto, Some(person(100))));
}

#[test]
fn decisions_about_unknown_accounts_are_ignored() {
    let answer = run_with([account(1).name("Mina Holt"), account(2).name("Mina Holt")], &[(1, 77), (77, 78), (1, 1)]);
    assert!(answer.together(1, 2));
}

#[test]
fn a_confirmation_is_stronger_than_never() {
    let answer =
        run_with([account(1).email("a@acme.test").confirmed(100), account(2).confirmed(100), account(3).email("a@acme.test")], &[(1, 2)]);
    assert_eq!(answer.clusters(), [[1, 2, 3]]);
}

#[test]
fn decided_to_be_together_is_together_against_all_evidence() {
    let answer = run_together(
        [account(1).name("Mina Holt").email("mina@acme.test"), account(2).name("Odd Lund").email("odd@acme.test"), account(3)],
        &[(2, 1), (3, 1)],
    );
    assert_eq!(answer.clusters(), [[1, 2, 3]]);
    assert_eq!((answer.link(2).class, answer.link(2).rule, answer.link(2).confidence), (LinkClass::Auto, Rule::HumanDecision, 1.0));
    assert!(answer.link(1).contradicts.iter().any(|evidence| evidence.rule == Rule::OtherName), "kept, but shown as odd");
    assert!(answer.link(3).contradicts.is_empty(), "nothing speaks against an account without a name");
}

#[test]
fn persons_confirmed_apart_are_stronger_than_a_pair_decided_together() {
    let answer = run_together([account(1).confirmed(100), account(2).confirmed(200)], &[(1, 2)]);
    assert_eq!(answer.clusters(), [[1], [2]]);
}

#[test]
fn a_chain_does_not_get_round_never() {
    let answer = run_with(
        [
            account(1).name("Mina Holt").email("mina@acme.test"),
            account(2).name("Mina Holt").email("mina@acme.test"),
            account(3).name("Mina Holt").email("mina@acme.test"),
            account(4).name("Mina Holt"),
        ],
        &[(1, 3)],
    );
    assert!(!answer.together(1, 3));
    assert!(!answer.together(1, 2) && !answer.together(3, 2), "it is as close to one as to the other");
    assert_eq!([1, 3].map(|id| answer.link(id).class), [LinkClass::Conflict; 2]);
}
