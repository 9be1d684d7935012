//! Accounts seen together: the only way to those whose login says nothing.

use crate::{
    CoOccurrence, CoOccurrenceKind, Inputs, LinkClass, Rule,
    testing::{account, identity, run_inputs},
};

fn seen(pairs: &[(u128, u128, u32)]) -> Inputs {
    let co_occurrence = |(a, b, count): &(u128, u128, u32)| CoOccurrence {
        a: identity(*a),
        b: identity(*b),
        kind: CoOccurrenceKind::MergeRequestCommit,
        count: *count,
    };
    Inputs { co_occurrences: pairs.iter().map(co_occurrence).collect(), ..Inputs::default() }
}

#[test]
fn an_author_seen_only_in_one_accounts_merge_requests_is_that_account() {
    let accounts = || {
        [
            account(1).source("git").name("Mina Holt").email("mina@acme.test"),
            account(2).username("snowrook"),
            account(3).username("heronwing"),
        ]
    };
    assert_eq!(run_inputs(accounts(), &Inputs::default()).0.clusters.len(), 3);
    let answer = run_inputs(accounts(), &seen(&[(1, 2, 25), (3, 1, 1)]));
    assert_eq!(answer.clusters(), [vec![1, 2], vec![3]]);
    assert_eq!(answer.link(2).rule, Rule::CoOccurrence);
}

#[test]
fn once_is_too_little_and_several_times_a_question() {
    let accounts = || [account(1).source("git").name("Mina Holt").email("mina@acme.test"), account(2).username("snowrook")];
    let once = run_inputs(accounts(), &seen(&[(1, 2, 1)]));
    assert!(!once.together(1, 2));
    let several = run_inputs(accounts(), &seen(&[(2, 1, 2), (1, 2, 1)]));
    assert_eq!(several.link(2).class, LinkClass::Conflict);
}

#[test]
fn somebody_who_merges_for_everybody_is_nobody_of_them() {
    let authors = (1..7u128)
        .map(|id| account(id).source("git").name(["Odd Lund", "Siv Fjell", "Jan Berg", "Liv Vik", "Tor Moe", "Eli Dahl"][id as usize - 1]));
    let pairs: Vec<(u128, u128, u32)> = (1..7u128).map(|id| (id, 9, 20)).collect();
    let answer = run_inputs(authors.chain([account(9).username("snowrook")]), &seen(&pairs));
    assert_eq!(answer.0.clusters.len(), 7);
}

#[test]
fn being_seen_together_does_not_overrule_names() {
    let accounts = [account(1).source("git").name("Mina Holt").email("mina@acme.test"), account(2).username("snowrook").name("Odd Lund")];
    let answer = run_inputs(accounts, &seen(&[(1, 2, 40)]));
    assert!(!answer.together(1, 2));
}

#[test]
fn bots_are_seen_with_everybody_and_are_nobody() {
    let accounts = [account(1).source("git").name("Mina Holt").email("mina@acme.test"), account(2).username("acme-ci")];
    assert!(!run_inputs(accounts, &seen(&[(1, 2, 40)])).together(1, 2));
}
