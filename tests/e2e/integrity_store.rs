//! Storing what checks found: twice, by an attempt that is too late, and for another organisation.

use ovia_domain::{
    Entity, OrgId, Record, RunStatus, WorkItem,
    integrity::{AnomalyRule, Finding, SubjectTable},
};
use ovia_store::{
    StoreError,
    integrity::{Checked, IntegrityAttempt, ItemKeys, Membership, Place, Step},
};
use ovia_tests::{eventually, state};
use serde_json::json;

use crate::{
    ingest::{Ingest, record, run_new},
    ingest_work::work_item,
};

const BASIS: &str = "1";

/// An item of whose release nothing is known, and a finding about it.
async fn with_item() -> Ingest {
    let ingest = Ingest::start().await;
    let item = Entity::WorkItem(work_item("an item", 1));
    ingest.app.store.page_commit(&ingest.page(&[record("1", json!({"id": 1}), vec![item])])).await.unwrap();
    ingest.app.store.integrity_begin(&ingest.attempt(), BASIS).await.unwrap();
    ingest
}

fn checked(rules: &[AnomalyRule]) -> Checked {
    let finding = |rule: &AnomalyRule| ("1".to_owned(), Finding { rule: *rule, explanation: "It is wrong.".into() });
    let membership = Membership {
        work_item_external_id: "1".into(),
        version_external_id: Some("9".into()),
        rule: "earliest_fix_version",
        candidates: vec!["9".into(), "a \"b\", {c}".into()],
        expected: true,
        unambiguous: true,
    };
    Checked { external_ids: vec!["1".into()], findings: rules.iter().map(finding).collect(), memberships: vec![membership] }
}

fn place() -> Place {
    Place { step: Step::Items, cursor: Some(json!({"id": 1})) }
}

async fn apply(ingest: &Ingest, attempt: &IntegrityAttempt, checked: &Checked) -> Result<(), StoreError> {
    ingest.app.store.integrity_apply(attempt, SubjectTable::WorkItems, checked, &place()).await
}

#[tokio::test]
async fn a_batch_that_is_stored_twice_is_there_once() {
    let ingest = with_item().await;
    let (store, attempt) = (&ingest.app.store, ingest.attempt());
    let both = checked(&[AnomalyRule::OrphanParent, AnomalyRule::TypeMismatch]);
    apply(&ingest, &attempt, &both).await.unwrap();
    let memberships = state::positions(store, "release_memberships").await;
    let items = state::positions(store, "work_items").await;
    apply(&ingest, &attempt, &both).await.unwrap();
    assert_eq!(ingest.count("anomalies").await, 2);
    assert_eq!(state::positions(store, "release_memberships").await, memberships, "written again");
    assert_eq!(state::positions(store, "work_items").await, items, "marked again");
    let candidates = r#"release_memberships where candidates = array['9', 'a "b", {c}'] and expected and unambiguous"#;
    assert_eq!(ingest.count(candidates).await, 1);
    // one of them is not found any more, nor does the item name a release
    apply(&ingest, &attempt, &Checked { memberships: vec![], ..checked(&[AnomalyRule::TypeMismatch]) }).await.unwrap();
    assert_eq!(ingest.count("anomalies where rule = 'orphan_parent' and status = 'resolved'").await, 1);
    assert_eq!(ingest.count("anomalies where rule = 'type_mismatch' and status = 'open'").await, 1);
    assert_eq!(ingest.count("release_memberships").await, 0);
    assert_eq!(ingest.count("work_items where needs_review").await, 1);
    apply(&ingest, &attempt, &checked(&[])).await.unwrap();
    assert_eq!(ingest.count("work_items where needs_review").await, 0);
}

#[tokio::test]
async fn a_pass_ends_once() {
    let ingest = with_item().await;
    let (store, attempt) = (&ingest.app.store, ingest.attempt());
    apply(&ingest, &attempt, &checked(&[AnomalyRule::OrphanParent])).await.unwrap();
    let pass = store.integrity_begin(&attempt, BASIS).await.unwrap();
    assert_eq!((pass.step, pass.cursor, pass.finished, pass.since), (Step::Items, Some(json!({"id": 1})), false, None));
    for _ in 0..2 {
        store.integrity_finish(&attempt).await.unwrap();
        assert!(store.integrity_begin(&attempt, BASIS).await.unwrap().finished);
    }
    assert_eq!(ingest.count("run_events where kind = 'integrity_checked'").await, 1);
    let run = store.run_fetch(attempt.org, attempt.run).await.unwrap().unwrap();
    let found = run.result.unwrap()["integrity"].clone();
    assert_eq!((&found["checked"], &found["opened"], &found["release_mapping_accuracy"]), (&json!(1), &json!(1), &json!(1.0)), "{found}");
}

#[tokio::test]
async fn without_releases_there_is_no_accuracy() {
    let ingest = with_item().await;
    ingest.app.store.integrity_finish(&ingest.attempt()).await.unwrap();
    let run = ingest.app.store.run_fetch(ingest.app.org, ingest.attempt().run).await.unwrap().unwrap();
    assert_eq!(run.result.unwrap()["integrity"]["release_mapping_accuracy"], json!(null));
}

