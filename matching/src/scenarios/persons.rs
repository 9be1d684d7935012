//! Person ids over reruns.

use crate::testing::{account, person, run};

#[test]
fn a_cluster_keeps_the_person_most_of_it_has() {
    let mina = |id| account(id).name("Mina Holt");
    let answer = run([mina(1).current(200), mina(2).current(100), mina(3).current(200), mina(4)]);
    assert_eq!(answer.cluster(1).person, Some(person(200)));
    let tie = run([mina(1).current(200), mina(2).current(100)]);
    assert_eq!(tie.cluster(1).person, Some(person(100)), "of equals the smallest");
}

#[test]
fn a_split_leaves_the_person_with_the_larger_part() {
    let answer = run([
        account(1).name("Odd Lund").current(100),
        account(2).name("Mina Holt").current(100),
        account(3).name("Mina Holt").current(100),
    ]);
    assert_eq!((answer.cluster(1).person, answer.cluster(2).person), (None, Some(person(100))));
    let even = run([account(1).name("Odd Lund").current(100), account(2).name("Mina Holt").current(100)]);
    assert_eq!((even.cluster(1).person, even.cluster(2).person), (Some(person(100)), None), "of equals the first");
}

#[test]
fn a_part_that_lost_its_person_takes_no_other_from_a_larger_one() {
    let answer = run([
        account(1).name("Mina Holt").current(100),
        account(2).name("Mina Holt").current(100),
        account(3).name("Odd Lund").current(100),
        account(4).name("Odd Lund").current(200),
    ]);
    assert_eq!((answer.cluster(1).person, answer.cluster(3).person), (Some(person(100)), Some(person(200))));
}

#[test]
fn a_confirmed_person_is_not_given_away() {
    let answer = run([
        account(1).name("Mina Holt").confirmed(100),
        account(2).name("Odd Lund").current(100),
        account(3).name("Odd Lund").current(100),
        account(4).name("Mina Holt").current(300),
    ]);
    assert_eq!((answer.cluster(1).person, answer.cluster(2).person), (Some(person(100)), None));
}
