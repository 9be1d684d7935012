//! What each decision does, and when it is refused.

use ovia_store::decisions::{BulkConfirm, Decision, DecisionError, RemapTo, Side};
use serde_json::json;

use crate::world::{World, account, person, person_seen, seen};

fn confirmed(n: u128) -> Option<(String, ovia_domain::PersonId)> {
    Some(("confirmed".into(), person(n)))
}

#[tokio::test]
async fn confirming_a_conflict_brings_it_to_the_candidate_and_pins_that_one_too() {
    let world = World::new(3).await;
    world.auto(&[(1, 1), (2, 1)]).await;
    world.conflict(3, 3, &[2]).await;
    let decided = world.decide(Decision::Confirm { account: seen(3), person: person(1) }).await.unwrap();
    assert_eq!((world.link_of(3).await, world.link_of(2).await), (confirmed(1), confirmed(1)));
    assert_eq!(world.link_of(1).await, Some(("auto".into(), person(1))), "the other account stays with the rules");
    assert!(world.is_retired(person(3)).await);
    assert_eq!((decided.person, decided.decision.identities), (Some(person(1)), vec![account(2).0, account(3).0]));
    assert!(decided.people_changed.contains(&person(1)) && decided.people_changed.contains(&person(3)));
    assert!(decided.follow_up.is_some());
    let changed = world.store().changed_people(world.org, decided.identity_epoch - 1).await.unwrap();
    assert_eq!(changed, [(person(1), decided.identity_epoch), (person(3), decided.identity_epoch)]);
    // a run is queued: the next decision needs no other
    let again = world.decide(Decision::Confirm { account: seen(1), person: person(1) }).await.unwrap();
    assert!(again.follow_up.is_none());
}

#[tokio::test]
async fn confirming_a_conflict_as_itself_refuses_its_candidates() {
    let world = World::new(2).await;
    world.auto(&[(1, 1)]).await;
    world.conflict(2, 2, &[1]).await;
    world.decide(Decision::Confirm { account: seen(2), person: person(2) }).await.unwrap();
    assert_eq!(world.link_of(2).await, confirmed(2));
    let refused = world.store().person_detail(world.org, person(1)).await.unwrap().unwrap().refused;
    assert_eq!(refused.iter().map(|row| row.identity_id).collect::<Vec<_>>(), [account(2).0]);
    let read = world.store().matching_read(world.org).await.unwrap();
    assert_eq!(read.never_together, [(account(1).0, account(2).0)]);
}

#[tokio::test]
async fn remapping_keeps_the_account_from_those_it_leaves() {
    let world = World::new(4).await;
    world.auto(&[(1, 1), (2, 1), (3, 3)]).await;
    let confirm = world.decide(Decision::Confirm { account: seen(1), person: person(3) }).await;
    assert!(matches!(confirm, Err(DecisionError::Refused { .. })), "{confirm:?}");
    world.decide(Decision::Remap { account: seen(1), to: RemapTo::Person(person(3)) }).await.unwrap();
    assert_eq!((world.link_of(1).await, world.link_of(3).await), (confirmed(3), confirmed(3)));
    let read = world.store().matching_read(world.org).await.unwrap();
    assert_eq!(read.never_together, [(account(1).0, account(2).0)]);
    // back is a contradiction, which names what to undo
    let back = world.decide(Decision::Remap { account: seen(1), to: RemapTo::Person(person(1)) }).await;
    assert!(matches!(&back, Err(DecisionError::Contradicts { decisions, .. }) if decisions.len() == 1), "{back:?}");
    // an account that no run has seen
    let new = world.decide(Decision::Remap { account: seen(4), to: RemapTo::New { display_name: Some(" Ida ".into()) } }).await.unwrap();
    let head = world.store().person_head(world.org, new.person.unwrap()).await.unwrap().unwrap();
    assert_eq!((head.display_name.as_str(), world.link_of(4).await), ("Ida", Some(("confirmed".into(), new.person.unwrap()))));
}

#[tokio::test]
async fn splitting_makes_a_person_and_keeps_the_parts_apart() {
    let world = World::new(4).await;
    world.auto(&[(1, 1), (2, 1), (3, 1), (4, 4)]).await;
    let split = |accounts: &[u128]| Decision::Split {
        person: person_seen(1),
        accounts: accounts.iter().map(|n| account(*n)).collect(),
        display_name: None,
    };
    assert!(matches!(world.decide(split(&[])).await, Err(DecisionError::Invalid { .. })));
    assert!(matches!(world.decide(split(&[1, 2, 3])).await, Err(DecisionError::Refused { .. })));
    assert!(matches!(world.decide(split(&[4])).await, Err(DecisionError::Refused { .. })));
    assert!(matches!(world.decide(split(&[99])).await, Err(DecisionError::NotFound { .. })));
    let decided = world.decide(split(&[2, 3])).await.unwrap();
    let new = decided.person.unwrap();
    for n in [2, 3] {
        assert_eq!(world.link_of(n).await, Some(("confirmed".into(), new)));
    }
    assert_eq!(world.link_of(1).await, Some(("auto".into(), person(1))));
    let pairs = world.store().matching_read(world.org).await.unwrap().never_together;
    assert_eq!(pairs, [(account(1).0, account(2).0), (account(1).0, account(3).0)]);
}

