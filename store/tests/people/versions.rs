//! The version that is shown is the one that is expected, whatever was refused; and who changed it.

use ovia_store::{
    decisions::{AccountSeen, BulkConfirm, Decision, DecisionError, RemapTo, Side},
    links::LinkStatus,
};

use crate::world::{World, account, link, person, person_seen, seen};

impl World {
    /// An account at the version that a list shows now.
    async fn shown(&self, n: u128) -> AccountSeen {
        let row = self.store().mapping_fetch(self.org, account(n)).await.unwrap();
        AccountSeen { identity: account(n), expected_version: Some(row.map_or(0, |row| row.version)) }
    }
}

#[tokio::test]
async fn after_a_refusal_the_version_shown_is_the_one_expected() {
    let world = World::new(6).await;
    world.auto(&[(1, 1), (2, 2), (4, 4), (5, 4)]).await;
    world.conflict(3, 3, &[1, 2]).await;
    let before = world.shown(3).await;
    // as the review asks: not the first candidate, then the second
    let never = Decision::Never { one: Side::Account(world.shown(3).await), other: Side::Account(world.shown(1).await) };
    world.decide(never).await.unwrap();
    let stale = world.decide(Decision::Confirm { account: before, person: person(2) }).await;
    let Err(DecisionError::Stale(stale)) = stale else { panic!("{stale:?}") };
    assert_eq!(stale.last_decision.map(|last| last.kind).as_deref(), Some("never"));
    world.decide(Decision::Confirm { account: world.shown(3).await, person: person(2) }).await.unwrap();
    world.decide(Decision::Confirm { account: world.shown(1).await, person: person(1) }).await.unwrap();
    // after a split, a remap, and what nobody has linked yet
    world.decide(Decision::Split { person: person_seen(4), accounts: vec![account(5)], display_name: None }).await.unwrap();
    let remap = Decision::Remap { account: world.shown(5).await, to: RemapTo::Person(person(1)) };
    let remapped = world.decide(remap).await.unwrap();
    assert_eq!(remapped.overruled.iter().map(|one| one.kind.as_str()).collect::<Vec<_>>(), ["split"], "it goes over the split");
    world.decide(Decision::Confirm { account: world.shown(4).await, person: person(4) }).await.unwrap();
    world.decide(Decision::Remap { account: world.shown(6).await, to: RemapTo::New { display_name: None } }).await.unwrap();
    let late = AccountSeen { identity: account(6), expected_version: Some(0) };
    assert!(matches!(world.decide(Decision::Remap { account: late, to: RemapTo::Person(person(1)) }).await, Err(DecisionError::Stale(_))));
    let differing = "select to_jsonb(count(*)) from person_identity_links l where l.status in ('auto', 'conflict', 'confirmed')
        and l.version <> (select max(h.version) from person_identity_links h where h.identity_id = l.identity_id)";
    assert_eq!(world.json(differing).await, 0);
}

#[tokio::test]
async fn a_refusal_that_is_taken_back_is_a_change_too() {
    let world = World::new(2).await;
    world.auto(&[(1, 1), (2, 2)]).await;
    let never = Decision::Never { one: Side::Account(seen(1)), other: Side::Account(seen(2)) };
    let done = world.decide(never).await.unwrap().decision.id;
    let (one, other) = (world.shown(1).await, world.shown(2).await);
    world.decide(Decision::Undo { decision: done }).await.unwrap();
    for seen in [one, other] {
        let stale = world.decide(Decision::Confirm { account: seen, person: person(1) }).await;
        let Err(DecisionError::Stale(stale)) = stale else { panic!("{stale:?}") };
        assert_eq!(stale.last_decision.map(|last| last.kind).as_deref(), Some("undo"));
    }
    world.decide(Decision::Confirm { account: world.shown(1).await, person: person(1) }).await.unwrap();
}

#[tokio::test]
async fn who_changed_it_is_a_decision_only_if_none_came_after() {
    let world = World::new(4).await;
    world.auto(&[(1, 1), (2, 1), (3, 1), (4, 4)]).await;
    world.decide(Decision::Confirm { account: seen(1), person: person(1) }).await.unwrap();
    let seen_then = world.shown(1).await;
    // a run finds evidence against it
    let mut contradicted = link(1, 1, LinkStatus::Confirmed, &[]);
    contradicted.contradicts = serde_json::json!([{"rule": "name", "detail": "x", "with": null, "log_odds": -5.0}]);
    world.link(&[contradicted]).await;
    let stale = world.decide(Decision::Confirm { account: seen_then, person: person(4) }).await;
    let Err(DecisionError::Stale(stale)) = stale else { panic!("{stale:?}") };
    assert!(stale.last_decision.is_none(), "a run did: {stale:?}");
    // and of a person
    let person_then = ovia_store::decisions::PersonSeen { person: person(1), expected_version: Some(1) };
    // the second account was confirmed with the first, the third is the rules'
    world.auto(&[(3, 4)]).await;
    let stale = world.decide(Decision::Split { person: person_then, accounts: vec![account(1)], display_name: None }).await;
    let Err(DecisionError::Stale(stale)) = stale else { panic!("{stale:?}") };
    assert!(stale.what == "person" && stale.last_decision.is_none(), "{stale:?}");
}

#[tokio::test]
async fn a_list_shows_the_first_hundred_of_a_large_decision_and_how_many_there_are() {
    let world = World::new(240).await;
    let links: Vec<(u128, u128)> = (1..=240).map(|n| (n, (n - 1) / 2)).collect();
    world.auto(&links).await;
    let wanted = BulkConfirm { min_confidence: 0.5, source: None };
    let plan = world.store().bulk_confirm_plan(world.org, &wanted).await.unwrap();
    assert_eq!((plan.accounts.len(), plan.people), (240, 120));
    let done = world.store().bulk_confirm(world.org, &world.by("ops"), &wanted, &plan.token).await.unwrap().decision;
    assert_eq!((done.identities.len(), done.people.len()), (240, 120));
    let listed = world.store().decisions_list(world.org, &Default::default(), &Default::default()).await.unwrap().items.remove(0);
    assert_eq!((listed.identities.len(), listed.identities_count, listed.people.len(), listed.people_count), (100, 240, 100, 120));
    assert_eq!(listed.identities[..], done.identities[..100]);
    assert_eq!(world.store().decision_fetch(world.org, done.id).await.unwrap(), Some(done));
}
