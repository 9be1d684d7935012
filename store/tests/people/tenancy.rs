//! Another organisation's accounts, people, decisions and teams do not exist.

use ovia_domain::OrgId;
use ovia_store::{
    decisions::{BulkConfirm, Decider, Decision, DecisionError, RemapTo, Side},
    matching::{BatchOutcome, MatchingBy},
    runs::NewRun,
};

use crate::world::{World, account, link, person, person_seen, seen};

#[tokio::test]
async fn nothing_of_another_organisation_is_read_or_decided() {
    let world = World::new(3).await;
    world.auto(&[(1, 1), (2, 1)]).await;
    world.conflict(3, 3, &[1]).await;
    let team = world.store().team_create(world.org, "Payments", None, "token:ops").await.unwrap();
    let decided = world.decide(Decision::Confirm { account: seen(1), person: person(1) }).await.unwrap().decision.id;
    let other = OrgId::generate();
    world.db.sql(&format!("insert into organisations (id, name) values ('{other}', 'Other')")).await;
    let store = world.store();
    let before = world.everything().await;
    let by = Decider { follow_up: NewRun { org_id: other, ..world.new_run() }, ..world.by("stranger") };
    let decisions = [
        Decision::Confirm { account: seen(3), person: person(1) },
        Decision::Remap { account: seen(3), to: RemapTo::New { display_name: None } },
        Decision::Split { person: person_seen(1), accounts: vec![account(1)], display_name: None },
        Decision::Merge { into: person_seen(1), from: person_seen(3) },
        Decision::Never { one: Side::Account(seen(3)), other: Side::Account(seen(1)) },
        Decision::Undo { decision: decided },
    ];
    for decision in &decisions {
        let refused = store.decide(other, &by, decision).await;
        assert!(matches!(refused, Err(DecisionError::NotFound { .. })), "{decision:?}: {refused:?}");
    }
    let all = BulkConfirm { min_confidence: 0.0, source: None };
    assert!(store.bulk_confirm_plan(other, &all).await.unwrap().accounts.is_empty());
    assert!(store.mappings_list(other, &Default::default(), Default::default(), &Default::default()).await.unwrap().items.is_empty());
    assert!(store.mappings_export(other, None, None, 10).await.unwrap().is_empty());
    assert!(store.conflicts_list(other, None, &Default::default()).await.unwrap().items.is_empty());
    assert!(store.mapping_fetch(other, account(1)).await.unwrap().is_none());
    assert!(store.person_detail(other, person(1)).await.unwrap().is_none());
    assert!(store.decisions_list(other, &Default::default(), &Default::default()).await.unwrap().items.is_empty());
    assert!(store.identity_events_list(other, &Default::default(), &Default::default()).await.unwrap().items.is_empty());
    assert!(store.changed_people(other, 0).await.unwrap().is_empty());
    let today = chrono::NaiveDate::default();
    assert!(store.team_fetch(other, team.id, today).await.unwrap().is_none());
    assert!(store.teams_list(other, false, today, &Default::default()).await.unwrap().items.is_empty());
    let stats = store.mapping_stats(other).await.unwrap();
    assert_eq!((stats.people, stats.queue, stats.sources.len()), (0, 0, 0));
    let read = store.matching_read(other).await.unwrap();
    assert!(read.identities.is_empty() && read.people.is_empty() && read.rejected.is_empty() && read.rooted.is_empty());
    assert_eq!(world.everything().await, before);

    // a run of one that names accounts and people of another writes none of them
    let run = world.new_run();
    let by = MatchingBy { run: run.run_id, rule_set_version: 2, config_version: 0 };
    store.run_create(NewRun { org_id: other, ..run }).await.unwrap();
    store.run_begin(other, by.run, &[], &[]).await.unwrap();
    let links = [link(1, 3, ovia_store::links::LinkStatus::Auto, &[])];
    let outcome = store.matching_apply(other, by, 0, &[], &links).await.unwrap();
    assert!(matches!(outcome, BatchOutcome::Written(applied) if applied.links_written == 0), "{outcome:?}");
    assert_eq!(world.link_of(1).await, Some(("confirmed".into(), person(1))));
}
