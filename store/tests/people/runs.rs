//! What a run reads and writes.

use ovia_store::{
    decisions::{Decision, RemapTo},
    links::LinkStatus,
    matching::{BatchOutcome, MatchingBy},
};
use serde_json::json;

use crate::world::{World, account, link, person, person_seen, seen};

#[tokio::test]
async fn the_same_links_twice_write_nothing_the_second_time() {
    let world = World::new(3).await;
    let links = [link(1, 1, LinkStatus::Auto, &[]), link(2, 1, LinkStatus::Auto, &[]), link(3, 3, LinkStatus::Conflict, &[1])];
    assert_eq!(world.store().matching_diff(world.org, &links).await.unwrap().len(), 3);
    let BatchOutcome::Written(first) = world.link(&links).await else { panic!("refused") };
    assert_eq!((first.links_written, first.people_written, first.people_changed), (3, 2, 1), "a conflict counts for nobody");
    assert!(world.store().matching_diff(world.org, &links).await.unwrap().is_empty());
    let before = world.json("select jsonb_agg(to_jsonb(t) order by id) from person_identity_links t").await;
    let BatchOutcome::Written(second) = world.link(&links).await else { panic!("refused") };
    assert_eq!((second.links_written, second.people_written, second.identity_epoch), (0, 0, first.identity_epoch));
    assert_eq!(world.json("select jsonb_agg(to_jsonb(t) order by id) from person_identity_links t").await, before);
}

#[tokio::test]
async fn only_a_change_of_person_or_status_makes_a_row() {
    let world = World::new(1).await;
    world.auto(&[(1, 1)]).await;
    let mut other_evidence = link(1, 1, LinkStatus::Auto, &[]);
    other_evidence.confidence = 0.99;
    let BatchOutcome::Written(applied) = world.link(&[other_evidence]).await else { panic!("refused") };
    assert_eq!((applied.links_written, applied.people_changed), (1, 0));
    let history = "select jsonb_agg(jsonb_build_array(status, person_id, version) order by id) from person_identity_links";
    assert_eq!(world.json(history).await, json!([["auto", person(1), 2]]));
    world.auto(&[(1, 2)]).await;
    assert_eq!(world.json(history).await, json!([["superseded", person(1), 2], ["auto", person(2), 3]]));
    assert!(world.is_retired(person(1)).await);
    let events = world.json("select jsonb_agg(kind order by id) from identity_events").await;
    assert_eq!(events, json!(["linked", "moved", "person_retired"]));
}

#[tokio::test]
async fn a_question_keeps_its_age_while_its_candidates_change() {
    let world = World::new(3).await;
    world.auto(&[(1, 1), (2, 2)]).await;
    world.conflict(3, 3, &[1]).await;
    let since = |row: Option<ovia_store::mappings::MappingRow>| row.unwrap().conflict_since.unwrap();
    let asked = since(world.store().mapping_fetch(world.org, account(3)).await.unwrap());
    world.conflict(3, 3, &[1, 2]).await;
    assert_eq!(since(world.store().mapping_fetch(world.org, account(3)).await.unwrap()), asked);
    world.conflict(3, 4, &[1, 2]).await;
    assert_eq!(since(world.store().mapping_fetch(world.org, account(3)).await.unwrap()), asked, "with another person of its own, too");
}