#[tokio::test]
async fn merging_retires_one_and_confirms_all() {
    let world = World::new(3).await;
    world.auto(&[(1, 1), (2, 2), (3, 2)]).await;
    let same = world.decide(Decision::Merge { into: person_seen(1), from: person_seen(1) }).await;
    assert!(matches!(same, Err(DecisionError::Invalid { .. })));
    world.decide(Decision::Merge { into: person_seen(1), from: person_seen(2) }).await.unwrap();
    for n in 1..=3 {
        assert_eq!(world.link_of(n).await, confirmed(1));
    }
    let head = world.store().person_head(world.org, person(2)).await.unwrap().unwrap();
    assert!(head.retired_at.is_some() && head.merged_into == Some(person(1).0));
    let gone = world.decide(Decision::Confirm { account: seen(1), person: person(2) }).await;
    assert!(matches!(&gone, Err(DecisionError::Refused { hint, .. }) if hint.contains(&person(1).to_string())), "{gone:?}");
}

#[tokio::test]
async fn never_settles_a_conflict_that_has_no_other_candidate() {
    let world = World::new(3).await;
    world.auto(&[(1, 1), (2, 2)]).await;
    world.conflict(3, 3, &[1, 2]).await;
    let never = |n| Decision::Never { one: Side::Account(seen(3)), other: Side::Account(seen(n)) };
    world.decide(never(1)).await.unwrap();
    assert_eq!(world.link_of(3).await.unwrap().0, "conflict", "one candidate is left");
    let last = Decision::Never { one: Side::Person(person_seen(3)), other: Side::Person(person_seen(2)) };
    world.decide(last).await.unwrap();
    assert_eq!(world.link_of(3).await, Some(("auto".into(), person(3))));
    world.auto(&[(1, 1), (2, 1)]).await;
    let one = world.decide(Decision::Never { one: Side::Account(seen(1)), other: Side::Account(seen(2)) }).await;
    assert!(matches!(one, Err(DecisionError::Refused { .. })), "they are one person now: {one:?}");
}

#[tokio::test]
async fn bulk_confirm_does_what_its_plan_said_or_nothing() {
    let world = World::new(5).await;
    world.auto(&[(1, 1), (2, 1), (3, 3), (4, 4), (5, 4)]).await;
    let wanted = BulkConfirm { min_confidence: 0.9, source: Some("gitlab".into()) };
    let plan = world.store().bulk_confirm_plan(world.org, &wanted).await.unwrap();
    let accounts: Vec<_> = plan.accounts.iter().map(|planned| planned.identity).collect();
    assert_eq!((accounts, plan.people, plan.more), (vec![account(1), account(2), account(4), account(5)], 2, false), "3 is alone");
    let strict = BulkConfirm { min_confidence: 0.96, source: None };
    assert!(world.store().bulk_confirm_plan(world.org, &strict).await.unwrap().accounts.is_empty());
    let nonsense = BulkConfirm { min_confidence: 2.0, source: None };
    assert!(matches!(world.store().bulk_confirm_plan(world.org, &nonsense).await, Err(DecisionError::Invalid { .. })));
    // somebody decides in between
    world.decide(Decision::Confirm { account: seen(1), person: person(1) }).await.unwrap();
    let late = world.store().bulk_confirm(world.org, &world.by("ops"), &wanted, &plan.token).await;
    assert!(matches!(late, Err(DecisionError::PlanChanged)), "{late:?}");
    let plan = world.store().bulk_confirm_plan(world.org, &wanted).await.unwrap();
    let done = world.store().bulk_confirm(world.org, &world.by("ops"), &wanted, &plan.token).await.unwrap();
    assert_eq!(done.decision.input, json!({"min_confidence": 0.9, "source": "gitlab", "accounts": 2}));
    for n in [1, 2, 4, 5] {
        assert_eq!(world.link_of(n).await.unwrap().0, "confirmed");
    }
    assert_eq!(world.link_of(3).await.unwrap().0, "auto");
}

#[tokio::test]
async fn every_decision_leaves_an_audit_event_and_events() {
    let world = World::new(2).await;
    world.auto(&[(1, 1), (2, 2)]).await;
    let decided = world.decide(Decision::Merge { into: person_seen(1), from: person_seen(2) }).await.unwrap();
    let audit = world.json("select jsonb_agg(jsonb_build_array(actor, action, subject_id)) from audit_events where action like 'identity.%'").await;
    assert_eq!(audit, json!([["token:ops", "identity.merge", decided.decision.id.to_string()]]));
    let filter = ovia_store::identity_events::IdentityEventFilter { decision: Some(decided.decision.id), ..Default::default() };
    let events = world.store().identity_events_list(world.org, &filter, &Default::default()).await.unwrap().items;
    let kinds: Vec<&str> = events.iter().rev().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["merged", "merged", "person_retired"]);
    assert_eq!(events[1].before.as_ref().unwrap()["person_id"], json!(person(2)));
    assert_eq!(events[1].after.as_ref().unwrap()["person_id"], json!(person(1)));
    for statement in ["update identity_events set actor = 'x'", "delete from identity_events", "truncate identity_events"] {
        let refused = sqlx::query(statement).execute(world.store().pool()).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{statement}: {refused}");
    }
}
