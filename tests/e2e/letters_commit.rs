//! The commit of dead letters that were read again, tried to be broken: late, twice, with a row Postgres refuses, against a person who
//! drops them meanwhile.

use chrono::NaiveDate;
use ovia_domain::{DeadLetter, Entity, Membership, Record};
use ovia_store::{
    StoreError,
    dead_letters::LetterSelection,
    ingest::{LetterOutcome, LetterRead, LettersCommit, PageCommit},
    replay::{LettersResult, OpenLetter, ReplayResult},
};
use serde_json::json;

use crate::ingest::{Ingest, merge_request, record};

const STREAM: &str = "merge_requests";

fn titled(id: &str) -> Record {
    record(id, json!({"id": id}), vec![Entity::MergeRequest(merge_request(id, "read"))])
}

/// Open letters with these records' payloads.
async fn letters(ingest: &Ingest, records: &[Record]) -> Vec<OpenLetter> {
    let unread = |record: &Record| DeadLetter {
        external_id: Some(record.external_id.clone()),
        partition: Some("1".into()),
        payload: record.raw.get().to_owned(),
        reason: "unreadable".into(),
    };
    let unread: Vec<DeadLetter> = records.iter().map(unread).collect();
    let page = ingest.page(&[]);
    ingest.app.store.page_commit(&PageCommit { dead_letters: &unread, ..ingest.page(&[]) }).await.unwrap();
    let all = LetterSelection::default();
    ingest.app.store.letters_next(page.org_id, page.connection_id, STREAM, &all, 0, 100).await.unwrap()
}

async fn commit(ingest: &Ingest, fence: i64, open: &[OpenLetter], records: Vec<Record>) -> Result<LettersResult, StoreError> {
    let page = ingest.page(&[]);
    let read = |(letter, record): (&OpenLetter, Record)| LetterRead {
        id: letter.id,
        partition: letter.partition.clone(),
        last_seen_at: letter.last_seen_at,
        outcome: LetterOutcome::Records(vec![record]),
    };
    let commit = LettersCommit {
        org_id: page.org_id,
        connection_id: page.connection_id,
        source: page.source,
        run_id: page.run_id,
        fence,
        stream: STREAM,
        last_id: open.last().unwrap().id,
        letters: open.iter().zip(records).map(read).collect(),
    };
    let result = ingest.app.store.letters_commit(commit, &ReplayResult::default()).await?;
    Ok(result.letters.unwrap())
}

#[tokio::test]
async fn a_late_attempt_closes_no_letter() {
    let ingest = Ingest::start().await;
    let open = letters(&ingest, &[titled("1")]).await;
    let fence = ingest.page(&[]).fence;
    let late = commit(&ingest, fence - 1, &open, vec![titled("1")]).await;
    assert!(matches!(late, Err(StoreError::Fenced)), "{late:?}");
    assert_eq!((ingest.count("dead_letters where status = 'open'").await, ingest.count("merge_requests").await), (1, 0));
}

#[tokio::test]
async fn twice_is_once() {
    let ingest = Ingest::start().await;
    let open = letters(&ingest, &[titled("1"), titled("2")]).await;
    let fence = ingest.page(&[]).fence;
    let read = || vec![titled("1"), titled("2")];
    assert_eq!(commit(&ingest, fence, &open, read()).await.unwrap().replayed, 2);
    assert_eq!(commit(&ingest, fence, &open, read()).await.unwrap(), LettersResult::default());
    assert_eq!(ingest.count("merge_requests").await, 2);
    assert_eq!(ingest.count("run_streams where inserted = 2 and unchanged = 0").await, 1);
    assert_eq!(ingest.count("raw_records where partition = '1'").await, 2);
}

#[tokio::test]
async fn a_row_postgres_refuses_keeps_its_letter_open() {
    let ingest = Ingest::start().await;
    let membership = Membership {
        external_id: "bad".into(),
        scope: "s".into(),
        identity_external_id: "x".into(),
        access_level: None,
        state: None,
        expires_at: Some(NaiveDate::MAX),
    };
    let bad = || record("bad", json!({"id": "bad"}), vec![Entity::Membership(membership.clone())]);
    let open = letters(&ingest, &[titled("1"), bad()]).await;
    let done = commit(&ingest, ingest.page(&[]).fence, &open, vec![titled("1"), bad()]).await.unwrap();
    assert_eq!((done.replayed, done.failed), (1, 1));
    assert_eq!(ingest.count("dead_letters").await, 2);
    let refused = "dead_letters where status = 'open' and external_id = 'bad' and attempts = 2 and resolved_at is null and reason like 'Postgres refused%'";
    assert_eq!(ingest.count(refused).await, 1);
    assert_eq!(ingest.count("merge_requests").await, 1);
}

#[tokio::test]
async fn what_a_person_drops_meanwhile_is_not_stored() {
    let ingest = Ingest::start().await;
    let open = letters(&ingest, &[titled("1"), titled("2")]).await;
    let one = LetterSelection { ids: Some(vec![open[0].id]), ..LetterSelection::default() };
    ingest.app.store.dead_letters_drop(ingest.app.org, "token:x", &one, "Not wanted.").await.unwrap();
    let done = commit(&ingest, ingest.page(&[]).fence, &open, vec![titled("1"), titled("2")]).await.unwrap();
    assert_eq!(done.replayed, 1);
    assert_eq!((ingest.count("merge_requests where external_id = '1'").await, ingest.count("merge_requests").await), (0, 1));
    assert_eq!(ingest.count("dead_letters where status = 'dropped' and resolved_by = 'token:x'").await, 1);
}
