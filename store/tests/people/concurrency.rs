//! Two operators, and a run, at once.

use ovia_store::{
    decisions::{AccountSeen, Decision, DecisionError, PersonSeen, RemapTo},
    links::LinkStatus,
    matching::{BatchOutcome, MatchingBy},
};

use crate::world::{World, account, link, person, person_seen, seen};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_operators_one_wins_and_the_other_is_told_by_whom() {
    for round in 0..5 {
        let world = World::new(3).await;
        world.auto(&[(1, 1), (2, 2)]).await;
        world.conflict(3, 3, &[1, 2]).await;
        let version = world.store().mapping_fetch(world.org, account(3)).await.unwrap().unwrap().version;
        let at_once = AccountSeen { identity: account(3), expected_version: Some(version) };
        let confirm = |n| Decision::Confirm { account: at_once, person: person(n) };
        let (ada, ben) = (world.by("ada"), world.by("ben"));
        let (to_one, to_two) = (confirm(1), confirm(2));
        let (one, other) = tokio::join!(world.store().decide(world.org, &ada, &to_one), world.store().decide(world.org, &ben, &to_two));
        let (won, lost) = match (one, other) {
            (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won, lost),
            both => panic!("round {round}: {both:?}"),
        };
        let DecisionError::Stale(stale) = lost else { panic!("{lost:?}") };
        assert_eq!((stale.what, stale.expected, stale.status.as_deref()), ("account", version, Some("confirmed")));
        let last = stale.last_decision.unwrap();
        assert_eq!((last.id, last.actor, last.kind), (won.decision.id, won.decision.actor, "confirm".to_owned()));
        assert!(stale.version > version);
    }
}

#[tokio::test]
async fn people_are_seen_at_a_version_too() {
    let world = World::new(3).await;
    world.auto(&[(1, 1), (2, 1), (3, 3)]).await;
    let version = world.store().person_head(world.org, person(1)).await.unwrap().unwrap().version;
    let at_version = PersonSeen { person: person(1), expected_version: Some(version) };
    let split = Decision::Split { person: at_version, accounts: vec![account(2)], display_name: None };
    world.decide(Decision::Confirm { account: seen(1), person: person(1) }).await.unwrap();
    let stale = world.decide(split).await;
    assert!(matches!(&stale, Err(DecisionError::Stale(stale)) if stale.what == "person" && stale.last_decision.is_some()), "{stale:?}");
    let unlinked = AccountSeen { identity: account(99), expected_version: Some(0) };
    let unknown = world.decide(Decision::Remap { account: unlinked, to: RemapTo::New { display_name: None } }).await;
    assert!(matches!(unknown, Err(DecisionError::NotFound { .. })), "{unknown:?}");
}

#[tokio::test]
async fn a_run_writes_nothing_over_a_decision_it_has_not_read() {
    let world = World::new(3).await;
    world.auto(&[(1, 1), (2, 1), (3, 3)]).await;
    let read = world.store().matching_read(world.org).await.unwrap();
    let by = MatchingBy { run: world.run().await, rule_set_version: 2, config_version: 0 };
    world.decide(Decision::Merge { into: person_seen(3), from: person_seen(1) }).await.unwrap();
    let before = world.state().await;
    let links = [link(1, 1, LinkStatus::Auto, &[])];
    let outcome = world.store().matching_apply(world.org, by, read.identity_epoch, &[], &links).await.unwrap();
    assert_eq!((outcome, world.state().await), (BatchOutcome::Outdated, before.clone()));
    // nor over one that it has read
    let read = world.store().matching_read(world.org).await.unwrap();
    let outcome = world.store().matching_apply(world.org, by, read.identity_epoch, &[], &links).await.unwrap();
    assert!(matches!(outcome, BatchOutcome::Written(applied) if applied.links_written == 0), "{outcome:?}");
    assert_eq!(world.state().await, before);
    // nor once it is over
    world.store().run_finish(world.org, by.run, ovia_domain::RunStatus::Succeeded, None, None).await.unwrap();
    let outcome = world.store().matching_apply(world.org, by, read.identity_epoch, &[], &links).await.unwrap();
    assert_eq!(outcome, BatchOutcome::Stop);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_operators_at_once_leave_one_current_link_each() {
    let world = World::new(8).await;
    world.auto(&[(1, 1), (2, 1), (3, 3), (4, 3), (5, 5), (6, 5), (7, 7), (8, 7)]).await;
    let decisions: Vec<Decision> = (1..=8)
        .flat_map(|n| {
            let to = |p| Decision::Remap { account: seen(n), to: RemapTo::Person(person(p)) };
            [to(1), to(3), to(5), Decision::Merge { into: person_seen(1 + n % 7), from: person_seen(7) }]
        })
        .collect();
    let deciders: Vec<_> = decisions.iter().map(|_| world.by("ops")).collect();
    let all = decisions.iter().zip(&deciders).map(|(decision, by)| world.store().decide(world.org, by, decision));
    let outcomes = futures::future::join_all(all).await;
    let trouble: Vec<_> = outcomes.iter().filter(|one| matches!(one, Err(DecisionError::Store(_)))).collect();
    assert!(trouble.is_empty(), "{trouble:?}");
    assert!(outcomes.iter().any(Result::is_ok));
    let apart = world
        .json(
            "select to_jsonb(count(*)) from never_together n
            join person_identity_links a on a.identity_id = n.a and a.status in ('auto', 'conflict', 'confirmed')
            join person_identity_links b on b.identity_id = n.b and b.status in ('auto', 'conflict', 'confirmed')
            where a.person_id = b.person_id",
        )
        .await;
    assert_eq!(apart, 0, "two accounts that are never together are");
}