#[tokio::test]
async fn strong_evidence_against_a_decision_is_shown_and_changes_nothing() {
    let world = World::new(2).await;
    world.auto(&[(1, 1), (2, 1)]).await;
    world.decide(Decision::Remap { account: seen(1), to: RemapTo::New { display_name: None } }).await.unwrap();
    let (_, alone) = world.link_of(1).await.unwrap();
    let before = world.state().await;
    let mut contradicted = link(1, 1, LinkStatus::Confirmed, &[]);
    contradicted.person_id = alone.0;
    contradicted.contradicts = json!([{"rule": "exact e-mail", "detail": "same e-mail", "with": account(2), "log_odds": 5.0}]);
    world.link(&[contradicted.clone()]).await;
    let row = world.store().mapping_fetch(world.org, account(1)).await.unwrap().unwrap();
    assert_eq!((row.status.as_str(), row.person_id, &row.contradicts, row.rule.as_str()), ("confirmed", alone.0, &contradicted.contradicts, "human decision"));
    let stats = world.store().mapping_stats(world.org).await.unwrap();
    assert_eq!(stats.contradicted, 1);
    contradicted.contradicts = json!([]);
    world.link(&[contradicted]).await;
    let mut after = world.state().await;
    // which run looked last is all that differs
    for state in [&mut after] {
        for row in state[0].as_array_mut().unwrap() {
            row["run_id"] = serde_json::Value::Null;
            row["rule_set_version"] = json!(0);
            row["sentence"] = serde_json::Value::Null;
        }
    }
    let mut before = before;
    for row in before[0].as_array_mut().unwrap() {
        row["run_id"] = serde_json::Value::Null;
        row["rule_set_version"] = json!(0);
        row["sentence"] = serde_json::Value::Null;
    }
    assert_eq!(after, before);
}

#[tokio::test]
async fn people_nobody_is_linked_to_are_retired_but_not_those_that_were_imported() {
    let world = World::new(1).await;
    world.auto(&[(1, 1)]).await;
    world
        .db
        .sql(&format!(
            "insert into people (id, org_id, display_name) values ('{}', '{org}', 'left over');
            insert into people (id, org_id, display_name, imported_at) values ('{}', '{org}', 'from the list', now())",
            person(8),
            person(9),
            org = world.org
        ))
        .await;
    let read = world.store().matching_read(world.org).await.unwrap();
    let by = MatchingBy { run: world.run().await, rule_set_version: 2, config_version: 0 };
    let swept = world.store().matching_sweep(world.org, by.run, read.identity_epoch).await.unwrap();
    assert!(matches!(swept, BatchOutcome::Written(applied) if applied.people_removed == 1), "{swept:?}");
    assert_eq!((world.is_retired(person(8)).await, world.is_retired(person(9)).await), (true, false));
    assert!(!world.is_retired(person(1)).await);
    let missing = world.decide(Decision::Confirm { account: seen(1), person: person(8) }).await;
    assert!(missing.is_err());
    assert!(world.decide(Decision::Merge { into: person_seen(9), from: person_seen(1) }).await.is_ok(), "an imported person takes accounts");
}

#[tokio::test]
async fn who_works_on_the_same_thing_is_read() {
    let world = World::new(3).await;
    let (org, connection) = (world.org, world.connection);
    world
        .db
        .sql(&format!(
            "insert into merge_requests (org_id, connection_id, external_id, project_external_id, number, title, state, draft, author_external_id,
                assignee_external_ids, reviewer_external_ids, labels, is_fork, created_at)
            select '{org}', '{connection}', n::text, '1', n, 'change', 'merged', false, '{one}', '{{}}', '{{}}', '{{}}', false, now()
            from generate_series(1, 3) n;
            insert into merge_request_commits (org_id, connection_id, external_id, merge_request_external_id, sha, author_email)
            values ('{org}', '{connection}', 'a', '1', 'a', 'USER2@acme.test'), ('{org}', '{connection}', 'b', '2', 'b', 'user2@acme.test'),
                ('{org}', '{connection}', 'c', '2', 'c', 'user2@acme.test'), ('{org}', '{connection}', 'd', '3', 'd', 'user2@acme.test'),
                ('{org}', '{connection}', 'e', '3', 'e', 'user3@acme.test')",
            one = account(1)
        ))
        .await;
    let read = world.store().matching_read(world.org).await.unwrap();
    let [seen_together] = read.co_occurrences.as_slice() else { panic!("{:?}", read.co_occurrences) };
    assert_eq!((seen_together.a, seen_together.b), (account(1).0, account(2).0));
    assert_eq!((seen_together.kind.as_str(), seen_together.count), ("merge_request_commit", 2), "the third has two authors");
}