#[tokio::test]
async fn who_lost_the_lease_stores_nothing() {
    let ingest = with_item().await;
    let late = IntegrityAttempt { fence: ingest.fence() - 1, ..ingest.attempt() };
    let store = &ingest.app.store;
    let found = checked(&[AnomalyRule::OrphanParent]);
    assert!(matches!(apply(&ingest, &late, &found).await, Err(StoreError::Fenced)));
    assert!(matches!(store.integrity_move(&late, &place()).await, Err(StoreError::Fenced)));
    assert!(matches!(store.integrity_finish(&late).await, Err(StoreError::Fenced)));
    assert_eq!(ingest.count("anomalies").await, 0);
    assert_eq!(ingest.count("integrity_passes where finished_at is null and cursor is null").await, 1);
}

#[tokio::test]
async fn another_organisation_is_neither_read_nor_written() {
    let ingest = with_item().await;
    let attempt = ingest.attempt();
    apply(&ingest, &attempt, &checked(&[AnomalyRule::OrphanParent])).await.unwrap();
    let other = IntegrityAttempt { org: OrgId::generate(), ..attempt };
    let keys = ItemKeys::Changed { at: chrono::DateTime::UNIX_EPOCH, id: 0 };
    assert_eq!(ingest.app.store.integrity_items(&attempt, keys, 10).await.unwrap().len(), 1);
    assert!(ingest.app.store.integrity_items(&other, keys, 10).await.unwrap().is_empty());
    assert!(apply(&ingest, &other, &checked(&[])).await.is_err());
    assert_eq!(ingest.count("anomalies where status = 'open'").await, 1);
    assert_eq!(ingest.count("work_items where needs_review").await, 1);
}

/// An item of this external id, nothing else of which matters.
fn item(id: &str) -> Record {
    let row = WorkItem { external_id: id.into(), key: format!("WEB-{id}"), ..work_item("an item", 1) };
    record(id, json!({"id": id}), vec![Entity::WorkItem(row)])
}

/// Webhooks write without the lease: between the reading of keys and that of rows, too.
#[tokio::test]
async fn an_item_that_is_written_while_it_is_read_has_none_skipped() {
    let ingest = Ingest::start().await;
    let (store, attempt) = (&ingest.app.store, ingest.attempt());
    store.page_commit(&ingest.page(&["1", "2", "3"].map(item))).await.unwrap();
    store.integrity_begin(&attempt, BASIS).await.unwrap();
    // rows are read together with sprints, keys are not
    let mut writer = store.pool().begin().await.unwrap();
    sqlx::query("lock table sprints in access exclusive mode").execute(&mut *writer).await.unwrap();
    let write = async {
        let waiting = "select count(*) from pg_locks where relation = 'sprints'::regclass and not granted
            and database = (select oid from pg_database where datname = current_database())";
        eventually("rows to be read", 30, async || (state::count(store, waiting).await > 0).then_some(())).await;
        sqlx::query("update work_items set changed_at = now() where external_id = '2'").execute(&mut *writer).await.unwrap();
        writer.commit().await.unwrap();
    };
    let keys = ItemKeys::Changed { at: chrono::DateTime::UNIX_EPOCH, id: 0 };
    let (batch, ()) = futures::future::join(store.integrity_items(&attempt, keys, 2), write).await;
    let batch = batch.unwrap();
    let last = batch.last().unwrap();
    assert_eq!((batch.len(), last.external_id.as_str()), (2, "2"));
    let next = store.integrity_items(&attempt, ItemKeys::Changed { at: last.changed_at, id: last.id }, 10).await.unwrap();
    let next: Vec<&str> = next.iter().map(|item| item.external_id.as_str()).collect();
    assert_eq!(next, ["3", "2"], "the third was skipped, or what became of the second");
}

/// An item's `changed_at` is when its transaction began, which may be long before it is seen.
#[tokio::test]
async fn what_is_committed_behind_a_pass_is_seen_by_the_next() {
    let ingest = Ingest::start().await;
    let (store, attempt) = (&ingest.app.store, ingest.attempt());
    store.page_commit(&ingest.page(&[item("1")])).await.unwrap();
    let mut writer = store.pool().begin().await.unwrap();
    sqlx::query("update work_items set title = 'changed', changed_at = now()").execute(&mut *writer).await.unwrap();
    store.integrity_begin(&attempt, BASIS).await.unwrap();
    store.integrity_finish(&attempt).await.unwrap();
    store.run_finish(attempt.org, attempt.run, RunStatus::Succeeded, None, None).await.unwrap();
    writer.commit().await.unwrap();
    let next = IntegrityAttempt { run: run_new(&ingest.app, ingest.connection()).await, ..attempt };
    let pass = store.integrity_begin(&next, BASIS).await.unwrap();
    let since = pass.since.expect("only what changed is looked at");
    let seen = store.integrity_items(&next, ItemKeys::Changed { at: since, id: 0 }, 10).await.unwrap();
    assert_eq!(seen.len(), 1);
}
