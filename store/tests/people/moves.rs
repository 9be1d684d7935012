//! Team memberships follow the accounts of a person who has none any more, and come back.

use chrono::NaiveDate;
use ovia_store::{
    decisions::{Decision, RemapTo, Side},
    team_memberships::{MembershipOutcome, NewTeamMembership},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{World, person, person_seen, seen};

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

impl World {
    async fn team(&self, name: &str) -> Uuid {
        self.store().team_create(self.org, name, None, "token:ops").await.unwrap().id
    }

    async fn member(&self, team_id: Uuid, n: u128, from: &str, until: Option<&str>) {
        let new = NewTeamMembership { team_id, person: person(n), role: None, from_date: day(from), until_date: until.map(day) };
        let written = self.store().team_membership_create(self.org, &new, "token:ops").await.unwrap();
        assert!(matches!(written, MembershipOutcome::Written(_)), "{written:?}");
    }

    /// [from, until] of a person's stretches, by day.
    async fn stretches(&self, n: u128) -> Vec<(NaiveDate, Option<NaiveDate>)> {
        let detail = self.store().person_detail(self.org, person(n)).await.unwrap().unwrap();
        detail.teams.into_iter().map(|row| (row.from_date, row.until_date)).collect()
    }
}

#[tokio::test]
async fn a_merge_moves_the_days_that_the_other_was_not_in_the_team_and_its_undo_brings_all_back() {
    let world = World::new(2).await;
    world.auto(&[(1, 1), (2, 2)]).await;
    let (pay, search, ops) = (world.team("Payments").await, world.team("Search").await, world.team("Operations").await);
    world.member(pay, 1, "2026-06-01", Some("2026-08-01")).await;
    world.member(pay, 2, "2026-01-01", Some("2026-12-01")).await;
    world.member(search, 1, "2026-01-01", None).await;
    world.member(search, 2, "2026-02-01", Some("2026-03-01")).await;
    world.member(ops, 2, "2026-01-01", None).await;
    let before = world.state().await;
    let done = world.decide(Decision::Merge { into: person_seen(1), from: person_seen(2) }).await.unwrap();
    let expected = [
        ("2026-01-01", Some("2026-06-01")),
        ("2026-01-01", None),
        ("2026-01-01", None),
        ("2026-06-01", Some("2026-08-01")),
        ("2026-08-01", Some("2026-12-01")),
    ];
    let mut expected = expected.map(|(from, until)| (day(from), until.map(day)));
    let mut found = world.stretches(1).await;
    expected.sort();
    found.sort();
    assert_eq!(found, expected, "every day that one of them was in a team");
    assert_eq!(world.stretches(2).await, [(day("2026-02-01"), Some(day("2026-03-01")))], "what overlaps as a whole stays");
    let after = world.state().await;
    let undone = world.decide(Decision::Undo { decision: done.decision.id }).await.unwrap().decision.id;
    assert_eq!(world.state().await, before);
    world.decide(Decision::Undo { decision: undone }).await.unwrap();
    assert_eq!(world.state().await, after, "and back");
    world.decide(Decision::Undo { decision: done.decision.id }).await.unwrap();
    assert_eq!(world.state().await, before);
}

#[tokio::test]
async fn what_was_deleted_meanwhile_is_not_made_again_by_an_undo() {
    let world = World::new(2).await;
    world.auto(&[(1, 1), (2, 2)]).await;
    let pay = world.team("Payments").await;
    world.member(pay, 2, "2026-01-01", None).await;
    let done = world.decide(Decision::Merge { into: person_seen(1), from: person_seen(2) }).await.unwrap().decision.id;
    let id = world.store().person_detail(world.org, person(1)).await.unwrap().unwrap().teams[0].id;
    assert!(world.store().team_membership_delete(world.org, id, "token:ops").await.unwrap());
    world.decide(Decision::Undo { decision: done }).await.unwrap();
    assert!(world.stretches(1).await.is_empty() && world.stretches(2).await.is_empty());
}

#[tokio::test]
async fn memberships_follow_the_only_account_that_a_decision_or_a_run_moves() {
    let world = World::new(6).await;
    world.auto(&[(1, 1), (2, 2), (3, 3), (4, 3), (5, 5), (6, 6)]).await;
    let pay = world.team("Payments").await;
    for n in [1, 3, 5] {
        world.member(pay, n, "2026-01-01", None).await;
    }
    let before = world.state().await;
    // a lone account confirmed to somebody else
    let done = world.decide(Decision::Confirm { account: seen(1), person: person(2) }).await.unwrap().decision.id;
    assert_eq!((world.stretches(1).await.len(), world.stretches(2).await.len()), (0, 1));
    world.decide(Decision::Undo { decision: done }).await.unwrap();
    assert_eq!(world.state().await, before);
    // one of two accounts says nothing about the person
    world.decide(Decision::Remap { account: seen(4), to: RemapTo::Person(person(2)) }).await.unwrap();
    assert_eq!(world.stretches(3).await.len(), 1);
    // a run joins two people
    world.auto(&[(5, 6), (6, 6)]).await;
    assert!(world.is_retired(person(5)).await);
    assert_eq!((world.stretches(5).await.len(), world.stretches(6).await.len()), (0, 1));
    let moved = world.json("select jsonb_agg(jsonb_build_array(actor like 'run:%', data -> 'to') order by id) from audit_events where action = 'team.members_move'").await;
    assert_eq!(moved, json!([[false, person(2)], [true, person(6)]]));
    // of somebody imported nothing moves: they are there without accounts
    world.db.sql(&format!("update people set imported_at = now() where id = '{}'", person(6))).await;
    world.auto(&[(5, 2), (6, 2)]).await;
    assert_eq!((world.is_retired(person(6)).await, world.stretches(6).await.len()), (false, 1));
}

#[tokio::test]
async fn an_undo_leaves_somebody_elses_merge_alone() {
    let world = World::new(4).await;
    world.auto(&[(1, 1), (2, 2), (3, 2), (4, 4)]).await;
    let never = Decision::Never { one: Side::Account(seen(1)), other: Side::Account(seen(2)) };
    let never = world.decide(never).await.unwrap().decision.id;
    // a run takes the account away that the decision is about; who is left is merged
    world.auto(&[(2, 5)]).await;
    let merge = world.decide(Decision::Merge { into: person_seen(4), from: person_seen(2) }).await.unwrap().decision.id;
    world.decide(Decision::Undo { decision: never }).await.unwrap();
    let head = world.store().person_head(world.org, person(2)).await.unwrap().unwrap();
    assert_eq!((head.merged_into, head.retired_at.is_some()), (Some(person(4).0), true), "the merge holds");
    world.decide(Decision::Undo { decision: merge }).await.unwrap();
    let head = world.store().person_head(world.org, person(2)).await.unwrap().unwrap();
    assert_eq!((head.merged_into, head.retired_at), (None, None));
}

#[tokio::test]
async fn a_decision_of_an_earlier_version_is_undone_too() {
    let world = World::new(2).await;
    world.auto(&[(1, 1), (2, 2)]).await;
    let pay = world.team("Payments").await;
    world.member(pay, 2, "2026-01-01", None).await;
    let before = world.state().await;
    let done = world.decide(Decision::Merge { into: person_seen(1), from: person_seen(2) }).await.unwrap().decision.id;
    // it kept whose a membership was, and nothing else
    world
        .db
        .sql(
            "update identity_decisions set before = jsonb_set(before, '{team_memberships}',
                (select jsonb_agg(jsonb_build_object('id', m -> 'id', 'person', m -> 'person'))
                 from jsonb_array_elements(before -> 'team_memberships') m))",
        )
        .await;
    let kept = world.json("select jsonb_agg(before -> 'team_memberships' -> 0) from identity_decisions").await;
    assert!(matches!(&kept[0], Value::Object(fields) if fields.len() == 2), "{kept}");
    world.decide(Decision::Undo { decision: done }).await.unwrap();
    assert_eq!(world.state().await, before);
}
