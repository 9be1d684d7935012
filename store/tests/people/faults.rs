//! A decision that dies between any two of its statements never was.

use ovia_store::decisions::{BulkConfirm, Decided, Decision, DecisionError, RemapTo, Side};

use crate::world::{World, account, person, person_seen, seen};

/// Statements on these tables are counted by a sequence, which no rollback turns back; the one with the number wanted kills its own connection.
const TRAP: &str = "
    create sequence fault_count;
    create table fault_at (n bigint not null);
    insert into fault_at values (0);
    create function fault() returns trigger language plpgsql as $$
    begin
        if nextval('fault_count') = (select n from fault_at) then
            perform pg_terminate_backend(pg_backend_pid());
            perform pg_sleep(5);
        end if;
        return null;
    end $$;
    do $$
    declare name text;
    begin
        foreach name in array array['people', 'person_identity_links', 'identity_decisions', 'never_together', 'identity_events',
            'changed_people', 'organisations', 'audit_events', 'runs', 'run_events', 'team_memberships'] loop
            execute format('create trigger fault after insert or update or delete on %I for each statement execute function fault()', name);
        end loop;
    end $$;";

async fn arm(world: &World, n: u32) {
    world.db.sql(&format!("update fault_at set n = {n}; alter sequence fault_count restart")).await;
}

/// Tries with a fault after the first statement, the second … until it gets through; whether each failure left nothing.
async fn survives(world: &World, what: &str, decide: impl AsyncFn() -> Result<Decided, DecisionError>) {
    let before = world.everything().await;
    let mut faults = 0;
    for n in 1..60 {
        arm(world, n).await;
        match decide().await {
            Err(error) => {
                faults += 1;
                assert!(matches!(error, DecisionError::Store(_)), "{what}, statement {n}: {error}");
                assert_eq!(world.everything().await, before, "{what} left something when it died after statement {n}");
            }
            Ok(_) => {
                arm(world, 0).await;
                assert_ne!(world.everything().await, before);
                assert!(faults >= 8, "{what} has only {faults} statements that write");
                return;
            }
        }
    }
    panic!("{what} never got through");
}

#[tokio::test]
async fn a_decision_that_dies_leaves_nothing() {
    let world = World::new(9).await;
    world.auto(&[(1, 1), (2, 1), (3, 3), (4, 4), (5, 4), (6, 4), (9, 3)]).await;
    world.conflict(7, 7, &[3]).await;
    world.conflict(8, 8, &[7]).await;
    world.db.sql(TRAP).await;
    let decisions = [
        ("confirm", Decision::Confirm { account: seen(7), person: person(3) }),
        ("remap", Decision::Remap { account: seen(1), to: RemapTo::Person(person(4)) }),
        ("remap to a new person", Decision::Remap { account: seen(9), to: RemapTo::New { display_name: None } }),
        ("split", Decision::Split { person: person_seen(4), accounts: vec![account(5)], display_name: None }),
        ("merge", Decision::Merge { into: person_seen(1), from: person_seen(3) }),
        ("never", Decision::Never { one: Side::Account(seen(8)), other: Side::Account(seen(7)) }),
    ];
    let mut done = Vec::new();
    for (what, decision) in &decisions {
        survives(&world, what, async || world.decide(decision.clone()).await).await;
        let newest = world.store().decisions_list(world.org, &Default::default(), &Default::default()).await.unwrap();
        done.push((*what, newest.items[0].id));
    }
    for (what, id) in done.into_iter().rev() {
        survives(&world, &format!("undo of {what}"), async || world.decide(Decision::Undo { decision: id }).await).await;
    }
    let wanted = BulkConfirm { min_confidence: 0.5, source: None };
    let plan = world.store().bulk_confirm_plan(world.org, &wanted).await.unwrap();
    survives(&world, "bulk confirm", async || {
        world.store().bulk_confirm(world.org, &world.by("ops"), &wanted, &plan.token).await
    })
    .await;
}

#[tokio::test]
async fn a_batch_of_a_run_that_dies_leaves_nothing() {
    let world = World::new(4).await;
    world.auto(&[(1, 1), (2, 1), (3, 3)]).await;
    world.db.sql(TRAP).await;
    let links: Vec<_> = [(1, 3), (2, 3)]
        .map(|(a, p)| crate::world::link(a, p, ovia_store::links::LinkStatus::Auto, &[]))
        .into_iter()
        .collect();
    let read = world.store().matching_read(world.org).await.unwrap();
    let by = ovia_store::matching::MatchingBy { run: world.run().await, rule_set_version: 2, config_version: 0 };
    let before = world.everything().await;
    let mut faults = 0;
    for n in 1..40 {
        arm(&world, n).await;
        if world.store().matching_apply(world.org, by, read.identity_epoch, &[], &links).await.is_ok() {
            break;
        }
        faults += 1;
        assert_eq!(world.everything().await, before, "statement {n}");
    }
    arm(&world, 0).await;
    assert!(faults >= 6, "{faults}");
    assert_eq!(world.link_of(1).await, Some(("auto".into(), person(3))));
}
