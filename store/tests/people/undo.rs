//! Undo restores exactly, whatever order things were decided in.

use ovia_store::decisions::{BulkConfirm, Decision, DecisionError, RemapTo, Side};

use crate::world::{World, account, person, person_seen, seen};

async fn world() -> World {
    let world = World::new(6).await;
    world.auto(&[(1, 1), (2, 1), (3, 3), (4, 4)]).await;
    world.conflict(5, 5, &[3]).await;
    world
        .db
        .sql(&format!(
            "insert into teams (id, org_id, name) values ('{t}', '{org}', 'Payments');
            insert into team_memberships (org_id, team_id, person_id, from_date, created_by) values ('{org}', '{t}', '{p}', '2026-01-01', 'token:ops')",
            t = uuid::Uuid::new_v4(),
            org = world.org,
            p = person(3)
        ))
        .await;
    world
}

fn decisions() -> Vec<Decision> {
    vec![
        Decision::Confirm { account: seen(5), person: person(3) },
        Decision::Confirm { account: seen(5), person: person(5) },
        Decision::Confirm { account: seen(1), person: person(1) },
        Decision::Remap { account: seen(1), to: RemapTo::Person(person(4)) },
        Decision::Remap { account: seen(1), to: RemapTo::New { display_name: None } },
        Decision::Remap { account: seen(6), to: RemapTo::Person(person(4)) },
        Decision::Split { person: person_seen(1), accounts: vec![account(2)], display_name: Some("Somebody".into()) },
        Decision::Merge { into: person_seen(1), from: person_seen(3) },
        Decision::Merge { into: person_seen(3), from: person_seen(5) },
        Decision::Never { one: Side::Account(seen(5)), other: Side::Account(seen(3)) },
        Decision::Never { one: Side::Person(person_seen(1)), other: Side::Person(person_seen(4)) },
    ]
}

#[tokio::test]
async fn each_decision_is_undone_brought_back_and_undone_again() {
    for decision in decisions() {
        let world = world().await;
        let before = world.state().await;
        let done = world.decide(decision.clone()).await.unwrap();
        let after = world.state().await;
        assert_ne!(before, after, "{decision:?}");
        let undone = world.decide(Decision::Undo { decision: done.decision.id }).await.unwrap();
        assert_eq!(world.state().await, before, "undone: {decision:?}");
        assert_eq!(undone.decision.undoes, Some(done.decision.id));
        let twice = world.decide(Decision::Undo { decision: done.decision.id }).await;
        assert!(matches!(twice, Err(DecisionError::Refused { .. })), "{twice:?}");
        let back = world.decide(Decision::Undo { decision: undone.decision.id }).await.unwrap();
        assert_eq!(world.state().await, after, "brought back: {decision:?}");
        let third = world.decide(Decision::Undo { decision: back.decision.id }).await;
        assert!(matches!(third, Err(DecisionError::Refused { .. })), "{third:?}");
        world.decide(Decision::Undo { decision: done.decision.id }).await.unwrap();
        assert_eq!(world.state().await, before, "undone again: {decision:?}");
    }
}

#[tokio::test]
async fn a_bulk_confirm_is_one_undo() {
    let world = world().await;
    let before = world.state().await;
    let wanted = BulkConfirm { min_confidence: 0.5, source: None };
    let plan = world.store().bulk_confirm_plan(world.org, &wanted).await.unwrap();
    let done = world.store().bulk_confirm(world.org, &world.by("ops"), &wanted, &plan.token).await.unwrap();
    assert_ne!(world.state().await, before);
    world.decide(Decision::Undo { decision: done.decision.id }).await.unwrap();
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn what_later_decisions_build_on_is_not_undone_before_them() {
    let world = world().await;
    let before = world.state().await;
    let first = world.decide(Decision::Merge { into: person_seen(1), from: person_seen(3) }).await.unwrap().decision.id;
    let elsewhere = world.decide(Decision::Confirm { account: seen(4), person: person(4) }).await.unwrap().decision.id;
    let second = world
        .decide(Decision::Split { person: person_seen(1), accounts: vec![account(3)], display_name: None })
        .await
        .unwrap()
        .decision
        .id;
    let refused = world.decide(Decision::Undo { decision: first }).await;
    let Err(DecisionError::BuiltOn { decision, later }) = refused else { panic!("{refused:?}") };
    assert_eq!((decision, later.iter().map(|one| one.id).collect::<Vec<_>>()), (first, vec![second]));
    // an undo that was undone counts as of then
    let undo = world.decide(Decision::Undo { decision: second }).await.unwrap().decision.id;
    let undo_first = world.decide(Decision::Undo { decision: first }).await.unwrap().decision.id;
    let out_of_order = world.decide(Decision::Undo { decision: undo }).await;
    // bringing the split back would need what it was made on
    assert!(out_of_order.is_err(), "{out_of_order:?}");
    world.decide(Decision::Undo { decision: undo_first }).await.unwrap();
    world.decide(Decision::Undo { decision: first }).await.unwrap();
    world.decide(Decision::Undo { decision: elsewhere }).await.unwrap();
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn undo_reaches_over_what_runs_did_in_between() {
    let world = world().await;
    let done = world.decide(Decision::Remap { account: seen(1), to: RemapTo::Person(person(4)) }).await.unwrap();
    // a run moves the account that stayed away, so that its person has nobody any more
    world.auto(&[(2, 3)]).await;
    assert!(world.is_retired(person(1)).await);
    world.decide(Decision::Undo { decision: done.decision.id }).await.unwrap();
    assert_eq!(world.link_of(1).await, Some(("auto".into(), person(1))));
    assert_eq!(world.link_of(2).await, Some(("auto".into(), person(3))), "what the run did stays");
    assert!(!world.is_retired(person(1)).await, "under its id");
}
